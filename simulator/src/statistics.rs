//! Figures of many figures.

use serde::{Deserialize, Serialize};

/// How many there are and how large: the middle one, those that nine and ninety-nine of a hundred do not exceed, the largest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many.
    pub count: usize,
    /// Half of them do not exceed it.
    pub p50: f64,
    /// Ninety of a hundred do not exceed it.
    pub p90: f64,
    /// Ninety-nine of a hundred do not exceed it.
    pub p99: f64,
    /// None exceeds it.
    pub max: f64,
}

impl Quantiles {
    /// Of these; nothing of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        // The nearest rank: a quantile is one of the values.
        let rank = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
        let max = *values.last()?;
        Some(Self { count: values.len(), p50: rank(50), p90: rank(90), p99: rank(99), max })
    }
}

/// The mean; 0 of none.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The largest; 0 of none.
#[must_use]
pub fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The line through points that is nearest to them by squares: what there is at 0, and what each adds. With one point, or
/// points above each other, all is added by each.
#[must_use]
pub fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let (x, y) =
        (points.iter().map(|(x, _)| x).sum::<f64>() / count, points.iter().map(|(_, y)| y).sum::<f64>() / count);
    let spread: f64 = points.iter().map(|(at, _)| (at - x).powi(2)).sum();
    if points.is_empty() {
        None
    } else if spread == 0.0 {
        (x > 0.0).then(|| (0.0, y / x))
    } else {
        let slope = points.iter().map(|(at, value)| (at - x) * (value - y)).sum::<f64>() / spread;
        Some((y - slope * x, slope))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_values_of_the_nearest_rank() {
        let of = |values: &[f64]| Quantiles::of(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[f64::NAN]), None);
        assert_eq!(of(&[3.0]), Some(Quantiles { count: 1, p50: 3.0, p90: 3.0, p99: 3.0, max: 3.0 }));
        let hundred = of(&(1..=100).rev().map(f64::from).collect::<Vec<f64>>());
        assert_eq!(hundred, Some(Quantiles { count: 100, p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 }));
    }

    #[test]
    fn a_line_goes_through_what_lies_on_one() {
        assert_eq!(line(&[]), None);
        assert_eq!(line(&[(0.0, 5.0)]), None);
        assert_eq!(line(&[(10.0, 5.0)]), Some((0.0, 0.5)));
        let (base, slope) = line(&[(10.0, 7.0), (100.0, 25.0), (1_000.0, 205.0)]).unwrap();
        assert!((base - 5.0).abs() < 1e-9 && (slope - 0.2).abs() < 1e-9, "{base} {slope}");
    }

    proptest! {
        #[test]
        fn quantiles_are_in_order(values in proptest::collection::vec(-1e9_f64..1e9, 1..200)) {
            let it = Quantiles::of(values.clone()).expect("there are some");
            prop_assert!(it.p50 <= it.p90 && it.p90 <= it.p99 && it.p99 <= it.max);
            prop_assert!(values.contains(&it.p50) && values.contains(&it.p99));
        }
    }
}
