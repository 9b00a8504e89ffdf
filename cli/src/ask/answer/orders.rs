//! What the zone answers about policies, groups by rule, actions, channels, analytics and combinations.

use serde::Deserialize;
use serde_json::Value;

/// `/v1/policy`, and former versions without `groups`.
#[derive(Clone, Debug, Deserialize)]
pub struct Policy {
    /// Its version; 0 where none was ever set.
    pub version: u64,
    /// As it was written.
    pub document: String,
    /// When it was set.
    pub set_at: Option<String>,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub comment: Option<String>,
    /// How far the groups have come.
    #[serde(default)]
    pub groups: Vec<Progress>,
}

/// How far a group has come with the policy in force.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    /// Its name.
    pub group: String,
    /// Latest version it has taken.
    pub version: u64,
    /// Nodes that obey the version in force.
    pub applied: i64,
    /// Nodes that cannot.
    #[serde(default)]
    pub refused: i64,
    /// Nodes it has.
    pub members: i64,
}

/// A row of `/v1/policy/history`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct PolicyVersion {
    pub version: u64,
    pub current: Value,
    pub set_at: Option<String>,
    pub by: Option<String>,
    pub comment: Option<String>,
    pub nodes: i64,
    pub refused: i64,
}

/// What came of setting a policy, or would come of it.
#[derive(Clone, Debug, Deserialize)]
pub struct PolicySet {
    /// The version it has, or would have.
    pub version: u64,
    /// What differs from the policy that was in force.
    pub changes: Vec<Difference>,
}

/// One key that differs.
#[derive(Clone, Debug, Deserialize)]
pub struct Difference {
    /// `zone`, `group rack-a`, `node web-*`; `policy` for what is of no node.
    pub scope: String,
    /// The key within it.
    pub key: String,
    /// What was set; null for nothing.
    pub old: Value,
    /// What is set; null for nothing.
    pub new: Value,
}

/// `/v1/groups/{group}`.
#[derive(Clone, Debug, Deserialize)]
pub struct GroupDetail {
    /// The group.
    pub group: super::Group,
    /// Its rule, where it has one.
    #[serde(default)]
    pub rule: Option<RuleGroup>,
    /// Its members.
    #[serde(default)]
    pub members: Vec<GroupMember>,
    /// What is open in it, by severity.
    #[serde(default)]
    pub alerts: Vec<GroupOpen>,
}

/// A row of `v_rule_groups`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct RuleGroup {
    pub rule: String,
    pub enter_dwell_ms: u64,
    pub leave_dwell_ms: u64,
    pub origin: String,
}

/// A member of a group, and why.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "columns of v_memberships, described in docs/sql.md")]
pub struct GroupMember {
    pub node_id: String,
    pub node: String,
    pub since: Option<String>,
    pub reason: String,
}

/// A row of `v_group_alerts`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct GroupOpen {
    pub severity: String,
    pub raised: i64,
    pub acknowledged: i64,
    pub nodes: i64,
}

/// `/v1/rules/test`.
#[derive(Clone, Debug, Deserialize)]
pub struct Matching {
    /// Names of the nodes that fulfil the rule.
    pub matching: Vec<String>,
    /// How many were asked.
    pub nodes: i64,
    /// Of how many it cannot be said.
    #[serde(default)]
    pub unknown: i64,
}

/// A row of `v_actions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Action {
    pub action_id: String,
    pub node: String,
    pub kind: String,
    pub action: Value,
    pub state: String,
    pub message: Option<String>,
    pub ordered_by: String,
    pub ordered_at: Option<String>,
    pub ended_at: Option<String>,
}

/// A row of `v_channel_messages`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Message {
    pub number: i64,
    pub at: String,
    pub what: String,
    pub subject: String,
    pub severity: String,
    pub message: String,
}

/// `/v1/nodes/{node}/readings`.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeReadings {
    /// How old the sample is.
    pub age_ms: u64,
    /// Version of the policy the node obeys; 0 for none.
    pub policy_version: u64,
    /// The indicators, by bit.
    pub indicators: Vec<NodeReading>,
}

/// One indicator as the node sees it now.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeReading {
    /// Its name.
    pub name: String,
    /// The reading; `None` when it cannot be measured.
    pub value: Option<f64>,
    /// Why not.
    pub reason: Option<String>,
    /// Whether the bit is set.
    pub set: bool,
    /// The bit is set beyond this.
    pub limit: f64,
    /// Whether beyond means above.
    pub above: bool,
    /// How long a reading must last, milliseconds.
    pub dwell_ms: u64,
}

/// A row of `v_analytics`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Period {
    pub at: String,
    pub group_name: String,
    pub period_ms: u64,
    pub joining: i64,
    pub healthy: i64,
    pub degraded: i64,
    pub suspect: i64,
    pub down: i64,
    pub unknown: i64,
    pub left_nodes: i64,
    pub bits: Value,
    pub statuses: i64,
}

/// A row of `v_group_metrics`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct GroupMetrics {
    pub at: String,
    pub group_name: String,
    pub indicator: String,
    pub unit: Option<String>,
    pub readings: i64,
    pub min: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

/// A row of `v_combinations`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Combination {
    pub capability: String,
    pub state: String,
    pub node: Option<String>,
    pub held_at: Option<String>,
    pub decided_at: Option<String>,
    pub decided_by: Option<String>,
    pub group_name: Option<String>,
}
