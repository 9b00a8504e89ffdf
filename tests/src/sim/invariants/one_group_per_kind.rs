//! Every node is in one physical group at most, and in one logical group; at rest every live node is in both.

use std::collections::BTreeMap;

use rollcall_model::NodeId;
use rollcall_store::{GroupKind, Snapshot};

use super::{End, NodeTruth, Placement, Violations};

/// After every transaction: the groups a node is in are there, and of the right kind.
#[must_use]
pub fn check_saved(saved: &Snapshot) -> Violations {
    let kinds: BTreeMap<_, _> = saved.groups.iter().map(|group| (group.group, group.kind)).collect();
    let mut violations = Vec::new();
    for node in &saved.nodes {
        for (group, kind) in [(node.physical, GroupKind::Physical), (node.logical, GroupKind::Logical)] {
            let Some(group) = group else { continue };
            if kinds.get(&group) != Some(&kind) {
                violations.push(violated!(
                    "{} has {group} as its {kind:?} group, which is {:?}",
                    node.name,
                    kinds.get(&group)
                ));
            }
        }
    }
    violations
}

/// At rest.
#[must_use]
pub fn check(placements: &[Placement], nodes: &[NodeTruth]) -> Violations {
    let count = |node: NodeId, kind: GroupKind| {
        placements.iter().filter(|placement| placement.node == node && placement.kind == kind).count()
    };
    let mut violations = Vec::new();
    for node in nodes {
        for kind in [GroupKind::Physical, GroupKind::Logical] {
            let groups = count(node.node(), kind);
            if groups > 1 || (groups == 0 && node.end == End::No) {
                violations.push(violated!("{} is in {groups} {} groups", node.name, kind.as_str()));
            }
        }
    }
    violations
}
