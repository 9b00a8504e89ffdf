//! What one audience (everybody, or a group) shares with its readers: rings and sorted lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_model::Tick;

use crate::counts::CountLists;
use crate::entry::Entry;
use crate::frequency::Kind;
use crate::ring::Ring;
use crate::slots::Slots;
use crate::sync::{AtomicU64, Ordering};

/// How many of the last messages `pick` draws from.
pub(crate) const RECENT: usize = 64;
/// How many ranks a sorted list keeps for readers; of a larger audience, as many evenly spaced ones.
const RANKS: usize = 1024;

/// Per kind: the two-entry ring, a longer one to draw from, and the sorted list.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    rings: [Ring<2>; 3],
    recent: [Ring<RECENT>; 3],
    ranked: [Ranked; 3],
}

/// A count list, sorted for readers: entries from the most often heard to the least.
///
/// A reader that comes while it is rewritten sees some of the old and some of the new: each entry is whole and is checked
/// by itself.
#[derive(Debug)]
pub(crate) struct Ranked {
    entries: Box<[AtomicU64]>,
    length: AtomicU64,
}

impl Default for Ranked {
    fn default() -> Self {
        let entries = (0..RANKS).map(|_| AtomicU64::new(Entry::NONE)).collect();
        Self { entries, length: AtomicU64::new(0) }
    }
}

impl Ranked {
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.length.load(Ordering::Acquire)).unwrap_or(0)
    }

    pub(crate) fn get(&self, rank: usize) -> Option<Entry> {
        self.entries.get(rank).and_then(|entry| Entry::from_bits(entry.load(Ordering::Acquire)))
    }

    fn write(&self, sorted: &[Entry]) {
        let length = sorted.len().min(RANKS);
        for (rank, place) in self.entries.iter().take(length).enumerate() {
            place.store(sorted[rank * sorted.len() / length].bits(), Ordering::Release);
        }
        self.length.store(length as u64, Ordering::Release);
    }

    fn scrub(&self, which: impl Fn(Entry) -> bool) {
        for place in &self.entries {
            if Entry::from_bits(place.load(Ordering::Acquire)).is_some_and(&which) {
                place.store(Entry::NONE, Ordering::Release);
            }
        }
    }
}

impl Audience {
    pub(crate) fn push(&self, kind: Kind, entry: Entry) {
        self.rings[kind.index()].push(entry);
        self.recent[kind.index()].push(entry);
    }

    #[inline]
    pub(crate) fn ring(&self, kind: Kind) -> &Ring<2> {
        &self.rings[kind.index()]
    }

    #[inline]
    pub(crate) fn recent(&self, kind: Kind) -> &Ring<RECENT> {
        &self.recent[kind.index()]
    }

    pub(crate) fn ranked(&self, kind: Kind) -> &Ranked {
        &self.ranked[kind.index()]
    }

    /// Takes entries out of everything that readers see.
    pub(crate) fn scrub(&self, which: impl Fn(Entry) -> bool) {
        self.rings.iter().for_each(|ring| ring.scrub(&which));
        self.recent.iter().for_each(|ring| ring.scrub(&which));
        self.ranked.iter().for_each(|ranked| ranked.scrub(&which));
    }
}

/// An audience and who belongs to it, as its owner knows.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) audience: Arc<Audience>,
    pub(super) members: BTreeSet<u32>,
}

impl Crowd {
    pub(super) fn admit(&mut self, slot: u32) {
        self.members.insert(slot);
    }

    pub(super) fn dismiss(&mut self, slot: u32) {
        self.members.remove(&slot);
        self.audience.scrub(|entry| entry.slot() == slot);
    }

    /// Sorts by how often members were met, those met equally often by the period they are heard at. Leaves out those whose
    /// word has expired; a slow one may have been met not at all and still be there, at the end.
    pub(super) fn rank(&self, kind: Kind, now: Tick, slots: &Slots, counts: &CountLists) {
        let mut met: Vec<(u32, f32, Entry)> = Vec::with_capacity(self.members.len());
        for slot in &self.members {
            let Some(holder) = slots.get(*slot) else { continue };
            let (count, timing) = (counts.get(*slot), holder.timing(kind));
            if timing.expires > now && holder.barriers().is_empty() {
                let period = timing.period.unwrap_or(f32::INFINITY);
                met.push((count, period, Entry::new(*slot, holder.generation(), timing.at)));
            }
        }
        met.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
        let sorted: Vec<Entry> = met.into_iter().map(|(_, _, entry)| entry).collect();
        self.audience.ranked[kind.index()].write(&sorted);
    }
}
