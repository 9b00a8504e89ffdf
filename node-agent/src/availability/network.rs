//! The traffic of the interface that is busiest for its speed.

use std::collections::BTreeMap;

use rollcall_model::Tick;
use rollcall_placement::usage::Traffic;

use crate::hardware::{Tree, network_devices};

const NET: &str = "sys/class/net";

/// What counters of interfaces were.
#[derive(Debug)]
pub(super) struct Network {
    tree: Tree,
    /// Interfaces besides those that are devices, e.g. a bond.
    named: Vec<String>,
    last: BTreeMap<String, Counters>,
}

/// Bytes of one interface at a time.
#[derive(Clone, Copy, Debug)]
struct Counters {
    at: Tick,
    received: u64,
    sent: u64,
}

impl Network {
    pub(super) fn new(tree: &Tree, named: &[String]) -> Self {
        let named = named.iter().filter(|name| !name.contains('/')).cloned().collect();
        Self { tree: tree.clone(), named, last: BTreeMap::new() }
    }

    /// Of those that tell their speed; `None` before the second look, and where none does.
    pub(super) fn read(&mut self, now: Tick) -> Option<Traffic> {
        let mut names = network_devices(&self.tree);
        names.extend(self.named.iter().cloned());
        self.last.retain(|name, _| names.contains(name));
        let load = |traffic: &Traffic| traffic.received.max(traffic.sent) / traffic.speed;
        names.iter().filter_map(|name| self.traffic(name, now)).max_by(|a, b| load(a).total_cmp(&load(b)))
    }

    fn traffic(&mut self, name: &str, now: Tick) -> Option<Traffic> {
        let of = |what: &str| format!("{NET}/{name}/{what}");
        // Down, or a virtual one: the kernel says -1, or cannot be asked.
        let mbps = self.tree.number::<i64>(&of("speed")).filter(|mbps| *mbps > 0 && *mbps < i64::from(u32::MAX))?;
        let received = self.tree.number(&of("statistics/rx_bytes"))?;
        let sent = self.tree.number(&of("statistics/tx_bytes"))?;
        let before = self.last.insert(name.to_owned(), Counters { at: now, received, sent })?;
        let seconds = now.since(before.at).0 as f64 / 1_000.0;
        let bits = |now: u64, before: u64| Some(now.checked_sub(before)? as f64 * 8.0 / seconds);
        let traffic = Traffic {
            received: bits(received, before.received)?,
            sent: bits(sent, before.sent)?,
            speed: mbps as f64 * 1e6,
        };
        // Counters are read a moment late now and then; what is far beyond the speed is a counter that began anew.
        (seconds > 0.0 && traffic.received.max(traffic.sent) <= 2.0 * traffic.speed).then_some(traffic)
    }
}
