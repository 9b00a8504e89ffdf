//! Nobody is told of a membership before it is saved (Z5), and no epoch belongs to two runs.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{GroupId, InstanceId, NodeId, SessionEpoch};
use rollcall_store::Snapshot;

use super::{Violations, no_epoch_goes_back};

/// Every membership that was ever saved.
#[derive(Debug, Default)]
pub struct Joins {
    logical: BTreeMap<(NodeId, SessionEpoch), (InstanceId, GroupId)>,
    places: BTreeSet<(NodeId, GroupId)>,
}

impl Joins {
    /// A join was saved.
    #[must_use]
    pub fn add(&mut self, (node, epoch): (NodeId, SessionEpoch), run: InstanceId, group: GroupId) -> Violations {
        match self.logical.insert((node, epoch), (run, group)) {
            Some((other, _)) if other != run => {
                vec![violated!("epoch {epoch} of {node} was given to run {other} and to run {run}")]
            }
            _ => Vec::new(),
        }
    }

    /// A place was saved.
    pub fn add_place(&mut self, node: NodeId, group: GroupId) {
        self.places.insert((node, group));
    }
}

/// A node is about to be told its epoch and logical group, by the zone or by a check-in service.
#[must_use]
pub fn check(
    joins: &Joins,
    saved: &Snapshot,
    (node, run): (NodeId, InstanceId),
    epoch: SessionEpoch,
    group: GroupId,
) -> Violations {
    let told = format!("run {run} of {node} is told epoch {epoch} and group {group}");
    if joins.logical.get(&(node, epoch)) != Some(&(run, group)) {
        return vec![violated!("{told}, which was never saved")];
    }
    let stored = no_epoch_goes_back::saved_epoch(saved, node);
    if stored < epoch { vec![violated!("{told}, but the store has epoch {stored}")] } else { Vec::new() }
}

/// A node is about to be told its physical group, by a group controller.
#[must_use]
pub fn check_place(joins: &Joins, node: NodeId, group: GroupId) -> Violations {
    if joins.places.contains(&(node, group)) {
        Vec::new()
    } else {
        vec![violated!("{node} is told that it stands in {group}, which was never saved")]
    }
}
