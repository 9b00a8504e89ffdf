//! Links, errors and load of the network interfaces that are devices.

use std::collections::BTreeMap;

use rollcall_model::{Millis, Tick};

use super::aside::Aside;
use super::kept::{Kept, unclear};
use super::{Findings, Probe, Reason, bit};
use crate::hardware::{Ethtool, Speeds, Tree, network_devices};

const NET: &str = "sys/class/net";
const IFF_UP: u32 = 1;
/// How long drivers are left alone after they were asked for possible speeds.
const ASK_AGAIN: Millis = Millis(30_000);
/// No link carries more bytes in a second; a larger step is a counter that began anew.
const MOST_BYTES: f64 = 1e12;
/// Nor more packets.
const MOST_PACKETS: f64 = 1e10;

pub(super) struct Network {
    tree: Tree,
    watched: Vec<String>,
    counters: Kept,
    interfaces: BTreeMap<String, Interface>,
    question: Aside<BTreeMap<String, Speeds>>,
    /// Whether a link changed since drivers were last asked for possible speeds.
    stale: bool,
}

/// What is remembered of an interface.
#[derive(Default)]
struct Interface {
    was_up: bool,
    /// Best speed seen, or that both ends offer.
    best_mbps: Option<u32>,
    /// Down or slower than its best, at the last look.
    unwell: bool,
    mbps: Option<u32>,
    last: Option<(Tick, Counters)>,
    per_second: Option<Counters>,
}

/// A line of `/proc/net/dev`; or what it grew by in a second.
#[derive(Clone, Copy, Default)]
struct Counters {
    received_bytes: f64,
    sent_bytes: f64,
    lost: f64,
}

impl Counters {
    /// From the numbers after an interface's name.
    fn parse(numbers: &str) -> Option<Self> {
        let fields: Vec<u64> = numbers.split_whitespace().map_while(|number| number.parse().ok()).collect();
        let at = |index: usize| fields.get(index).map(|number| *number as f64);
        // received: bytes packets errs drop fifo frame compressed multicast; sent: bytes packets errs drop …
        Some(Self { received_bytes: at(0)?, sent_bytes: at(8)?, lost: at(2)? + at(3)? + at(10)? + at(11)? })
    }

    /// Growth per second; `None` when a counter went back or leapt, or no time passed.
    fn since(self, earlier: Self, span: Millis) -> Option<Self> {
        let rate = |now: f64, then: f64, most: f64| {
            let rate = (now >= then && span.0 > 0).then(|| (now - then) * 1_000.0 / span.0 as f64);
            rate.filter(|rate| *rate <= most)
        };
        Some(Self {
            received_bytes: rate(self.received_bytes, earlier.received_bytes, MOST_BYTES)?,
            sent_bytes: rate(self.sent_bytes, earlier.sent_bytes, MOST_BYTES)?,
            lost: rate(self.lost, earlier.lost, MOST_PACKETS)?,
        })
    }
}

impl Interface {
    /// An interface its administrator switched off is not broken, and starts anew when switched on; a cable that was
    /// never plugged in is no loss. Says whether speed or carrier changed.
    fn follow_link(&mut self, tree: &Tree, name: &str) -> bool {
        let before = self.mbps;
        let flags = tree.hexadecimal(&format!("{NET}/{name}/flags"));
        if flags.is_some_and(|flags| flags & IFF_UP == 0) {
            *self = Self::default();
            return before.is_some();
        }
        let carrier = tree.number::<u8>(&format!("{NET}/{name}/carrier")) == Some(1);
        let speed: Option<i64> = if carrier { tree.number(&format!("{NET}/{name}/speed")) } else { None };
        self.mbps = speed.and_then(|speed| u32::try_from(speed).ok()).filter(|mbps| *mbps > 0 && *mbps < u32::MAX);
        self.was_up |= carrier;
        self.best_mbps = self.best_mbps.max(self.mbps);
        self.unwell = self.was_up && (!carrier || (self.mbps.is_some() && self.mbps < self.best_mbps));
        self.mbps != before
    }

    fn follow_counters(&mut self, now: Tick, counters: Option<Counters>) {
        let Some(counters) = counters else { return };
        self.per_second = self.last.and_then(|(then, earlier)| counters.since(earlier, now.since(then)));
        self.last = Some((now, counters));
    }

    /// The busier direction, in percent of the speed. Counters are read a moment late now and then, so a little more
    /// than everything is possible; much more is not, and tells nothing. Interfaces without a medium carry what they can.
    fn saturation(&self) -> Option<f64> {
        let (rates, mbps) = (self.per_second?, self.mbps?);
        let share = 100.0 * rates.received_bytes.max(rates.sent_bytes) * 8.0 / (f64::from(mbps) * 1e6);
        (share <= 200.0).then_some(share)
    }
}

impl Network {
    /// Watches the interfaces that are devices, and those named.
    pub(super) fn new(tree: &Tree, watched: &[String]) -> Self {
        Self {
            tree: tree.clone(),
            watched: watched.to_vec(),
            counters: Kept::new(tree, "proc/net/dev"),
            interfaces: BTreeMap::new(),
            question: Aside::new("speeds", ASK_AGAIN),
            stale: true,
        }
    }

    fn present(&self) -> Vec<String> {
        let mut present = network_devices(&self.tree);
        let named = self.watched.iter().filter(|name| !name.contains('/'));
        let named = named.filter(|name| self.tree.exists(&format!("{NET}/{name}/flags")));
        present.extend(named.cloned());
        present.sort_unstable();
        present.dedup();
        present
    }

    /// Asks drivers aside, when a link changed, which speed both ends of the cable offer: a link that came up slower
    /// than that is told from one whose switch cannot do more.
    fn follow_offers(&mut self, now: Tick) {
        for (name, speeds) in self.question.take().unwrap_or_default() {
            if let Some(interface) = self.interfaces.get_mut(&name).filter(|interface| interface.mbps.is_some()) {
                interface.best_mbps = interface.best_mbps.max(speeds.common);
            }
        }
        if !self.stale || !self.question.is_due(now) {
            return;
        }
        self.stale = false;
        let Some(ethtool) = Ethtool::find(&self.tree) else { return };
        let up = self.interfaces.iter().filter(|(_, interface)| interface.mbps.is_some());
        let up: Vec<String> = up.map(|(name, _)| name.clone()).collect();
        self.question.ask(now, move || up.into_iter().map(|name| (name.clone(), ethtool.speeds(&name))).collect());
    }

    /// Interfaces that are gone though their link was up stay, as links that are down.
    fn look(&mut self) {
        let present = self.present();
        for (name, interface) in &mut self.interfaces {
            if !present.contains(name) {
                *interface = Interface { was_up: interface.was_up, unwell: interface.was_up, ..Interface::default() };
            }
        }
        self.interfaces.retain(|name, interface| interface.was_up || present.contains(name));
        for name in present {
            let interface = self.interfaces.entry(name.clone()).or_default();
            self.stale |= interface.follow_link(&self.tree, &name);
        }
    }

    fn count(&mut self, now: Tick) -> Result<(), Reason> {
        let text = self.counters.read()?;
        let mut known = false;
        for (name, numbers) in text.lines().filter_map(|line| line.split_once(':')) {
            if let Some(interface) = self.interfaces.get_mut(name.trim()) {
                let counters = Counters::parse(numbers);
                known |= counters.is_some();
                interface.follow_counters(now, counters);
            }
        }
        if known { Ok(()) } else { Err(unclear("proc/net/dev")) }
    }

    fn worst(&self, of: fn(&Interface) -> Option<f64>) -> Option<f64> {
        self.interfaces.values().filter_map(of).reduce(f64::max)
    }
}

impl Probe for Network {
    fn name(&self) -> &str {
        "network"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::LINK, bit::NIC_ERRORS, bit::NIC_SATURATION]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        self.follow_offers(now);
        self.look();
        if self.interfaces.is_empty() {
            for indicator in self.indicators() {
                findings.say(*indicator, Err("no network interface here is a device".into()));
            }
            return;
        }
        let unwell = self.interfaces.values().filter(|interface| interface.unwell).count();
        findings.say(bit::LINK, Ok(unwell as f64));
        let counted = self.count(now);
        let rates = self.worst(|interface| interface.per_second.map(|rates| rates.lost));
        let first = Reason::Borrowed("rates need a second look");
        findings.say(bit::NIC_ERRORS, counted.clone().and(rates.ok_or(first.clone())));
        let known = self.interfaces.values().any(|interface| interface.mbps.is_some());
        let why = if known { first } else { "no network interface here knows its speed".into() };
        findings.say(bit::NIC_SATURATION, counted.and(self.worst(Interface::saturation).ok_or(why)));
    }
}
