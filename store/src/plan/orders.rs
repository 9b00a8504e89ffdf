//! What people and remedies do about nodes: actions, and alerts somebody has seen.

use rollcall_model::packet::{Action, ActionState};
use rollcall_model::{ActionId, UnixMillis};
use serde_json::json;

use super::{Plan, counted, written};
use crate::row::{AcknowledgementRow, ActionRow};
use crate::{Change, CommitError};

impl Plan {
    /// An order that is stored already changes nothing.
    pub(super) fn action_ordered(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::ActionOrdered { action_id, node, action, by, automatic, deadline, time_limit_ms, at } = change
        else {
            return Ok(());
        };
        if self.stored.actions.contains_key(action_id) {
            return Ok(());
        }
        let at = written(*at);
        let name = self.known(*node, "an action")?.name.clone();
        let row = ActionRow {
            action_id: *action_id,
            node_id: *node,
            kind: action.kind(),
            action: action.clone(),
            ordered_by: by.clone(),
            automatic: *automatic,
            deadline_ms: written(*deadline),
            time_limit_ms: counted(*time_limit_ms),
            state: ActionState::Ordered,
            message: String::new(),
            ordered_ms: at,
            begun_ms: None,
            ended_ms: None,
        };
        self.stored.actions.insert(*action_id, row);
        self.writes.touched.actions.insert(*action_id);
        let who = if *automatic { format!("remedy {by}") } else { by.clone() };
        let message = format!("{} of node {name} ordered by {who}", said(action));
        let detail = json!({ "action_id": action_id, "action": action, "by": by, "automatic": automatic });
        self.event(at, "action_ordered", ("node", node.to_string()), message, &detail);
        Ok(())
    }

    /// Written only when the order comes further by it: ordered, running, any of the ends. One that is not stored is
    /// of another database, and passed over.
    pub(super) fn action_moved(&mut self, action_id: ActionId, state: ActionState, text: &str, at: UnixMillis) {
        let Some(row) = self.stored.actions.get_mut(&action_id) else { return };
        if rank(state) <= rank(row.state) {
            return;
        }
        row.state = state;
        text.clone_into(&mut row.message);
        if state.is_final() {
            row.ended_ms = Some(at);
        } else {
            row.begun_ms = Some(at);
        }
        let (node, what) = (row.node_id, said(&row.action));
        self.writes.touched.actions.insert(action_id);
        let name = self.known_if_stored(node).map_or_else(|| node.to_string(), |known| known.name.to_string());
        let because = if text.is_empty() { String::new() } else { format!(": {text}") };
        let message = format!("{what} of node {name} {state}{because}");
        let detail = json!({ "action_id": action_id, "state": state, "message": text });
        self.event(at, kind(state), ("node", node.to_string()), message, &detail);
    }

    /// One that is not there, is over, or was seen before stays as it is.
    pub(super) fn alert_acknowledged(&mut self, alert: i64, by: &str, comment: &str, at: UnixMillis) {
        let Some(seen) = self.stored.unseen.remove(&alert).filter(|it| !self.history.is_ended(it.alert_id)) else {
            return;
        };
        self.writes.acknowledgements.push(AcknowledgementRow {
            alert_id: alert,
            acknowledged_ms: at,
            acknowledged_by: by.to_owned(),
            comment: comment.to_owned(),
        });
        let subject = match seen.node_id {
            Some(node) => ("node", node.to_string()),
            None => ("group", seen.group_id.to_string()),
        };
        let said = if comment.is_empty() { String::new() } else { format!(", who says: {comment}") };
        let message = format!("alert {alert} ({}) acknowledged by {by}{said}", seen.message);
        let detail = json!({ "alert_id": alert, "kind": seen.kind, "by": by, "comment": comment });
        self.event(at, "alert_acknowledged", subject, message, &detail);
    }
}

/// How far an order has come.
const fn rank(state: ActionState) -> u8 {
    match state {
        ActionState::Ordered => 0,
        ActionState::Running => 1,
        // Nothing was heard of it in time, or somebody on its way refused it: its node may be heard later.
        ActionState::Expired | ActionState::Refused => 2,
        ActionState::Done | ActionState::Failed => 3,
    }
}

const fn kind(state: ActionState) -> &'static str {
    match state {
        ActionState::Ordered => "action_ordered",
        ActionState::Running => "action_running",
        ActionState::Done => "action_done",
        ActionState::Failed => "action_failed",
        ActionState::Refused => "action_refused",
        ActionState::Expired => "action_expired",
    }
}

/// The action in a few words.
fn said(action: &Action) -> String {
    match action {
        Action::Identify { seconds } => format!("identify for {seconds} s"),
        Action::RestartService { service } => format!("restart of {service}"),
        Action::Drain | Action::Reboot => action.kind().to_string(),
    }
}
