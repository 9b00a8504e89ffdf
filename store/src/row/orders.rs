//! Rows of what is wanted of nodes: policies and actions; and of alerts somebody has seen.

use rollcall_model::packet::{Action, ActionKind, ActionState};
use rollcall_model::{ActionId, GroupId, Name, NodeId, UnixMillis};
use serde::{Deserialize, Serialize};

/// Table `policies`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicyRow {
    pub version: u64,
    pub document: String,
    pub set_ms: UnixMillis,
    pub set_by: String,
    pub comment: String,
}

/// Table `node_policies`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodePolicyRow {
    pub node_id: NodeId,
    pub version: u64,
    pub applied_ms: Option<UnixMillis>,
    pub refused_version: Option<u64>,
    pub refused_ms: Option<UnixMillis>,
    pub problem: Option<String>,
}

/// The little that must be known of a node to say what it obeys or which group by rule it enters.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct KnownNode {
    pub node_id: NodeId,
    pub name: Name,
    /// 0 for none.
    pub version: u64,
    pub applied_ms: Option<UnixMillis>,
    pub refused_version: Option<u64>,
    pub refused_ms: Option<UnixMillis>,
    pub problem: Option<String>,
}

/// Table `actions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ActionRow {
    pub action_id: ActionId,
    pub node_id: NodeId,
    pub kind: ActionKind,
    pub action: Action,
    pub ordered_by: String,
    pub automatic: bool,
    pub deadline_ms: UnixMillis,
    pub time_limit_ms: u64,
    pub state: ActionState,
    pub message: String,
    pub ordered_ms: UnixMillis,
    pub begun_ms: Option<UnixMillis>,
    pub ended_ms: Option<UnixMillis>,
}

/// Table `alerts`: one somebody may acknowledge: it is open in the database, and nobody has seen it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct UnseenAlert {
    pub alert_id: i64,
    pub group_id: GroupId,
    pub node_id: Option<NodeId>,
    pub kind: String,
    pub message: String,
}

/// Table `alerts`: that somebody has seen one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AcknowledgementRow {
    pub alert_id: i64,
    pub acknowledged_ms: UnixMillis,
    pub acknowledged_by: String,
    pub comment: String,
}
