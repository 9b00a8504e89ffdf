//! The API's objects, as far as they are shown. They are rows of the documented views, so fields are only ever added;
//! what is missing or null is `None`.

mod orders;
pub mod placing;
pub mod trust;

use std::collections::BTreeMap;

pub use self::orders::{
    Action, Combination, Difference, GroupDetail, GroupMember, GroupMetrics, GroupOpen, Matching, Message, NodeReading,
    NodeReadings, Period, Policy, PolicySet, PolicyVersion, Progress, RuleGroup,
};
use serde::Deserialize;
use serde_json::Value;

/// `/v1/status`.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The zone.
    pub zone: Zone,
    /// `up`, `connecting` or `down: why`.
    pub broker: String,
    /// `up`, or `read-only: …`; of zones before 0.4 nothing.
    #[serde(default)]
    pub database: String,
    /// Nodes per state.
    pub nodes: Vec<StateCount>,
    /// Groups per kind.
    pub groups: Vec<KindCount>,
    /// Open alerts per severity.
    pub alerts: Vec<SeverityCount>,
    /// Its controllers; none from a zone that has one only and keeps no lease.
    #[serde(default)]
    pub controllers: Vec<Controller>,
    /// Version of the policy in force; 0 for none.
    #[serde(default)]
    pub policy_version: u64,
    /// Combinations of hardware that wait for somebody to decide.
    #[serde(default)]
    pub combinations_waiting: i64,
    /// What was ignored or refused, by `source.reason`.
    pub ignored: BTreeMap<String, u64>,
    /// Latest report of each check-in service, by its id.
    pub checkins: BTreeMap<String, CheckinReport>,
    /// Latest summary of each group, by its id.
    pub summaries: BTreeMap<String, Summary>,
    /// Other zones heard, by id: name and addresses.
    pub neighbours: BTreeMap<String, String>,
}

/// A zone controller, of which a zone may have several.
#[derive(Clone, Debug, Deserialize)]
pub struct Controller {
    /// Its name.
    pub name: String,
    /// Where its API is.
    pub address: String,
    /// `active`, `standby`, or `ended`.
    pub role: String,
    /// When it was last heard of.
    pub last_seen_at: String,
}

/// A zone.
#[derive(Clone, Debug, Deserialize)]
pub struct Zone {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Number of this start.
    pub generation: u64,
}

/// Nodes in a state.
#[derive(Clone, Debug, Deserialize)]
pub struct StateCount {
    /// The state.
    pub state: String,
    /// How many.
    pub nodes: i64,
}

/// Groups of a kind.
#[derive(Clone, Debug, Deserialize)]
pub struct KindCount {
    /// `physical`, `logical` or `health`.
    pub kind: String,
    /// How many.
    pub groups: i64,
}

/// Open alerts of a severity.
#[derive(Clone, Debug, Deserialize)]
pub struct SeverityCount {
    /// `warning` or `critical`.
    pub severity: String,
    /// How many.
    pub alerts: i64,
}

/// What a check-in service did since it started.
#[derive(Clone, Debug, Deserialize)]
pub struct CheckinReport {
    /// Assignments answered.
    pub assigned: u64,
    /// Refusals, by reason.
    pub refused: BTreeMap<String, u64>,
    /// The latest refusal, for people.
    pub last_refusal: Option<String>,
}

/// What a group controller says about its nodes.
#[derive(Clone, Debug, Deserialize)]
pub struct Summary {
    /// Nodes per state.
    pub states: BTreeMap<String, u64>,
    /// Status packets taken since it started.
    pub statuses: u64,
    /// What was refused since it started, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// A row of `v_nodes`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Node {
    pub node_id: String,
    pub name: String,
    pub address: Option<String>,
    pub place: Option<String>,
    pub state: String,
    pub since: Option<String>,
    pub epoch: i64,
    pub physical_group: Option<String>,
    pub physical_group_id: Option<String>,
    pub logical_group: Option<String>,
    pub logical_group_id: Option<String>,
    pub capability: Option<String>,
    pub health_bits: u32,
    pub unmeasurable: u32,
    pub joined_at: Option<String>,
    pub last_change_at: Option<String>,
    pub first_seen_at: Option<String>,
    pub policy_version: u64,
    pub policy_problem: Option<String>,
}

/// `/v1/nodes/{node}`.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeDetail {
    /// The facts.
    pub node: Node,
    /// The indicators; none before the first report.
    #[serde(default)]
    pub bits: Vec<Bit>,
    /// The groups it is in now, those by rule too.
    #[serde(default)]
    pub memberships: Vec<Membership>,
    /// Where it belonged, newest first.
    #[serde(default)]
    pub assignments: Vec<Assignment>,
    /// What happened to it, newest first.
    #[serde(default)]
    pub events: Vec<Event>,
    /// The hardware topology map, as the model has it; null before the check-in.
    #[serde(default)]
    pub hardware: Value,
}

/// A row of `v_node_health_bits`.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Bit {
    pub bit: u32,
    pub indicator: String,
    /// `set`, `clear` or `unmeasurable`.
    pub state: String,
    pub since: Option<String>,
}

/// A row of `v_memberships`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Membership {
    pub group_name: String,
    pub kind: String,
    pub by_rule: Value,
    pub since: Option<String>,
    pub reason: String,
}

/// Whether a column that is true or false is true; databases without a type of their own for it write 1.
#[must_use]
pub fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_i64().is_some_and(|number| number != 0))
}

/// A row of `v_assignments`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Assignment {
    pub kind: String,
    pub group_name: String,
    pub epoch: i64,
    pub reason: String,
    pub since: Option<String>,
    pub until: Option<String>,
}

/// A row of `v_groups`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Group {
    pub group_id: String,
    pub name: String,
    pub kind: String,
    pub place: Option<String>,
    pub capability: Option<String>,
    pub members: i64,
    pub joining: i64,
    pub healthy: i64,
    pub degraded: i64,
    pub suspect: i64,
    pub down: i64,
    pub unknown: i64,
    pub left_nodes: i64,
    pub addresses: Value,
    pub joined_at: Option<String>,
}

/// A row of `v_channels`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Channel {
    pub group_name: String,
    pub purpose: String,
    pub address: String,
    pub port: i64,
    pub exchange: String,
    pub queue: String,
    pub routing_key: String,
}

/// A row of `v_checkins`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Checkin {
    pub checkin_id: Option<String>,
    pub name: String,
    pub address: Option<String>,
    pub ranges: Value,
    pub nodes: i64,
    pub last_seen_at: Option<String>,
    pub running_group: Option<String>,
    /// Whether the group at its place says that it runs; null where nobody was told to run it.
    pub running: Value,
    pub message: Option<String>,
    pub configured_place: Option<String>,
}

/// A row of `v_alerts`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Alert {
    pub alert_id: i64,
    pub kind: String,
    pub severity: String,
    pub state: String,
    pub group_name: String,
    pub group_id: Option<String>,
    pub node: Option<String>,
    pub raised_at: Option<String>,
    pub cleared_at: Option<String>,
    pub message: String,
    pub acknowledged_at: Option<String>,
    pub acknowledged_by: Option<String>,
    pub comment: Option<String>,
}

impl Alert {
    /// The message without its node and kind, where those are told already.
    #[must_use]
    pub fn said(&self) -> &str {
        let node = self.node.as_deref().map(|node| format!("node {node}: ")).unwrap_or_default();
        let message = self.message.strip_prefix(node.as_str()).unwrap_or(&self.message);
        message.strip_prefix(self.kind.as_str()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(message)
    }
}

/// A row of `v_events`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Event {
    pub event_id: i64,
    pub at: String,
    pub kind: String,
    pub message: String,
}

/// `/v1/sql`: rows under named columns.
#[derive(Clone, Debug, Deserialize)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
    /// Whether there was more than the zone's limits allow.
    #[serde(default)]
    pub truncated: bool,
}

/// A list that a view holds as JSON text, such as `["10.1.0.0/16"]`; the text itself where it is none.
#[must_use]
pub fn listed(value: &Value) -> String {
    let words = |list: &[Value]| {
        let words: Vec<String> =
            list.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect();
        words.join(", ")
    };
    match value {
        Value::Array(list) => words(list),
        Value::String(text) => match serde_json::from_str::<Vec<Value>>(text) {
            Ok(list) => words(&list),
            Err(_) => text.clone(),
        },
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_read_from_json_text_and_from_json() {
        assert_eq!(listed(&json!("[\"10.1.0.0/16\",\"10.2.0.0/16\"]")), "10.1.0.0/16, 10.2.0.0/16");
        assert_eq!(listed(&json!(["10.1.0.0/16"])), "10.1.0.0/16");
        assert_eq!(listed(&json!("anything")), "anything");
        assert_eq!(listed(&json!(null)), "");
    }
}
