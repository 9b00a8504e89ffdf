//! Rows of groups by rule, of combinations that wait for approval, and of check-in services at places.

use rollcall_model::{Capability, GroupId, Name, NodeId, UnixMillis};
use serde::{Deserialize, Serialize};

/// Table `memberships`: a new row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MembershipRow {
    pub node_id: NodeId,
    pub group_id: GroupId,
    pub from_ms: UnixMillis,
    pub reason: String,
    pub until_ms: Option<UnixMillis>,
    pub left_reason: Option<String>,
}

/// Table `memberships`: one that is in force in the database.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(crate) struct OpenMembership {
    pub node_id: NodeId,
    pub group_id: GroupId,
}

/// Table `memberships`: the end of one that is in force in the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MembershipEnd {
    pub node_id: NodeId,
    pub group_id: GroupId,
    pub until_ms: UnixMillis,
    pub left_reason: String,
}

/// How a combination stands that nobody foresaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CombinationState {
    Waiting,
    Approved,
    Denied,
}

/// Table `held_combinations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CombinationRow {
    pub capability: Capability,
    pub state: CombinationState,
    pub node_id: Option<NodeId>,
    pub node_name: Option<Name>,
    pub held_ms: Option<UnixMillis>,
    pub decided_ms: Option<UnixMillis>,
    pub decided_by: Option<String>,
}

/// Table `checkin_places`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CheckinPlaceRow {
    pub name: Name,
    pub group_id: GroupId,
    pub running: bool,
    pub message: String,
    pub since_ms: UnixMillis,
}
