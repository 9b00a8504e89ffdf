//! A zone of real daemons, each a process of its own.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rollcall_bus::private_broker::{PrivateBroker, ServerCertificate};
use serde_json::Value;

/// From its start to both its groups an agent needs a second or two.
const JOIN_PATIENCE: Duration = Duration::from_secs(60);
/// What the agent's log says about a join, in whatever order.
const JOINED: [&str; 2] = ["is in logical group", "stands in"];

/// What the zone's id is derived from: the machine's identifier …
pub const MACHINE: &str = "the benchmark's machine";
/// … and the administrator's secret.
pub const SECRET: &str = "a secret of the benchmark";

/// A running daemon; killed when dropped, or when this process ends.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program that ends with this one, its output in a file beside what else belongs to the benchmark.
    pub fn start(directory: &Path, name: &str, program: &Path, words: &[&str]) -> anyhow::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(words);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ROLLCALL_") {
                command.env_remove(name);
            }
        }
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// What it is called here.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site of its own, as an administrator makes it.
#[derive(Debug)]
pub struct Site {
    directory: PathBuf,
}

impl Site {
    /// Makes root, zone and the broker's certificate.
    pub fn make(directory: &Path) -> anyhow::Result<Self> {
        let [site, trust, broker] = ["site", "trust", "broker"].map(|name| directory.join(name).display().to_string());
        rollcall(&["ca", "init", "--dir", &site, "--zone", "bench", "--zone-dir", &trust])?;
        rollcall(&["ca", "broker", "--zone-dir", &trust, "--ip", "127.0.0.1", "--out", &broker])?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// The broker's certificate.
    pub fn broker(&self) -> ServerCertificate {
        let file = |name: &str| self.directory.join("broker").join(name);
        ServerCertificate { chain: file("cert.pem"), key: file("key.pem"), roots: file("roots.pem") }
    }

    /// Where everything of it lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The zone's database.
    pub fn database(&self) -> PathBuf {
        self.directory.join("zone.db")
    }

    /// A daemon's identity, for which there will be a token.
    fn identity(&self, name: &str) -> String {
        let here = self.directory.display();
        format!(
            "[identity]\nbundle = \"{here}/site/site.pem\"\ndirectory = \"{here}/{name}.identity\"\n\
             token_file = \"{here}/{name}.token\"\n"
        )
    }

    /// Gets a token from the zone at this address, which may still be starting.
    fn token(&self, api: &str, kind: &str, name: &str) -> anyhow::Result<()> {
        let identity = self.directory.join("trust/administrator").display().to_string();
        let deadline = Instant::now() + JOIN_PATIENCE;
        let words = ["--api", api, "--identity", &identity, "token", "create", "--for", kind, "--name", name];
        let token = loop {
            match rollcall(&words) {
                Ok(token) => break token,
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        let mut file = File::options();
        file.write(true).create_new(true).mode(0o600);
        let mut file = file.open(self.directory.join(format!("{name}.token")))?;
        Ok(file.write_all(token.trim().as_bytes())?)
    }
}

/// What `rollcall`, which lies beside this program, prints.
fn rollcall(words: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(std::env::current_exe()?.with_file_name("rollcall")).args(words).output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "rollcall {} ends with {}: {said}", words.join(" "), done.status);
    Ok(String::from_utf8(done.stdout)?)
}

/// How the zone controller of a site is started, once or again.
#[derive(Debug)]
pub struct Controller {
    /// Where its API is.
    pub api: String,
    discovery_port: u16,
    edges: String,
    config: String,
}

impl Controller {
    /// With free ports; `api` is what stands in the zone's `[api]` beside its address.
    pub fn new(site: &Site, broker: &PrivateBroker, api: &str) -> anyhow::Result<Self> {
        let here = site.directory.display().to_string();
        let discovery_port = UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port();
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let management = broker.management().context("a secured broker is administered")?;
        let edges = format!(
            "[broker]\nurl = {:?}\n[discovery]\ninterfaces = [\"lo\"]\nport = {discovery_port}\n",
            broker.url()
        );
        for (name, text) in [("secret", SECRET), ("broker-password", &management.password)] {
            let mut file = File::options();
            file.write(true).create(true).truncate(true).mode(0o600);
            file.open(site.directory.join(name))?.write_all(text.as_bytes())?;
        }
        let config = format!(
            "name = \"bench\"\nsecret_file = \"{here}/secret\"\nmachine_identifier = \"{MACHINE}\"\n\
             database = \"sqlite:{}\"\naddresses = [\"127.0.0.1\"]\n[api]\nlisten = \"{listen}\"\n\
             {api}[admission]\ngroups = [\"rack-*\"]\n[identity]\ndirectory = \"{here}/trust\"\n[broker_admin]\nurl = {:?}\n\
             user = {:?}\npassword_file = \"{here}/broker-password\"\n{edges}",
            site.database().display(),
            management.url,
            management.user
        );
        Ok(Self { api: format!("https://{listen}"), discovery_port, edges, config })
    }

    /// Starts it.
    pub fn start(&self, site: &Site) -> anyhow::Result<Daemon> {
        start(&site.directory, "rollcall-zone-controller", "zone", &self.config)
    }
}

/// The daemons that agents need around them.
#[derive(Debug)]
pub struct Zone {
    /// Whose it is.
    pub site: Site,
    /// The zone controller first.
    pub daemons: Vec<Daemon>,
    /// Where its API is.
    pub api: String,
    /// The port of DNS-SD that all daemons use here.
    pub discovery_port: u16,
    edges: String,
}

impl Zone {
    /// Starts them, with a group controller for each of these racks. `api` is what stands in the zone's `[api]` beside
    /// its address.
    pub fn start(site: Site, broker: &PrivateBroker, racks: &[&str], api: &str) -> anyhow::Result<Self> {
        let here = site.directory.display().to_string();
        let controller = Controller::new(&site, broker, api)?;
        let mut daemons = vec![controller.start(&site)?];
        let Controller { api, discovery_port, edges, .. } = controller;
        let checkin = format!(
            "name = \"checkin\"\nzone = \"bench\"\nranges = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\naddress = \"127.0.0.1\"\n{edges}{}",
            site.identity("checkin")
        );
        site.token(&api, "checkin", "checkin")?;
        daemons.push(start(&site.directory, "rollcall-checkin", "checkin", &checkin)?);
        for rack in racks {
            site.token(&api, "group", rack)?;
            let config = format!(
                "name = \"{rack}\"\nzones = [\"bench\"]\nstate_dir = \"{here}/{rack}\"\naddresses = [\"127.0.0.1\"]\n\
                 {edges}{}",
                site.identity(rack)
            );
            daemons.push(start(&site.directory, "rollcall-group-controller", rack, &config)?);
        }
        Ok(Self { site, daemons, api, discovery_port, edges })
    }

    /// What `rollcall WORDS --json` answers its administrator.
    pub fn ask(&self, words: &[&str]) -> anyhow::Result<Value> {
        let identity = self.administrator().display().to_string();
        let asked = [&["--api", &self.api, "--identity", &identity, "--json"], words].concat();
        Ok(serde_json::from_str(&rollcall(&asked)?)?)
    }

    /// Who asks: the directory with the first administrator's certificate.
    pub fn administrator(&self) -> PathBuf {
        self.site.directory.join("trust/administrator")
    }

    /// Starts the agent of this very machine, with its defaults.
    pub fn agent(&self) -> anyhow::Result<Daemon> {
        self.site.token(&self.api, "node", "bench-node")?;
        let config = format!(
            "zone = \"bench\"\nname = \"bench-node\"\nplace = \"rack-a\"\naddress = \"127.0.0.1\"\n{}{}",
            self.edges,
            self.site.identity("bench-node")
        );
        let (program, file) =
            (shipped_agent()?.display().to_string(), write(&self.site.directory, "bench-node", &config)?);
        // As its unit starts it.
        let words = ["MALLOC_ARENA_MAX=1", &program, "--config", &file];
        Daemon::start(&self.site.directory, "bench-node", Path::new("/usr/bin/env"), &words)
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

/// The agent as servers get it, which is built with a profile of its own.
fn shipped_agent() -> anyhow::Result<PathBuf> {
    let release = std::env::current_exe()?;
    let target = release.parent().and_then(Path::parent).context("this program lies in no target directory")?;
    let path = target.join("agent/rollcall-node-agent");
    let shown = path.display();
    ensure!(path.exists(), "{shown} is not there: build it with `cargo build --profile agent -p rollcall-node-agent`");
    Ok(path)
}

/// Starts a program that lies beside this one, under a name of its own.
fn start(directory: &Path, program: &str, name: &str, config: &str) -> anyhow::Result<Daemon> {
    let path = std::env::current_exe()?.with_file_name(program);
    ensure!(path.exists(), "{} is not there: build it with `cargo build --release --workspace --bins`", path.display());
    Daemon::start(directory, name, &path, &["--config", &write(directory, name, config)?])
}

/// Writes a daemon's configuration; says where.
fn write(directory: &Path, name: &str, config: &str) -> anyhow::Result<String> {
    let file = directory.join(format!("{name}.toml"));
    fs::write(&file, config)?;
    Ok(file.display().to_string())
}
