//! Memory, disk and processor time as Linux tells them; the network is next door.

use std::path::{Path, PathBuf};

use rollcall_model::Tick;
use rollcall_placement::usage::{ProcessorTime, Readings, Room};

use super::network::Network;
use crate::hardware::Tree;
use crate::probes::Kept;

/// Reads one machine, and remembers what counters were.
#[derive(Debug)]
pub(super) struct Reader {
    meminfo: Kept,
    stat: Kept,
    mounts: Vec<PathBuf>,
    network: Network,
    /// Ticks of all kinds and idle ones, at the last reading.
    last: Option<ProcessorTime>,
}

impl Reader {
    /// For the machine below the tree's root.
    pub(super) fn new(tree: &Tree, mounts: &[PathBuf], interfaces: &[String]) -> Self {
        Self {
            meminfo: Kept::new(tree, "proc/meminfo"),
            // Its first line is all that is read; the rest has a line for each processor and a number for each interrupt.
            stat: Kept::with_limit(tree, "proc/stat", 512),
            mounts: super::below(tree, mounts),
            network: Network::new(tree, interfaces),
            last: None,
        }
    }

    /// Reads everything. Processor time and traffic need a second look: they are unmeasured at the first.
    pub(super) fn read(&mut self, now: Tick) -> Readings {
        Readings {
            memory: self.memory(),
            disk: self.mounts.iter().filter_map(|mount| disk(mount)).max_by(|a, b| used(a).total_cmp(&used(b))),
            processor: self.processor(),
            network: self.network.read(now),
        }
    }

    fn memory(&mut self) -> Option<Room> {
        let text = self.meminfo.read().ok()?;
        let bytes = |word: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(word))?;
            line.trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1_024)
        };
        let (total_bytes, available_bytes) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
        (available_bytes <= total_bytes).then_some(Room { total_bytes, available_bytes })
    }

    /// What passed since the last reading; `None` when a counter went back.
    fn processor(&mut self) -> Option<ProcessorTime> {
        let now = ticks(&self.stat.read().ok()?)?;
        let before = self.last.replace(now)?;
        Some(ProcessorTime { total: now.total.checked_sub(before.total)?, idle: now.idle.checked_sub(before.idle)? })
    }
}

/// The first line of `/proc/stat` (proc(5)): user nice system idle iowait irq softirq steal guest guest_nice. The last two are
/// within the first two already.
fn ticks(text: &str) -> Option<ProcessorTime> {
    let numbers = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let ticks: Vec<u64> = numbers.take(8).map_while(|number| number.parse().ok()).collect();
    let idle = ticks.get(3)?.checked_add(*ticks.get(4)?)?;
    let total = ticks.iter().try_fold(0_u64, |sum, ticks| sum.checked_add(*ticks))?;
    Some(ProcessorTime { total, idle })
}

/// What ordinary users may fill and have free.
fn disk(mount: &Path) -> Option<Room> {
    let told = rustix::fs::statvfs(mount).ok()?;
    let used = told.f_blocks.checked_sub(told.f_bfree)?;
    let total = used.checked_add(told.f_bavail)?;
    let room = Room {
        total_bytes: total.saturating_mul(told.f_frsize),
        available_bytes: told.f_bavail.saturating_mul(told.f_frsize),
    };
    (room.total_bytes > 0).then_some(room)
}

fn used(room: &Room) -> f64 {
    1.0 - room.available_bytes as f64 / room.total_bytes as f64
}
