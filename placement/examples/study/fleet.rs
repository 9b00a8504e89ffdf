//! The nodes and what runs on them.

use rollcall_model::NodeId;
use rollcall_placement::metric::{self, Full, Thresholds};
use rollcall_placement::usage::Usage;

use crate::draws::{Draws, pareto_mean};
use crate::strategy::Aim;

/// Units of the largest node.
pub const LARGEST: f64 = 8.0;
const SIZE: (f64, f64, f64) = (2.0, 0.05, 0.8);
const SECONDS: (f64, f64, f64) = (1.5, 20.0, 2000.0);

/// A piece of work: what it takes of storage, processing and communications, in units, and for how long.
#[derive(Clone, Copy)]
pub struct Work {
    pub demand: [f64; 3],
    pub seconds: f64,
}

impl Work {
    pub fn draw(draws: &mut Draws) -> Self {
        let size = draws.pareto(SIZE.0, SIZE.1, SIZE.2);
        let demand = std::array::from_fn(|_| size * draws.between(0.5, 1.5));
        Self { demand, seconds: draws.pareto(SECONDS.0, SECONDS.1, SECONDS.2) }
    }

    /// How many per second make a fleet of this capacity so full, in the long run.
    pub fn per_second(load: f64, capacity: f64) -> f64 {
        load * capacity / (pareto_mean(SIZE.0, SIZE.1, SIZE.2) * pareto_mean(SECONDS.0, SECONDS.1, SECONDS.2))
    }

    /// As whoever asks for a target knows it.
    pub fn size(&self) -> f64 {
        self.demand.iter().sum::<f64>() / 3.0
    }
}

pub struct Node {
    pub id: NodeId,
    /// In units.
    pub capacity: f64,
    pub alive: bool,
    /// Goes up with each failure: work of an earlier life is gone.
    pub life: u32,
    pub pieces: u32,
    load: [f64; 3],
    metric: f64,
}

impl Node {
    pub fn fits(&self, work: &Work) -> bool {
        self.alive && self.load.iter().zip(work.demand).all(|(load, demand)| load + demand <= self.capacity)
    }

    pub fn start(&mut self, work: &Work) {
        self.load.iter_mut().zip(work.demand).for_each(|(load, demand)| *load += demand);
        self.pieces += 1;
        self.changed();
    }

    pub fn end(&mut self, work: &Work) {
        self.load.iter_mut().zip(work.demand).for_each(|(load, demand)| *load = (*load - demand).max(0.0));
        self.pieces -= 1;
        self.changed();
    }

    pub fn fail(&mut self) {
        self.alive = false;
        self.life += 1;
        self.pieces = 0;
        self.load = [0.0; 3];
        self.changed();
    }

    fn usage(&self) -> Usage {
        let [s, p, c] = self.load.map(|load| load / self.capacity);
        Usage::new(s, p, Some(c))
    }

    /// RM of its own capacity: what every strategy goes by.
    pub fn metric(&self) -> f64 {
        self.metric
    }

    fn changed(&mut self) {
        self.metric = metric::resource_metric(&self.usage(), &Thresholds::default());
    }

    /// f_RA for an aim: normalised by capacity for balance only (see `placement::capacity`).
    pub fn availability(&self, aim: Aim, full: Full, min: f64) -> f64 {
        match aim {
            Aim::Balance => metric::final_metric(self.metric() * self.capacity / LARGEST, min),
            Aim::Power => metric::power_metric(&self.usage(), &Thresholds::default(), full, min),
        }
    }

    /// Utilisation: the mean of the three.
    pub fn used(&self) -> f64 {
        self.load.iter().sum::<f64>() / 3.0 / self.capacity
    }
}

/// Four sizes of node, many small and few large.
pub fn fleet(number: usize, draws: &mut Draws) -> Vec<Node> {
    let capacity = |draws: &mut Draws| match draws.unit() {
        part if part < 0.4 => 1.0,
        part if part < 0.7 => 2.0,
        part if part < 0.9 => 4.0,
        _ => LARGEST,
    };
    (0..number)
        .map(|index| Node {
            id: NodeId::derived_from(&format!("node {index}")),
            // There is always a largest one, so that shares mean the same in each fleet.
            capacity: if index == 0 { LARGEST } else { capacity(draws) },
            alive: true,
            life: 0,
            pieces: 0,
            load: [0.0; 3],
            metric: 1.0,
        })
        .collect()
}
