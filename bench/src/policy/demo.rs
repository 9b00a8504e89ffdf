//! A demo of many nodes, and the `rollcall` command beside it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// From its start until everybody is in.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take to end in order.
const ENDING: Duration = Duration::from_secs(20);

/// What stands before the directory with the administrator's certificate.
const IDENTITY: &str = "ROLLCALL_IDENTITY=";

/// A running demo; ended when dropped.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    api: String,
    /// Who asks: the administrator whose certificate the demo made.
    identity: String,
    log: PathBuf,
}

impl Demo {
    /// Starts one over a RabbitMQ of its own, and waits until all its nodes are in both their groups.
    pub fn start(directory: &Path, racks: u32, nodes: u32) -> anyhow::Result<Self> {
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = directory.join("demo.log");
        let output = File::create(&log)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(rollcall()?).args(["demo", "--no-color"]);
        command.args(["--racks", &racks.to_string(), "--nodes", &nodes.to_string(), "--listen", &listen.to_string()]);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().context("cannot start rollcall demo")?;
        let mut demo = Self { child, api: format!("https://{listen}"), identity: String::new(), log };
        demo.until_it_says_who_asks()?;
        demo.until_in(nodes)?;
        Ok(demo)
    }

    /// It says so once its zone stands.
    fn until_it_says_who_asks(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = fs::read_to_string(&self.log)?;
            if let Some((_, after)) = said.split_once(IDENTITY) {
                self.identity = after.split_whitespace().next().unwrap_or_default().to_owned();
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "its zone does not stand; the demo said:\n{said}");
            sleep(Duration::from_millis(200));
        }
    }

    fn until_in(&self, nodes: u32) -> anyhow::Result<()> {
        let query = "SELECT count(*) FROM v_nodes WHERE state IN ('healthy', 'degraded') \
                     AND physical_group IS NOT NULL AND logical_group IS NOT NULL";
        let deadline = Instant::now() + PATIENCE;
        while self.number(query).ok() != Some(i64::from(nodes)) {
            if Instant::now() > deadline {
                bail!("not all nodes came in; the demo said:\n{}", fs::read_to_string(&self.log)?);
            }
            sleep(Duration::from_millis(200));
        }
        let said = fs::read_to_string(&self.log)?;
        ensure!(said.contains("RabbitMQ is ready"), "the demo runs without a RabbitMQ; it said:\n{said}");
        Ok(())
    }

    /// What `rollcall ARGUMENTS --json` answers.
    pub fn ask(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let done = Command::new(rollcall()?)
            .args(["--api", &self.api, "--identity", &self.identity, "--json"])
            .args(arguments)
            .output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "rollcall {} ends with {}: {said}", arguments.join(" "), done.status);
        Ok(serde_json::from_slice(&done.stdout)?)
    }

    /// The one number a query finds.
    pub fn number(&self, query: &str) -> anyhow::Result<i64> {
        self.ask(&["sql", query])?["rows"][0][0].as_i64().with_context(|| format!("no number comes of {query}"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself.
        let _ = id.map(|id| kill_process(id, Signal::TERM));
        let deadline = Instant::now() + ENDING;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program beside this one.
fn rollcall() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("rollcall");
    ensure!(path.exists(), "{} is not there: build it with `cargo build --release --workspace --bins`", path.display());
    Ok(path)
}
