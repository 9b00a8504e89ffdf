//! The strategies that this crate is about.

use rollcall_model::{Millis, NodeId, Tick};
use rollcall_placement::{Config, Eligibility, Kind, Rates, Receiver, Targets, Want};
use std::collections::HashMap;

use crate::draws::Draws;
use crate::fleet::{LARGEST, Node, Work};
use crate::strategy::{Aim, Chooser, Strategy};

pub struct Ra {
    strategy: Strategy,
    kind: Kind,
    receiver: Receiver,
    targets: Targets,
    ids: Vec<NodeId>,
    index: HashMap<NodeId, usize>,
    heard: Vec<u64>,
    staleness: (f64, u64),
}

impl Ra {
    pub fn new(strategy: Strategy, aim: Aim, nodes: &[Node], rates: Rates) -> Self {
        let config = Config {
            count_every_message: strategy != Strategy::SampledLargest,
            switch_every: Millis(20_000),
            ..Config::new(rates, nodes.len() as u32)
        };
        let mut receiver = Receiver::new(Tick(0), config).expect("a configuration that works");
        for node in nodes {
            receiver.insert(Tick(0), node.id).expect("room");
            receiver.set_eligibility(Tick(0), node.id, Eligibility::GOOD).expect("known");
            receiver.set_share(node.id, node.capacity / LARGEST).expect("known");
        }
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
        let index = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let targets = receiver.targets();
        let heard = vec![0; nodes.len()];
        Self { strategy, kind: aim.kind(), receiver, targets, ids, index, heard, staleness: (0.0, 0) }
    }
}

impl Chooser for Ra {
    fn deliver(&mut self, now: u64, node: usize, _metric: f64) {
        self.receiver.heard(Tick(now), self.ids[node], self.kind);
        self.heard[node] = now;
    }

    fn eligible(&mut self, now: u64, node: usize, eligible: bool) {
        let state = if eligible { rollcall_model::NodeState::Healthy } else { rollcall_model::NodeState::Down };
        let eligibility = Eligibility { state, ..Eligibility::GOOD };
        self.receiver.set_eligibility(Tick(now), self.ids[node], eligibility).expect("known");
    }

    fn tick(&mut self, now: u64) {
        self.receiver.tick(Tick(now));
    }

    fn choose(&mut self, now: u64, _truth: &[Node], work: &Work, draws: &mut Draws) -> Option<usize> {
        let (targets, kind, now) = (&self.targets, self.kind, Tick(now));
        let size = work.size() / LARGEST;
        let found = match self.strategy {
            Strategy::RingNewest => targets.newest(now, kind),
            Strategy::RingOldest => targets.oldest(now, kind),
            Strategy::CountLargest | Strategy::SampledLargest => {
                targets.at_rank(now, kind, 0.0).map(|target| target.node)
            }
            Strategy::CountTop => targets.at_rank(now, kind, draws.unit() * 0.1).map(|target| target.node),
            Strategy::Pick(choices) => {
                let want = Want { size, choices };
                let picked = targets.pick(now, kind, want, draws.bits());
                // Nobody seems to have so much room: the best of those who spoke is asked all the same.
                let picked = picked.or_else(|| targets.pick(now, kind, Want { size: 0.0, choices }, draws.bits()));
                picked.map(|target| target.node)
            }
            _ => None,
        };
        let node = self.index[&found?];
        self.staleness.0 += (now.0 - self.heard[node]) as f64;
        self.staleness.1 += 1;
        Some(node)
    }

    fn refused(&mut self, _now: u64, node: usize) {
        if matches!(self.strategy, Strategy::Pick(_)) {
            self.targets.refused(self.ids[node]);
        }
    }

    fn staleness(&self) -> Option<(f64, u64)> {
        Some(self.staleness)
    }
}
