//! What a check-in service remembers across its restarts (C7): the group table, the epochs nodes were given, and the
//! joins it granted while the zone was away and the zone has not confirmed yet. Pure: files are [`crate::journal`]'s.

use std::collections::BTreeMap;

use rollcall_model::packet::{GroupTable, JoinRequest, NodeSubscription};
use rollcall_model::{InstanceId, NodeId, SessionEpoch};
use serde::{Deserialize, Serialize};

/// A told epoch is believed as far as it exceeds the known one by at most this.
pub const MAX_JUMP: u32 = 1 << 20;
/// Most nodes remembered; nodes beyond are served by the zone only.
pub const MAX_NODES: usize = 200_000;
/// Most joins granted and not yet confirmed by the zone.
pub const MAX_GRANTED: usize = 20_000;

/// One thing to remember; carried out as [`crate::core::Effect::Save`], before anybody hears of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The zone's group table.
    Table(Box<GroupTable>),
    /// The zone gave this epoch, or confirmed it. Ends a grant of the same run that it covers.
    Known {
        /// The node.
        node: NodeId,
        /// What its latest run was given.
        known: Known,
    },
    /// The service gave [`JoinRequest::granted`] of its own accord.
    Granted(Box<JoinRequest>),
    /// The zone refused what was granted, or a later run of the agent asks; the epoch is never given again all the same.
    Withdrawn {
        /// The node.
        node: NodeId,
    },
}

/// What the latest run of a node's agent was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The greatest epoch it was given.
    pub epoch: SessionEpoch,
    /// The run.
    pub instance: InstanceId,
    /// Digest of the hardware it told; zero when that is not known.
    pub hardware: u64,
}

impl Known {
    /// Whether this was given to the very same run with the very same hardware.
    #[must_use]
    pub fn is_of(&self, subscription: &NodeSubscription) -> bool {
        self.instance == subscription.instance && self.hardware == subscription.hardware.digest()
    }
}

/// Everything remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    table: Option<GroupTable>,
    known: BTreeMap<NodeId, Known>,
    granted: BTreeMap<NodeId, JoinRequest>,
}

impl Memory {
    /// Takes one record; a repetition changes nothing, and no epoch goes back.
    pub fn take(&mut self, record: Record) {
        match record {
            Record::Table(table) => self.table = Some(*table),
            Record::Known { node, known } => {
                self.learn(node, known);
                let covered = self.granted.get(&node).is_some_and(|granted| {
                    granted.subscription.instance == known.instance && granted.granted <= Some(known.epoch)
                });
                if covered {
                    self.granted.remove(&node);
                }
            }
            Record::Granted(request) => {
                let subscription = &request.subscription;
                let (node, instance) = (subscription.identifier.node, subscription.instance);
                if let Some(epoch) = request.granted {
                    self.learn(node, Known { epoch, instance, hardware: subscription.hardware.digest() });
                    self.granted.insert(node, *request);
                }
            }
            Record::Withdrawn { node } => {
                self.granted.remove(&node);
            }
        }
    }

    fn learn(&mut self, node: NodeId, known: Known) {
        match self.known.get(&node) {
            Some(before) if before.epoch > known.epoch => {}
            Some(_) => {
                self.known.insert(node, known);
            }
            None if self.known.len() < MAX_NODES => {
                self.known.insert(node, known);
            }
            None => {}
        }
    }

    /// The group table.
    #[must_use]
    pub const fn table(&self) -> Option<&GroupTable> {
        self.table.as_ref()
    }

    /// What a node's latest run was given.
    #[must_use]
    pub fn known(&self, node: NodeId) -> Option<Known> {
        self.known.get(&node).copied()
    }

    /// The join a node was granted and the zone has not confirmed yet.
    #[must_use]
    pub fn granted(&self, node: NodeId) -> Option<&JoinRequest> {
        self.granted.get(&node)
    }

    /// Nodes with such a join.
    pub fn outstanding(&self) -> impl Iterator<Item = NodeId> {
        self.granted.keys().copied()
    }

    /// Whether one more join can be granted to this node.
    #[must_use]
    pub fn has_room(&self, node: NodeId) -> bool {
        (self.granted.contains_key(&node) || self.granted.len() < MAX_GRANTED)
            && (self.known.contains_key(&node) || self.known.len() < MAX_NODES)
    }

    /// The greatest epoch this node is believed to have had, by what it tells and what is known.
    #[must_use]
    pub fn latest(&self, node: NodeId, told: SessionEpoch) -> SessionEpoch {
        let known = self.known.get(&node).map_or(0, |known| known.epoch.0);
        SessionEpoch(told.0.min(known.saturating_add(MAX_JUMP)).max(known))
    }

    /// The epoch a new run is given; `None` when there is none left above the latest.
    #[must_use]
    pub fn next_epoch(&self, node: NodeId, told: SessionEpoch) -> Option<SessionEpoch> {
        self.latest(node, told).0.checked_add(1).map(SessionEpoch)
    }

    /// The fewest records that lead to this memory, the table aside.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let known = self.known.iter().filter(|(node, _)| !self.granted.contains_key(node));
        let known = known.map(|(node, known)| Record::Known { node: *node, known: *known });
        // A node's epoch may have grown beyond what it was granted: both are told, the grant first.
        let granted = self.granted.iter().flat_map(|(node, request)| {
            let grown = self.known.get(node).filter(|known| Some(known.epoch) > request.granted);
            let grown = grown.map(|known| Record::Known { node: *node, known: *known });
            std::iter::once(Record::Granted(Box::new(request.clone()))).chain(grown)
        });
        known.chain(granted)
    }

    /// How many records [`Self::records`] has, at most.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len() + self.granted.len()
    }

    /// Whether no node is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.granted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(epoch: u32, run: &str) -> Known {
        Known { epoch: SessionEpoch(epoch), instance: InstanceId::derived_from(run), hardware: 0 }
    }

    #[test]
    fn a_told_epoch_is_believed_within_bounds_and_none_goes_back() {
        let (mut memory, node) = (Memory::default(), NodeId::derived_from("n"));
        memory.take(Record::Known { node, known: known(7, "b") });
        memory.take(Record::Known { node, known: known(3, "a") });
        assert_eq!(memory.known(node), Some(known(7, "b")));
        // (told, next)
        for (told, next) in [(0, 8), (7, 8), (100, 101), (u32::MAX, 8 + MAX_JUMP)] {
            assert_eq!(memory.next_epoch(node, SessionEpoch(told)), Some(SessionEpoch(next)), "{told}");
        }
        memory.take(Record::Known { node, known: known(u32::MAX, "c") });
        assert_eq!(memory.next_epoch(node, SessionEpoch(0)), None, "never the same twice");
    }
}
