//! Per-node timing queues (A5; US 9,049,193, FIG. 17 and 21): how often a node spoke lately, from when it was heard.
//!
//! The patent divides a number of messages by the time they took. A lost message would then make a node look busier than
//! it is, a duplicate freer, and a change would be believed only when the queue has turned over. Here the period is found
//! first (the median of the intervals, which a few losses do not move), then each interval is divided by how many periods
//! it spans: what was lost is counted as sent.

use rollcall_model::Tick;

/// Arrivals kept.
const KEPT: usize = 9;
/// An interval that spans more periods than this is no loss but a pause: what was before is forgotten.
const MOST_LOST: f64 = 4.0;
/// Intervals that differ by less than this are of one period.
const ALIKE: f64 = 0.3;

/// The period of a node's messages, as recovered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Seconds from one message to the next.
    pub period: f64,
    /// The relative standard error of the period, and so of the frequency.
    pub error: f64,
    /// From how many intervals.
    pub intervals: usize,
}

/// The last few arrivals of one kind from one node.
#[derive(Clone, Debug, Default)]
pub struct TimingQueue {
    arrivals: [u64; KEPT],
    number: usize,
}

impl TimingQueue {
    /// A message came. `shortest` is the shortest period that is possible, in seconds: what comes sooner than half of it
    /// after the one before is a duplicate, or was held up, and is not taken (returns `false`).
    pub fn push(&mut self, now: Tick, shortest: f64) -> bool {
        if let Some(last) = self.last() {
            let since = now.since(last).0 as f64 / 1000.0;
            if since < shortest / 2.0 {
                return false;
            }
            if self.estimate().is_some_and(|estimate| since > (MOST_LOST + 0.5) * estimate.period) {
                self.clear();
            }
        }
        if self.number == KEPT {
            self.arrivals.rotate_left(1);
            self.number -= 1;
        }
        self.arrivals[self.number] = now.0;
        self.number += 1;
        self.forget_before_a_change();
        true
    }

    /// Forgets everything: the next interval would not be one of the node's.
    pub fn clear(&mut self) {
        self.number = 0;
    }

    /// When the last message came that was taken.
    #[must_use]
    pub fn last(&self) -> Option<Tick> {
        self.number.checked_sub(1).map(|last| Tick(self.arrivals[last]))
    }

    /// The newest interval, in seconds: noisier than the estimate, and many periods fresher. A choice between nodes is
    /// better made by it (`docs/placement.md` has the figures).
    #[must_use]
    pub fn newest_interval(&self) -> Option<f64> {
        let mut buffer = [0.0; KEPT - 1];
        self.intervals(&mut buffer).last().copied()
    }

    /// The period, once two messages came.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let mut buffer = [0.0; KEPT - 1];
        let intervals = self.intervals(&mut buffer);
        let median = median(intervals)?;
        let spans = |interval: f64| (interval / median).round().max(1.0);
        let periods: f64 = intervals.iter().map(|interval| spans(*interval)).sum();
        let period = intervals.iter().sum::<f64>() / periods;
        let square: f64 = intervals.iter().map(|interval| (interval / spans(*interval) / period - 1.0).powi(2)).sum();
        let number = intervals.len() as f64;
        // A single interval says nothing of its own error: a usual jitter of a tenth, uniform, is taken.
        let spread = if number > 1.0 { (square / (number - 1.0)).sqrt() } else { 0.1 / 3.0_f64.sqrt() };
        Some(Estimate { period, error: spread / number.sqrt(), intervals: intervals.len() })
    }

    /// Two intervals in a row that are like each other and unlike those before are a new frequency, not jitter or loss.
    fn forget_before_a_change(&mut self) {
        let mut buffer = [0.0; KEPT - 1];
        let intervals = self.intervals(&mut buffer);
        let Some((older, newest)) = intervals.len().checked_sub(2).map(|middle| intervals.split_at(middle)) else {
            return;
        };
        let Some(before) = median(older) else { return };
        let alike = |a: f64, b: f64| (a / b).max(b / a) < 1.0 + ALIKE;
        let both = (newest[0] + newest[1]) / 2.0;
        if alike(newest[0], newest[1]) && !alike(both, before) {
            self.arrivals.copy_within(self.number - 3..self.number, 0);
            self.number = 3;
        }
    }

    fn intervals<'a>(&self, buffer: &'a mut [f64; KEPT - 1]) -> &'a [f64] {
        let arrivals = &self.arrivals[..self.number];
        for (interval, pair) in buffer.iter_mut().zip(arrivals.windows(2)) {
            *interval = pair[1].saturating_sub(pair[0]) as f64 / 1000.0;
        }
        &buffer[..self.number.saturating_sub(1)]
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = [0.0; KEPT - 1];
    let sorted = sorted.get_mut(..values.len()).filter(|sorted| !sorted.is_empty())?;
    sorted.copy_from_slice(values);
    sorted.sort_by(f64::total_cmp);
    // The lower of two in the middle: losses lengthen intervals, nothing shortens them.
    Some(sorted[(sorted.len() - 1) / 2])
}

#[cfg(test)]
#[path = "timing_tests.rs"]
mod tests;
