//! Taking a target (A3, A6): from any thread, without a lock, without waiting, in a bounded number of steps.
//!
//! - [`Targets::newest`] is the patent's: who spoke last, from the two-entry ring. A few loads.
//! - [`Targets::pick`] draws a few of the last messages and takes the best of those who sent them, by the frequency they
//!   were heard at, by how long they have been silent, and by what readers placed on them since they spoke. Still constant
//!   time. Use this one; `docs/placement.md` shows what it gains.
//! - [`Targets::at_rank`] takes from the sorted count list: the most available, the median, any quantile.
//!
//! Each gives only nodes that nothing bars and whose word has not expired, at the moment of asking.

mod explain;

use std::sync::Arc;

pub use explain::{Considered, Explanation, Outcome, Source};
use rollcall_model::{NodeId, Tick};

use crate::entry::Entry;
use crate::frequency::{Kind, Rates, Recovered};
use crate::receiver::{Audience, RECENT};
use crate::slots::{Slot, Slots};

/// How many entries of the recent ring, and then of the sorted list, are tried before the answer is "nobody".
const TRIES: usize = 16;

/// A node to place something on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Who.
    pub node: NodeId,
    /// f_RA as its frequency says now, in [min, 1]: of the largest node's capacity for `balance`, of its own for `power`.
    /// `None` after a single message, and for the mixed kind.
    pub availability: Option<f64>,
    /// The relative error of that.
    pub error: f64,
    /// How long ago it spoke, in milliseconds.
    pub age: u64,
}

/// What is to be placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Want {
    /// Its size beside the largest node's capacity, in [0, 1]; 0 when it is not known. A node is taken only if so much
    /// seems free on it, and counts as fuller by it until it has spoken again.
    pub size: f64,
    /// How many nodes to compare, 1 to [`Want::MOST_CHOICES`].
    pub choices: usize,
}

impl Default for Want {
    fn default() -> Self {
        Self { size: 0.0, choices: 2 }
    }
}

impl Want {
    /// More are no longer a few loads.
    pub const MOST_CHOICES: usize = 8;
    /// What a placed thing of unknown size counts for, so that the same node is not taken again and again.
    const UNKNOWN: f64 = 1.0 / 256.0;
}

/// A reader's end of a receiver, for one audience. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Targets {
    slots: Arc<Slots>,
    audience: Arc<Audience>,
    rates: Rates,
}

/// A candidate and how good it is: higher is better.
struct Candidate<'a> {
    slot: &'a Slot,
    node: NodeId,
    score: f64,
}

impl Targets {
    pub(crate) const fn new(slots: Arc<Slots>, audience: Arc<Audience>, rates: Rates) -> Self {
        Self { slots, audience, rates }
    }

    /// Who spoke last (A3): an entry of the two-entry ring. If neither may be a target, one of the recent ones or of the
    /// sorted list, in at most 32 further steps; `None` if none of those may be either.
    #[inline]
    #[must_use]
    pub fn newest(&self, now: Tick, kind: Kind) -> Option<NodeId> {
        let first = self.audience.ring(kind).newest_first().find_map(|entry| self.valid(entry, now, kind).ok());
        first.map(|(_, node)| node).or_else(|| self.any(now, kind))
    }

    /// Who spoke last but one: what the patent's `out()` gives. As [`Targets::newest`] otherwise.
    #[must_use]
    pub fn oldest(&self, now: Tick, kind: Kind) -> Option<NodeId> {
        let entry = self.audience.ring(kind).oldest();
        let first = entry.and_then(|entry| self.valid(entry, now, kind).ok());
        first.map(|(_, node)| node).or_else(|| self.newest(now, kind))
    }

    #[cold]
    fn any(&self, now: Tick, kind: Kind) -> Option<NodeId> {
        let recent = self.audience.recent(kind).newest_first().take(TRIES);
        let ranked = (0..TRIES).filter_map(|rank| self.audience.ranked(kind).get(rank));
        recent.chain(ranked).find_map(|entry| self.valid(entry, now, kind).ok()).map(|(_, node)| node)
    }

    /// The best of a few who spoke lately. `draw` is 64 random bits.
    #[must_use]
    pub fn pick(&self, now: Tick, kind: Kind, want: Want, draw: u64) -> Option<Target> {
        self.pick_where(now, kind, want, draw, |_| true)
    }

    /// The best of a few who spoke lately and whom `accept` accepts: a capability, a minimum capacity, a rule. Asks about
    /// at most 32 nodes; if few of the fleet are acceptable and that matters often, give them a group of their own.
    #[must_use]
    pub fn pick_where(
        &self,
        now: Tick,
        kind: Kind,
        want: Want,
        draw: u64,
        accept: impl Fn(NodeId) -> bool,
    ) -> Option<Target> {
        let best = self.choose(now, kind, want, draw, accept, |_, _, _| ())?;
        best.slot.place(want.size.max(Want::UNKNOWN));
        Some(self.target(&best, now, kind))
    }

    /// A target turned out to be full, or did not answer: it counts as full until it has spoken a few times more.
    ///
    /// Walks the recent ring and the sorted list for it, so it costs a microsecond; wrong picks are rare.
    pub fn refused(&self, node: NodeId) {
        for kind in Kind::ALL {
            let (recent, ranked) = (self.audience.recent(kind), self.audience.ranked(kind));
            let entries = recent.newest_first().chain((0..ranked.len()).filter_map(|rank| ranked.get(rank)));
            let mut slots = entries.filter_map(|entry| self.slots.get(entry.slot()));
            if let Some(slot) = slots.find(|slot| slot.id() == node) {
                slot.place(1.0);
                return;
            }
        }
    }

    /// A target by its rank among all that were heard (A6): 0 for the most available, 0.5 for the median, 1 for the least
    /// (for `power`: from the fullest to the emptiest). The nearest ranks are tried, 16 at most.
    #[must_use]
    pub fn at_rank(&self, now: Tick, kind: Kind, quantile: f64) -> Option<Target> {
        self.at_rank_where(now, kind, quantile, |_| true)
    }

    /// The same among those that `accept` accepts.
    #[must_use]
    pub fn at_rank_where(
        &self,
        now: Tick,
        kind: Kind,
        quantile: f64,
        accept: impl Fn(NodeId) -> bool,
    ) -> Option<Target> {
        let ranked = self.audience.ranked(kind);
        let last = ranked.len().checked_sub(1)?;
        let middle = (quantile.clamp(0.0, 1.0) * last as f64).round() as usize;
        let near = (0..TRIES).filter_map(|step| {
            let away = step.div_ceil(2);
            if step % 2 == 1 { middle.checked_add(away).filter(|rank| *rank <= last) } else { middle.checked_sub(away) }
        });
        let mut valid = near.filter_map(|rank| ranked.get(rank)).filter_map(|entry| self.valid(entry, now, kind).ok());
        let found = valid.find(|(_, node)| accept(*node));
        found.map(|(slot, node)| self.target(&Candidate { slot, node, score: 0.0 }, now, kind))
    }

    /// Draws from the recent ring, then walks down the sorted list, until enough candidates are compared.
    fn choose<'a>(
        &'a self,
        now: Tick,
        kind: Kind,
        want: Want,
        draw: u64,
        accept: impl Fn(NodeId) -> bool,
        mut seen: impl FnMut(Entry, Source, Outcome),
    ) -> Option<Candidate<'a>> {
        let choices = want.choices.clamp(1, Want::MOST_CHOICES);
        let (recent, ranked) = (self.audience.recent(kind), self.audience.ranked(kind));
        let filled = recent.filled().max(1);
        let mut bits = draw;
        let drawn = (0..TRIES).filter_map(|_| {
            // A step of a congruential generator for each draw; the upper bits are good.
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            recent.at(((bits >> 33) * filled as u64) >> 31).map(|entry| (entry, Source::Recent))
        });
        let walked = (0..TRIES).filter_map(|rank| ranked.get(rank).map(|entry| (entry, Source::Ranked)));
        let mut best: Option<Candidate<'a>> = None;
        let mut compared = [u32::MAX; Want::MOST_CHOICES];
        let mut found = 0;
        for (entry, source) in drawn.chain(walked) {
            // Who speaks often is drawn often: another one is wanted to compare it with.
            if compared.contains(&entry.slot()) {
                continue;
            }
            let candidate = match self.judge(entry, now, kind, want, &accept) {
                Ok(candidate) => candidate,
                Err(outcome) => {
                    seen(entry, source, outcome);
                    continue;
                }
            };
            seen(entry, source, Outcome::Compared { score: candidate.score });
            compared[found] = entry.slot();
            found += 1;
            if best.as_ref().is_none_or(|best| candidate.score > best.score) {
                best = Some(candidate);
            }
            if found >= choices {
                break;
            }
        }
        best
    }

    fn judge(
        &self,
        entry: Entry,
        now: Tick,
        kind: Kind,
        want: Want,
        accept: &impl Fn(NodeId) -> bool,
    ) -> Result<Candidate<'_>, Outcome> {
        let (slot, node) = self.valid(entry, now, kind)?;
        if !accept(node) {
            return Err(Outcome::NotAccepted);
        }
        let score = self.score(slot, now, kind, want.size).ok_or(Outcome::NoRoom)?;
        Ok(Candidate { slot, node, score })
    }

    /// The node of an entry, when it may be a target now.
    #[inline]
    fn valid(&self, entry: Entry, now: Tick, kind: Kind) -> Result<(&Slot, NodeId), Outcome> {
        let slot = self.slots.get(entry.slot()).ok_or(Outcome::Expired)?;
        let node = slot.check(entry).map_err(Outcome::Barred)?;
        // The stamp bounds what is believed if the slot's own times were ever behind.
        if now >= slot.expires(kind) || entry.age(now) > 36_000_000 { Err(Outcome::Expired) } else { Ok((slot, node)) }
    }

    /// How good a node is; `None` when what is wanted does not seem to fit.
    fn score(&self, slot: &Slot, now: Tick, kind: Kind, size: f64) -> Option<f64> {
        let timing = slot.timing(kind);
        let (frequency, pending) = (self.frequency(timing.at, timing.newest, now, kind), slot.pending());
        let availability = match self.rates.recover(kind, 1.0, frequency) {
            Recovered::One(f) => f,
            Recovered::Impossible | Recovered::Two(..) => self.rates.min(),
        };
        // At the floor nothing is known to be free: f_RA = min stands for everything down to zero.
        let left = if availability <= self.rates.min() * 1.05 { 0.0 } else { availability };
        match kind {
            // Among nodes drawn as often as they have room, the one that will be the least full of its own capacity.
            Kind::Balance => {
                // Nobody has more to give than it has.
                let left = left.min(slot.share()) - pending - size;
                (size <= 0.0 || left >= 0.0).then_some(left / slot.share())
            }
            Kind::Power => {
                let left = left - (pending + size) / slot.share();
                (size <= 0.0 || left >= 0.0).then_some(-left)
            }
            Kind::Mixed => Some(frequency / self.rates.fastest(kind) - pending),
        }
    }

    /// Messages per second from a period, but no more than the silence since allows.
    fn frequency(&self, at: Tick, period: Option<f32>, now: Tick, kind: Kind) -> f64 {
        let slowest = self.rates.slowest(kind);
        let Some(period) = period else { return slowest };
        let silent = now.since(at).0 as f64 / 1000.0;
        // A period and a tenth is still jitter.
        (1.0 / f64::from(period).max(silent / 1.1)).clamp(slowest, self.rates.fastest(kind))
    }

    fn target(&self, candidate: &Candidate<'_>, now: Tick, kind: Kind) -> Target {
        let timing = candidate.slot.timing(kind);
        let frequency = self.frequency(timing.at, timing.period, now, kind);
        let availability = match self.rates.recover(kind, 1.0, frequency) {
            Recovered::One(f) if timing.period.is_some() && kind != Kind::Mixed => Some(f),
            _ => None,
        };
        let age = now.since(timing.at).0;
        Target { node: candidate.node, availability, error: f64::from(timing.error), age }
    }
}

/// How many of the last messages a pick draws from.
pub const DRAWN_FROM: usize = RECENT;
