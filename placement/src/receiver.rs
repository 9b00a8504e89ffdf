//! The receiving side (A3 to A8): told of each message, it keeps what [`Targets`] hand out.
//!
//! One receiver has any number of *audiences*: everybody, and each group that asked for a ring of its own. It is a plain
//! value owned by one thread; [`Targets`] are its readers' end and go to any thread.
//!
//! What makes a silent node unattractive, whatever the clocks do: every node's word expires after a little more than two
//! of its own periods; a node's frequency is never taken to be higher than its silence allows; a receiver that was held up
//! itself measures nothing across the hold-up, and takes what piled up for no flood.

mod audience;
mod config;
mod membership;

use std::collections::{HashMap, VecDeque};
use std::ops::Add;
use std::sync::Arc;

use audience::Crowd;
pub(crate) use audience::{Audience, RECENT};
pub use config::{Config, ConfigError};
pub use membership::{Eligibility, GroupError, Unknown};
use rollcall_model::{GroupId, Millis, NodeId, Tick};

use crate::counts::CountLists;
use crate::entry::Entry;
use crate::frequency::Kind;
use crate::guard::{Guard, Verdict};
use crate::slots::{Barrier, Barriers, Slots, Timing};
use crate::targets::Targets;
use crate::timing::{Estimate, TimingQueue};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It counts.
    Taken,
    /// Nobody by this id is known here.
    Unknown,
    /// It came sooner than anybody can speak who tells the truth: a duplicate, a replay, or a lie.
    TooFast,
    /// Its sender has done that too often and is capped: no target until it has kept within bounds for a minute.
    Flooding {
        /// Whether that began with this message: worth an alert.
        begins: bool,
    },
}

/// How many messages became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Counted.
    pub taken: u64,
    /// Of nobody known here.
    pub unknown: u64,
    /// Too soon after the one before.
    pub too_fast: u64,
    /// Of a capped node.
    pub flooding: u64,
    /// How often the receiver itself was held up.
    pub pauses: u64,
}

impl Add for Tally {
    type Output = Self;

    /// Of one receiver after another.
    fn add(self, other: Self) -> Self {
        Self {
            taken: self.taken + other.taken,
            unknown: self.unknown + other.unknown,
            too_fast: self.too_fast + other.too_fast,
            flooding: self.flooding + other.flooding,
            pauses: self.pauses + other.pauses,
        }
    }
}

/// What the receiver alone knows of a node.
#[derive(Debug, Default)]
struct Node {
    timing: [TimingQueue; 3],
    guard: [Guard; 3],
    /// The hold-up after which each timing queue began.
    era: [u32; 3],
    /// Everybody's, and those of its groups.
    audiences: Vec<Arc<Audience>>,
    groups: Vec<GroupId>,
    eligibility: Barriers,
}

/// Takes RA messages and keeps the rings, lists and estimates.
#[derive(Debug)]
pub struct Receiver {
    config: Config,
    slots: Arc<Slots>,
    nodes: Vec<Node>,
    by_id: HashMap<NodeId, u32>,
    free: VecDeque<u32>,
    everybody: Crowd,
    groups: HashMap<GroupId, Crowd>,
    counts: [CountLists; 3],
    tally: Tally,
    era: u32,
    excused_until: Tick,
    last_tick: Option<Tick>,
    next_rank: Tick,
    next_switch: Tick,
}

impl Receiver {
    /// A receiver of at most `config.nodes` nodes.
    ///
    /// # Errors
    /// The configuration cannot work, with the reason.
    pub fn new(now: Tick, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let number = config.nodes as usize;
        Ok(Self {
            slots: Arc::new(Slots::new(number)),
            nodes: (0..number).map(|_| Node::default()).collect(),
            by_id: HashMap::with_capacity(number),
            free: (0..config.nodes).collect(),
            everybody: Crowd::default(),
            groups: HashMap::new(),
            counts: std::array::from_fn(|_| CountLists::new(number)),
            tally: Tally::default(),
            era: 0,
            excused_until: now,
            last_tick: None,
            next_rank: now + config.rank_every,
            next_switch: now + config.switch_every,
            config,
        })
    }

    /// A node spoke (A2). Constant time.
    pub fn heard(&mut self, now: Tick, node: NodeId, kind: Kind) -> Heard {
        let Some(&slot) = self.by_id.get(&node) else {
            self.tally.unknown += 1;
            return Heard::Unknown;
        };
        let excused = now < self.excused_until;
        let fastest = self.config.rates.fastest(kind);
        let guard = &mut self.nodes[slot as usize].guard[kind.index()];
        let was_capped = guard.is_capped(now);
        match guard.judge(now, fastest, excused) {
            Verdict::Take => {
                self.take(now, slot, kind);
                self.tally.taken += 1;
                Heard::Taken
            }
            Verdict::TooFast => {
                self.tally.too_fast += 1;
                Heard::TooFast
            }
            Verdict::Flooding => {
                self.tally.flooding += 1;
                self.show_barriers(now, slot);
                Heard::Flooding { begins: !was_capped }
            }
        }
    }

    fn take(&mut self, now: Tick, slot: u32, kind: Kind) {
        let (rates, index) = (self.config.rates, kind.index());
        let node = &mut self.nodes[slot as usize];
        if std::mem::replace(&mut node.era[index], self.era) != self.era {
            node.timing[index].clear();
        }
        let genuine = node.timing[index].push(now, 1.0 / rates.fastest(kind));
        let timing = self.timing(now, slot, kind);
        let Some(holder) = self.slots.get(slot) else { return };
        if holder.barriers().iter().any(|barrier| barrier == Barrier::Capped) {
            self.show_barriers(now, slot);
        }
        // A duplicate is no further sign of being free.
        if !genuine {
            return;
        }
        holder.set_timing(kind, timing);
        holder.settle();
        let entry = Entry::new(slot, holder.generation(), now);
        for audience in &self.nodes[slot as usize].audiences {
            audience.push(kind, entry);
        }
        if self.config.count_every_message {
            self.counts[index].count(slot);
        }
    }

    /// What readers get of a node's messages: with when its word expires.
    fn timing(&self, now: Tick, slot: u32, kind: Kind) -> Timing {
        let queue = &self.nodes[slot as usize].timing[kind.index()];
        let longest = 1.0 / self.config.rates.slowest(kind);
        let estimate = queue.estimate();
        let newest = queue.newest_interval().map(|seconds| seconds.min(longest));
        let period = estimate.map(|estimate| estimate.period.min(longest));
        // The longer of the two: an interval that a hold-up on the way made short takes nobody out.
        let believed = period.zip(newest).map_or(longest, |(period, newest)| period.max(newest));
        let patience = Millis((self.config.patience * believed * 1000.0) as u64);
        Timing {
            at: now,
            expires: now + patience + self.config.slack,
            period: period.map(|period| period as f32),
            newest: newest.map(|newest| newest as f32),
            error: estimate.map_or(1.0, |estimate| estimate.error as f32),
        }
    }

    /// To be called about every [`Config::tick_every`]: samples, sorts, switches the lists, and notices hold-ups.
    pub fn tick(&mut self, now: Tick) {
        let late = Millis(self.config.tick_every.0.saturating_mul(4));
        if self.last_tick.is_some_and(|last| now.since(last) > late) {
            self.held_up(now);
        }
        self.last_tick = Some(self.last_tick.unwrap_or(now).max(now));
        if !self.config.count_every_message {
            self.sample(now);
        }
        if now >= self.next_switch {
            self.next_switch = now + self.config.switch_every;
            self.counts.iter_mut().for_each(CountLists::switch);
        }
        if now >= self.next_rank {
            self.next_rank = now + self.config.rank_every;
            self.rank(now);
        }
    }

    /// The receiver, or its connection, stood still until now: what comes next says nothing about frequencies. For drivers
    /// that know (a reconnect, an old delivery); [`Receiver::tick`] finds it out by itself where it was late.
    pub fn held_up(&mut self, now: Tick) {
        self.era = self.era.wrapping_add(1);
        self.tally.pauses += 1;
        self.excused_until = self.excused_until.max(now + Millis(2000));
    }

    /// As the patent has it: the counts are of nodes met in the ring at regular intervals (FIG. 24C).
    fn sample(&mut self, now: Tick) {
        for kind in Kind::ALL {
            if let Some(entry) = self.everybody.audience.ring(kind).newest().filter(|entry| entry.age(now) < 10_000) {
                self.counts[kind.index()].count(entry.slot());
            }
        }
    }

    /// Until then an excess is dropped, but held against nobody: not every sender has heard of these rates yet.
    pub fn excuse_until(&mut self, until: Tick) {
        self.excused_until = self.excused_until.max(until);
    }

    fn rank(&mut self, now: Tick) {
        for crowd in self.groups.values().chain([&self.everybody]) {
            for kind in Kind::ALL {
                crowd.rank(kind, now, &self.slots, &self.counts[kind.index()]);
            }
        }
    }

    /// How many messages became what.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// The frequency of a node as recovered (A5), messages per second, with its relative error.
    #[must_use]
    pub fn frequency(&self, node: NodeId, kind: Kind) -> Option<(f64, Estimate)> {
        let slot = *self.by_id.get(&node)?;
        let estimate = self.nodes[slot as usize].timing[kind.index()].estimate()?;
        Some((1.0 / estimate.period, estimate))
    }

    /// When a node spoke last, and from when on it is silent for too long to be believed; `None` while it was not heard.
    #[must_use]
    pub fn last_word(&self, node: NodeId, kind: Kind) -> Option<(Tick, Tick)> {
        let timing = self.slots.get(*self.by_id.get(&node)?)?.timing(kind);
        (timing.expires > Tick(0)).then_some((timing.at, timing.expires))
    }

    /// Whether a node is capped now, because it spoke too fast again and again.
    #[must_use]
    pub fn is_capped(&self, now: Tick, node: NodeId) -> bool {
        let known = self.by_id.get(&node).and_then(|slot| self.nodes.get(*slot as usize));
        known.is_some_and(|node| node.guard.iter().any(|guard| guard.is_capped(now)))
    }

    /// A node's capacity beside the largest node's, as it was set.
    #[must_use]
    pub fn share(&self, node: NodeId) -> Option<f64> {
        Some(self.slots.get(*self.by_id.get(&node)?)?.share())
    }

    /// Targets among everybody.
    #[must_use]
    pub fn targets(&self) -> Targets {
        Targets::new(self.slots.clone(), self.everybody.audience.clone(), self.config.rates)
    }

    /// Targets within a group that has a ring of its own.
    #[must_use]
    pub fn targets_of(&self, group: GroupId) -> Option<Targets> {
        let audience = self.groups.get(&group)?.audience.clone();
        Some(Targets::new(self.slots.clone(), audience, self.config.rates))
    }
}

#[cfg(test)]
mod tests;
