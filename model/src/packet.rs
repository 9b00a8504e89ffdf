//! The control packets: what daemons say to each other. JSON in a versioned envelope ([`crate::wire::v1`]).
//!
//! Receivers ignore fields they do not know and refuse kinds and versions they do not know.

mod action;
mod channels;
mod checkins;
mod joining;
mod metrics;
mod place;
mod policy;
mod watch;
mod zone;

use serde::{Deserialize, Serialize};

pub use self::action::{Action, ActionKind, ActionOrder, ActionOutcome, ActionState};
pub use self::channels::ChannelMessage;
pub use self::checkins::{CheckinOrder, CheckinPlaced};
pub use self::joining::{
    Assigned, Assignment, CheckinReport, ControllerEntry, Decision, GroupTable, IdentityClash, JoinAccepted,
    JoinDecision, JoinRequest, NodeSubscription, TableEntry, TableRequest,
};
pub use self::metrics::{AvailabilitySent, KindSent, Metrics, Quantiles, Reading, Readings, ReadingsRequest};
pub use self::place::{Arrival, ArrivalAccepted, ArrivalDecision, Membership, Presence, PresenceRequest};
pub use self::policy::{
    NodeOverride, NodePolicy, NodePolicyAck, POLICY_PART, PolicyRefusal, PolicyReport, PolicyUpdate,
};
pub use self::watch::{ALERTS_PART, Alerts, GroupAlarm, NodeChange, Summary};
pub use self::zone::{Ack, Channel, HelloRequest, ROSTER_PART, Roster, RosterMember, ZoneSubscriber};

/// Any control packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
#[allow(missing_docs, reason = "each variant is documented at its type")]
pub enum Packet {
    Ack(Ack),
    ZoneSubscriber(ZoneSubscriber),
    Roster(Roster),
    NodeSubscription(Box<NodeSubscription>),
    JoinRequest(Box<JoinRequest>),
    JoinDecision(JoinDecision),
    Assignment(Assignment),
    Presence(Presence),
    Arrival(Arrival),
    ArrivalDecision(ArrivalDecision),
    Membership(Membership),
    PresenceRequest(PresenceRequest),
    Alerts(Alerts),
    GroupAlarm(GroupAlarm),
    Summary(Summary),
    TableRequest(TableRequest),
    GroupTable(GroupTable),
    CheckinReport(CheckinReport),
    IdentityClash(IdentityClash),
    HelloRequest(HelloRequest),
    Hello(crate::wire::txt::Hello),
    PolicyUpdate(PolicyUpdate),
    NodePolicy(NodePolicy),
    NodePolicyAck(NodePolicyAck),
    PolicyReport(PolicyReport),
    Metrics(Metrics),
    ReadingsRequest(ReadingsRequest),
    Readings(Readings),
    ActionOrder(ActionOrder),
    ActionOutcome(ActionOutcome),
    ChannelMessage(ChannelMessage),
    CheckinOrder(CheckinOrder),
    CheckinPlaced(CheckinPlaced),
}

impl Packet {
    /// The word in the envelope's `kind`, also the AMQP `type` property.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ack(_) => "ack",
            Self::ZoneSubscriber(_) => "zone_subscriber",
            Self::Roster(_) => "roster",
            Self::NodeSubscription(_) => "node_subscription",
            Self::JoinRequest(_) => "join_request",
            Self::JoinDecision(_) => "join_decision",
            Self::Assignment(_) => "assignment",
            Self::Presence(_) => "presence",
            Self::Arrival(_) => "arrival",
            Self::ArrivalDecision(_) => "arrival_decision",
            Self::Membership(_) => "membership",
            Self::PresenceRequest(_) => "presence_request",
            Self::Alerts(_) => "alerts",
            Self::GroupAlarm(_) => "group_alarm",
            Self::Summary(_) => "summary",
            Self::TableRequest(_) => "table_request",
            Self::GroupTable(_) => "group_table",
            Self::CheckinReport(_) => "checkin_report",
            Self::IdentityClash(_) => "identity_clash",
            Self::HelloRequest(_) => "hello_request",
            Self::Hello(_) => "hello",
            Self::PolicyUpdate(_) => "policy_update",
            Self::NodePolicy(_) => "node_policy",
            Self::NodePolicyAck(_) => "node_policy_ack",
            Self::PolicyReport(_) => "policy_report",
            Self::Metrics(_) => "metrics",
            Self::ReadingsRequest(_) => "readings_request",
            Self::Readings(_) => "readings",
            Self::ActionOrder(_) => "action_order",
            Self::ActionOutcome(_) => "action_outcome",
            Self::ChannelMessage(_) => "channel_message",
            Self::CheckinOrder(_) => "checkin_order",
            Self::CheckinPlaced(_) => "checkin_placed",
        }
    }
}
