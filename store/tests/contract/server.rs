//! A PostgreSQL server of the tests' own: one for this run, on a socket and a port of its own, gone with it.

use std::ffi::OsStr;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The password of both users over TCP; the socket asks for none.
pub const PASSWORD: &str = "not a secret";

/// Ends the server, and removes what it wrote, when its standard input is closed: when this process is gone, however.
const WATCHER: &str = r#"folder=$1; shift
trap '' INT TERM
"$@" </dev/null >"$folder/log" 2>&1 &
cat >/dev/null
read -r server <"$folder/data/postmaster.pid" && kill -INT "$server"
while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
rm -rf "$folder""#;

/// A running server.
pub struct Server {
    folder: PathBuf,
    binaries: PathBuf,
    pub port: u16,
    /// Its standard input keeps the server.
    _watcher: Child,
}

/// The one server of this run.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

impl Server {
    /// Starts a server.
    pub fn start() -> Self {
        Self::start_with(&[], |_| {})
    }

    /// Starts a server that speaks TLS as `localhost`.
    pub fn with_certificate() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self::start_with(&["ssl=on"], |data| {
            for (name, text) in [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())] {
                std::fs::write(data.join(name), text).unwrap();
                std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
                run(Command::new("chown").arg(unprivileged()).arg(data.join(name)));
            }
        })
    }

    /// The certificate that proves the server's name.
    pub fn root(&self) -> PathBuf {
        self.folder.join("data/server.crt")
    }

    /// With settings beside the usual ones, and whatever else the folder of its data must hold.
    pub fn start_with(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let binaries = binaries();
        let folder = tempfile::Builder::new().prefix("rollcall-postgres-").tempdir().unwrap().keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(folder.join("password"), PASSWORD).unwrap();
        run(Command::new("chown").args(["-R", unprivileged()]).arg(&folder));
        // In another order than the bytes': the store must not depend on how a server sorts.
        let options =
            ["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];
        let mut initdb = as_nobody(&binaries.join("initdb"));
        initdb.arg("-D").arg(&data).args(options).args([
            "--no-sync",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
        ]);
        run(initdb.arg("--pwfile").arg(folder.join("password")));
        prepare(&data);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut postgres = as_nobody(&binaries.join("postgres"));
        postgres.arg("-D").arg(&data).arg("-k").arg(&folder).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
        for setting in ["fsync=off", "max_connections=300", "shared_buffers=64MB"].iter().chain(settings) {
            postgres.args(["-c", setting]);
        }
        let words: Vec<&OsStr> = std::iter::once(postgres.get_program()).chain(postgres.get_args()).collect();
        let watcher = Command::new("sh")
            .args(["-c", WATCHER, "watcher"])
            .arg(&folder)
            .args(words)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let server = Self { folder, binaries, port, _watcher: watcher };
        server.wait();
        server.psql("postgres", &format!("CREATE ROLE rollcall LOGIN CREATEROLE PASSWORD '{PASSWORD}'"));
        server
    }

    /// Ends the server at once, as a loss of power would: with its children, of which one could answer a last question.
    pub fn kill(&self) {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let server = file.lines().next().unwrap();
        let mut kill = Command::new("kill");
        // They may be gone by themselves once the first of them is.
        let _ = kill.args(["-KILL", server]).args(children_of(server)).stderr(Stdio::null()).status();
    }

    /// Starts it again, as it was started.
    pub fn start_again(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut start = as_nobody(&self.binaries.join("pg_ctl"));
        let options = format!("-k {} -p {} -h 127.0.0.1 -c fsync=off", self.folder.display(), self.port);
        start.arg("-D").arg(self.folder.join("data")).args(["-w", "-s", "-o", &options]);
        start.arg("-l").arg(self.folder.join("data/log")).arg("start").stdout(Stdio::null()).stderr(Stdio::null());
        while !start.status().unwrap().success() {
            assert!(Instant::now() < deadline, "the server does not start again");
        }
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.answers() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PostgreSQL does not come up:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        let mut asked = Command::new(self.binaries.join("pg_isready"));
        asked.arg("-q").arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
        asked.status().is_ok_and(|status| status.success())
    }

    /// A database with nothing in it, by its name.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("zone_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name} OWNER rollcall TEMPLATE template0"));
        name
    }

    /// The URL of a database over the socket.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://rollcall@{socket}:{}/{database}", self.port)
    }

    /// What the program `psql` answers to a superuser.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string(), "-U", "postgres", "-d", database]);
        run(psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]))
    }
}

/// Where the newest server's programs are.
fn binaries() -> PathBuf {
    if let Some(folder) = std::env::var_os("ROLLCALL_TEST_POSTGRES_BIN") {
        return folder.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("postgres").exists())
        .collect();
    found.sort();
    match found.pop() {
        Some((version, folder)) if version >= 15 => folder,
        _ => panic!("these tests need PostgreSQL 15 or later under /usr/lib/postgresql; `make needs` installs it"),
    }
}

/// Ids of the processes that a process made.
fn children_of(parent: &str) -> Vec<String> {
    let is_child = |id: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // Behind the name in parentheses: its state, and its parent.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(parent))
    };
    let entries = std::fs::read_dir("/proc").unwrap();
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_child).collect()
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

/// Who runs the server, which root may not; `chown` to ourselves does nothing.
fn unprivileged() -> &'static str {
    if is_root() { "nobody" } else { "--reference=/proc/self" }
}

fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command.current_dir("/");
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    std::io::stdout().flush().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
