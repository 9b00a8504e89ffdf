//! A zone of real daemons, as small as one agent needs it.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// From its start to both its groups an agent needs a second or two.
const JOIN_PATIENCE: Duration = Duration::from_secs(60);
/// What the agent's log says about a join, in whatever order.
const JOINED: [&str; 2] = ["is in logical group", "stands in"];

/// A running daemon; killed when dropped, or when this process ends.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The daemons an agent needs around it.
#[derive(Debug)]
pub struct Zone {
    directory: PathBuf,
    edges: String,
    _daemons: Vec<Daemon>,
}

impl Zone {
    /// Starts them.
    pub fn start(directory: &Path, url: &str) -> anyhow::Result<Self> {
        let here = directory.display();
        let port = UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port();
        let edges = format!("[broker]\nurl = {url:?}\n[discovery]\ninterfaces = [\"lo\"]\nport = {port}\n");
        fs::write(directory.join("secret"), "a secret of the benchmark")?;
        let zone = format!(
            "name = \"bench\"\nsecret_file = \"{here}/secret\"\nmachine_identifier = \"the benchmark's machine\"\n\
             database = \"sqlite:{here}/zone.db\"\naddresses = [\"127.0.0.1\"]\n[api]\nlisten = \"127.0.0.1:0\"\n\
             [admission]\ngroups = [\"rack-*\"]\n{edges}"
        );
        let checkin = format!(
            "name = \"checkin\"\nzone = \"bench\"\nranges = [\"127.0.0.0/8\"]\naddress = \"127.0.0.1\"\n{edges}"
        );
        let rack = format!(
            "name = \"rack-a\"\nzones = [\"bench\"]\nstate_dir = \"{here}/rack-a\"\naddresses = [\"127.0.0.1\"]\n{edges}"
        );
        let daemons =
            [("rollcall-zone-controller", zone), ("rollcall-checkin", checkin), ("rollcall-group-controller", rack)];
        let start = |(program, config): (&str, String)| start(directory, program, &config);
        let daemons = daemons.into_iter().map(start).collect::<anyhow::Result<_>>()?;
        Ok(Self { directory: directory.to_owned(), edges, _daemons: daemons })
    }

    /// Starts the agent of this very machine, with its defaults.
    pub fn agent(&self) -> anyhow::Result<Daemon> {
        let config = format!("zone = \"bench\"\nplace = \"rack-a\"\naddress = \"127.0.0.1\"\n{}", self.edges);
        start(&self.directory, "rollcall-node-agent", &config)
    }
}

/// Waits until an agent is in both its groups.
pub async fn joined(agent: &Daemon) -> anyhow::Result<()> {
    let deadline = Instant::now() + JOIN_PATIENCE;
    loop {
        let log = fs::read_to_string(&agent.log)?;
        if JOINED.iter().all(|words| log.contains(words)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the agent did not join within {JOIN_PATIENCE:?}; it said:\n{log}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Starts a program that lies beside this one.
fn start(directory: &Path, program: &str, config: &str) -> anyhow::Result<Daemon> {
    let path = std::env::current_exe()?.with_file_name(program);
    ensure!(path.exists(), "{} is not there: build it with `cargo build --release --workspace --bins`", path.display());
    let (file, log) = (directory.join(format!("{program}.toml")), directory.join(format!("{program}.log")));
    fs::write(&file, config)?;
    let output = File::create(&log)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(path).arg("--config").arg(file);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROLLCALL_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    Ok(Daemon { child, log })
}
