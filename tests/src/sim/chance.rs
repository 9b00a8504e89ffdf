//! Everything that is drawn, from one generator: how nasty this world is, and each throw of the dice.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rollcall_bus::Assurance;
use rollcall_model::InstanceId;

/// How likely things go wrong in this world, each 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// A published message is lost.
    pub drop: f64,
    /// A confirmed message arrives, but its confirm does not.
    pub unconfirmed: f64,
    /// A message arrives twice, the second time late.
    pub twice: f64,
    /// A message or a delivery is late, and overtaken by others.
    pub late: f64,
    /// An announcement is not heard until asked for again.
    pub unheard: f64,
    /// A process dies while it carries out effects.
    pub slip: f64,
    /// Mean time between two mishaps, milliseconds.
    pub mishap_every: u64,
}

impl Rates {
    /// Nothing goes wrong.
    pub const NONE: Self =
        Self { drop: 0.0, unconfirmed: 0.0, twice: 0.0, late: 0.0, unheard: 0.0, slip: 0.0, mishap_every: u64::MAX };
}

/// The dice.
#[derive(Debug)]
pub(super) struct Chance(SmallRng);

/// What becomes of a published message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// After how many milliseconds it reaches the broker; more than once when it is sent twice.
    pub arrivals: Vec<u64>,
    /// Whether the publisher hears of the first arrival.
    pub confirmed: bool,
}

impl Chance {
    pub fn of_seed(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.0.random_bool(probability)
    }

    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub fn instance(&mut self) -> InstanceId {
        InstanceId::from_bytes(self.0.random())
    }

    pub fn rates(&mut self) -> Rates {
        Rates {
            drop: self.one_of(&[0.0, 0.01, 0.05, 0.2]),
            unconfirmed: self.one_of(&[0.0, 0.02, 0.1]),
            twice: self.one_of(&[0.0, 0.02, 0.1]),
            late: self.one_of(&[0.0, 0.02, 0.1]),
            unheard: self.one_of(&[0.0, 0.2, 0.6]),
            slip: self.one_of(&[0.0, 0.01, 0.05]),
            mishap_every: self.one_of(&[1_000, 2_500, 6_000]),
        }
    }

    pub fn fate(&mut self, rates: &Rates, assurance: Assurance) -> Fate {
        let lost = self.happens(rates.drop);
        let mut arrivals = Vec::new();
        if !lost {
            arrivals.push(if self.happens(rates.late) { self.between(5, 4_000) } else { 1 });
        }
        if self.happens(rates.twice) {
            arrivals.push(self.between(5, 10_000));
        }
        let unheard = assurance == Assurance::Confirmed && self.happens(rates.unconfirmed);
        Fate { arrivals, confirmed: !lost && !unheard }
    }
}

impl Fate {
    /// What becomes of a message when nothing is wrong.
    pub fn good() -> Self {
        Self { arrivals: vec![1], confirmed: true }
    }
}
