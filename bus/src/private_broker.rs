//! A RabbitMQ of our own, for tests and demonstrations: its own data directory, free ports on loopback, a random
//! password, and nothing left over, even when this process is killed.

mod files;
mod process;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::UnixDatagram;
use tokio::time::{Instant, timeout_at};

use files::{Membership, Plan, SERVER};
use process::Process;

/// How long a start may take; 5 s are usual.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// How long an orderly stop may take before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Why a private broker did not start. Nothing of it runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program is missing.
    #[error("{program} is not there; install the package {package} (apt-get install {package})")]
    NotInstalled {
        /// Path of the program.
        program: &'static str,
        /// Debian package that has it.
        package: &'static str,
    },
    /// A file, socket or process could not be made.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// It ended instead of getting ready.
    #[error("rabbitmq-server ended while starting; its last words in {log}:\n{last}")]
    Ended {
        /// File with all its words.
        log: String,
        /// The last of them.
        last: String,
    },
    /// It did not get ready in time.
    #[error("rabbitmq-server was not ready within {seconds} s; see {log}")]
    Slow {
        /// How long it had.
        seconds: u64,
        /// File with its words.
        log: String,
    },
}

/// Files that a secured broker reads; PEM. Replaced on disk, they are used for new connections without a restart, after
/// the broker's cache of some minutes.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    /// Its certificate, which names 127.0.0.1, and the intermediate it was issued by.
    pub chain: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// The roots that those who log in must lead to; certificates only.
    pub roots: PathBuf,
}

/// How a secured broker is administered.
#[derive(Clone)]
pub struct Management {
    /// Where its management API is, without `/api`.
    pub url: String,
    /// The administrator.
    pub user: String,
    /// The administrator's password.
    pub password: String,
    /// The virtual host that is there from the start.
    pub vhost: String,
}

impl std::fmt::Debug for Management {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Management").field("url", &self.url).field("user", &self.user).finish_non_exhaustive()
    }
}

/// A running RabbitMQ with the plugin `rabbitmq_event_exchange`, one user and the virtual host `rollcall`.
/// Dropping it kills it.
#[derive(Debug)]
pub struct PrivateBroker {
    // Dropped, and so ended, in this order.
    broker: Process,
    /// Of a cluster the first node has it.
    _epmd: Option<Process>,
    plan: Plan,
}

impl PrivateBroker {
    /// Starts one with its data in `dir`, which is made if missing; waits until it serves. Whoever has its random password
    /// may do everything: for tests of what is not about trust.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(dir: &Path) -> Result<Self, StartError> {
        Self::start_as(Plan::new(dir, None, None, None)?).await
    }

    /// Starts one that takes TLS 1.3 only and lets nobody in without a certificate that leads to the roots and a user of
    /// its name, made through [`Self::management`]. It tells refused operations on the exchange
    /// [`crate::audit::LOG_EXCHANGE`].
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_secured(dir: &Path, certificate: ServerCertificate) -> Result<Self, StartError> {
        Self::start_as(Plan::new(dir, Some(certificate), None, None)?).await
    }

    /// The same, which takes connections at this address, too; the certificate has to name it.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_secured_at(dir: &Path, certificate: ServerCertificate, at: IpAddr) -> Result<Self, StartError> {
        Self::start_as(Plan::new(dir, Some(certificate), None, Some(at))?).await
    }

    /// A secured one with the RabbitMQ of another root directory, entered with chroot, which wants root. `dir` and the
    /// certificate's files have to lie below it.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_secured_in(root: &Path, dir: &Path, certificate: ServerCertificate) -> Result<Self, StartError> {
        Self::start_as(Plan::new(dir, Some(certificate), Some(root.to_owned()), None)?).await
    }

    /// One broker of several secured nodes, each on an address and in a directory of its own, and all on the same ports; the certificate has
    /// to name the addresses, or the host that stands for all of them. A node that loses sight of most others pauses. The first has to
    /// outlive the others.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_cluster(
        nodes: &[(Ipv4Addr, PathBuf)],
        certificate: &ServerCertificate,
    ) -> Result<Vec<Self>, StartError> {
        let addresses: Vec<Ipv4Addr> = nodes.iter().map(|(address, _)| *address).collect();
        let mut membership = Membership::found(&addresses)?;
        let mut started: Vec<Self> = Vec::with_capacity(nodes.len());
        for (address, dir) in nodes {
            let plan = Plan::member(dir, certificate.clone(), &mut membership, *address)?;
            started.push(Self::start_as(plan).await?);
        }
        Ok(started)
    }

    async fn start_as(plan: Plan) -> Result<Self, StartError> {
        let epmd = match plan.has_epmd() {
            true => Some(Process::spawn(plan.epmd()).map_err(failed("start epmd"))?),
            false => None,
        };
        let broker = start_broker(&plan).await?;
        Ok(Self { broker, _epmd: epmd, plan })
    }

    /// How it is administered; only of a secured one.
    #[must_use]
    pub fn management(&self) -> Option<Management> {
        self.plan.management()
    }

    /// URL to connect with; that of a secured one has no credentials.
    #[must_use]
    pub fn url(&self) -> String {
        self.plan.url()
    }

    /// TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.plan.port
    }

    /// Process id of the broker.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.broker.pid()
    }

    /// File that it writes its words to.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.plan.log()
    }

    /// Kills it as a power cut would; its data stay.
    pub async fn kill(&mut self) {
        self.broker.signal(Signal::KILL);
        self.broker.ended().await;
    }

    /// Halts it with its sockets open.
    pub fn pause(&self) {
        self.broker.signal(Signal::STOP);
    }

    /// Lets it go on after [`Self::pause`].
    pub fn resume(&self) {
        self.broker.signal(Signal::CONT);
    }

    /// A run of `rabbitmqctl` with these arguments. Blocks for some seconds: it is a whole Erlang of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn ctl(&self, arguments: &[&str]) -> io::Result<ExitStatus> {
        self.plan.ctl().args(arguments).status()
    }

    /// Starts it again on the same ports and data, killing it first if it runs.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn restart(&mut self) -> Result<(), StartError> {
        self.kill().await;
        self.broker = start_broker(&self.plan).await?;
        Ok(())
    }

    /// Stops it in order, or kills it if that takes long; its data stay.
    pub async fn shut_down(&mut self) {
        self.broker.signal(Signal::CONT);
        self.broker.signal(Signal::TERM);
        if timeout_at(Instant::now() + STOP_PATIENCE, self.broker.ended()).await.is_err() {
            self.kill().await;
        }
    }

    /// The same, for good.
    pub async fn stop(mut self) {
        self.shut_down().await;
    }
}

fn failed(doing: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let doing = doing.into();
    |source| StartError::Io { doing, source }
}

async fn start_broker(plan: &Plan) -> Result<Process, StartError> {
    let path = plan.notify_socket();
    // It may be left from an earlier start.
    let _ = std::fs::remove_file(&path);
    let notify = UnixDatagram::bind(&path).map_err(failed(format!("make the socket {}", path.display())))?;
    let command = plan.server().map_err(failed("write the broker's log"))?;
    let broker = Process::spawn(command).map_err(failed(format!("start {SERVER}")))?;
    let deadline = Instant::now() + START_PATIENCE;
    let mut buffer = [0; 512];
    loop {
        tokio::select! {
            received = timeout_at(deadline, notify.recv(&mut buffer)) => match received {
                Ok(Ok(length)) if says_ready(&buffer[..length]) => return Ok(broker),
                Ok(Ok(_)) => {}
                Ok(Err(source)) => return Err(failed("hear whether the broker is ready")(source)),
                Err(_) => {
                    let log = plan.log().display().to_string();
                    return Err(StartError::Slow { seconds: START_PATIENCE.as_secs(), log });
                }
            },
            () = broker.ended() => {
                let log = plan.log().display().to_string();
                return Err(StartError::Ended { last: plan.last_words(), log });
            }
        }
    }
}

fn says_ready(message: &[u8]) -> bool {
    message.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")
}
