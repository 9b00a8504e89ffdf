//! State and health of nodes: bits, history, alerts.

use rollcall_model::indicator::{INDICATORS, Severity};
use rollcall_model::{GroupId, Name, NodeId, NodeState, UnixMillis};
use serde_json::json;

use super::history::About;
use super::message::Difference;
use super::{Plan, counted, message, written};
use crate::row::{AlertRow, BitRow, BitState, HealthRow, NodeRow};
use crate::{Change, CommitError};

/// The alert that says a node is down.
pub(super) const LIVENESS: &str = "liveness";

impl Plan {
    /// Taken only when it is news: of the physical group the node is in, not older than its epoch, and numbered
    /// after the last change taken.
    pub(super) fn node_changed(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::NodeChanged { node, group, session, number, epoch, state, health, cause, at } = change else {
            return Ok(());
        };
        let (number, at) = (counted(*number), written(*at));
        self.group(*group, "a node's change")?;
        let placed = self.node(*node, "a node's change")?;
        let had = placed.node.clone();
        let is_elsewhere = placed.physical.is_some_and(|physical| physical != *group);
        let is_known = (*session, number) <= (had.change_session, had.change_number);
        if is_elsewhere || is_known || *epoch < had.epoch {
            return Ok(());
        }
        let mut now = had.clone();
        now.state = *state;
        now.since_ms = if had.state == *state { had.since_ms } else { at };
        (now.bits, now.mask) = (health.bits(), health.mask());
        (now.change_session, now.change_number) = (*session, number);
        now.last_change_ms = Some(at);
        now.last_seen_ms = if is_heard(*state) { had.last_seen_ms.max(at) } else { had.last_seen_ms };
        now.first_report_ms = had.first_report_ms.or(Some(at));
        let differences = differences(&had, &now);
        self.bits_changed(*node, &differences, at);
        self.alerts_of(*node, *group, &had.name, &differences, at);
        self.liveness(*node, *group, &had.name, (*state, cause), at);
        self.writes.health.push(HealthRow {
            node_id: *node,
            group_id: *group,
            at_ms: at,
            epoch: *epoch,
            state: *state,
            bits: health.bits(),
            mask: health.mask(),
            cause: cause.clone(),
        });
        let kind = if had.state == *state { "node_health" } else { "node_state" };
        let text = message::changed(&had.name, (had.state, *state), cause, &differences);
        let detail = json!({
            "from": had.state, "to": state, "bits": health.bits(), "mask": health.mask(), "cause": cause,
            "epoch": epoch, "group": group, "session": session, "number": number,
            "set": message::names(&differences, BitState::Set), "clear": message::names(&differences, BitState::Clear),
        });
        self.event(at, kind, ("node", node.to_string()), text, &detail);
        self.writes.touched.nodes.insert(*node);
        if let Some(row) = self.stored.nodes.get_mut(node) {
            row.node = now;
        }
        Ok(())
    }

    /// An alert that is over by the time it is told; where one is open already, the node is down again and it says so.
    pub(super) fn node_was_down(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::NodeWasDown { node, group, session, number, cause, at, until } = change else {
            return Ok(());
        };
        let (number, at) = (counted(*number), written(*at));
        let until = written(*until).max(at);
        self.group(*group, "a node's end that was told late")?;
        let placed = self.node(*node, "a node's end that was told late")?;
        let had = placed.node.clone();
        let is_elsewhere = placed.physical.is_some_and(|physical| physical != *group);
        if is_elsewhere || (*session, number) <= (had.change_session, had.change_number) {
            return Ok(());
        }
        let name = had.name.clone();
        self.writes.touched.nodes.insert(*node);
        if let Some(row) = self.stored.nodes.get_mut(node) {
            row.node = NodeRow { change_session: *session, change_number: number, ..had };
        }
        if self.history.raise(liveness(*node, *group, &name, cause, at)) {
            self.history.clear(About::Node(*node), LIVENESS, until);
        }
        let text = format!("node {name} was down: {cause}; it has come back since");
        let detail = json!({ "cause": cause, "group": group, "session": session, "number": number, "until_ms": until });
        self.event(at, "node_was_down", ("node", node.to_string()), text, &detail);
        Ok(())
    }

    fn bits_changed(&mut self, node: NodeId, differences: &[Difference], at: UnixMillis) {
        let rows = differences.iter().map(|it| BitRow { node_id: node, bit: it.bit, state: it.now, since_ms: at });
        self.writes.bits.extend(rows);
    }

    /// An indicator's alert lasts as long as its bit is set.
    fn alerts_of(&mut self, node: NodeId, group: GroupId, name: &Name, differences: &[Difference], at: UnixMillis) {
        for difference in differences {
            let indicator = &INDICATORS[difference.bit];
            if difference.now == BitState::Set {
                self.history.raise(AlertRow {
                    group_id: group,
                    node_id: Some(node),
                    kind: indicator.name,
                    severity: indicator.severity,
                    raised_ms: at,
                    cleared_ms: None,
                    message: format!("node {name}: {}: {}", indicator.name, indicator.meaning),
                });
            } else if difference.was == Some(BitState::Set) {
                self.history.clear(About::Node(node), indicator.name, at);
            }
        }
    }

    /// Raised when down, cleared when heard again; `suspect` and `unknown` say nothing either way.
    fn liveness(
        &mut self,
        node: NodeId,
        group: GroupId,
        name: &Name,
        (state, cause): (NodeState, &str),
        at: UnixMillis,
    ) {
        if state == NodeState::Down {
            self.history.raise(liveness(node, group, name, cause, at));
        } else if is_heard(state) {
            self.history.clear(About::Node(node), LIVENESS, at);
        }
    }
}

/// The alert about a node that is down.
fn liveness(node: NodeId, group: GroupId, name: &Name, cause: &str, at: UnixMillis) -> AlertRow {
    AlertRow {
        group_id: group,
        node_id: Some(node),
        kind: LIVENESS,
        severity: Severity::Critical,
        raised_ms: at,
        cleared_ms: None,
        message: format!("node {name} is down: {cause}"),
    }
}

/// Whether a node in this state gave a sign of life.
const fn is_heard(state: NodeState) -> bool {
    matches!(state, NodeState::Joining | NodeState::Healthy | NodeState::Degraded | NodeState::Left)
}

/// The indicators that are not what they were; all of them at the first report.
fn differences(had: &NodeRow, now: &NodeRow) -> Vec<Difference> {
    (0..INDICATORS.len())
        .map(|bit| Difference {
            bit,
            was: had.first_report_ms.map(|_| BitState::of(had.bits, had.mask, bit)),
            now: BitState::of(now.bits, now.mask, bit),
        })
        .filter(|difference| difference.was != Some(difference.now))
        .collect()
}
