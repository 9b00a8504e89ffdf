//! Counters seen over time.

use std::collections::VecDeque;

use rollcall_model::{Millis, Tick};

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
    /// is counted from; a counter that went back was reset, and counted from there.
    pub(super) fn observe(&mut self, now: Tick, total: u64) -> f64 {
        if let Some(before) = self.total.replace(total)
            && total > before
        {
            self.growth.push_back((now, total - before));
        }
        while self.growth.front().is_some_and(|(then, _)| now.since(*then) >= self.span) {
            self.growth.pop_front();
        }
        self.growth.iter().fold(0_u64, |sum, (_, grown)| sum.saturating_add(*grown)) as f64
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
    }

    #[test]
    fn a_share_forgets_what_is_long_past() {
        let mut share = Share::new(Millis(10_000));
        assert_eq!(share.observe(Tick(0), true), 100.0);
        assert_eq!(share.observe(Tick(5_000), false), 50.0);
        assert_eq!(share.observe(Tick(11_000), false), 0.0);
    }
}
