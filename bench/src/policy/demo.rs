//! A demo of many nodes, and the `rollcall` command beside it.

use std::fs::{self, File};
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

/// A running demo; ended when dropped.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    /// Variables with which `rollcall` asks it as its administrator.
    access: Vec<(String, String)>,
    log: PathBuf,
}

impl Demo {
    /// Starts one over a RabbitMQ of its own, and waits until all its nodes are in both their groups.
    pub fn start(directory: &Path, racks: u32, nodes: u32) -> anyhow::Result<Self> {
        let log = directory.join("demo.log");
        let output = File::create(&log)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(rollcall()?).args(["demo", "--no-color"]);
        command.args(["--racks", &racks.to_string(), "--nodes", &nodes.to_string()]);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().context("cannot start rollcall demo")?;
        let mut demo = Self { child, access: Vec::new(), log };
        demo.until_in(nodes)?;
        Ok(demo)
    }

    /// What it says about how to ask it: `export NAME=VALUE NAME=VALUE`.
    fn told_access(&self) -> Vec<(String, String)> {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let told = said.lines().find_map(|line| line.trim().strip_prefix("export "));
        let pair = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        told.into_iter().flat_map(str::split_whitespace).filter_map(pair).collect()
    }

    fn until_in(&mut self, nodes: u32) -> anyhow::Result<()> {
        let query = "SELECT count(*) FROM v_nodes WHERE state IN ('healthy', 'degraded') \
                     AND physical_group IS NOT NULL AND logical_group IS NOT NULL";
        let deadline = Instant::now() + PATIENCE;
        while self.access.is_empty() || self.number(query).ok() != Some(i64::from(nodes)) {
            self.access = self.told_access();
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
        let done = Command::new(rollcall()?).arg("--json").args(arguments).envs(self.access.clone()).output()?;
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
