//! When the nodes of a fleet arrive.

use serde::{Deserialize, Serialize};

use crate::{Dice, Span};

/// The shape of the arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// All at once, as after a power cut.
    Together,
    /// Evenly over the time.
    #[default]
    Linear,
    /// As often as chance has it, on the average evenly.
    Poisson,
    /// In so many groups, each together.
    Waves,
    /// Few, then many, then few: a roll-out that gains trust.
    SCurve,
}

/// The arrivals of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arrival {
    /// Their shape.
    pub curve: Curve,
    /// How long it takes from the first to the last.
    pub over: Span,
    /// How many groups, with [`Curve::Waves`].
    pub waves: u32,
}

impl Default for Arrival {
    fn default() -> Self {
        Self { curve: Curve::default(), over: Span::seconds(10), waves: 4 }
    }
}

impl Arrival {
    /// When each of so many arrives, milliseconds from the beginning; never before the one before it, never after
    /// `over`.
    #[must_use]
    pub fn times(&self, nodes: u32, dice: &mut Dice) -> Vec<u64> {
        let over = self.over.0 as f64;
        let place = |index: u32| f64::from(index) / f64::from(nodes.saturating_sub(1).max(1));
        let waves = self.waves.max(1);
        let mut times: Vec<f64> = match self.curve {
            Curve::Together => vec![0.0; nodes as usize],
            Curve::Linear => (0..nodes).map(place).collect(),
            Curve::Poisson => (0..nodes).map(|_| dice.share()).collect(),
            Curve::Waves => {
                let wave = |index: u32| u64::from(index) * u64::from(waves) / u64::from(nodes.max(1));
                (0..nodes).map(|index| wave(index) as f64 / f64::from((waves - 1).max(1))).collect()
            }
            // The inverse of a smooth step, 3x² − 2x³.
            Curve::SCurve => (0..nodes).map(|index| 0.5 - ((1.0 - 2.0 * place(index)).asin() / 3.0).sin()).collect(),
        };
        times.sort_by(f64::total_cmp);
        times.into_iter().map(|time| (time.clamp(0.0, 1.0) * over) as u64).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Curve; 5] = [Curve::Together, Curve::Linear, Curve::Poisson, Curve::Waves, Curve::SCurve];

    fn times(curve: Curve, nodes: u32) -> Vec<u64> {
        Arrival { curve, over: Span::seconds(10), waves: 4 }.times(nodes, &mut Dice::of(&[1]))
    }

    proptest! {
        #[test]
        fn everybody_arrives_in_order_and_in_time(nodes in 1_u32..500, seed: u64, over in 0_u64..100_000, waves in 0_u32..9) {
            for curve in ALL {
                let arrival = Arrival { curve, over: Span(over), waves };
                let times = arrival.times(nodes, &mut Dice::of(&[seed]));
                prop_assert_eq!(times.len(), nodes as usize);
                prop_assert!(times.is_sorted());
                prop_assert!(times.iter().all(|time| *time <= over));
            }
        }
    }

    #[test]
    fn each_curve_has_its_shape() {
        assert!(times(Curve::Together, 9).iter().all(|time| *time == 0));
        assert_eq!(times(Curve::Linear, 5), [0, 2_500, 5_000, 7_500, 10_000]);
        let mut waves = times(Curve::Waves, 100);
        waves.dedup();
        assert_eq!(waves, [0, 3_333, 6_666, 10_000]);
        let middle = |curve| times(curve, 1_001).iter().filter(|time| (4_000..6_000).contains(*time)).count();
        assert!(middle(Curve::SCurve) > middle(Curve::Linear) * 5 / 4, "most come in the middle");
        assert_eq!(times(Curve::Linear, 1), [0]);
    }
}
