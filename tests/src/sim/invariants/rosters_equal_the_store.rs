//! At rest a group controller's roster holds those who stand in its rack and nobody else, as the store has them.

use std::collections::BTreeMap;

use rollcall_group_controller::core::Roster;
use rollcall_model::{GroupId, NodeId};

use super::{SavedNode, Violations};

/// At rest.
#[must_use]
pub fn check(name: &str, group: GroupId, roster: &Roster, saved: &[SavedNode]) -> Violations {
    let members: BTreeMap<NodeId, _> = roster.iter().collect();
    let mut violations = Vec::new();
    for row in saved.iter().filter(|row| row.physical == Some(group)) {
        let Some(member) = members.get(&row.node) else {
            violations.push(violated!("{name} does not know its node {}", row.node));
            continue;
        };
        let (have, stored) = ((member.epoch, member.state, member.health), (row.epoch, row.state, row.health));
        if have != stored {
            violations.push(violated!("{name} has {} as {have:?}, the store as {stored:?}", row.node));
        }
    }
    let strangers =
        members.keys().filter(|node| !saved.iter().any(|row| row.node == **node && row.physical == Some(group)));
    violations.extend(strangers.map(|node| violated!("{name} keeps {node}, which does not stand in it")));
    violations
}
