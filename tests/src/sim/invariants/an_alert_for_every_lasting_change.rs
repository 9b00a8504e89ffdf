//! A change of health or liveness that lasts leaves its row in the alerts, soon; and no alert outlives its cause.

use rollcall_group_controller::core::liveness::is_dark;
use rollcall_model::indicator::INDICATORS;
use rollcall_model::{NodeId, NodeState};

use super::{End, NodeTruth, SavedAlert, SavedNode, Violations};

/// How soon an alert is raised when nothing is wrong, milliseconds.
const SOON: u64 = 3_000;

/// A change in the calm phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// The node, by number.
    pub number: usize,
    /// Which bit.
    pub bit: usize,
    /// Whether it was set or cleared.
    pub set: bool,
    /// When, milliseconds of the world.
    pub at: u64,
}

fn is_open(alerts: &[SavedAlert], node: NodeId, kind: &str) -> bool {
    alerts.iter().any(|alert| alert.node == Some(node) && alert.kind == kind && !alert.cleared)
}

/// At rest.
#[must_use]
pub fn check(nodes: &[NodeTruth], changes: &[Lasting], alerts: &[SavedAlert]) -> Violations {
    let mut violations = Vec::new();
    for node in nodes.iter().filter(|node| node.end == End::No) {
        for indicator in &INDICATORS {
            let (set, open) = (node.health.bits().get(indicator.bit), is_open(alerts, node.node(), indicator.name));
            if set != open {
                let has = if open { "an" } else { "no" };
                violations.push(violated!("{} has {has} open alert {:?}, its bit is {set}", node.name, indicator.name));
            }
        }
        if is_open(alerts, node.node(), "liveness") {
            violations.push(violated!("{} is alive and has an open alert for its liveness", node.name));
        }
    }
    for change in changes.iter().filter(|change| change.set) {
        let (node, kind) = (&nodes[change.number], INDICATORS[change.bit].name);
        let raised = alerts.iter().any(|alert| {
            let soon = (change.at..=change.at + SOON).contains(&alert.raised_at);
            alert.node == Some(node.node()) && alert.kind == kind && soon
        });
        if !raised {
            violations.push(violated!("{} had {kind:?} set at {}, and no alert was raised", node.name, change.at));
        }
    }
    violations
}

/// At rest, of groups.
#[must_use]
pub fn check_groups(saved: &[SavedNode], alerts: &[SavedAlert]) -> Violations {
    // Many that ended while their rack was away are dark to it: nobody can tell that from a broken link.
    let is_dark = |group| {
        let watched: Vec<_> = saved.iter().filter(|row| row.physical == Some(group) && is_watched(row.state)).collect();
        is_dark(watched.iter().filter(|row| row.state == NodeState::Unknown).count(), watched.len())
    };
    let is_over = |alert: &&SavedAlert| !(alert.kind == "mass_darkness" && is_dark(alert.group));
    let groups = alerts.iter().filter(|alert| alert.node.is_none() && !alert.cleared).filter(is_over);
    groups.map(|alert| violated!("group {} still has an open alert {:?}", alert.group, alert.kind)).collect()
}

const fn is_watched(state: NodeState) -> bool {
    !matches!(state, NodeState::Down | NodeState::Left)
}
