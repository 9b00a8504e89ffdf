//! A crowd before a slow zone: many nodes start together, and the zone controller takes its time for every packet. A zone that is asked for
//! more than it can do is to go on at the rate it has: what is said again because nobody answered yet must not eat it up (case 15).

use std::collections::BTreeMap;

use rollcall_bus::Delivery;

use super::chance::{Chance, Rates};
use super::invariants::Violations;
use super::journal::Keep;
use super::process::Role;
use super::scene::Scene;
use super::world::{Happening, World};

/// When the first node starts, milliseconds: the daemons are at rest by then.
const FIRST: u64 = 30_000;
/// How long a history may last, milliseconds.
const LONGEST: u64 = 3_600_000;
/// How long is looked at what a zone has to do when nobody comes, milliseconds.
const QUIET: u64 = 60_000;
/// The racks of a crowd.
const RACKS: usize = 4;

/// The acting zone controller's work.
#[derive(Debug, Default)]
pub(super) struct Toil {
    /// What a packet takes, milliseconds.
    each: u64,
    /// Until when it works.
    pub until: u64,
    /// How many packets of each kind it was given.
    packets: BTreeMap<String, u64>,
}

impl Toil {
    /// It begins to work on so many packets.
    pub fn is_given(&mut self, now: u64, batch: &[Delivery]) {
        for delivery in batch {
            *self.packets.entry(delivery.kind.clone()).or_default() += 1;
        }
        self.until = now + batch.len() as u64 * self.each;
    }

    /// How many it takes at a time: no more than it can do in a second.
    pub fn batch(&self, most: usize) -> usize {
        1_000_u64.checked_div(self.each).and_then(|it| usize::try_from(it).ok()).map_or(most, |it| it.clamp(1, most))
    }

    fn all(&self) -> u64 {
        self.packets.values().sum()
    }
}

/// Who comes, and what it takes to let them in.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many nodes come.
    pub nodes: usize,
    /// Between the starts of two of them, milliseconds; 0 when all come at once.
    pub apart: u64,
    /// What the zone controller takes for each packet, milliseconds.
    pub each: u64,
}

/// How a crowd was served.
#[derive(Debug)]
pub struct Served {
    /// From the start of the first node until the last was heard, milliseconds; `None` when some never were.
    pub took: Option<u64>,
    /// How many packets of each kind the zone controller was given in that time.
    pub packets: BTreeMap<String, u64>,
    /// How many it was given in a minute after it.
    pub packets_a_minute: u64,
    /// What was violated; empty when all is well.
    pub violations: Violations,
    /// The end of the log.
    pub log: Vec<String>,
}

/// Lets a crowd come.
#[must_use]
pub fn serve(crowd: Crowd) -> Served {
    let scene = Scene { checkins: 1, racks: RACKS, nodes: crowd.nodes };
    let mut world = World::of_scene(1, Keep::Last(200), scene, Chance::of_seed(1), Rates::NONE);
    world.toil.each = crowd.each;
    world.settled_from = LONGEST;
    world.gathers(crowd);
    let took = world.goes_on_until(LONGEST, |world| world.watch.heard() == crowd.nodes);
    let packets = world.toil.packets.clone();
    let before = world.toil.all();
    let rest = world.now() + QUIET;
    world.goes_on_until(rest, |_| false);
    let packets_a_minute = world.toil.all() - before;
    Served {
        took: took.map(|at| at - FIRST),
        packets,
        packets_a_minute,
        violations: std::mem::take(&mut world.watch.violations),
        log: world.journal.into_lines(),
    }
}

impl World {
    fn gathers(&mut self, crowd: Crowd) {
        for pid in 0..self.processes.len() {
            let at = match self.processes[pid].role {
                Role::Node(number) => FIRST + number as u64 * crowd.apart,
                _ => self.chance.between(0, 5_000),
            };
            self.agenda.enter(at, Happening::Start { pid, life: 0 });
        }
        self.agenda.enter(8_000, Happening::AskAround);
        self.agenda.enter(1_000, Happening::Samples);
    }

    /// Lets everything happen until something is so, and says when; or until the end, or the first violation.
    fn goes_on_until(&mut self, end: u64, is_so: impl Fn(&Self) -> bool) -> Option<u64> {
        while self.watch.violations.is_empty()
            && let Some(happening) = self.agenda.next_before(end)
        {
            let is_work = matches!(happening, Happening::Deliver { .. });
            self.broker.advance(rollcall_model::Tick(self.now()));
            self.happen(happening);
            if is_work && is_so(self) {
                return Some(self.now());
            }
        }
        None
    }
}
