//! The virtual clock: what happens when. Equal times keep the order in which they were entered.

use std::collections::BTreeMap;

/// What is to happen, by time.
#[derive(Debug)]
pub struct Agenda<T> {
    now: u64,
    count: u64,
    entries: BTreeMap<(u64, u64), T>,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { now: 0, count: 0, entries: BTreeMap::new() }
    }
}

impl<T> Agenda<T> {
    /// Virtual milliseconds since the world began.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// Enters something; what should have been already happens next.
    pub fn enter(&mut self, at: u64, what: T) {
        self.count += 1;
        self.entries.insert((at.max(self.now), self.count), what);
    }

    /// Takes out what comes next and moves the clock there; `None` when nothing is left before `end`.
    pub fn next_before(&mut self, end: u64) -> Option<T> {
        let entry = self.entries.first_entry()?;
        let (at, _) = *entry.key();
        if at >= end {
            return None;
        }
        self.now = at;
        Some(entry.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_entered_for_one_time_happens_in_the_order_of_entry() {
        let mut agenda = Agenda::default();
        for (at, what) in [(5, 'b'), (3, 'a'), (5, 'c'), (9, 'd')] {
            agenda.enter(at, what);
        }
        let seen: String = std::iter::from_fn(|| agenda.next_before(9)).collect();
        assert_eq!((seen.as_str(), agenda.now()), ("abc", 5));
    }
}
