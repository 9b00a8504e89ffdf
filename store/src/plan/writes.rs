//! The rows a batch writes, table by table, in an order that satisfies every reference when written top to bottom.

use std::collections::BTreeSet;

use rollcall_model::{ActionId, Capability, CheckinId, GroupId, JoinId, Name, NodeId, Principal, Serial};

use crate::row::{
    AcknowledgementRow, ActionRow, AlertEnd, AlertRow, AnalyticsRow, AssignmentEnd, AssignmentRow, AuditRow, BitRow,
    CapabilityRow, CertificateRow, ChannelCut, ChannelRow, CheckinPlaceRow, CheckinRow, CombinationRow, EventRow,
    GroupRow, HardwareEnd, HardwareRow, HealthRow, JoinRow, MembershipEnd, MembershipRow, MessageRow, NodePolicyRow,
    NodeRow, PolicyRow, RevokedRow, SeenRow, TokenRow, UserRow, ZoneRow,
};

/// Facts are written over, history is ended and begun, the rest is appended.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// Insert or replace.
    pub zone: Option<ZoneRow>,
    /// Insert where new.
    pub capabilities: Vec<CapabilityRow>,
    /// Insert or replace.
    pub groups: Vec<GroupRow>,
    /// All channels of these groups; others they had go.
    pub channels: Vec<ChannelRow>,
    /// The groups whose channels are replaced.
    pub channels_of: BTreeSet<GroupId>,
    /// Insert or replace.
    pub checkins: Vec<CheckinRow>,
    /// Insert or replace.
    pub nodes: Vec<NodeRow>,
    /// Write into the nodes that are there, in no later epoch.
    pub seen: Vec<SeenRow>,
    /// End, before any new row.
    pub hardware_ends: Vec<HardwareEnd>,
    /// Append.
    pub hardware: Vec<HardwareRow>,
    /// End, before any new row.
    pub assignment_ends: Vec<AssignmentEnd>,
    /// Append.
    pub assignments: Vec<AssignmentRow>,
    /// Insert or replace, in order: a later row of the same bit wins.
    pub bits: Vec<BitRow>,
    /// Append.
    pub health: Vec<HealthRow>,
    /// End, before any new row.
    pub alert_ends: Vec<AlertEnd>,
    /// Append.
    pub alerts: Vec<AlertRow>,
    /// Write into the alert, where it is open and unseen.
    pub acknowledgements: Vec<AcknowledgementRow>,
    /// Append.
    pub policies: Vec<PolicyRow>,
    /// Insert or replace.
    pub node_policies: Vec<NodePolicyRow>,
    /// End, before any new row.
    pub membership_ends: Vec<MembershipEnd>,
    /// Append.
    pub memberships: Vec<MembershipRow>,
    /// Insert or replace.
    pub actions: Vec<ActionRow>,
    /// Insert or replace.
    pub combinations: Vec<CombinationRow>,
    /// Insert or replace.
    pub places: Vec<CheckinPlaceRow>,
    /// Append.
    pub messages: Vec<MessageRow>,
    /// Remove, after new ones are written.
    pub channel_cuts: Vec<ChannelCut>,
    /// Insert or replace.
    pub analytics: Vec<AnalyticsRow>,
    /// Insert or replace.
    pub tokens: Vec<TokenRow>,
    /// Insert or replace.
    pub joins: Vec<JoinRow>,
    /// Insert or replace.
    pub certificates: Vec<CertificateRow>,
    /// Remove, before new ones are written.
    pub lifted: BTreeSet<Principal>,
    /// Insert or replace.
    pub revoked: Vec<RevokedRow>,
    /// Insert or replace.
    pub users: Vec<UserRow>,
    /// Append.
    pub audit: Vec<AuditRow>,
    /// Append.
    pub events: Vec<EventRow>,
    /// Whose facts changed while planning; empty once the plan is made.
    pub(super) touched: Touched,
}

/// Whose facts changed.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub zone: bool,
    pub groups: BTreeSet<GroupId>,
    pub checkins: BTreeSet<CheckinId>,
    pub nodes: BTreeSet<NodeId>,
    /// Whose policy.
    pub policies: BTreeSet<NodeId>,
    pub actions: BTreeSet<ActionId>,
    pub combinations: BTreeSet<Capability>,
    pub places: BTreeSet<Name>,
    pub tokens: BTreeSet<String>,
    pub joins: BTreeSet<JoinId>,
    pub certificates: BTreeSet<Serial>,
    pub revoked: BTreeSet<Principal>,
    pub users: BTreeSet<Name>,
}
