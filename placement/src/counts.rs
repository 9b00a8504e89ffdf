//! The two alternating count lists (A6; US 9,049,193, FIG. 24): who was met how often in the last while.
//!
//! Counts go into both. At each switch the current list is cleared and the other, which has been counting since the switch
//! before, becomes current: what is read always covers between one and two intervals, and never a node's distant past.

/// Counts per slot, over the last one to two intervals.
#[derive(Debug)]
pub(crate) struct CountLists {
    lists: [Vec<u32>; 2],
    current: usize,
}

impl CountLists {
    pub(crate) fn new(slots: usize) -> Self {
        Self { lists: [vec![0; slots], vec![0; slots]], current: 0 }
    }

    /// A node was met.
    pub(crate) fn count(&mut self, slot: u32) {
        for list in &mut self.lists {
            if let Some(count) = list.get_mut(slot as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// The slot has another holder.
    pub(crate) fn forget(&mut self, slot: u32) {
        for list in &mut self.lists {
            if let Some(count) = list.get_mut(slot as usize) {
                *count = 0;
            }
        }
    }

    /// Clears the current list and goes on with the other.
    pub(crate) fn switch(&mut self) {
        self.lists[self.current].fill(0);
        self.current = 1 - self.current;
    }

    /// How often a node was met.
    pub(crate) fn get(&self, slot: u32) -> u32 {
        self.lists[self.current].get(slot as usize).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_one_to_two_intervals_old() {
        let mut counts = CountLists::new(2);
        counts.count(0);
        counts.switch();
        assert_eq!(counts.get(0), 1, "the other list counted it too");
        counts.count(1);
        counts.switch();
        assert_eq!((counts.get(0), counts.get(1)), (0, 1), "two switches later it is forgotten");
        counts.forget(1);
        assert_eq!(counts.get(1), 0);
        counts.count(99);
    }
}
