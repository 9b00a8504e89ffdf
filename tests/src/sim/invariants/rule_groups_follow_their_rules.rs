//! At rest a group by rule has the nodes that fulfil its rule, and no others (Z8).

use std::collections::BTreeSet;

use rollcall_model::NodeId;

use super::{SavedNode, Violations};

/// The members of a group whose rule is that one bit is set.
#[must_use]
pub fn check(group: &str, bit: usize, members: &BTreeSet<NodeId>, saved: &[SavedNode]) -> Violations {
    let fulfil: BTreeSet<NodeId> =
        saved.iter().filter(|node| node.health.bits().get(bit)).map(|node| node.node).collect();
    let mut violations = Vec::new();
    for node in fulfil.difference(members) {
        violations.push(violated!("{node} fulfils the rule of {group} and is not in it"));
    }
    for node in members.difference(&fulfil) {
        violations.push(violated!("{node} is in {group} and does not fulfil its rule"));
    }
    violations
}
