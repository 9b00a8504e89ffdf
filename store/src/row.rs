//! Rows as they stand in the tables. They travel to and from a database as JSON, whole lists at a time: one statement
//! reads or writes any number of rows, and column names are said once, here.

use std::net::IpAddr;

use rollcall_model::indicator::Severity;
use rollcall_model::packet::Channel;
use rollcall_model::{
    Capability, CheckinId, GroupId, HealthBits, InstanceId, Millis, Name, NodeId, NodeState, SessionEpoch, UnixMillis,
    ZoneId,
};
use serde::{Deserialize, Serialize, Serializer};

mod groups;
mod orders;
mod pruning;
mod told;
mod trust;

pub(crate) use self::groups::{
    CheckinPlaceRow, CombinationRow, CombinationState, MembershipEnd, MembershipRow, OpenMembership,
};
pub(crate) use self::orders::{AcknowledgementRow, ActionRow, KnownNode, NodePolicyRow, PolicyRow, UnseenAlert};
pub(crate) use self::pruning::PruningRow;
pub(crate) use self::told::{AnalyticsRow, ChannelCut, ChannelEnd, MessageRow};
pub(crate) use self::trust::{AuditRow, CertificateRow, JoinRow, RevokedRow, TokenRow, UserRow};
use crate::{GroupKind, GroupRule};

/// Table `zone`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ZoneRow {
    pub zone_id: ZoneId,
    pub name: Name,
    pub generation: u64,
    pub created_ms: UnixMillis,
    pub started_ms: UnixMillis,
}

/// Table `groups`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupRow {
    pub group_id: GroupId,
    pub kind: GroupKind,
    pub name: Name,
    pub place: Option<Name>,
    pub capability: Option<Capability>,
    pub origin: String,
    pub addresses: Vec<IpAddr>,
    pub session: u32,
    pub instance: Option<InstanceId>,
    pub created_ms: UnixMillis,
    pub joined_ms: Option<UnixMillis>,
    /// The three are there exactly for groups by rule.
    pub rule: Option<String>,
    pub enter_dwell_ms: Option<Millis>,
    pub leave_dwell_ms: Option<Millis>,
    /// A dissolved group is in force no more.
    pub dissolved_ms: Option<UnixMillis>,
    pub dissolved_by: Option<String>,
}

impl GroupRow {
    /// The rule, for groups by rule.
    pub(crate) fn by_rule(&self) -> Option<GroupRule> {
        let (enter_dwell, leave_dwell) = (self.enter_dwell_ms?, self.leave_dwell_ms?);
        Some(GroupRule { rule: self.rule.clone()?, enter_dwell, leave_dwell })
    }
}

/// Table `checkins`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CheckinRow {
    pub checkin_id: CheckinId,
    pub name: Name,
    pub address: IpAddr,
    pub ranges: Vec<String>,
    pub first_seen_ms: UnixMillis,
    pub last_seen_ms: UnixMillis,
}

/// Table `nodes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodeRow {
    pub node_id: NodeId,
    pub name: Name,
    pub address: IpAddr,
    pub place: Option<Name>,
    pub instance: Option<InstanceId>,
    pub epoch: SessionEpoch,
    pub state: NodeState,
    pub since_ms: UnixMillis,
    pub bits: HealthBits,
    pub mask: HealthBits,
    pub change_session: u32,
    pub change_number: u64,
    pub last_change_ms: Option<UnixMillis>,
    pub last_seen_ms: UnixMillis,
    pub first_seen_ms: UnixMillis,
    pub first_report_ms: Option<UnixMillis>,
    pub joined_ms: Option<UnixMillis>,
    pub capability: Option<Capability>,
    pub checkin_id: Option<CheckinId>,
    pub evidence: Option<String>,
}

/// A node with the groups it is in now; what is read, where [`NodeRow`] is what is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlacedNode {
    pub node: NodeRow,
    pub physical: Option<GroupId>,
    pub logical: Option<GroupId>,
}

/// Table `nodes`: that one was heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SeenRow {
    pub node_id: NodeId,
    pub epoch: SessionEpoch,
    pub at_ms: UnixMillis,
}

/// Table `capabilities`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CapabilityRow {
    pub capability: Capability,
    pub digest: String,
    pub first_seen_ms: UnixMillis,
}

/// Table `channels`: all channels of a group, replacing those it had.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ChannelRow {
    pub group_id: GroupId,
    #[serde(flatten)]
    pub channel: Channel,
    pub since_ms: UnixMillis,
}

/// Table `node_hardware`: a new row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HardwareRow {
    pub node_id: NodeId,
    pub from_ms: UnixMillis,
    pub until_ms: Option<UnixMillis>,
    pub cpu: Option<String>,
    pub cores: Option<u32>,
    pub threads: Option<u32>,
    pub memory_bytes: Option<u64>,
    pub nics: String,
    pub topology: String,
}

/// Table `assignments`: a new row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AssignmentRow {
    pub node_id: NodeId,
    pub kind: GroupKind,
    pub group_id: GroupId,
    pub epoch: SessionEpoch,
    pub reason: String,
    pub from_ms: UnixMillis,
    pub until_ms: Option<UnixMillis>,
    pub change_session: u32,
    pub change_number: u64,
}

/// Table `assignments`: the end of the row of this node and kind that is in force in the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AssignmentEnd {
    pub node_id: NodeId,
    pub kind: GroupKind,
    pub until_ms: UnixMillis,
    pub change_session: u32,
    pub change_number: u64,
}

/// Table `node_hardware`: the end of the row of this node that is in force in the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HardwareEnd {
    pub node_id: NodeId,
    pub until_ms: UnixMillis,
}

/// How far the changes of a group about a node were taken when the node left the group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Bookmark {
    pub node_id: NodeId,
    pub group_id: GroupId,
    pub change_session: u32,
    pub change_number: u64,
}

/// The three things an indicator can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BitState {
    Set,
    Clear,
    Unmeasurable,
}

impl BitState {
    /// Of bit `index` under these bits and this mask.
    pub(crate) fn of(bits: HealthBits, mask: HealthBits, index: usize) -> Self {
        match (mask.get(index), bits.get(index)) {
            (true, _) => Self::Unmeasurable,
            (false, true) => Self::Set,
            (false, false) => Self::Clear,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Clear => "clear",
            Self::Unmeasurable => "unmeasurable",
        }
    }
}

/// Table `node_health_bits`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct BitRow {
    pub node_id: NodeId,
    pub bit: usize,
    pub state: BitState,
    pub since_ms: UnixMillis,
}

/// Table `health_history`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HealthRow {
    pub node_id: NodeId,
    pub group_id: GroupId,
    pub at_ms: UnixMillis,
    pub epoch: SessionEpoch,
    pub state: NodeState,
    pub bits: HealthBits,
    pub mask: HealthBits,
    pub cause: String,
}

/// Table `alerts`: a new row; its state follows from `cleared_ms`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlertRow {
    pub group_id: GroupId,
    pub node_id: Option<NodeId>,
    pub kind: &'static str,
    #[serde(serialize_with = "severity")]
    pub severity: Severity,
    pub raised_ms: UnixMillis,
    pub cleared_ms: Option<UnixMillis>,
    pub message: String,
}

fn severity<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.as_str())
}

/// Table `alerts`: one that is open in the database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct OpenAlert {
    pub alert_id: i64,
    pub group_id: GroupId,
    pub node_id: Option<NodeId>,
    pub kind: String,
}

/// Table `alerts`: the end of one that is open in the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlertEnd {
    pub alert_id: i64,
    pub cleared_ms: UnixMillis,
}

/// Table `events`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EventRow {
    pub at_ms: UnixMillis,
    pub kind: &'static str,
    pub subject_type: &'static str,
    pub subject_id: String,
    pub message: String,
    /// JSON, as text.
    pub detail: String,
}

/// JSON without the escape of a zero character, which no text of PostgreSQL can hold; a sign that something was there
/// takes its place.
pub(crate) fn without_zeros(json: String) -> String {
    if json.contains("\\u0000") { json.replace("\\u0000", "\\ufffd") } else { json }
}
