//! Readings of the group's nodes (G7, N6): the latest of each node, and how they were distributed in a period.
//!
//! Lossy from end to end. The latest readings lie beside the node in the roster, so that there are never more of them
//! than members; the distributions are t-digests (Dunning), one per indicator, of bounded size.

use std::collections::BTreeMap;

use rollcall_model::indicator::INDICATORS;
use rollcall_model::packet::{Metrics, Quantiles};
use tdigests::TDigest;

use super::Group;

/// Readings gathered before they are digested together.
const BUFFER: usize = 512;
/// Most centroids of one digest: the estimates are exact below, and within about 1 % of the rank above.
const CENTROIDS: usize = 200;

/// The latest readings of one node, by the indicator's bit, in the dictionary's units.
#[derive(Clone, Debug, PartialEq)]
pub struct LatestReadings([Option<f64>; INDICATORS.len()]);

impl LatestReadings {
    /// Takes what the dictionary knows; anything else comes from a later one.
    #[must_use]
    pub fn of(readings: &BTreeMap<String, f64>) -> Self {
        Self(INDICATORS.map(|indicator| readings.get(indicator.name).copied().filter(|value| value.is_finite())))
    }

    /// By the indicator's name, for the zone.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, f64> {
        let known = INDICATORS.iter().zip(&self.0);
        known.filter_map(|(indicator, value)| Some((indicator.name.to_owned(), (*value)?))).collect()
    }
}

/// How the readings of one indicator were distributed since the last summary.
#[derive(Clone, Debug, Default)]
struct Distribution {
    fresh: Vec<f64>,
    digest: Option<TDigest>,
    /// How many were taken, the smallest and the largest.
    extent: Option<(u64, f64, f64)>,
}

impl Distribution {
    fn take(&mut self, value: f64) {
        let (count, min, max) = self.extent.unwrap_or((0, value, value));
        self.extent = Some((count + 1, min.min(value), max.max(value)));
        self.fresh.push(value);
        if self.fresh.len() >= BUFFER {
            self.condense();
        }
    }

    fn condense(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let fresh = TDigest::from_values(std::mem::take(&mut self.fresh));
        let mut all = self.digest.take().map_or_else(|| fresh.clone(), |digest| digest.merge(&fresh));
        all.compress(CENTROIDS);
        self.digest = Some(all);
    }

    fn finish(mut self) -> Option<Quantiles> {
        let (count, min, max) = self.extent?;
        self.condense();
        let digest = self.digest?;
        let at = |quantile: f64| digest.estimate_quantile(quantile).clamp(min, max);
        Some(Quantiles { count, min, p50: at(0.5), p90: at(0.9), p99: at(0.99), max })
    }
}

/// The distributions of a period.
#[derive(Debug, Default)]
pub(super) struct Distributions(BTreeMap<usize, Distribution>);

impl Distributions {
    fn take(&mut self, readings: &LatestReadings) {
        for (bit, value) in readings.0.iter().enumerate() {
            if let Some(value) = value {
                self.0.entry(bit).or_default().take(*value);
            }
        }
    }

    /// Ends the period: what was gathered, by the indicator's name, and nothing is left.
    pub(super) fn finish(&mut self) -> BTreeMap<String, Quantiles> {
        let gathered = std::mem::take(&mut self.0).into_iter();
        gathered.filter_map(|(bit, one)| Some((INDICATORS[bit].name.to_owned(), one.finish()?))).collect()
    }
}

impl Group {
    pub(super) fn on_metrics(&mut self, metrics: &Metrics) {
        let Some(member) = self.roster.get_mut(metrics.node) else { return self.refuse("unknown_node") };
        if metrics.epoch < member.epoch {
            return self.refuse("old_epoch");
        }
        let readings = LatestReadings::of(&metrics.readings);
        self.distributions.take(&readings);
        member.readings = Some(Box::new(readings));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantiles(values: &[f64]) -> Option<Quantiles> {
        let mut one = Distribution::default();
        values.iter().for_each(|value| one.take(*value));
        one.finish()
    }

    #[test]
    fn the_estimates_of_few_readings_are_exact() {
        let told = |values: &[f64]| quantiles(values).map(|q| (q.count, q.min, q.p50, q.max));
        for (values, expected) in [
            (&[][..], None),
            (&[7.5], Some((1, 7.5, 7.5, 7.5))),
            (&[3.0, 1.0, 2.0], Some((3, 1.0, 2.0, 3.0))),
            (&[4.0; 9], Some((9, 4.0, 4.0, 4.0))),
            (&[-1.0, 0.0, 0.0, 0.0, 1e9], Some((5, -1.0, 0.0, 1e9))),
        ] {
            assert_eq!(told(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_thousand_nodes_are_told_within_one_percent_of_their_rank() {
        let mut shuffled: Vec<f64> = (0..10_000_u32).map(|number| f64::from(number * 7_919 % 10_000)).collect();
        let found = quantiles(&shuffled).unwrap();
        shuffled.sort_by(f64::total_cmp);
        assert_eq!((found.count, found.min, found.max), (10_000, 0.0, 9_999.0));
        for (estimate, exact) in [(found.p50, 5_000.0), (found.p90, 9_000.0), (found.p99, 9_900.0)] {
            assert!((estimate - exact).abs() <= 100.0, "{estimate} for {exact}");
        }
    }

    #[test]
    fn what_is_unknown_or_no_number_is_left_out() {
        let told = [("disk_space", 80.0), ("fan", f64::NAN), ("of_a_later_dictionary", 1.0), ("cpu_pressure", 3.5)];
        let told: BTreeMap<String, f64> = told.map(|(name, value)| (name.to_owned(), value)).into();
        let kept = LatestReadings::of(&told).named();
        assert_eq!(kept.keys().map(String::as_str).collect::<Vec<_>>(), ["cpu_pressure", "disk_space"]);
    }

    proptest! {
        #[test]
        fn quantiles_never_leave_the_extent_nor_cross(values in prop::collection::vec(-1e6..1e6_f64, 1..3_000)) {
            let found = quantiles(&values).unwrap();
            let order = [found.min, found.p50, found.p90, found.p99, found.max];
            prop_assert!(order.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6), "{order:?}");
        }
    }
}
