//! The overwriting ring (A3; US 9,049,193, FIG. 13 and 14): the newest entries, written over the oldest.
//!
//! Every entry is one atomic word, so that a reader never sees half of one and nobody waits: a read is a few loads, a
//! write an addition and a store, whatever the others do. Reading takes nothing out. With two entries it is the patent's
//! queue; a longer one is a sample of who spoke lately, each as often as it spoke.

use crate::entry::Entry;
use crate::sync::{AtomicU64, Ordering};

/// A ring of `N` entries, for any number of writers and readers.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    entries: [AtomicU64; N],
    /// How many were written since the beginning; modulo `N` it is the "in" pointer, where the oldest entry is.
    written: AtomicU64,
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        const { assert!(N > 0, "a ring has entries") };
        Self { entries: std::array::from_fn(|_| AtomicU64::new(Entry::NONE)), written: AtomicU64::new(0) }
    }
}

impl<const N: usize> Ring<N> {
    /// Writes over the oldest entry.
    pub fn push(&self, entry: Entry) {
        let place = self.written.fetch_add(1, Ordering::AcqRel);
        self.entries[place as usize % N].store(entry.bits(), Ordering::Release);
    }

    /// The entry written last. While a writer is between its two steps that is still the one it is about to replace.
    #[must_use]
    pub fn newest(&self) -> Option<Entry> {
        self.newest_first().next()
    }

    /// The oldest entry that is kept: what the patent's `out()` returns.
    #[must_use]
    pub fn oldest(&self) -> Option<Entry> {
        let next = self.written.load(Ordering::Acquire);
        (0..N as u64).find_map(|back| self.at(next.wrapping_add(back)))
    }

    /// All entries, from the newest to the oldest.
    pub fn newest_first(&self) -> impl Iterator<Item = Entry> {
        let next = self.written.load(Ordering::Acquire);
        (1..=N as u64).filter_map(move |back| self.at(next.wrapping_sub(back)))
    }

    /// The entry at any place: a way to draw one at random. `None` where nothing was written yet.
    #[must_use]
    pub fn at(&self, place: u64) -> Option<Entry> {
        Entry::from_bits(self.entries[place as usize % N].load(Ordering::Acquire))
    }

    /// Takes out the entries that `which` names, for the single writer: readers skip their places.
    pub fn scrub(&self, which: impl Fn(Entry) -> bool) {
        for place in &self.entries {
            if Entry::from_bits(place.load(Ordering::Acquire)).is_some_and(&which) {
                place.store(Entry::NONE, Ordering::Release);
            }
        }
    }

    /// How many entries there are to draw from: up to `N`.
    #[must_use]
    pub fn filled(&self) -> usize {
        usize::try_from(self.written.load(Ordering::Acquire)).unwrap_or(N).min(N)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use rollcall_model::Tick;

    use super::*;

    fn entry(slot: u32) -> Entry {
        Entry::new(slot, 0, Tick(0))
    }

    #[test]
    fn the_newest_two_stay() {
        let ring = Ring::<2>::default();
        assert_eq!((ring.newest(), ring.oldest(), ring.filled()), (None, None, 0));
        ring.push(entry(1));
        assert_eq!((ring.newest(), ring.oldest()), (Some(entry(1)), Some(entry(1))), "one alone is both");
        ring.push(entry(2));
        ring.push(entry(3));
        assert_eq!((ring.newest(), ring.oldest(), ring.filled()), (Some(entry(3)), Some(entry(2)), 2));
        assert_eq!(ring.newest_first().collect::<Vec<_>>(), [entry(3), entry(2)]);
        ring.scrub(|kept| kept.slot() == 3);
        assert_eq!(ring.newest(), Some(entry(2)));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;
    use rollcall_model::Tick;

    use super::*;

    fn entry(slot: u32) -> Entry {
        Entry::new(slot, slot, Tick(u64::from(slot) * 1600))
    }

    /// A reader gets what some writer wrote, whole, while two write at once; and after both are done, what they wrote.
    #[test]
    fn loom_two_writers_and_a_reader() {
        loom::model(|| {
            let ring = Arc::new(Ring::<2>::default());
            ring.push(entry(1));
            let writers: Vec<_> = [2, 3]
                .map(|slot| {
                    let ring = ring.clone();
                    thread::spawn(move || ring.push(entry(slot)))
                })
                .into_iter()
                .collect();
            let read = ring.newest().or(ring.oldest()).expect("there is always one");
            assert!([1, 2, 3].map(entry).contains(&read), "{read:?}");
            for writer in writers {
                writer.join().expect("a writer ends");
            }
            let mut kept: Vec<u32> = ring.newest_first().map(Entry::slot).collect();
            kept.sort_unstable();
            assert_eq!(kept, [2, 3]);
        });
    }

    /// A single writer's newest entry never goes back beyond the ring's length.
    #[test]
    fn loom_a_reader_follows_a_writer() {
        loom::model(|| {
            let ring = Arc::new(Ring::<2>::default());
            ring.push(entry(1));
            let writer = {
                let ring = ring.clone();
                thread::spawn(move || (2..=3).for_each(|slot| ring.push(entry(slot))))
            };
            let (first, second) = (ring.newest().expect("one"), ring.newest().expect("one"));
            assert!(second.slot() + 1 >= first.slot(), "{first:?} then {second:?}");
            writer.join().expect("the writer ends");
            assert_eq!(ring.newest(), Some(entry(3)));
        });
    }
}
