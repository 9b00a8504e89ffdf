//! Nodes that nobody watches, so that their state says nothing: those that checked in and stand in no rack, of which is told after a minute, once
//! for each node and run of the zone; and those whose rack says nothing of their session. The word of it may have been lost, and
//! should the node have died before its first status packet, nobody else would tell: the rack is told again.

use std::collections::VecDeque;

use rollcall_model::{Millis, NodeId, NodeState, Now, SessionEpoch, Tick};

use super::ignored::note;
use super::{Effect, Zone};

/// A group controller has this long to find a node that checked in.
const PATIENCE: Millis = Millis(60_000);
/// A rack that knows of a session says something of it before: it watches for the first status packet for ten seconds.
const UNHEARD: Millis = Millis(20_000);

/// The nodes that are waited for, in the order in which the patience with them ends.
#[derive(Debug, Default)]
pub(super) struct Unplaced {
    waiting: VecDeque<(Tick, NodeId)>,
    /// Those in a rack that has said nothing of this session, in the order in which it is told again.
    unheard: VecDeque<(Tick, NodeId, SessionEpoch)>,
}

impl Unplaced {
    /// When [`Zone::tick_unplaced`] is wanted at the latest.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        let first = self.waiting.front().map(|(until, _)| *until);
        first.into_iter().chain(self.unheard.front().map(|(until, ..)| *until)).min()
    }

    /// A node in a rack begins a session.
    pub(super) fn expect(&mut self, now: Tick, node: NodeId, epoch: SessionEpoch) {
        self.unheard.push_back((now + UNHEARD, node, epoch));
    }

    /// A node checked in and stands nowhere.
    pub(super) fn wait_for(&mut self, now: Tick, node: NodeId) {
        self.waiting.push_back((now + PATIENCE, node));
    }

    /// The same of many at once, whose order is that of their ids: the same history tells the same.
    pub(super) fn wait_for_all(&mut self, now: Tick, nodes: impl Iterator<Item = NodeId>) {
        let mut nodes: Vec<NodeId> = nodes.collect();
        nodes.sort_unstable();
        self.waiting.extend(nodes.into_iter().map(|node| (now + PATIENCE, node)));
    }
}

impl Zone {
    /// Tells of the nodes no group controller has found, and group controllers of those they may not know.
    pub(super) fn tick_unplaced(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.tick_unheard(now, effects);
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

    fn tick_unheard(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while self.unplaced.unheard.front().is_some_and(|(until, ..)| *until <= now.tick) {
            let Some((_, node, epoch)) = self.unplaced.unheard.pop_front() else { return };
            let is_unheard = |state, of| state == NodeState::Joining && of == epoch;
            let Some(known) = self.nodes.get(&node).filter(|known| is_unheard(known.state, known.epoch)) else {
                continue;
            };
            let Some(group) = known.physical else { continue };
            self.tell_epoch(now, group, node, effects);
            self.unplaced.expect(now.tick, node, epoch);
        }
    }
}
