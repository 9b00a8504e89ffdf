//! From readings to bits: thresholds with hysteresis and dwell (N4), switched by policies while they run (G8).

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
    /// Indicators nobody wants judged: masked whatever is read.
    disabled: HealthBits,
    bits: HealthBits,
    /// What could not be measured the last time.
    unmeasured: HealthBits,
    /// Since when the reading asks for the opposite of the bit.
    pending: [Option<Tick>; INDICATORS],
}

impl Evaluator {
    /// Starts with every bit clear and nothing measured.
    #[must_use]
    pub fn new(thresholds: [Threshold; INDICATORS]) -> Self {
        Self {
            thresholds,
            disabled: HealthBits::NONE,
            bits: HealthBits::NONE,
            unmeasured: HealthBits::all(),
            pending: [None; INDICATORS],
        }
    }

    /// Starts with the dictionary's thresholds.
    #[must_use]
    pub fn with_defaults() -> Self {
        Self::new(crate::indicator::INDICATORS.map(|indicator| indicator.threshold))
    }

    /// What readings are judged by, by bit.
    #[must_use]
    pub const fn thresholds(&self) -> &[Threshold; INDICATORS] {
        &self.thresholds
    }

    /// Judges by other thresholds from now on. Bits keep their state; they move when a reading asks for it by the new
    /// limits. A dwell that has begun goes on where the limits stay as they were, and is forgotten where they do not.
    pub fn set_thresholds(&mut self, thresholds: [Threshold; INDICATORS]) {
        for ((pending, old), new) in self.pending.iter_mut().zip(&self.thresholds).zip(&thresholds) {
            if (old.limit, old.clear, old.side) != (new.limit, new.clear, new.side) {
                *pending = None;
            }
        }
        self.thresholds = thresholds;
    }

    /// Switches indicators off, and the others on. One that is off is masked and its bit is clear; one that is
    /// switched on again stays masked until the next reading.
    pub fn set_disabled(&mut self, disabled: HealthBits) {
        for index in disabled.iter() {
            self.pending[index] = None;
        }
        self.bits = self.bits.minus(disabled);
        self.unmeasured = self.unmeasured.or(disabled);
        self.disabled = disabled;
    }

    /// The health as it was judged last.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::new(self.bits, self.unmeasured).unwrap_or_else(|_| Health::unmeasured())
    }

    /// Takes one set of readings and says the health that follows. A reading that is not a number counts as unmeasured.
    pub fn evaluate(&mut self, now: Tick, readings: &Readings) -> Health {
        for (index, reading) in readings.iter().enumerate() {
            let reading = reading.filter(|value| !value.is_nan() && !self.disabled.get(index));
            self.unmeasured = self.unmeasured.with(index, reading.is_none());
            if let Some(value) = reading {
                self.follow(now, index, value);
            } else {
                self.bits = self.bits.with(index, false);
                self.pending[index] = None;
            }
        }
        self.health()
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
mod tests;
