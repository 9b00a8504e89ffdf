//! The zone of a simulation: zone controller, check-in service and group controllers, each a process of its own.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use rollcall_model::{GroupId, Name};
use rollcall_startup::{Exit, Failure};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

use super::broker::Broker;
use super::daemon::Kind;
use super::node::rack_name;
use super::queues::group_of;
use crate::ask::client::Client;
use crate::ask::client::credential::Credential;
use crate::demo::trust::{Joiner, Trust};

/// The zone stands within a few seconds; on a busy machine within this.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(100);
/// Daemons have this long to end in order.
const STOP: Duration = Duration::from_secs(10);
/// Lines of its log that a daemon which failed is shown by.
const LAST: usize = 8;

/// The zone.
pub struct Zone {
    /// Its name.
    pub name: Name,
    /// Its check-in service.
    pub checkin: Name,
    /// Where its API is.
    pub api: SocketAddr,
    /// For asking it.
    pub client: Client,
    directory: PathBuf,
    racks: u32,
    daemons: Vec<Daemon>,
}

struct Daemon {
    kind: Kind,
    name: String,
    child: Child,
    lifeline: Option<ChildStdin>,
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::caused_by(Exit::Failed, error)
}

impl Zone {
    /// Starts it, and waits until every group controller is in. Whoever drops it ends it.
    ///
    /// # Errors
    /// With the last words of the daemon that failed.
    pub async fn start(
        broker: &Broker,
        (name, trust): (Name, Option<&Trust>),
        (racks, keep_alive_ms): (u32, u64),
        directory: &Path,
    ) -> Result<Self, Failure> {
        let port =
            UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.local_addr()).map_err(|error| failed(&error))?;
        let api = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).map_err(|error| failed(&error))?;
        let texts = Texts { broker, name: &name, trust, directory, edges: edges(broker, port.port()) };
        let mut zone = Self {
            checkin: Name::nearest(&format!("checkin-{name}"), "checkin"),
            // Until the zone has made its administrator there is nobody to ask as.
            client: client(api, None)?,
            name: name.clone(),
            api,
            directory: directory.to_owned(),
            racks,
            daemons: Vec::new(),
        };
        zone.spawn(Kind::Zone, "zone", &texts.zone(api, keep_alive_ms)?)?;
        zone.until("the zone to answer", async |zone| match client(zone.api, trust) {
            Ok(client) => is_ready(&client).await,
            Err(_) => false,
        })
        .await?;
        zone.client = client(api, trust)?;
        if let Some(trust) = trust {
            let joiner = |kind, name: &Name| Joiner { kind, name: name.clone() };
            let racks = (0..racks).map(|rack| joiner("group", &rack_name(rack)));
            trust.hand_out(api, racks.chain([joiner("checkin", &zone.checkin)]).collect()).await?;
        }
        let checkin = texts.checkin(&zone.checkin);
        zone.spawn(Kind::Checkin, "checkin", &checkin)?;
        for rack in 0..racks {
            let rack = rack_name(rack);
            zone.spawn(Kind::Rack, rack.as_str(), &texts.rack(&rack))?;
        }
        zone.until("its racks and its check-in service", async |zone| {
            let asked = zone.client.sql(STANDING).await.ok();
            let number = |column: usize| asked.as_ref()?.document["rows"][0][column].as_u64();
            number(0) >= Some(u64::from(zone.racks)) && number(1) >= Some(1)
        })
        .await?;
        Ok(zone)
    }

    fn spawn(&mut self, kind: Kind, name: &str, config: &str) -> Result<(), Failure> {
        let file = self.directory.join(format!("{name}.toml"));
        rollcall_identity::files::write_secret(&file, config).map_err(|error| failed(&error))?;
        let log = File::create(self.log(name)).map_err(|error| failed(&error))?;
        let again = log.try_clone().map_err(|error| failed(&error))?;
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        command.args(["sim-daemon", kind.word(), "--config"]).arg(&file);
        // In a group of its own: Ctrl-C at the terminal is for us, who end it in order.
        command
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(again)
            .env("NO_COLOR", "1")
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let lifeline = child.stdin.take();
        self.daemons.push(Daemon { kind, name: name.to_owned(), child, lifeline });
        Ok(())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    async fn until(&mut self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self).await {
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if Instant::now() > deadline {
                let words = self.last_words("zone");
                return Err(Failure::unreachable(format!(
                    "waited {} s in vain for {what}; the zone said:\n{words}",
                    PATIENCE.as_secs()
                )));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// A daemon that has ended, with its last words.
    pub fn failure(&mut self) -> Option<Failure> {
        let ended =
            |daemon: &mut Daemon| daemon.child.try_wait().ok().flatten().map(|status| (daemon.name.clone(), status));
        let (name, status) = self.daemons.iter_mut().find_map(ended)?;
        Some(Failure::unreachable(format!("{name} has ended ({status}); it said:\n{}", self.last_words(&name))))
    }

    fn last_words(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST)..].join("\n")
    }

    /// Process ids of a kind.
    #[must_use]
    pub fn pids(&self, kind: Kind) -> Vec<u32> {
        self.daemons.iter().filter(|daemon| daemon.kind == kind).filter_map(|daemon| daemon.child.id()).collect()
    }

    /// The ids of its racks.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupId> {
        (0..self.racks).filter_map(|rack| group_of(&self.directory.join(rack_name(rack).as_str()))).collect()
    }

    /// Ends all in order; kills what does not.
    pub async fn stop(mut self) {
        for daemon in &mut self.daemons {
            drop(daemon.lifeline.take());
        }
        let deadline = Instant::now() + STOP;
        for daemon in &mut self.daemons {
            if tokio::time::timeout_at(deadline, daemon.child.wait()).await.is_err() {
                tracing::warn!("{} did not end within {} s and is killed", daemon.name, STOP.as_secs());
                // It may end by itself at this moment.
                let _ = daemon.child.kill().await;
            }
        }
    }
}

/// How many racks are in, and how many check-in services are known.
const STANDING: &str =
    "SELECT (SELECT count(*) FROM v_groups WHERE kind = 'physical'), (SELECT count(*) FROM v_checkins)";

fn client(api: SocketAddr, trust: Option<&Trust>) -> Result<Client, Failure> {
    Ok(match trust {
        Some(trust) => Client::new(&format!("https://{api}"), &Credential::Directory(trust.administrator()))?,
        None => Client::new(&format!("http://{api}"), &Credential::None)?,
    })
}

/// Whether the zone has its broker and takes orders.
async fn is_ready(client: &Client) -> bool {
    client.raw(Method::GET, "/readyz", Vec::new(), None).await.is_ok_and(|answer| answer.status.is_success())
}

/// A value as TOML writes it: the strings of JSON are strings of TOML.
fn quoted(text: impl std::fmt::Display) -> String {
    serde_json::Value::String(text.to_string()).to_string()
}

fn edges(broker: &Broker, port: u16) -> String {
    format!("[broker]\nurl = {}\n[discovery]\ninterfaces = [\"lo\"]\nport = {port}\n", quoted(&broker.settings.url))
}

/// The daemons' configurations.
struct Texts<'a> {
    broker: &'a Broker,
    name: &'a Name,
    trust: Option<&'a Trust>,
    directory: &'a Path,
    edges: String,
}

impl Texts<'_> {
    fn file(&self, name: &str) -> String {
        quoted(self.directory.join(name).display())
    }

    fn zone(&self, api: SocketAddr, keep_alive_ms: u64) -> Result<String, Failure> {
        let secret = |name: &str, text: &str| {
            rollcall_identity::files::write_secret(&self.directory.join(name), text).map_err(|error| failed(&error))
        };
        secret("zone-secret", &format!("{:032x}", rand::random::<u128>()))?;
        let mut text = format!(
            "name = {}\nsecret_file = {}\nmachine_identifier = \"a simulation\"\ndatabase = {}\naddresses = [\"127.0.0.1\"]\n\
             keep_alive_ms = {keep_alive_ms}\n",
            quoted(self.name),
            self.file("zone-secret"),
            quoted(format!("sqlite:{}", self.directory.join("zone.db").display())),
        );
        // A thousand servers have a thousand addresses, each with its own pace; here they all come from one.
        text += &format!(
            "[api]\nlisten = \"{api}\"\nmax_connections = 16384\nmax_connections_per_origin = 16384\nopen_per_second = 10000\n\
             [admission]\ngroups = [\"rack-*\"]\n"
        );
        if let (Some(trust), Some(management)) = (self.trust, &self.broker.management) {
            secret("broker-password", &management.password)?;
            text += &format!(
                "[identity]\ndirectory = {}\n[broker_admin]\nurl = {}\nuser = {}\npassword_file = {}\n",
                quoted(trust.zone.display()),
                quoted(&management.url),
                quoted(&management.user),
                self.file("broker-password"),
            );
        }
        Ok(text + &self.edges)
    }

    fn checkin(&self, name: &Name) -> String {
        format!(
            "name = {}\nzone = {}\nranges = [\"10.0.0.0/8\"]\naddress = \"127.0.0.1\"\nstate_dir = {}\n{}{}",
            quoted(name),
            quoted(self.name),
            self.file("checkin"),
            self.identity(name),
            self.edges
        )
    }

    fn rack(&self, name: &Name) -> String {
        format!(
            "name = {0}\nzones = [{1}]\nstate_dir = {2}\naddresses = [\"127.0.0.1\"]\n{3}{4}",
            quoted(name),
            quoted(self.name),
            self.file(name.as_str()),
            self.identity(name),
            self.edges
        )
    }

    fn identity(&self, name: &Name) -> String {
        let Some(trust) = self.trust else { return String::new() };
        let identity = trust.identity(name);
        let path = |path: Option<PathBuf>| quoted(path.unwrap_or_default().display());
        format!(
            "[identity]\nbundle = {}\ndirectory = {}\ntoken_file = {}\n",
            quoted(identity.bundle.display()),
            path(identity.directory),
            path(identity.token_file)
        )
    }
}
