//! A PostgreSQL server for a stage whose zone has several controllers. Gone with the test, also when that is killed.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Ends the server when its standard input is closed, which is when this process is gone, however.
const WATCHER: &str = r#"data=$1; shift
trap '' INT TERM
"$@" </dev/null >"$data.log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$(head -n 1 "$data/postmaster.pid")" 2>/dev/null || kill -INT "$server"
wait "$server""#;
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server with one database, `zone`.
pub struct Postgres {
    port: u16,
    watcher: Child,
    data: PathBuf,
    options: String,
    _folder: TempDir,
}

/// A directory that the server's user gets into.
fn opened_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("rollcall-e2e-postgres-").tempdir().expect("a directory");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("it is opened");
    folder
}

impl Postgres {
    /// Starts a server on a port of 127.0.0.1.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not come up.
    #[must_use]
    pub fn start() -> Self {
        let folder = opened_folder();
        let data = folder.path().join("data");
        Self::start_with(folder, data)
    }

    /// The same with its data in this directory, which is made.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_in(data: &Path) -> Self {
        Self::start_with(opened_folder(), data.to_owned())
    }

    fn start_with(folder: TempDir, data: PathBuf) -> Self {
        let binaries = binaries();
        let initdb = unprivileged(&binaries.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-U", "rollcall", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync"])
            .output()
            .expect("initdb runs");
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port();
        let mut server = unprivileged(&binaries.join("postgres"));
        let options = format!("-k {} -h 127.0.0.1 -p {port} -c fsync=off", folder.path().display());
        server.arg("-D").arg(&data).args(options.split(' '));
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, "watcher"]).arg(&data).arg(server.get_program()).args(server.get_args());
        let watcher = watcher.stdin(Stdio::piped()).spawn().expect("the server is started");
        let server = Self { port, watcher, data, options, _folder: folder };
        let until = Instant::now() + PATIENCE;
        while !server.psql("postgres", "CREATE DATABASE zone TEMPLATE template0") {
            assert!(Instant::now() < until, "PostgreSQL does not come up");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// The URL of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://rollcall@127.0.0.1:{}/zone", self.port)
    }

    /// Stops it as a crash would.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop_at_once(&self) {
        assert!(self.ctl(&["stop", "-m", "immediate", "-w"]), "PostgreSQL stops");
    }

    /// Starts it again as it was; one that runs is left alone.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&self) {
        if !self.ctl(&["status"]) {
            assert!(self.ctl(&["start", "-w", "-t", "60"]), "PostgreSQL starts again");
        }
    }

    fn ctl(&self, arguments: &[&str]) -> bool {
        let mut ctl = unprivileged(&binaries().join("pg_ctl"));
        ctl.arg("-D").arg(&self.data).args(["-l", &format!("{}.again.log", self.data.display()), "-o", &self.options]);
        ctl.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        ctl.status().is_ok_and(|status| status.success())
    }

    fn psql(&self, database: &str, sql: &str) -> bool {
        let mut psql = Command::new("psql");
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "rollcall", "-d", database, "-qc", sql]);
        psql.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        // It ends within a moment; its directory goes after it.
        let _ = self.watcher.wait();
    }
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(program);
    command
}

/// Where `initdb` and `postgres` are: the newest version there is.
fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|folders| folders.flatten().map(|folder| folder.path().join("bin")).collect())
        .unwrap_or_default();
    found.sort();
    found.pop().expect("PostgreSQL is installed: `scripts/needs postgresql`")
}
