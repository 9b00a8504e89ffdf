//! What a daemon counts of itself, as data that its metrics page is written from.

use std::time::Duration;

/// Upper bounds of the buckets of [`Durations`], seconds.
pub const BOUNDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// How long something took, each time: how often it took no longer than each of [`BOUNDS`], and all of it together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Durations {
    /// By bucket, each for itself; what took longer than the last bound comes last.
    counts: [u64; BOUNDS.len() + 1],
    seconds: f64,
}

impl Durations {
    /// Takes one more.
    pub fn take(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket] += 1;
        self.seconds += seconds;
    }

    /// How many were taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum, seconds.
    #[must_use]
    pub const fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Upper bound in seconds and count of each bucket for itself; the last one has no bound.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts)
    }
}

/// What a process counts of its way to one broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkFigures {
    /// Whether messages can be sent now.
    pub is_up: bool,
    /// How often it came up.
    pub connections: u64,
    /// How long ago the way to the broker and back was last proven; `None` before the first time.
    pub proof_age: Option<Duration>,
    /// How long echoes through the own inbox took.
    pub echoes: Durations,
    /// Deliveries taken in.
    pub received: u64,
    /// Messages published, by what became of them: `taken`, or a word for why not.
    pub published: Vec<(&'static str, u64)>,
    /// Deliveries put aside with a reason.
    pub parked: u64,
    /// Deliveries given back to their queue.
    pub requeued: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_falls_into_the_first_bucket_that_holds_it() {
        let mut durations = Durations::default();
        for millis in [0, 1, 2, 3, 10_000, 60_000] {
            durations.take(Duration::from_millis(millis));
        }
        let filled: Vec<(f64, u64)> = durations.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.001, 2), (0.002, 1), (0.005, 1), (10.0, 1), (f64::INFINITY, 1)]);
        assert_eq!((durations.count(), durations.seconds()), (6, 70.006));
    }
}
