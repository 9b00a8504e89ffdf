//! What probes find, and the sample made of it.

use std::borrow::Cow;

use rollcall_model::Tick;
use rollcall_model::health::INDICATORS;
use rollcall_model::threshold::Readings;

/// Why an indicator is unmeasured, for people.
pub type Reason = Cow<'static, str>;

/// One set of readings, with the reason for every one that is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it was asked for.
    pub taken: Tick,
    /// The readings, by bit; units are the dictionary's.
    pub readings: Readings,
    /// Why a reading is missing; `None` exactly where there is one.
    pub reasons: [Option<Reason>; INDICATORS],
}

impl Sample {
    /// A sample in which nothing is measured yet.
    #[must_use]
    pub fn empty(taken: Tick) -> Self {
        let reasons = [const { Some(Cow::Borrowed("no probe measures this here")) }; INDICATORS];
        Self { taken, readings: [None; INDICATORS], reasons }
    }

    /// Takes a reading, or the reason why there is none. A reading that is not a finite number is none.
    pub(crate) fn set(&mut self, index: usize, found: Result<f64, Reason>) {
        let found = found
            .and_then(|value| if value.is_finite() { Ok(value) } else { Err("the reading is not a number".into()) });
        if let (Some(reading), Some(reason)) = (self.readings.get_mut(index), self.reasons.get_mut(index)) {
            (*reading, *reason) = match found {
                Ok(value) => (Some(value), None),
                Err(why) => (None, Some(why)),
            };
        }
    }
}

impl Sample {
    /// Takes a further reading of an indicator that may have one: the higher counts, and a reading more than a reason.
    pub(crate) fn join(&mut self, index: usize, found: Result<f64, Reason>) {
        let before = self.readings.get(index).copied().flatten();
        match (before, found) {
            (Some(before), Ok(value)) if value.is_finite() => self.set(index, Ok(before.max(value))),
            (Some(_), _) => {}
            (None, found) => self.set(index, found),
        }
    }
}

/// What one probe found. Reused from one measurement to the next.
#[derive(Debug, Default)]
pub struct Findings {
    rows: Vec<(usize, Result<f64, Reason>)>,
}

impl Findings {
    /// A reading, or why there is none.
    pub fn say(&mut self, index: usize, found: Result<f64, Reason>) {
        self.rows.push((index, found));
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    pub(super) fn rows(&self) -> &[(usize, Result<f64, Reason>)] {
        &self.rows
    }
}
