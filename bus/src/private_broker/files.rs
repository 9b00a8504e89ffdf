//! The private broker's files, ports and commands.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Management, ServerCertificate, StartError, failed};

/// The server's own script: the one in `/usr/sbin` changes the user.
pub(super) const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Its administration, of the same kind.
const CTL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
const EPMD: &str = "/usr/bin/epmd";
const SETPRIV: &str = "/usr/bin/setpriv";

/// The programs that are needed and the packages that have them.
const PROGRAMS: [(&str, &str); 3] = [(SERVER, "rabbitmq-server"), (EPMD, "erlang-base"), (SETPRIV, "util-linux")];

/// Erlang's schedulers as few as a test needs, and none of them spinning while idle.
const ERLANG_ARGUMENTS: &str = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none";
const PLUGINS: &str = "[rabbitmq_event_exchange].\n";
const SECURED_PLUGINS: &str = "[rabbitmq_auth_mechanism_ssl,rabbitmq_event_exchange,rabbitmq_management].\n";
/// Connections that wait to be accepted. With RabbitMQ's own 128, a fleet that connects at once is mostly turned away by the
/// kernel, and waits seconds before it knocks again. Whoever names one of these options has to name them all: the others
/// here are what they are without being named.
const LISTEN: &str = "\
tcp_listen_options.backlog = 4096
tcp_listen_options.nodelay = true
tcp_listen_options.linger.on = true
tcp_listen_options.linger.timeout = 0
tcp_listen_options.exit_on_close = false
";
const USER: &str = "rollcall";
const VHOST: &str = "rollcall";

/// What the nodes of one broker have in common.
pub(super) struct Membership {
    port: u16,
    management_port: u16,
    epmd_port: u16,
    password: String,
    /// By it they know each other.
    cookie: String,
    /// The name of the first, whom the others join.
    first: Option<String>,
}

impl Membership {
    /// Of a broker whose nodes listen at these addresses, on ports that are free at all of them.
    pub fn found(addresses: &[Ipv4Addr]) -> Result<Self, StartError> {
        let ports =
            free_ports_at(addresses).map_err(failed("find ports that are free at all addresses of a cluster"))?;
        let [port, management_port, epmd_port] = ports;
        let (password, cookie) = (secret(), secret());
        Ok(Self { port, management_port, epmd_port, password, cookie, first: None })
    }
}

fn secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// How a node finds the others.
struct Peers {
    cookie: String,
    /// Whom it joins; the first joins nobody.
    joins: Option<String>,
}

pub(super) struct Plan {
    dir: PathBuf,
    /// Where it listens.
    address: Ipv4Addr,
    pub port: u16,
    pub management_port: u16,
    dist_port: u16,
    epmd_port: u16,
    password: String,
    peers: Option<Peers>,
    certificate: Option<ServerCertificate>,
    /// Another root directory, whose RabbitMQ it is; everything of it lies below.
    root: Option<PathBuf>,
    /// Where it takes connections besides.
    at: Option<IpAddr>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("dir", &self.dir).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Plan {
    pub fn new(
        dir: &Path,
        certificate: Option<ServerCertificate>,
        root: Option<PathBuf>,
        at: Option<IpAddr>,
    ) -> Result<Self, StartError> {
        let dir = prepared(dir, root.as_deref())?;
        let [port, management_port, dist_port, epmd_port] =
            free_ports_at(&[Ipv4Addr::LOCALHOST]).map_err(failed("find free ports on 127.0.0.1"))?;
        let (address, password, peers) = (Ipv4Addr::LOCALHOST, secret(), None);
        let plan =
            Self { dir, address, port, management_port, dist_port, epmd_port, password, peers, certificate, root, at };
        plan.written()
    }

    /// One node of a broker of several.
    pub fn member(
        dir: &Path,
        certificate: ServerCertificate,
        membership: &mut Membership,
        address: Ipv4Addr,
    ) -> Result<Self, StartError> {
        let dir = prepared(dir, None)?;
        let [dist_port] = free_ports_at(&[Ipv4Addr::LOCALHOST]).map_err(failed("find a free port on 127.0.0.1"))?;
        let Membership { port, management_port, epmd_port, ref password, ref cookie, ref first } = *membership;
        let peers = Some(Peers { cookie: cookie.clone(), joins: first.clone() });
        let (password, certificate, root, at) = (password.clone(), Some(certificate), None, None);
        let plan =
            Self { dir, address, port, management_port, dist_port, epmd_port, password, peers, certificate, root, at };
        membership.first.get_or_insert_with(|| plan.node());
        plan.written()
    }

    fn written(self) -> Result<Self, StartError> {
        self.write().map_err(failed(format!("write the broker's configuration to {}", self.dir.display())))?;
        Ok(self)
    }

    /// Its name among Erlang's nodes.
    fn node(&self) -> String {
        format!("rollcall{}@localhost", self.dist_port)
    }

    /// Whether the port mapper is started with it.
    pub fn has_epmd(&self) -> bool {
        self.peers.as_ref().is_none_or(|peers| peers.joins.is_none())
    }

    pub fn url(&self) -> String {
        match self.certificate {
            Some(_) => format!("amqps://{}:{}/{VHOST}", self.address, self.port),
            None => format!("amqp://{USER}:{}@{}:{}/{VHOST}", self.password, self.address, self.port),
        }
    }

    pub fn management(&self) -> Option<Management> {
        self.certificate.as_ref().map(|_| Management {
            url: format!("https://{}:{}", self.address, self.management_port),
            user: USER.into(),
            password: self.password.clone(),
            vhost: VHOST.into(),
        })
    }

    pub fn log(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    pub fn notify_socket(&self) -> PathBuf {
        self.dir.join("notify.sock")
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let all = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&all);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn write(&self) -> io::Result<()> {
        let (listeners, plugins) = match &self.certificate {
            Some(certificate) => (self.secured(certificate), SECURED_PLUGINS),
            None => {
                (format!("listeners.tcp.default = {}:{}\nnum_acceptors.tcp = 2\n", self.address, self.port), PLUGINS)
            }
        };
        // In another root there may be no /proc to ask what the process uses.
        let memory = self.root.as_ref().map_or("", |_| "vm_memory_calculation_strategy = erlang\n");
        let peers = self.write_peers()?;
        let configuration = format!(
            "{listeners}{LISTEN}{memory}{peers}\
             default_user = {USER}\n\
             default_pass = {}\n\
             default_vhost = {VHOST}\n\
             event_exchange.vhost = {VHOST}\n\
             disk_free_limit.absolute = 50MB\n\
             vm_memory_high_watermark.absolute = 2GB\n\
             log.console = false\n",
            self.password
        );
        let mut file = OpenOptions::new();
        file.write(true).create(true).truncate(true).mode(0o600);
        file.open(self.dir.join("rabbitmq.conf"))?.write_all(configuration.as_bytes())?;
        fs::write(self.dir.join("advanced.config"), "[].\n")?;
        fs::write(self.dir.join("enabled_plugins"), plugins)
    }

    /// Puts the cookie in place, and gives what the configuration says of the other nodes.
    fn write_peers(&self) -> io::Result<String> {
        let Some(Peers { cookie, joins }) = &self.peers else { return Ok(String::new()) };
        let mut file = OpenOptions::new();
        file.write(true).create(true).truncate(true).mode(0o600);
        file.open(self.dir.join(".erlang.cookie"))?.write_all(cookie.as_bytes())?;
        let joins = joins.as_ref().map_or_else(String::new, |first| {
            format!(
                "cluster_formation.peer_discovery_backend = classic_config\n\
                 cluster_formation.classic_config.nodes.1 = {first}\n"
            )
        });
        Ok(format!("{joins}cluster_partition_handling = pause_minority\n"))
    }

    /// TLS 1.3 and certificates only, as `docs/operating.md` has it; refusals are told on an exchange.
    fn secured(&self, certificate: &ServerCertificate) -> String {
        let Self { address, port, management_port, at, .. } = self;
        let at = at.map_or_else(String::new, |at| format!("listeners.ssl.other = {}\n", SocketAddr::new(at, *port)));
        let ServerCertificate { chain, key, roots } = certificate;
        let files = |prefix: &str| {
            let [roots, chain, key] = [roots, chain, key].map(|file| self.seen(file));
            let (roots, chain, key) = (roots.display(), chain.display(), key.display());
            format!(
                "{prefix}.cacertfile = {roots}\n\
                 {prefix}.certfile = {chain}\n\
                 {prefix}.keyfile = {key}\n\
                 {prefix}.versions.1 = tlsv1.3\n"
            )
        };
        format!(
            "listeners.tcp = none\n\
             listeners.ssl.default = {address}:{port}\n\
             {at}\
             num_acceptors.ssl = 2\n\
             {}\
             ssl_options.verify = verify_peer\n\
             ssl_options.fail_if_no_peer_cert = true\n\
             ssl_options.depth = 2\n\
             ssl_cert_login_from = common_name\n\
             auth_mechanisms.1 = EXTERNAL\n\
             management.ssl.ip = {address}\n\
             management.ssl.port = {management_port}\n\
             {}\
             management.disable_stats = true\n\
             management_agent.disable_metrics_collector = true\n\
             log.file = rabbit.log\n\
             log.exchange = true\n\
             log.exchange.level = error\n",
            files("ssl_options"),
            files("management.ssl")
        )
    }

    /// The Erlang port mapper, which the server insists on.
    pub fn epmd(&self) -> Command {
        let mut command = self.bound_to_us(EPMD);
        command.args(["-port", &self.epmd_port.to_string(), "-address", "127.0.0.1"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// A path as the broker sees it.
    fn seen(&self, path: &Path) -> PathBuf {
        let below = self.root.as_ref().and_then(|root| path.strip_prefix(root).ok());
        below.map_or_else(|| path.into(), |below| Path::new("/").join(below))
    }

    /// A command that the kernel kills when the thread that started it ends.
    fn bound_to_us(&self, program: &str) -> Command {
        let mut command = Command::new(SETPRIV);
        command.args(["--pdeathsig", "KILL", "--"]);
        if let Some(root) = &self.root {
            command.arg("chroot").arg(root);
        }
        command.arg(program);
        command
    }

    pub fn server(&self) -> io::Result<Command> {
        let mut command = self.bound_to_us(SERVER);
        let log = File::options().create(true).append(true).open(self.log())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.surround(&mut command);
        // With a notification socket the script becomes the server itself, so our child's pid is the server's.
        command.env("NOTIFY_SOCKET", self.seen(&self.notify_socket()));
        Ok(command)
    }

    /// `rabbitmqctl` of this broker.
    pub fn ctl(&self) -> Command {
        let mut command = self.bound_to_us(CTL);
        self.surround(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn surround(&self, command: &mut Command) {
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8");
        for (name, value) in [
            ("RABBITMQ_NODENAME", self.node()),
            ("RABBITMQ_NODE_IP_ADDRESS", self.address.to_string()),
            ("RABBITMQ_NODE_PORT", self.port.to_string()),
            ("RABBITMQ_DIST_PORT", self.dist_port.to_string()),
            ("ERL_EPMD_PORT", self.epmd_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG_ARGUMENTS.into()),
        ] {
            command.env(name, value);
        }
        for (name, file) in [
            ("HOME", ""),
            ("RABBITMQ_MNESIA_BASE", "mnesia"),
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
            ("RABBITMQ_GENERATED_CONFIG_DIR", "config"),
            ("RABBITMQ_SCHEMA_DIR", "schema"),
            ("RABBITMQ_PLUGINS_EXPAND_DIR", "expand"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
            ("RABBITMQ_PID_FILE", "rabbit.pid"),
        ] {
            command.env(name, self.seen(&self.dir.join(file)));
        }
        command.current_dir(&self.dir);
    }
}

/// The directory, made if missing; and whether the programs are there.
fn prepared(dir: &Path, root: Option<&Path>) -> Result<PathBuf, StartError> {
    for (program, package) in PROGRAMS {
        let there = root.map_or_else(|| program.into(), |root| root.join(&program[1..]));
        if !there.exists() {
            return Err(StartError::NotInstalled { program, package });
        }
    }
    fs::create_dir_all(dir).map_err(failed(format!("make the directory {}", dir.display())))?;
    dir.canonicalize().map_err(failed(format!("find the directory {}", dir.display())))
}

/// Ports that are free at each of these addresses. Held together until all are known, so that they differ.
fn free_ports_at<const N: usize>(addresses: &[Ipv4Addr]) -> io::Result<[u16; N]> {
    let (mut ports, mut held) = ([0; N], Vec::new());
    for port in &mut ports {
        let [first, others @ ..] = addresses else { break };
        let listener = TcpListener::bind((*first, 0))?;
        *port = listener.local_addr()?.port();
        for other in others {
            held.push(TcpListener::bind((*other, *port))?);
        }
        held.push(listener);
    }
    Ok(ports)
}
