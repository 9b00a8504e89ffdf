//! At rest the store says of every node what is true of it.

use rollcall_model::{GroupId, NodeState, SessionEpoch};

use super::{End, NodeTruth, SavedAlert, SavedNode, Violations};

/// A node, where it stands, and the epoch its agent has, if it runs.
pub type Known<'a> = (&'a NodeTruth, GroupId, Option<SessionEpoch>);

/// At rest.
#[must_use]
pub fn check(nodes: &[Known<'_>], saved: &[SavedNode], alerts: &[SavedAlert]) -> Violations {
    let mut violations = Vec::new();
    for (truth, rack, epoch) in nodes {
        let row = saved.iter().find(|row| row.node == truth.node());
        match (truth.end, row) {
            (End::No, None) => violations.push(violated!("{} is alive and not in the store", truth.name)),
            (End::No, Some(row)) => violations.extend(alive(truth, *rack, *epoch, row)),
            // Ended before anybody knew it.
            (_, None) => {}
            (end, Some(row)) => violations.extend(ended(truth, (end, *rack), row, alerts)),
        }
    }
    violations
}

fn alive(truth: &NodeTruth, rack: GroupId, epoch: Option<SessionEpoch>, row: &SavedNode) -> Violations {
    let wrong = [
        (row.state != truth.health.state(), format!("state {}, not {}", row.state, truth.health.state())),
        (row.health != truth.health, format!("{:?}, not {:?}", row.health, truth.health)),
        (Some(row.epoch) != epoch, format!("epoch {}, its agent {epoch:?}", row.epoch)),
        (row.physical != Some(rack), format!("rack {:?}, not {rack}", row.physical)),
        (row.logical != Some(truth.logical()), format!("logical group {:?}, not {}", row.logical, truth.logical())),
    ];
    wrong
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, what)| violated!("{} has in the store {what}", truth.name))
        .collect()
}

fn ended(truth: &NodeTruth, (end, rack): (End, GroupId), row: &SavedNode, alerts: &[SavedAlert]) -> Violations {
    let is_dark = |alert: &SavedAlert| alert.kind == "mass_darkness" && alert.group == rack && !alert.cleared;
    let open = |kind: &str| {
        alerts.iter().any(|alert| alert.node == Some(truth.node()) && alert.kind == kind && !alert.cleared)
    };
    match row.state {
        NodeState::Down if open("liveness") => Vec::new(),
        // It ended amid many: nobody can tell that from a broken link.
        NodeState::Unknown if alerts.iter().any(is_dark) => Vec::new(),
        NodeState::Down => vec![violated!("{} is down, without an alert", truth.name)],
        NodeState::Left if end == End::Left => Vec::new(),
        // A former run said good-bye, and the last one ended before it was heard of.
        NodeState::Left if !truth.spoke => Vec::new(),
        // It checked in and died before it stood in a rack: nobody watches it.
        NodeState::Joining if row.physical.is_none() => Vec::new(),
        state => vec![violated!("{} ended ({end:?}), the store says {state}", truth.name)],
    }
}
