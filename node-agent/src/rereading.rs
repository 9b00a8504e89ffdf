//! The hardware, read again: when the kernel says that something came or went, and on a slow timer (N2).
//!
//! A thread of its own, asleep nearly always: reading may block, the loop may not. A link that is down says nothing of
//! its speed, and a hypervisor takes and gives back pages: neither makes another machine. What changed without
//! anything having come or gone, such as the speed of a link, counts when it is seen twice.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_model::HardwareTopology;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tokio::sync::mpsc;

use crate::hardware::{Fingerprint, read};

/// The hardware is read this often although nothing was heard.
const PERIOD: Duration = Duration::from_secs(300);
/// After something was heard, others follow; they are waited for.
const SETTLING: Duration = Duration::from_secs(2);
/// The kernel's own group of hot-plug messages.
const KERNEL_GROUP: u32 = 1;
/// Memory that comes or goes in smaller steps is a hypervisor's play.
const MEMORY_STEP: u64 = 1 << 30;

/// Tells when the hardware changed.
#[derive(Debug)]
pub struct Rereading(mpsc::Receiver<HardwareTopology>);

impl Rereading {
    /// Begins to watch the machine below `root` (`/` in production), of which `known` was read.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(root: &Path, known: HardwareTopology) -> io::Result<Self> {
        let (tell, told) = mpsc::channel(1);
        let watcher = Watcher { root: root.to_owned(), comparing: Comparing::new(known), tell };
        thread::Builder::new().name("hardware".into()).spawn(move || watcher.run())?;
        Ok(Self(told))
    }

    /// The hardware as it is from now on. Cancel-safe. Pending for ever when the thread has ended.
    pub async fn next(&mut self) -> HardwareTopology {
        match self.0.recv().await {
            Some(topology) => topology,
            None => std::future::pending().await,
        }
    }
}

struct Watcher {
    root: PathBuf,
    comparing: Comparing,
    tell: mpsc::Sender<HardwareTopology>,
}

impl Watcher {
    fn run(mut self) {
        let socket = hot_plugs()
            .inspect_err(|error| {
                tracing::info!(
                    "the kernel does not tell of hot-plugs here ({error}): the hardware is read every 5 min"
                );
            })
            .ok();
        let mut fingerprint = Fingerprint::read(&self.root);
        loop {
            let heard = wait(socket.as_ref());
            if self.tell.is_closed() {
                return;
            }
            let now = Fingerprint::read(&self.root);
            let differs = now != fingerprint;
            fingerprint = now;
            if heard && !differs {
                continue;
            }
            if let Some(topology) = self.comparing.look(read(&self.root), differs)
                && self.tell.blocking_send(topology).is_err()
            {
                return;
            }
        }
    }
}

/// The kernel's messages of what comes and goes.
fn hot_plugs() -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(KOBJECT_UEVENT))?;
    bind(&socket, &SocketAddrNetlink::new(0, KERNEL_GROUP))?;
    Ok(socket)
}

/// Waits until something came or went and the others that follow it are over, or until it is time anyway.
/// `true` for the former.
fn wait(socket: Option<&OwnedFd>) -> bool {
    let Some(socket) = socket else {
        thread::sleep(PERIOD);
        return false;
    };
    let mut message = [0; 2_048];
    let until = Instant::now() + PERIOD;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || set_socket_timeout(socket, Timeout::Recv, Some(left)).is_err() {
            return false;
        }
        match recv(socket, &mut message[..], RecvFlags::empty()) {
            Ok((_, length)) if is_hot_plug(&message[..length.min(message.len())]) => break,
            // Something else happened, or time is over.
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            // More came than was taken: something certainly happened.
            Err(Errno::NOBUFS) => break,
            Err(error) => {
                tracing::debug!(%error, "the kernel's hot-plug messages cannot be read");
                thread::sleep(PERIOD);
                return false;
            }
        }
    }
    thread::sleep(SETTLING);
    // What came meanwhile belongs to it.
    while recv(socket, &mut message[..], RecvFlags::DONTWAIT).is_ok() {}
    true
}

/// Whether a message of the kernel says that a piece of hardware came or went: `add@/devices/pci…`, and so on.
fn is_hot_plug(message: &[u8]) -> bool {
    let verbs: [&[u8]; 4] = [b"add@/devices/", b"remove@/devices/", b"online@/devices/", b"offline@/devices/"];
    let device = verbs.iter().find_map(|verb| message.strip_prefix(*verb));
    device.is_some_and(|device| !device.starts_with(b"virtual/"))
}

/// Tells a change from what only looks like one.
struct Comparing {
    known: HardwareTopology,
    /// What was seen once and is not believed yet.
    suspected: Option<HardwareTopology>,
}

impl Comparing {
    const fn new(known: HardwareTopology) -> Self {
        Self { known, suspected: None }
    }

    /// Takes what was read; `differs` says that something came or went for certain. What it is now, if it changed.
    fn look(&mut self, read: HardwareTopology, differs: bool) -> Option<HardwareTopology> {
        let read = steadied(&self.known, read);
        if read == self.known {
            self.suspected = None;
            return None;
        }
        if !differs && self.suspected.as_ref() != Some(&read) {
            self.suspected = Some(read);
            return None;
        }
        self.suspected = None;
        self.known = read.clone();
        Some(read)
    }
}

/// What was read, without what only looks like a change.
fn steadied(known: &HardwareTopology, mut read: HardwareTopology) -> HardwareTopology {
    for nic in read.nics.iter_mut().filter(|nic| nic.speed_mbps.is_none()) {
        nic.speed_mbps = known.nics.iter().find(|old| old.name == nic.name).and_then(|old| old.speed_mbps);
    }
    let near = |old: Option<u64>, new: Option<u64>| match (old, new) {
        (Some(a), Some(b)) if a.abs_diff(b) < MEMORY_STEP => Some(a),
        _ => new,
    };
    read.memory.total_bytes = near(known.memory.total_bytes, read.memory.total_bytes);
    for node in &mut read.numa {
        let old = known.numa.iter().find(|old| old.node == node.node).and_then(|old| old.memory_bytes);
        node.memory_bytes = near(old, node.memory_bytes);
    }
    read
}

#[cfg(test)]
mod tests {
    use rollcall_model::hardware::Nic;

    use super::*;

    fn machine(speed: Option<u32>, gib: u64, drives: usize) -> HardwareTopology {
        let mut topology = HardwareTopology::default();
        topology.nics.push(Nic { name: "eth0".into(), speed_mbps: speed, ..Nic::default() });
        topology.memory.total_bytes = Some((gib << 30) + 7);
        topology.storage = vec![rollcall_model::hardware::Storage::default(); drives];
        topology
    }

    #[test]
    fn a_change_is_told_once_and_what_only_looks_like_one_never() {
        let start = machine(Some(25_000), 64, 1);
        let mut comparing = Comparing::new(start.clone());
        let mut ballooned = machine(Some(25_000), 64, 1);
        ballooned.memory.total_bytes = Some((64 << 30) - 5_000);
        // (what was read, whether something came or went, whether it is told)
        let table = [
            (start.clone(), false, false),
            (start, true, false),
            (machine(None, 64, 1), false, false),
            (ballooned, true, false),
            (machine(Some(25_000), 64, 2), true, true),
            (machine(Some(25_000), 64, 2), true, false),
            (machine(Some(1_000), 64, 2), false, false),
            (machine(Some(25_000), 64, 2), false, false),
            (machine(Some(1_000), 64, 2), false, false),
            (machine(Some(1_000), 64, 2), false, true),
            (machine(None, 128, 2), true, true),
        ];
        for (step, (read, differs, told)) in table.into_iter().enumerate() {
            let now = comparing.look(read, differs);
            assert_eq!(now.is_some(), told, "step {step}");
            assert!(now.is_none_or(|now| now.nics[0].speed_mbps.is_some()), "a link that is down keeps its speed");
        }
    }

    #[test]
    fn only_devices_that_come_or_go_are_hot_plugs() {
        for (message, expected) in [
            (&b"add@/devices/pci0000:00/0000:00:1d.0/net/eth1\0ACTION=add"[..], true),
            (b"remove@/devices/pci0000:00/block/sdb", true),
            (b"offline@/devices/system/cpu/cpu3", true),
            (b"change@/devices/virtual/block/dm-0", false),
            (b"add@/devices/virtual/net/veth3", false),
            (b"add@/module/loop", false),
            (b"", false),
        ] {
            assert_eq!(is_hot_plug(message), expected, "{}", String::from_utf8_lossy(message));
        }
    }
}
