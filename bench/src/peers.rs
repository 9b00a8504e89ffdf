//! What others do to the same end, in the same run, on the same machine.
//!
//! How many "I am alive" reports a second each way of it carries ([`contest`]): Rollcall's status packets, a bare client, what
//! OpenStack's Nova does over oslo.messaging ([`oslo`]), what Kubernetes' leases end in ([`etcd`]). What one report costs on
//! the wire ([`wire`]), with collectd's output over AMQP and what its daemon uses ([`collectd`]) beside the rest.
//!
//! A peer that is not there leaves a row that says why, and the others are measured.

mod collectd;
mod contest;
mod etcd;
mod field;
mod frames;
mod oslo;
mod sockets;
mod wire;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, ensure};

use crate::machine::{Machine, load};
use crate::report::{Section, publish, say};
use field::Field;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Turns that each side gets.
    pub rounds: usize,
    /// Reports that are sent one at a time to see what one costs on the wire.
    pub reports: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self { rounds: 7, reports: 40 }
    }
}

/// Measures, prints and writes down.
///
/// # Errors
/// When there is no private RabbitMQ to be had, or Rollcall's own side got stuck, lost a status, or had one refused. What
/// a peer lacks is no error.
pub async fn run(extent: Extent) -> anyhow::Result<()> {
    ensure!(extent.rounds > 0 && extent.reports > 0, "at least one round and one report");
    let (load_before, directory) = (load(), own_directory()?);
    say("peers: starting a private RabbitMQ, etcd, and both ends of oslo.messaging");
    let mut field = Field::start(directory.path()).await?;
    let rows = contest::run(&mut field, extent.rounds).await?;
    publish("peers", Section { machine: Machine::this(), load_before, rows })?;
    let load_before = load();
    let rows = wire::run(&mut field, directory.path(), extent.reports).await?;
    field.stop().await;
    Ok(publish("bytes on the wire", Section { machine: Machine::this(), load_before, rows })?)
}

/// Beside this program, for `/tmp` may be no disk.
fn own_directory() -> anyhow::Result<tempfile::TempDir> {
    let program = std::env::current_exe()?;
    let beside = program.parent().context("this program lies nowhere")?;
    Ok(tempfile::Builder::new().prefix("peers-").tempdir_in(beside)?)
}

/// A program of a peer's; killed when dropped.
struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it with what it says in a file.
    fn start(program: &str, arguments: &[String], log: &Path) -> anyhow::Result<Self> {
        let words = std::fs::File::create(log)?;
        let child = std::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last of what it said.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first of some places where a Debian package puts its program.
fn installed(package: &str, places: &[&str]) -> anyhow::Result<String> {
    let found = places.iter().find(|place| Path::new(place).exists());
    found.map(|place| (*place).to_owned()).with_context(|| format!("Debian's {package} is not installed"))
}
