//! RA, the penalties, RM and f_RA: how free a node is, as one number that is never zero (A1).
//!
//! The equations are those of US 9,049,193, FIG. 9 (906 to 912) and columns 9 and 10. The drawing of (908) has the two
//! cases of a penalty the wrong way round; the text is right: the penalty applies *above* the threshold.

use crate::usage::{Resource, Usage};

/// What a resource above its threshold takes off RA (908).
pub const PENALTY: f64 = -0.5;

/// A threshold that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "the threshold of {resource} is {value}: it must be above 0 and at most 1; 1 means that no use of it is ever \
     penalised, 0 would penalise every node always"
)]
pub struct ThresholdError {
    /// Whose.
    pub resource: Resource,
    /// As given.
    pub value: f64,
}

/// Above which fraction of use a resource binds its node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    storage: f64,
    processing: f64,
    communications: f64,
}

impl Default for Thresholds {
    /// 0.9 each.
    fn default() -> Self {
        Self { storage: 0.9, processing: 0.9, communications: 0.9 }
    }
}

impl Thresholds {
    /// Each in (0, 1].
    ///
    /// # Errors
    /// One is outside.
    pub fn new(storage: f64, processing: f64, communications: f64) -> Result<Self, ThresholdError> {
        let given = [
            (Resource::Storage, storage),
            (Resource::Processing, processing),
            (Resource::Communications, communications),
        ];
        match given.into_iter().find(|(_, value)| !(*value > 0.0 && *value <= 1.0)) {
            Some((resource, value)) => Err(ThresholdError { resource, value }),
            None => Ok(Self { storage, processing, communications }),
        }
    }
}

/// RA = ((1−S) + (1−P) + (1−C)) / 3, in [0, 1] (906). An unmeasured C is left out of the mean.
#[must_use]
pub fn availability(usage: &Usage) -> f64 {
    let needed = (1.0 - usage.storage()) + (1.0 - usage.processing());
    match usage.communications() {
        Some(communications) => (needed + (1.0 - communications)) / 3.0,
        None => needed / 2.0,
    }
}

/// P_S + P_P + P_C: [`PENALTY`] for each resource used above its threshold, else 0 (908, as the text has it).
#[must_use]
pub fn penalties(usage: &Usage, thresholds: &Thresholds) -> f64 {
    bound(usage, thresholds).count() as f64 * PENALTY
}

/// The resources that are used above their thresholds.
pub fn bound(usage: &Usage, thresholds: &Thresholds) -> impl Iterator<Item = Resource> + use<> {
    let all = [
        (Resource::Storage, usage.storage() > thresholds.storage),
        (Resource::Processing, usage.processing() > thresholds.processing),
        (Resource::Communications, usage.communications().is_some_and(|used| used > thresholds.communications)),
    ];
    all.into_iter().filter_map(|(resource, over)| over.then_some(resource))
}

/// RM = RA + P_S + P_P + P_C (910), in [−1.5, 1].
#[must_use]
pub fn resource_metric(usage: &Usage, thresholds: &Thresholds) -> f64 {
    availability(usage) + penalties(usage, thresholds)
}

/// f_RA = RM when RM > min, else min (912): in [min, 1], so that no node falls silent and V_power is defined.
///
/// `metric` may have been normalised by capacity before ([`crate::capacity`], A7).
#[must_use]
pub fn final_metric(metric: f64, min: f64) -> f64 {
    if metric > min { metric.min(1.0) } else { min }
}

/// What a node above a threshold says of itself for `power`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// As the patent has it: f_RA = min, so it speaks loudest of all. Operators see who is full; whoever places by power
    /// must ask for room ([`crate::Want::size`]).
    #[default]
    Loud,
    /// As seldom as an empty one (f_RA = 1): nothing more can be placed there, so it is no target. The frequency then no
    /// longer tells full from empty.
    Quiet,
}

/// f_RA for `power`: [`final_metric`] of RM, not normalised by capacity, with what a policy says of full nodes.
#[must_use]
pub fn power_metric(usage: &Usage, thresholds: &Thresholds, full: Full, min: f64) -> f64 {
    if full == Full::Quiet && bound(usage, thresholds).next().is_some() {
        return 1.0;
    }
    final_metric(resource_metric(usage, thresholds), min)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usages() -> impl Strategy<Value = Usage> {
        (0.0..=1.0, 0.0..=1.0, proptest::option::of(0.0..=1.0)).prop_map(|(s, p, c)| Usage::new(s, p, c))
    }

    fn thresholds() -> impl Strategy<Value = Thresholds> {
        (0.01..=1.0, 0.01..=1.0, 0.01..=1.0).prop_map(|(s, p, c)| Thresholds::new(s, p, c).expect("in range"))
    }

    #[test]
    fn the_patents_example_is_half_free() {
        let usage = Usage::new(0.6, 0.4, Some(0.5));
        assert!((availability(&usage) - 0.5).abs() < 1e-12);
        let thresholds = Thresholds::new(0.5, 0.9, 0.9).expect("in range");
        assert!((resource_metric(&usage, &thresholds) - 0.0).abs() < 1e-12, "one resource is above its threshold");
        assert!((final_metric(0.0, 0.1) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_full_node_is_the_loudest_or_the_quietest_for_power() {
        let (usage, thresholds) = (Usage::new(0.5, 0.95, None), Thresholds::default());
        assert!((power_metric(&usage, &thresholds, Full::Loud, 0.1) - 0.1).abs() < 1e-12);
        assert!((power_metric(&usage, &thresholds, Full::Quiet, 0.1) - 1.0).abs() < 1e-12);
        let half = Usage::new(0.5, 0.5, None);
        assert!((power_metric(&half, &thresholds, Full::Quiet, 0.1) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn thresholds_that_cannot_work_are_refused_with_the_reason() {
        for bad in [0.0, -1.0, 1.01, f64::NAN] {
            let error = Thresholds::new(0.9, bad, 0.9).expect_err("refused").to_string();
            assert!(error.contains("processing"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn each_lies_in_its_range(usage in usages(), limits in thresholds(), min in 0.001..0.5_f64) {
            prop_assert!((0.0..=1.0).contains(&availability(&usage)));
            prop_assert!((-1.5..=1.0).contains(&resource_metric(&usage, &limits)));
            let f = final_metric(resource_metric(&usage, &limits), min);
            prop_assert!(f >= min && f <= 1.0 && f > 0.0);
        }

        #[test]
        fn using_more_never_makes_a_node_freer(
            usage in usages(), limits in thresholds(), more in 0.0..1.0_f64, which in 0..3_usize, min in 0.001..0.5_f64,
        ) {
            let mut used = [usage.storage(), usage.processing(), usage.communications().unwrap_or(0.0)];
            let communications = usage.communications();
            used[which] += more * (1.0 - used[which]);
            let busier = Usage::new(used[0], used[1], communications.map(|_| used[2]));
            let (before, after) = (resource_metric(&usage, &limits), resource_metric(&busier, &limits));
            prop_assert!(after <= before + 1e-12);
            prop_assert!(final_metric(after, min) <= final_metric(before, min) + 1e-12);
        }
    }
}
