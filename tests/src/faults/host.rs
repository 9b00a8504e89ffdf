//! A host: a network namespace with one cable, kept by a process and gone with it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::emulator::Emulator;
use crate::stage::{Process, until};

/// The name of every host's only cable.
pub const CABLE: &str = "cable";
/// Bits of an address that are the network's.
pub const PREFIX: u8 = 16;
const MADE_WITHIN: Duration = Duration::from_secs(10);

/// A host. It ends when it is dropped, and with this process however that ends.
pub struct Host {
    name: String,
    port: usize,
    address: Ipv4Addr,
    keeper: Process,
}

impl Host {
    /// A host behind this port of the emulator.
    ///
    /// # Panics
    /// When it cannot be made; it wants root.
    pub async fn new(name: &str, directory: &Path, emulator: &Emulator, port: usize, address: Ipv4Addr) -> Self {
        let line = ["unshare", "--net", "--", "sleep", "infinity"].map(str::to_owned);
        let keeper = Process::start(&line, &[], &directory.join(format!("{name}.host.log")));
        let (own, theirs) = ("/proc/self/ns/net".to_owned(), format!("/proc/{}/ns/net", keeper.id()));
        until(format!("the namespace of {name}"), MADE_WITHIN, async || {
            (std::fs::read_link(&own).ok()? != std::fs::read_link(&theirs).ok()?).then_some(())
        })
        .await;
        let host = Self { name: name.to_owned(), port, address, keeper };
        run(&format!("ip link set {} netns {} name {CABLE}", emulator.device(port), host.keeper.id()));
        for line in [
            "ip link set lo up".to_owned(),
            format!("ip address add {address}/{PREFIX} dev {CABLE}"),
            format!("ip link set {CABLE} up"),
        ] {
            host.run(&line);
        }
        host
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its port of the emulator.
    #[must_use]
    pub const fn port(&self) -> usize {
        self.port
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What a command line begins with to run on this host.
    #[must_use]
    pub fn enter(&self) -> Vec<String> {
        vec!["nsenter".into(), format!("--net=/proc/{}/ns/net", self.keeper.id()), "--".into()]
    }

    /// Runs a command on it.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, line: &str) {
        run(&format!("{} {line}", self.enter().join(" ")));
    }

    /// What a command says that runs on it; none when it fails.
    #[must_use]
    pub fn asked(&self, line: &str) -> Option<String> {
        let words = format!("{} {line}", self.enter().join(" "));
        let mut words = words.split(' ');
        let output = Command::new(words.next()?).args(words).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Runs a command whose words have no spaces.
///
/// # Panics
/// When it fails.
pub(super) fn run(line: &str) {
    let mut words = line.split(' ');
    let done = Command::new(words.next().unwrap_or_default()).args(words).status();
    assert!(done.as_ref().is_ok_and(std::process::ExitStatus::success), "`{line}` failed ({done:?}); it wants root");
}
