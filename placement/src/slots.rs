//! What readers on other threads may know of each node, in atomics: who it is, whether it may be a target, how often it
//! was heard. Written by the one receiver, read by anybody, waited for by nobody.

use rollcall_model::{NodeId, Tick};

use crate::entry::Entry;
use crate::frequency::Kind;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// A reason why a node is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Barrier {
    /// It was removed.
    Gone = 1,
    /// Its state is neither healthy nor degraded.
    State = 2,
    /// It is being drained.
    Draining = 4,
    /// It is quarantined.
    Quarantined = 8,
    /// It does not measure what it would have to say.
    Unmeasured = 16,
    /// It spoke faster than anybody can who tells the truth.
    Capped = 32,
}

impl Barrier {
    const ALL: [Self; 6] = [Self::Gone, Self::State, Self::Draining, Self::Quarantined, Self::Unmeasured, Self::Capped];

    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "removed",
            Self::State => "not healthy or degraded",
            Self::Draining => "draining",
            Self::Quarantined => "quarantined",
            Self::Unmeasured => "unmeasured",
            Self::Capped => "speaks faster than possible",
        }
    }
}

/// A set of barriers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Barriers(u32);

impl Barriers {
    /// With or without one.
    #[must_use]
    pub const fn with(self, barrier: Barrier, on: bool) -> Self {
        if on { Self(self.0 | barrier as u32) } else { Self(self.0 & !(barrier as u32)) }
    }

    /// Whether the node may be a target.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are up.
    pub fn iter(self) -> impl Iterator<Item = Barrier> {
        Barrier::ALL.into_iter().filter(move |barrier| self.0 & *barrier as u32 != 0)
    }
}

/// What was heard of a node of one kind of message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timing {
    /// When the last message came.
    pub(crate) at: Tick,
    /// From when on the node is silent for too long to be believed.
    pub(crate) expires: Tick,
    /// The period recovered, in seconds; none after a single message.
    pub(crate) period: Option<f32>,
    /// The newest interval, in seconds: what choices are made by.
    pub(crate) newest: Option<f32>,
    /// Its relative error.
    pub(crate) error: f32,
}

#[derive(Debug, Default)]
struct Heard {
    at: AtomicU64,
    expires: AtomicU64,
    /// Period and newest interval as two `f32`, 0 for none.
    period: AtomicU64,
    error: AtomicU32,
}

#[derive(Debug)]
pub(crate) struct Slot {
    /// The holder's generation, and its barriers in the lower half.
    word: AtomicU64,
    id: [AtomicU64; 2],
    /// Capacity beside the largest node's, as an `f32`.
    share: AtomicU32,
    /// What readers placed here that the node's own messages do not show yet: 1/65536 of the largest node.
    pending: AtomicU32,
    heard: [Heard; 3],
}

/// All slots, fixed in number.
#[derive(Debug)]
pub(crate) struct Slots(Box<[Slot]>);

impl Slots {
    pub(crate) fn new(number: usize) -> Self {
        let empty = || Slot {
            word: AtomicU64::new(Barrier::Gone as u64),
            id: Default::default(),
            share: AtomicU32::new(1.0_f32.to_bits()),
            pending: AtomicU32::new(0),
            heard: Default::default(),
        };
        Self((0..number).map(|_| empty()).collect())
    }

    /// The slot of an entry; `None` for one that there is not.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Slot> {
        self.0.get(slot as usize)
    }
}

impl Slot {
    /// Gives the slot to a node, with barriers. Writer only. Returns the generation.
    pub(crate) fn take(&self, node: NodeId, barriers: Barriers) -> u32 {
        let generation = self.generation().wrapping_add(1);
        // A reader that sees any of the new id below also sees this: see `check`.
        self.word.store(u64::from(generation) << 32 | Barrier::Gone as u64, Ordering::Release);
        let bits = u128::from_be_bytes(*node.as_bytes());
        self.id[0].store((bits >> 64) as u64, Ordering::Release);
        self.id[1].store(bits as u64, Ordering::Release);
        self.share.store(1.0_f32.to_bits(), Ordering::Release);
        self.pending.store(0, Ordering::Release);
        for heard in &self.heard {
            heard.expires.store(0, Ordering::Release);
            heard.period.store(0, Ordering::Release);
            heard.at.store(0, Ordering::Release);
        }
        self.word.store(u64::from(generation) << 32 | u64::from(barriers.0), Ordering::Release);
        generation
    }

    /// Takes the slot back: no entry about its holder is returned any more. Writer only.
    pub(crate) fn leave(&self) {
        let word = self.word.load(Ordering::Relaxed);
        self.word.store(word | Barrier::Gone as u64, Ordering::Release);
    }

    /// Writer only.
    pub(crate) fn set_barriers(&self, barriers: Barriers) {
        let generation = u64::from(self.generation());
        self.word.store(generation << 32 | u64::from(barriers.0), Ordering::Release);
    }

    pub(crate) fn barriers(&self) -> Barriers {
        Barriers(self.word.load(Ordering::Acquire) as u32)
    }

    pub(crate) fn generation(&self) -> u32 {
        (self.word.load(Ordering::Acquire) >> 32) as u32
    }

    /// The node that an entry speaks of, when it still holds the slot and nothing bars it.
    ///
    /// The word is read before and after the id: the id's loads acquire what its stores released, so that a reader who
    /// caught any of a successor's id finds the word changed.
    ///
    /// # Errors
    /// The barriers; [`Barrier::Gone`] when the slot changed hands.
    #[inline]
    pub(crate) fn check(&self, entry: Entry) -> Result<NodeId, Barriers> {
        let word = self.word.load(Ordering::Acquire);
        let gone = Barriers(Barrier::Gone as u32);
        if (word >> 32) as u32 % 1024 != entry.generation() {
            return Err(gone);
        }
        if word as u32 != 0 {
            return Err(Barriers(word as u32));
        }
        let id = self.id();
        if self.word.load(Ordering::Acquire) == word { Ok(id) } else { Err(gone) }
    }

    #[inline]
    pub(crate) fn id(&self) -> NodeId {
        let bits =
            u128::from(self.id[0].load(Ordering::Acquire)) << 64 | u128::from(self.id[1].load(Ordering::Acquire));
        NodeId::from_bytes(bits.to_be_bytes())
    }

    /// Writer only.
    pub(crate) fn set_timing(&self, kind: Kind, timing: Timing) {
        let heard = &self.heard[kind.index()];
        let bits = |seconds: Option<f32>| u64::from(seconds.unwrap_or(0.0).to_bits());
        heard.period.store(bits(timing.period) << 32 | bits(timing.newest), Ordering::Release);
        heard.error.store(timing.error.to_bits(), Ordering::Release);
        heard.at.store(timing.at.0, Ordering::Release);
        heard.expires.store(timing.expires.0, Ordering::Release);
    }

    /// Its parts may be of two messages; either of them is a good answer.
    #[inline]
    pub(crate) fn timing(&self, kind: Kind) -> Timing {
        let heard = &self.heard[kind.index()];
        let periods = heard.period.load(Ordering::Acquire);
        let some = |bits: u64| Some(f32::from_bits(bits as u32)).filter(|seconds| *seconds > 0.0);
        Timing {
            at: Tick(heard.at.load(Ordering::Acquire)),
            expires: self.expires(kind),
            period: some(periods >> 32),
            newest: some(periods),
            error: f32::from_bits(heard.error.load(Ordering::Acquire)),
        }
    }

    #[inline]
    pub(crate) fn expires(&self, kind: Kind) -> Tick {
        Tick(self.heard[kind.index()].expires.load(Ordering::Acquire))
    }

    /// Writer only.
    pub(crate) fn set_share(&self, share: f32) {
        self.share.store(share.to_bits(), Ordering::Release);
    }

    pub(crate) fn share(&self) -> f64 {
        f64::from(f32::from_bits(self.share.load(Ordering::Acquire)))
    }

    /// Something of this size, beside the largest node, was placed here.
    pub(crate) fn place(&self, size: f64) {
        let units = (size.clamp(0.0, 1.0) * 65_536.0) as u32;
        // Past the largest node's whole the sum says nothing more, and it must not wrap.
        if self.pending.load(Ordering::Relaxed) < 1 << 24 {
            self.pending.fetch_add(units, Ordering::Relaxed);
        }
    }

    /// What was placed here and is not yet in the node's own messages.
    pub(crate) fn pending(&self) -> f64 {
        f64::from(self.pending.load(Ordering::Relaxed)) / 65_536.0
    }

    /// The node spoke: half of what was placed before is taken to be in what it says now. Writer only.
    pub(crate) fn settle(&self) {
        let pending = self.pending.load(Ordering::Relaxed);
        self.pending.fetch_sub(pending - pending / 2, Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;
    use rollcall_model::Tick;

    use super::*;

    /// A slot changes hands while it is read: an entry about the old holder gives the old holder or nothing, one about the
    /// new holder the new one or nothing; never a mixture.
    #[test]
    fn loom_a_slot_changes_hands() {
        loom::model(|| {
            let slot = Arc::new(Slots::new(1));
            let (old, new) = (NodeId::from_bytes([1; 16]), NodeId::from_bytes([2; 16]));
            let first = slot.0[0].take(old, Barriers::default());
            let writer = {
                let slot = slot.clone();
                thread::spawn(move || {
                    slot.0[0].leave();
                    slot.0[0].take(new, Barriers::default());
                })
            };
            let entry = |generation| Entry::new(0, generation, Tick(0));
            if let Ok(node) = slot.0[0].check(entry(first)) {
                assert_eq!(node, old);
            }
            if let Ok(node) = slot.0[0].check(entry(first + 1)) {
                assert_eq!(node, new);
            }
            writer.join().expect("the writer ends");
            assert!(slot.0[0].check(entry(first)).is_err(), "what was removed is not returned");
            assert_eq!(slot.0[0].check(entry(first + 1)), Ok(new));
        });
    }
}
