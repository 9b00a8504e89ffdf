//! The peer: two agents of serf, which also tell each other that they live, with their messages encrypted.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::zone::Daemon;

/// Where its Debian package puts it.
const PROGRAM: &str = "/usr/bin/serf";
/// Two agents on one machine find each other in well under a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two agents that are members of one cluster; ended when dropped.
#[derive(Debug)]
pub struct Pair {
    one: Daemon,
    _other: Daemon,
}

impl Pair {
    /// Starts them, and waits until they know each other.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        let program = Path::new(PROGRAM);
        ensure!(program.exists(), "{PROGRAM} is not there: scripts/needs serf installs it");
        let key = said(&["keygen"])?;
        let key = format!("-encrypt={}", key.trim());
        let addresses = [free()?, free()?, free()?, free()?];
        let [one, asked, other, other_asked] = &addresses;
        let start = |name: &str, bind: &str, rpc: &str, more: &[&str]| {
            let words = [format!("-node={name}"), format!("-bind={bind}"), format!("-rpc-addr={rpc}")];
            let words: Vec<&str> = words.iter().map(String::as_str).chain(["-log-level=warn", &key]).collect();
            Daemon::start(directory, name, program, &[&["agent"], &words[..], more].concat())
        };
        let pair = Self {
            one: start("serf-one", one, asked, &[])?,
            _other: start("serf-other", other, other_asked, &[&format!("-retry-join={one}"), "-retry-interval=1s"])?,
        };
        let deadline = Instant::now() + PATIENCE;
        let rpc = format!("-rpc-addr={asked}");
        while said(&["members", "-status=alive", &rpc]).map_or(0, |members| members.lines().count()) < 2 {
            ensure!(Instant::now() < deadline, "the two agents of serf do not find each other");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(pair)
    }

    /// Process id of the agent that is measured.
    pub fn pid(&self) -> u32 {
        self.one.pid()
    }
}

fn said(words: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(PROGRAM).args(words).output().context("serf cannot be run")?;
    ensure!(done.status.success(), "serf {} ends with {}", words.join(" "), done.status);
    Ok(String::from_utf8(done.stdout)?)
}

/// An address nobody has at the moment.
fn free() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
