//! Nodes that checked in and stand in no rack: nobody watches them, so their state says nothing. After a minute that is
//! told, once for each node and run of the zone.

use std::collections::VecDeque;

use rollcall_model::{Millis, NodeId, Now, Tick};

use super::ignored::note;
use super::{Effect, Zone};

/// A group controller has this long to find a node that checked in.
const PATIENCE: Millis = Millis(60_000);

/// The nodes that are waited for, in the order in which the patience with them ends.
#[derive(Debug, Default)]
pub(super) struct Unplaced {
    waiting: VecDeque<(Tick, NodeId)>,
}

impl Unplaced {
    /// When [`Zone::tick_unplaced`] is wanted at the latest.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.waiting.front().map(|(until, _)| *until)
    }

    /// A node checked in and stands nowhere.
    pub(super) fn wait_for(&mut self, now: Tick, node: NodeId) {
        self.waiting.push_back((now + PATIENCE, node));
    }
}

impl Zone {
    /// Tells of the nodes no group controller has found.
    pub(super) fn tick_unplaced(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while self.unplaced.waiting.front().is_some_and(|(until, _)| *until <= now.tick) {
            let Some((_, node)) = self.unplaced.waiting.pop_front() else { return };
            let Some(known) = self.nodes.get(&node).filter(|known| known.physical.is_none()) else { continue };
            if self.overview.unplaced.insert(node, known.name.clone()).is_some() {
                continue;
            }
            let message = format!(
                "node {} at {} checked in {} s ago and no group controller has found it: nobody watches it; is there one \
                 for its place or address?",
                known.name,
                known.address,
                PATIENCE.0 / 1_000
            );
            effects.push(note(now.wall, "unplaced", known.name.as_str(), message));
        }
    }
}
