//! What readings mean: thresholds of the policy that is obeyed, the latest sample, the health that follows (N4, G8).

use std::collections::BTreeMap;

use rollcall_model::indicator::{INDICATORS, Side};
use rollcall_model::packet::Reading;
use rollcall_model::policy::Resolved;
use rollcall_model::threshold::Evaluator;
use rollcall_model::{Health, Millis, Tick};

use crate::probes::Sample;

/// Judges readings, and knows by which policy.
#[derive(Debug)]
pub(super) struct Judge {
    evaluator: Evaluator,
    /// What holds now.
    obeyed: Resolved,
    /// The node's own sampling period, which holds where the policy names none.
    own_period: Millis,
    /// Version of the policy that is obeyed; 0 for none.
    version: u64,
    latest: Option<Sample>,
}

impl Judge {
    /// Judges by what holds until a policy comes.
    pub(super) fn new(unpoliced: Resolved, own_period: Millis) -> Self {
        let mut evaluator = Evaluator::new(unpoliced.thresholds);
        evaluator.set_disabled(unpoliced.disabled);
        Self { evaluator, obeyed: unpoliced, own_period, version: 0, latest: None }
    }

    /// Version of the policy that is obeyed; 0 for none.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// What holds now.
    pub(super) const fn obeyed(&self) -> &Resolved {
        &self.obeyed
    }

    /// How often readings are wanted.
    pub(super) fn sample_period(&self) -> Millis {
        self.obeyed.sample_period.unwrap_or(self.own_period)
    }

    /// The health that was judged last; `None` before the first sample.
    pub(super) fn health(&self) -> Option<Health> {
        self.latest.as_ref().map(|_| self.evaluator.health())
    }

    /// Takes a sample.
    pub(super) fn take(&mut self, sample: Sample) {
        self.evaluator.evaluate(sample.taken, &sample.readings);
        self.latest = Some(sample);
    }

    /// Obeys these settings from now on. The latest readings are judged by them at once.
    pub(super) fn obey(&mut self, version: u64, resolved: Resolved) {
        self.evaluator.set_thresholds(resolved.thresholds);
        self.evaluator.set_disabled(resolved.disabled);
        if let Some(sample) = &self.latest {
            self.evaluator.evaluate(sample.taken, &sample.readings);
        }
        (self.obeyed, self.version) = (resolved, version);
    }

    /// The latest readings by the indicator's name, without what cannot be measured or is switched off; `None` before
    /// the first sample.
    pub(super) fn metrics(&self) -> Option<BTreeMap<String, f64>> {
        let sample = self.latest.as_ref()?;
        let measured = INDICATORS.iter().filter(|indicator| !self.obeyed.disabled.get(indicator.bit));
        Some(measured.filter_map(|of| Some((of.name.to_owned(), sample.readings[of.bit]?))).collect())
    }

    /// How old the latest sample is; zero when there is none.
    pub(super) fn age(&self, now: Tick) -> Millis {
        self.latest.as_ref().map_or(Millis(0), |sample| now.since(sample.taken))
    }

    /// Every indicator with what it is judged by, by bit.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let health = self.evaluator.health();
        let reading = |bit: usize| {
            let threshold = self.evaluator.thresholds()[bit];
            let (value, reason) = match self.found(bit) {
                Ok(value) => (Some(value), None),
                Err(reason) => (None, Some(reason)),
            };
            Reading {
                name: INDICATORS[bit].name.to_owned(),
                value,
                reason,
                set: health.bits().get(bit),
                limit: threshold.limit,
                clear: threshold.clear,
                above: threshold.side == Side::Above,
                dwell_ms: threshold.dwell,
            }
        };
        (0..INDICATORS.len()).map(reading).collect()
    }

    fn found(&self, bit: usize) -> Result<f64, String> {
        if self.obeyed.disabled.get(bit) {
            return Err(format!("switched off by policy {}", self.version));
        }
        let Some(sample) = &self.latest else { return Err("nothing has been measured yet".into()) };
        sample.readings[bit]
            .ok_or_else(|| sample.reasons[bit].as_deref().map_or_else(|| "no probe says why".to_owned(), str::to_owned))
    }
}
