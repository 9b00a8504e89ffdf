//! How long to wait before the next attempt: full jitter, so that a restarted broker is not stormed.

use std::time::Duration;

/// Pauses drawn evenly from zero to a bound that doubles from attempt to attempt.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    min_ms: u64,
    max_ms: u64,
    bound_ms: u64,
}

impl Backoff {
    pub fn new(min_ms: u64, max_ms: u64) -> Self {
        Self { min_ms, max_ms, bound_ms: min_ms }
    }

    /// The next pause; `chance` is an even draw from 0 to 1.
    pub fn next(&mut self, chance: f64) -> Duration {
        let bound = Duration::from_millis(self.bound_ms);
        self.bound_ms = self.bound_ms.saturating_mul(2).min(self.max_ms);
        bound.mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Starts over after a connection that held.
    pub fn reset(&mut self) {
        self.bound_ms = self.min_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_its_limit_and_starts_over() {
        let mut backoff = Backoff::new(100, 350);
        let bounds: Vec<u128> = (0..4).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 350, 350]);
        assert_eq!(backoff.next(0.0), Duration::ZERO);
        backoff.reset();
        assert_eq!(backoff.next(0.5).as_millis(), 50);
    }
}
