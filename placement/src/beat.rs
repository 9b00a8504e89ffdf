//! When a sender speaks next (A2; US 9,049,193, FIG. 19).
//!
//! The patent sets a timer to 1/V after each message. Here a *phase* grows at the rate V and a message is due when it has
//! grown by one. For a constant V that is the same; when V changes it takes effect at once, in proportion to what was left
//! of the period, and a fleet that becomes free all at once does not speak all at once: the phases stay spread.
//!
//! - Jitter: each period's goal is drawn uniformly around one, so that nodes do not march in step; its mean is one, so
//!   that the frequency keeps its meaning.
//! - Coalescing: a message may leave up to a window early, on a status packet. What was left of the period is carried over
//!   into the next one, so that the mean stays 1/V.
//! - A pause of the process (or a clock that jumps) costs the messages of that time; it never makes a burst.

use rollcall_model::{Millis, Tick};

/// How much a period varies, and how early a message may leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeatConfig {
    /// A period is drawn from [1 − jitter, 1 + jitter] times 1/V. Sane: 0.02 to 0.3. Not 0: nodes would march in step.
    pub jitter: f64,
    /// How early a message may leave on a status packet, as a part of its period. Sane: 0 to 0.2; it adds to the error of
    /// single intervals that a receiver sees, not to their mean.
    pub window: f64,
}

impl Default for BeatConfig {
    fn default() -> Self {
        Self { jitter: 0.05, window: 0.1 }
    }
}

impl BeatConfig {
    /// As it is, if it can work.
    ///
    /// # Errors
    /// Jitter or window cannot work.
    pub fn checked(self) -> Result<Self, BeatError> {
        let values = [("jitter", self.jitter), ("window", self.window)];
        match values.into_iter().find(|(_, value)| !(0.0..=0.5).contains(value)) {
            Some((name, value)) => Err(BeatError { name, value }),
            None => Ok(self),
        }
    }
}

/// Values that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}: it must be at least 0 and at most 0.5 of a period")]
pub struct BeatError {
    /// Of the field.
    pub name: &'static str,
    /// As given.
    pub value: f64,
}

/// The timer of one kind of message on one node.
#[derive(Clone, Debug)]
pub struct Beat {
    config: BeatConfig,
    /// Messages per second.
    rate: f64,
    /// How far the period has come.
    phase: f64,
    /// Where it ends: about one.
    goal: f64,
    at: Tick,
}

impl Beat {
    /// Starts somewhere within a period: `random` is uniform in [0, 1), `rate` in messages per second.
    ///
    /// # Errors
    /// Jitter or window cannot work.
    pub fn new(now: Tick, rate: f64, config: BeatConfig, random: f64) -> Result<Self, BeatError> {
        Ok(Self { config: config.checked()?, rate: sane(rate), phase: random.clamp(0.0, 1.0), goal: 1.0, at: now })
    }

    /// The node is freer or fuller now: counts from here on, also for the period under way.
    pub fn set_rate(&mut self, now: Tick, rate: f64) {
        self.advance(now);
        self.rate = sane(rate);
    }

    /// Begins anew somewhere within a period: the way to the receivers was gone for all senders at once, and what each
    /// would make up for now would come all at once too.
    pub fn restart(&mut self, now: Tick, random: f64) {
        (self.phase, self.goal, self.at) = (random.clamp(0.0, 1.0), 1.0, self.at.max(now));
    }

    /// V: messages per second.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// When the next message is due.
    #[must_use]
    pub fn due(&self) -> Tick {
        let seconds = ((self.goal - self.phase) / self.rate).max(0.0);
        self.at + Millis((seconds * 1000.0).ceil() as u64)
    }

    /// Whether a message is due; then it is taken as sent now. `random` is uniform in [0, 1).
    pub fn fire(&mut self, now: Tick, random: f64) -> bool {
        self.leave(now, random, 0.0)
    }

    /// A status packet leaves now: whether the message rides on it, because it is due within the window.
    pub fn ride(&mut self, now: Tick, random: f64) -> bool {
        self.leave(now, random, self.config.window)
    }

    fn leave(&mut self, now: Tick, random: f64, early: f64) -> bool {
        if self.due() > now {
            self.advance(now);
            if self.phase + early < self.goal {
                return false;
            }
        } else {
            self.advance(now);
        }
        // Early leaves a debt, late by a timer's slack a credit; more than that was a pause and is forgotten.
        let over = self.phase - self.goal;
        self.phase = if over > 0.5 { 0.0 } else { over };
        self.goal = 1.0 + self.config.jitter * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        true
    }

    fn advance(&mut self, now: Tick) {
        self.phase += self.rate * now.since(self.at).0 as f64 / 1000.0;
        self.at = self.at.max(now);
    }
}

/// A beat never stands still and never runs away.
fn sane(rate: f64) -> f64 {
    if rate.is_nan() { 1e-4 } else { rate.clamp(1e-4, 1000.0) }
}

#[cfg(test)]
#[path = "beat_tests.rs"]
mod tests;
