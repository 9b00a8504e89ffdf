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
    folder: TempDir,
}

impl Postgres {
    /// Starts a server on a port of 127.0.0.1.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not come up.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("rollcall-e2e-postgres-").tempdir().expect("a directory");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("it is opened");
        let (binaries, data) = (binaries(), folder.path().join("data"));
        let initdb = unprivileged(&binaries.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-U", "rollcall", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync"])
            .output()
            .expect("initdb runs");
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port();
        let server = Self { port, watcher: launch(folder.path(), port), folder };
        server.takes("CREATE DATABASE zone TEMPLATE template0");
        server
    }

    /// Stops the server at once: what was committed is kept, everybody's connection ends.
    pub fn stop(&mut self) {
        drop(self.watcher.stdin.take());
        // It ends within a moment.
        let _ = self.watcher.wait();
    }

    /// Starts it again after [`Self::stop`], on the same port and data.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn resume(&mut self) {
        self.watcher = launch(self.folder.path(), self.port);
        self.takes("SELECT 1");
    }

    /// Waits until it takes a statement.
    fn takes(&self, sql: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.psql("postgres", sql) {
            assert!(Instant::now() < until, "PostgreSQL does not come up");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The URL of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://rollcall@127.0.0.1:{}/zone", self.port)
    }

    fn psql(&self, database: &str, sql: &str) -> bool {
        let mut psql = Command::new("psql");
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "rollcall", "-d", database, "-qc", sql]);
        psql.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its directory goes after it.
        self.stop();
    }
}

fn launch(folder: &Path, port: u16) -> Child {
    let data = folder.join("data");
    let mut server = unprivileged(&binaries().join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(folder);
    server.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "fsync=off"]);
    let mut watcher = Command::new("sh");
    watcher.args(["-c", WATCHER, "watcher"]).arg(&data).arg(server.get_program()).args(server.get_args());
    watcher.stdin(Stdio::piped()).spawn().expect("the server is started")
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
