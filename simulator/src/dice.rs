//! Numbers that look random and are the same for ever: SplitMix64 (Steele, Lea and Flood, 2014). Generators of the `rand`
//! crate may change with its version.

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence that belongs to these numbers.
    #[must_use]
    pub fn of(numbers: &[u64]) -> Self {
        let mut dice = Self(0);
        for number in numbers {
            dice.0 = dice.roll() ^ number;
        }
        dice
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number, from 0 to just below 1.
    pub fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number, from 0 to just below `most`; 0 if that is 0.
    pub fn below(&mut self, most: u64) -> u64 {
        self.roll().checked_rem(most).unwrap_or(0)
    }

    /// The pause until the next of events that come independently of each other, so many in a unit of time on the
    /// average (exponentially distributed); in that unit.
    pub fn pause(&mut self, per_unit: f64) -> f64 {
        -(1.0 - self.share()).ln() / per_unit
    }

    /// So many different ones of the numbers below `all`, in no order.
    pub fn choose(&mut self, count: u32, all: u32) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..all).collect();
        let count = count.min(all);
        for place in 0..count {
            let other = place + self.below(u64::from(all - place)) as u32;
            numbers.swap(place as usize, other as usize);
        }
        numbers.truncate(count as usize);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_follows_from_its_numbers_alone() {
        let first = |numbers: &[u64]| Dice::of(numbers).roll();
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[1]), first(&[1, 0]));
    }

    #[test]
    fn the_chosen_differ_and_are_as_many_as_there_can_be() {
        for (count, all) in [(0, 5), (3, 5), (5, 5), (9, 5), (1, 1), (4, 0)] {
            let mut chosen = Dice::of(&[7]).choose(count, all);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len() as u32, count.min(all));
            assert!(chosen.iter().all(|one| *one < all));
        }
    }

    #[test]
    fn pauses_have_the_mean_that_was_asked_for() {
        let mut dice = Dice::of(&[3]);
        let sum: f64 = (0..10_000).map(|_| dice.pause(4.0)).sum();
        assert!((sum / 10_000.0 - 0.25).abs() < 0.01, "{sum}");
    }
}
