//! What is measured of a run.

use crate::fleet::Node;

/// Of one run, means over its samples.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Utilisation of the fullest node over the mean.
    pub peak: f64,
    /// Standard deviation of utilisation over the mean.
    pub variation: f64,
    /// The 99th percentile of utilisation.
    pub p99: f64,
    /// Nodes without work, of those alive.
    pub empty: f64,
    /// Targets that were full or dead, per piece of work.
    pub wrong: f64,
    /// Work that found no place.
    pub rejected: f64,
    /// Messages per second.
    pub messages: f64,
    /// Seconds since a chosen node had last been heard.
    pub staleness: Option<f64>,
}

#[derive(Default)]
pub struct Samples {
    number: f64,
    peak: f64,
    variation: f64,
    p99: f64,
    empty: f64,
    work: u64,
    wrong: u64,
    rejected: u64,
}

impl Samples {
    pub fn take(&mut self, nodes: &[Node]) {
        let mut used: Vec<f64> = nodes.iter().filter(|node| node.alive).map(Node::used).collect();
        if used.is_empty() {
            return;
        }
        used.sort_by(f64::total_cmp);
        let number = used.len() as f64;
        let mean = (used.iter().sum::<f64>() / number).max(1e-9);
        let square = used.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / number;
        self.number += 1.0;
        self.peak += used[used.len() - 1] / mean;
        self.variation += square.sqrt() / mean;
        self.p99 += used[((number * 0.99).ceil() as usize).clamp(1, used.len()) - 1];
        self.empty += nodes.iter().filter(|node| node.alive && node.pieces == 0).count() as f64 / number;
    }

    pub fn count(&mut self, first: bool, wrong: bool, rejected: bool) {
        self.work += u64::from(first);
        self.wrong += u64::from(wrong);
        self.rejected += u64::from(rejected);
    }

    pub fn end(self, messages: f64, staleness: Option<f64>) -> Measured {
        let (number, work) = (self.number.max(1.0), self.work.max(1) as f64);
        Measured {
            peak: self.peak / number,
            variation: self.variation / number,
            p99: self.p99 / number,
            empty: self.empty / number,
            wrong: self.wrong as f64 / work,
            rejected: self.rejected as f64 / work,
            messages,
            staleness,
        }
    }
}
