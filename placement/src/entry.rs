//! One entry of a ring: who spoke and about when, in 64 bits, so that it is read and written whole.

use rollcall_model::Tick;

/// The most nodes that one receiver can know: slots are numbered in 20 bits.
pub(crate) const MOST_SLOTS: u32 = 1 << 20;
const GENERATIONS: u32 = 1 << 10;
/// A stamp counts steps of 16 ms; in 34 bits they last eight years.
const STEP: u64 = 16;
const STAMPS: u64 = 1 << 34;

/// A slot, the generation of its holder, and a coarse time: 20 + 10 + 34 bits.
///
/// The generation goes up whenever a slot changes hands, so that an entry about a node that was removed is never taken
/// for one about its successor (until 1024 nodes have held the slot, which takes longer than an entry is believed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u64);

impl Entry {
    pub(crate) const NONE: u64 = u64::MAX;

    /// `slot` below 2^20; of the generation the lower ten bits count.
    #[must_use]
    pub const fn new(slot: u32, generation: u32, at: Tick) -> Self {
        let head = ((slot % MOST_SLOTS) as u64) << 44 | ((generation % GENERATIONS) as u64) << 34;
        // All ones is "no entry": the last slot in its last generation at the last stamp gives up one step of time.
        let stamp = at.0 / STEP % STAMPS;
        Self(if head | stamp == Self::NONE { head | (stamp - 1) } else { head | stamp })
    }

    /// As stored; `None` where nothing was written yet.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits == Self::NONE { None } else { Some(Self(bits)) }
    }

    /// As stored.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The slot.
    #[must_use]
    pub const fn slot(self) -> u32 {
        (self.0 >> 44) as u32
    }

    /// The lower ten bits of the generation of the slot's holder.
    #[must_use]
    pub const fn generation(self) -> u32 {
        (self.0 >> 34) as u32 % GENERATIONS
    }

    /// How long ago it was written, in milliseconds, to within 16. A reader whose `now` was taken a moment before the
    /// entry was written sees 0; anything further in the future is older than anyone believes.
    #[must_use]
    pub const fn age(self, now: Tick) -> u64 {
        let steps = (now.0 / STEP % STAMPS).wrapping_sub(self.0 % STAMPS) % STAMPS;
        let ahead = STAMPS - steps;
        if ahead < 1000 { 0 } else { steps * STEP }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(slot in 0..MOST_SLOTS, generation in 0..GENERATIONS, at in 0..1_u64 << 37, later in 0..1_u64 << 30) {
            let entry = Entry::from_bits(Entry::new(slot, generation, Tick(at)).bits()).expect("an entry");
            prop_assert_eq!((entry.slot(), entry.generation()), (slot, generation));
            prop_assert!(entry.age(Tick(at + later)).abs_diff(later) <= 16);
        }
    }

    #[test]
    fn an_entry_from_the_future_is_not_young_for_long() {
        let entry = Entry::new(1, 1, Tick(100_000));
        assert_eq!(entry.age(Tick(99_000)), 0);
        assert!(entry.age(Tick(10_000)) > 1 << 36);
        assert_eq!(Entry::from_bits(Entry::NONE), None);
        assert!(Entry::from_bits(Entry::new(u32::MAX, u32::MAX, Tick(u64::MAX)).bits()).is_some());
    }
}
