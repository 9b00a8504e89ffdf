//! Counters seen over time.

use std::collections::{BTreeMap, VecDeque};

use rollcall_model::{Millis, Tick};

/// No counter watched here grows by more than this between two looks: such a step is garbage or a driver that began
/// anew, and is no event.
const WILD: u64 = 10_000_000;

/// How much a counter grew within a span that ends now.
pub(super) struct Window {
    span: Millis,
    total: Option<u64>,
    growth: VecDeque<(Tick, u64)>,
}

impl Window {
    pub(super) fn new(span: Millis) -> Self {
        Self { span, total: None, growth: VecDeque::new() }
    }

    /// Takes the counter's value and says how much it grew within the span. The first value is where growth
    /// is counted from; a counter that went back or leapt was reset, and is counted on from there.
    pub(super) fn observe(&mut self, now: Tick, total: u64) -> f64 {
        let grown = self.total.replace(total).map_or(0, |before| growth(before, total));
        self.add(now, grown)
    }

    /// Takes growth that was counted elsewhere and says how much there was within the span.
    pub(super) fn add(&mut self, now: Tick, grown: u64) -> f64 {
        if grown > 0 {
            self.growth.push_back((now, grown));
        }
        while self.growth.front().is_some_and(|(then, _)| now.since(*then) >= self.span) {
            self.growth.pop_front();
        }
        self.growth.iter().fold(0_u64, |sum, (_, grown)| sum.saturating_add(*grown)) as f64
    }
}

fn growth(before: u64, now: u64) -> u64 {
    now.checked_sub(before).filter(|grown| *grown <= WILD).unwrap_or(0)
}

/// Several counters of the same thing, each counted from where it was first seen: one that appears later brings
/// nothing of its past along.
pub(super) struct Counters {
    window: Window,
    last: BTreeMap<String, u64>,
}

impl Counters {
    pub(super) fn new(span: Millis) -> Self {
        Self { window: Window::new(span), last: BTreeMap::new() }
    }

    /// Takes the counters that answer now and says how much they grew, together, within the span.
    pub(super) fn observe(&mut self, now: Tick, counters: impl Iterator<Item = (String, u64)>) -> f64 {
        let mut grown = 0_u64;
        for (name, total) in counters {
            let before = self.last.insert(name, total).unwrap_or(total);
            grown = grown.saturating_add(growth(before, total));
        }
        self.window.add(now, grown)
    }
}

/// For how much of a span that ends now something held, by the samples taken.
pub(super) struct Share {
    span: Millis,
    samples: VecDeque<(Tick, bool)>,
}

impl Share {
    pub(super) fn new(span: Millis) -> Self {
        Self { span, samples: VecDeque::new() }
    }

    /// Takes a sample and says the share, in percent.
    pub(super) fn observe(&mut self, now: Tick, holds: bool) -> f64 {
        self.samples.push_back((now, holds));
        while self.samples.front().is_some_and(|(then, _)| now.since(*then) >= self.span) {
            self.samples.pop_front();
        }
        let holding = self.samples.iter().filter(|(_, holds)| *holds).count();
        100.0 * holding as f64 / self.samples.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_what_happened_within_it() {
        let mut window = Window::new(Millis(60_000));
        // (second, counter, growth of the last minute)
        for (second, total, expected) in
            [(0, 1_000, 0.0), (5, 1_000, 0.0), (10, 1_003, 3.0), (60, 1_004, 4.0), (71, 1_004, 1.0), (120, 1_004, 0.0)]
        {
            assert_eq!(window.observe(Tick(second * 1_000), total), expected, "at {second} s");
        }
        assert_eq!(window.observe(Tick(121_000), 2), 0.0, "a reset is no event");
        assert_eq!(window.observe(Tick(122_000), 3), 1.0);
        assert_eq!(window.observe(Tick(123_000), u64::MAX), 1.0, "a leap is no event");
        assert_eq!(window.observe(Tick(124_000), 5), 1.0);
        assert_eq!(window.observe(Tick(125_000), 6), 2.0);
    }

    #[test]
    fn a_counter_that_appears_later_brings_no_past_along() {
        let mut counters = Counters::new(Millis(60_000));
        let one = |name: &str, total| (name.to_owned(), total);
        assert_eq!(counters.observe(Tick(0), [one("cpu0", 5)].into_iter()), 0.0);
        assert_eq!(counters.observe(Tick(1), [one("cpu0", 6), one("cpu1", 900)].into_iter()), 1.0);
        assert_eq!(counters.observe(Tick(2), [one("cpu1", 902)].into_iter()), 3.0);
    }

    #[test]
    fn a_share_forgets_what_is_long_past() {
        let mut share = Share::new(Millis(10_000));
        assert_eq!(share.observe(Tick(0), true), 100.0);
        assert_eq!(share.observe(Tick(5_000), false), 50.0);
        assert_eq!(share.observe(Tick(11_000), false), 0.0);
    }
}
