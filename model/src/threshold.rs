//! From readings to bits: thresholds with hysteresis and dwell (N4).

use crate::health::{Health, HealthBits, INDICATORS};
use crate::indicator::{Side, Threshold};
use crate::time::Tick;

/// One reading per indicator; `None` means "cannot be measured here".
pub type Readings = [Option<f64>; INDICATORS];

/// Follows readings with bits. A bit moves only when the reading has been on the other side of its
/// limit for the dwell; between limit and clear it stays as it is.
#[derive(Clone, Debug)]
pub struct Evaluator {
    thresholds: [Threshold; INDICATORS],
    bits: HealthBits,
    /// Since when the reading asks for the opposite of the bit.
    pending: [Option<Tick>; INDICATORS],
}

impl Evaluator {
    /// Starts with every bit clear.
    #[must_use]
    pub fn new(thresholds: [Threshold; INDICATORS]) -> Self {
        Self { thresholds, bits: HealthBits::NONE, pending: [None; INDICATORS] }
    }

    /// Starts with the dictionary's thresholds.
    #[must_use]
    pub fn with_defaults() -> Self {
        Self::new(crate::indicator::INDICATORS.map(|indicator| indicator.threshold))
    }

    /// Takes one set of readings and says the health that follows. A reading that is not a number counts as unmeasured.
    pub fn evaluate(&mut self, now: Tick, readings: &Readings) -> Health {
        let mut mask = HealthBits::NONE;
        for (index, reading) in readings.iter().enumerate() {
            match reading.filter(|value| !value.is_nan()) {
                Some(value) => self.follow(now, index, value),
                None => {
                    mask = mask.with(index, true);
                    self.bits = self.bits.with(index, false);
                    self.pending[index] = None;
                }
            }
        }
        Health::new(self.bits, mask).unwrap_or_else(|_| Health::unmeasured())
    }

    fn follow(&mut self, now: Tick, index: usize, value: f64) {
        let threshold = self.thresholds[index];
        let set = self.bits.get(index);
        let wants_change = match (threshold.side, set) {
            (Side::Above, false) => value > threshold.limit,
            (Side::Above, true) => value <= threshold.clear,
            (Side::Below, false) => value < threshold.limit,
            (Side::Below, true) => value >= threshold.clear,
        };
        if !wants_change {
            self.pending[index] = None;
            return;
        }
        let since = *self.pending[index].get_or_insert(now);
        if now.since(since) >= threshold.dwell {
            self.bits = self.bits.with(index, !set);
            self.pending[index] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Millis;

    fn one(threshold: Threshold) -> Evaluator {
        let mut thresholds = crate::indicator::INDICATORS.map(|indicator| indicator.threshold);
        thresholds[0] = threshold;
        Evaluator::new(thresholds)
    }

    fn reading(value: f64) -> Readings {
        let mut readings = [None; INDICATORS];
        readings[0] = Some(value);
        readings
    }

    #[test]
    fn a_bit_follows_with_hysteresis_and_dwell() {
        let threshold = Threshold { limit: 90.0, clear: 80.0, side: Side::Above, dwell: Millis(2_000) };
        // (second, reading, bit afterwards)
        let table = [
            (0, 95.0, false),
            (1, 95.0, false),
            (2, 95.0, true),
            (3, 85.0, true),
            (4, 79.0, true),
            (5, 85.0, true),
            (6, 79.0, true),
            (8, 79.0, false),
            (9, 91.0, false),
            (10, 89.0, false),
            (11, 91.0, false),
            (13, 91.0, true),
        ];
        let mut evaluator = one(threshold);
        for (second, value, expected) in table {
            let health = evaluator.evaluate(Tick(second * 1_000), &reading(value));
            assert_eq!(health.bits().get(0), expected, "at {second} s, {value}");
            assert_eq!(health.mask(), HealthBits::all().with(0, false));
        }
    }

    #[test]
    fn an_indicator_that_can_no_longer_be_measured_is_masked_not_healthy() {
        let mut evaluator = one(Threshold { limit: 1.0, clear: 1.0, side: Side::Above, dwell: Millis(0) });
        assert!(evaluator.evaluate(Tick(0), &reading(2.0)).bits().get(0));
        for gone in [[None; INDICATORS], reading(f64::NAN)] {
            let health = evaluator.evaluate(Tick(1), &gone);
            assert!(!health.bits().get(0));
            assert!(health.mask().get(0));
        }
    }

    #[test]
    fn below_is_the_mirror_of_above() {
        let mut evaluator = one(Threshold { limit: 5.0, clear: 8.0, side: Side::Below, dwell: Millis(0) });
        for (value, expected) in [(9.0, false), (5.0, false), (4.9, true), (7.9, true), (8.0, false)] {
            assert_eq!(evaluator.evaluate(Tick(0), &reading(value)).bits().get(0), expected, "{value}");
        }
    }
}
