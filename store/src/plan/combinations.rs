//! Combinations nobody foresaw, and check-in services at places.

use rollcall_model::{Capability, GroupId, Name, NodeId, UnixMillis};
use serde_json::json;

use super::Plan;
use crate::CommitError;
use crate::row::{CheckinPlaceRow, CombinationRow, CombinationState};

impl Plan {
    /// One that waits already, or was decided on, stays as it is.
    pub(super) fn combination_held(&mut self, capability: &Capability, node: NodeId, name: &Name, at: UnixMillis) {
        if self.stored.combinations.contains_key(capability) {
            return;
        }
        self.capability_seen(capability, at);
        let row = CombinationRow {
            capability: capability.clone(),
            state: CombinationState::Waiting,
            node_id: Some(node),
            node_name: Some(name.clone()),
            held_ms: Some(at),
            decided_ms: None,
            decided_by: None,
        };
        self.stored.combinations.insert(capability.clone(), row);
        self.writes.touched.combinations.insert(capability.clone());
        let message = format!("node {name} waits for approval of its combination {capability}");
        let detail = json!({ "capability": capability });
        self.event(at, "combination_held", ("node", node.to_string()), message, &detail);
    }

    /// The same decision again changes nothing; another one replaces it.
    pub(super) fn combination_decided(&mut self, capability: &Capability, approved: bool, by: &str, at: UnixMillis) {
        let (state, word) = if approved {
            (CombinationState::Approved, "combination_approved")
        } else {
            (CombinationState::Denied, "combination_denied")
        };
        let had = self.stored.combinations.get(capability);
        if had.is_some_and(|had| had.state == state) {
            return;
        }
        let row = CombinationRow {
            capability: capability.clone(),
            state,
            node_id: had.and_then(|had| had.node_id),
            node_name: had.and_then(|had| had.node_name.clone()),
            held_ms: had.and_then(|had| had.held_ms),
            decided_ms: Some(at),
            decided_by: Some(by.to_owned()),
        };
        self.capability_seen(capability, at);
        self.stored.combinations.insert(capability.clone(), row);
        self.writes.touched.combinations.insert(capability.clone());
        let done = if approved { "approved" } else { "denied" };
        let message = format!("combination {capability} {done} by {by}");
        let detail = json!({ "capability": capability, "by": by });
        self.event(at, word, ("other", capability.to_string()), message, &detail);
    }

    /// What is so already is no news.
    pub(super) fn checkin_placed(
        &mut self,
        name: &Name,
        group: GroupId,
        (running, message): (bool, &str),
        at: UnixMillis,
    ) -> Result<(), CommitError> {
        let at_group = self.group(group, "a check-in service at a place")?.name.clone();
        let had = self.stored.places.get(name);
        if had.is_some_and(|had| (had.group_id, had.running, had.message.as_str()) == (group, running, message)) {
            return Ok(());
        }
        let is_same = |had: &&CheckinPlaceRow| (had.group_id, had.running) == (group, running);
        let since_ms = had.filter(is_same).map_or(at, |had| had.since_ms);
        let row =
            CheckinPlaceRow { name: name.clone(), group_id: group, running, message: message.to_owned(), since_ms };
        self.stored.places.insert(name.clone(), row);
        self.writes.touched.places.insert(name.clone());
        let how = if running { "runs" } else { "does not run yet, or no more," };
        let said = if message.is_empty() { String::new() } else { format!(": {message}") };
        let text = format!("check-in service {name} {how} at group {at_group}{said}");
        let detail = json!({ "group": group, "running": running, "message": message });
        self.event(at, "checkin_placed", ("other", name.to_string()), text, &detail);
        Ok(())
    }
}
