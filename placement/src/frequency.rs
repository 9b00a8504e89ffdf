//! How often a node speaks for how free it is, and back (A1, A4, A5).
//!
//! US 9,049,193, FIG. 9 (914): V_balance = k·f_RA and V_power = l·min/f_RA; FIG. 15: V = α·V_balance + (1−α)·V_power.
//! Frequencies are in messages per second.

pub use rollcall_model::AvailabilityKind as Kind;

/// Constants that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RatesError {
    /// k or l.
    #[error("{name} is {value}: it must be above 0 and at most 1000 messages per second")]
    Fastest {
        /// "k" or "l".
        name: &'static str,
        /// As given.
        value: f64,
    },
    /// min.
    #[error(
        "min is {0}: it must be at least 0.001 and at most 0.5; at 0 a full node would fall silent and V_power would be \
         undefined, above 0.5 the frequency would say next to nothing"
    )]
    Min(f64),
    /// The slowest node would not be heard from for more than an hour.
    #[error(
        "with {name} = {value} and min = {min} the slowest node would speak once in {seconds:.0} s, and nobody could tell \
         it from a dead one for an hour: raise {name} or min"
    )]
    TooSlow {
        /// "k" or "l".
        name: &'static str,
        /// As given.
        value: f64,
        /// As given.
        min: f64,
        /// 1 / (value · min).
        seconds: f64,
    },
}

/// k, l and min: fixed, and known to sender and receiver alike (column 11).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    k: f64,
    l: f64,
    min: f64,
}

/// f_RA as recovered from a frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Recovered {
    /// No f_RA in [min, 1] gives this frequency.
    Impossible,
    /// One does.
    One(f64),
    /// Two do (mixed kind only): the mix falls and rises again, and the frequency alone cannot say which.
    Two(f64, f64),
}

impl Rates {
    /// k and l in messages per second, min as a fraction.
    ///
    /// # Errors
    /// A value that cannot work, with the reason.
    pub fn new(k: f64, l: f64, min: f64) -> Result<Self, RatesError> {
        if !(0.001..=0.5).contains(&min) {
            return Err(RatesError::Min(min));
        }
        for (name, value) in [("k", k), ("l", l)] {
            if !(value > 0.0 && value <= 1000.0) {
                return Err(RatesError::Fastest { name, value });
            }
            let seconds = 1.0 / (value * min);
            if seconds > 3600.0 {
                return Err(RatesError::TooSlow { name, value, min, seconds });
            }
        }
        Ok(Self { k, l, min })
    }

    /// min.
    #[must_use]
    pub const fn min(&self) -> f64 {
        self.min
    }

    /// V_balance = k·f_RA, in [k·min, k] (914).
    #[must_use]
    pub fn balance(&self, f: f64) -> f64 {
        self.k * self.clamped(f)
    }

    /// V_power = l·min/f_RA, in [l·min, l] (914).
    #[must_use]
    pub fn power(&self, f: f64) -> f64 {
        self.l * self.min / self.clamped(f)
    }

    /// V = α·V_balance + (1−α)·V_power (FIG. 15). α outside [0, 1] is moved to the nearer end.
    #[must_use]
    pub fn mixed(&self, alpha: f64, f: f64) -> f64 {
        let alpha = alpha.clamp(0.0, 1.0);
        alpha * self.balance(f) + (1.0 - alpha) * self.power(f)
    }

    /// V of a kind; α matters to the mixed one only.
    #[must_use]
    pub fn of(&self, kind: Kind, alpha: f64, f: f64) -> f64 {
        match kind {
            Kind::Balance => self.balance(f),
            Kind::Power => self.power(f),
            Kind::Mixed => self.mixed(alpha, f),
        }
    }

    /// The highest frequency that a kind can have, whatever f_RA and α: nobody who tells the truth speaks faster.
    #[must_use]
    pub fn fastest(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Balance => self.k,
            Kind::Power => self.l,
            Kind::Mixed => self.k.max(self.l),
        }
    }

    /// The lowest frequency that a kind can have.
    ///
    /// The mix is α·k·f + (1−α)·l·min/f, at least the smaller of its two parts' lowest values.
    #[must_use]
    pub fn slowest(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Balance => self.k * self.min,
            Kind::Power => self.l * self.min,
            Kind::Mixed => self.k.min(self.l) * self.min,
        }
    }

    /// The inverse of [`Rates::of`]: which f_RA gives the frequency `v` (column 11).
    ///
    /// A `v` up to 1 % outside the possible range counts as the range's end. For the mixed kind it solves
    /// α·k·f² − v·f + (1−α)·l·min = 0, which has up to two solutions in [min, 1].
    #[must_use]
    pub fn recover(&self, kind: Kind, alpha: f64, v: f64) -> Recovered {
        if !(v > 0.0 && v.is_finite()) {
            return Recovered::Impossible;
        }
        match kind {
            Kind::Balance => self.possible(v / self.k),
            Kind::Power => self.possible(self.l * self.min / v),
            Kind::Mixed => self.recover_mixed(alpha.clamp(0.0, 1.0), v),
        }
    }

    fn recover_mixed(&self, alpha: f64, v: f64) -> Recovered {
        let (a, c) = (alpha * self.k, (1.0 - alpha) * self.l * self.min);
        if a < 1e-12 {
            return self.possible(c / v);
        }
        let discriminant = v * v - 4.0 * a * c;
        // A little below the lowest point of the mix there is no solution; it counts as that point.
        if discriminant < 0.0 && v * 1.01 < 2.0 * (a * c).sqrt() {
            return Recovered::Impossible;
        }
        let root = discriminant.max(0.0).sqrt();
        let (low, high) = ((v - root) / (2.0 * a), (v + root) / (2.0 * a));
        match (self.possible(low), self.possible(high)) {
            (Recovered::One(low), Recovered::One(high)) if high - low > 1e-6 => Recovered::Two(low, high),
            (Recovered::One(f), _) | (_, Recovered::One(f)) => Recovered::One(f),
            _ => Recovered::Impossible,
        }
    }

    fn possible(&self, f: f64) -> Recovered {
        if f >= self.min * 0.99 && f <= 1.01 { Recovered::One(self.clamped(f)) } else { Recovered::Impossible }
    }

    fn clamped(&self, f: f64) -> f64 {
        crate::metric::final_metric(f, self.min)
    }
}

#[cfg(test)]
#[path = "frequency_tests.rs"]
mod tests;
