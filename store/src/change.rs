//! What can happen to the topology. A [`Change`] is decided by the zone controller's core and leaves the store no choice: it
//! writes facts, history and one event per change, all or nothing.

mod group_kind;
mod trust;

use std::net::IpAddr;

use rollcall_model::packet::{Action, ActionState, Channel, ChannelMessage, Summary};
use rollcall_model::{
    ActionId, Capability, CheckinId, GroupId, HardwareTopology, Health, InstanceId, Millis, Name, NodeId,
    NodeIdentifier, NodeState, SessionEpoch, UnixMillis, ZoneId,
};

pub use self::group_kind::GroupKind;
pub use self::trust::{IssuedBy, TrustChange};

/// One change of the topology.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The zone controller started.
    ZoneStarted {
        /// The zone.
        zone: ZoneId,
        /// Its name.
        name: Name,
        /// Must be greater than the stored one.
        generation: u64,
        /// When.
        at: UnixMillis,
    },
    /// A group controller's ACK was good: the physical group is a member (Z3, Z6).
    GroupJoined {
        /// The group.
        group: GroupId,
        /// Its name.
        name: Name,
        /// Its place.
        place: Name,
        /// Where its controller is.
        addresses: Vec<IpAddr>,
        /// The run of the group controller.
        instance: InstanceId,
        /// Must be greater than the stored one.
        session: u32,
        /// Its channels.
        channels: Vec<Channel>,
        /// When.
        at: UnixMillis,
    },
    /// A logical or health group came to be.
    GroupCreated {
        /// The group.
        group: GroupId,
        /// What it is made by.
        kind: GroupKind,
        /// Its name.
        name: Name,
        /// The combination, for a logical group of one.
        capability: Option<Capability>,
        /// `configuration`, `check-in` …
        origin: &'static str,
        /// When.
        at: UnixMillis,
    },
    /// A check-in service asked for the group table.
    CheckinRegistered {
        /// The service.
        checkin: CheckinId,
        /// Its name.
        name: Name,
        /// Where it is.
        address: IpAddr,
        /// What it is responsible for, e.g. `10.1.0.0/16`.
        ranges: Vec<String>,
        /// When.
        at: UnixMillis,
    },
    /// A node checked in (C6): logical membership and epoch.
    NodeJoined {
        /// The node and its evidence.
        identifier: NodeIdentifier,
        /// Host name.
        name: Name,
        /// Its address.
        address: IpAddr,
        /// Its place, where configured.
        place: Option<Name>,
        /// The run of the agent.
        instance: InstanceId,
        /// Must be greater than the stored one.
        epoch: SessionEpoch,
        /// The logical group; exists already.
        group: GroupId,
        /// The combination.
        capability: Capability,
        /// What it is made of.
        hardware: Box<HardwareTopology>,
        /// Why this group.
        reason: String,
        /// The service that planned it.
        checkin: CheckinId,
        /// When.
        at: UnixMillis,
    },
    /// Nodes were heard, in bulk; nothing else happens. Nodes unknown or of a greater epoch by now are passed over, and no
    /// moment goes back. Racks keep the moments of keep-alives to themselves, so the zone controller has none to write.
    NodesSeen {
        /// Who, in which epoch.
        nodes: Vec<(NodeId, SessionEpoch)>,
        /// When.
        at: UnixMillis,
    },
    /// A node was found at a place (G3): physical membership. The node may not have checked in yet.
    NodePlaced {
        /// The node.
        node: NodeId,
        /// Host name.
        name: Name,
        /// Its address.
        address: IpAddr,
        /// The physical group; exists already.
        group: GroupId,
        /// When.
        at: UnixMillis,
    },
    /// A node was down in an epoch before its present one, told only now: an alert that is over. Written as `NodeChanged` is.
    NodeWasDown {
        /// The node.
        node: NodeId,
        /// The group that saw it.
        group: GroupId,
        /// The membership of that group.
        session: u32,
        /// Number within the membership.
        number: u64,
        /// Why it was thought down.
        cause: String,
        /// When it was.
        at: UnixMillis,
        /// By when it was back.
        until: UnixMillis,
    },
    /// A node's state or health changed (G6). Written only if `(session, number)` is greater than the stored pair.
    NodeChanged {
        /// The node.
        node: NodeId,
        /// The group that saw it.
        group: GroupId,
        /// The membership of that group.
        session: u32,
        /// Number within the membership.
        number: u64,
        /// The node's epoch.
        epoch: SessionEpoch,
        /// State from now on.
        state: NodeState,
        /// Health from now on.
        health: Health,
        /// Why.
        cause: String,
        /// When the group controller saw it.
        at: UnixMillis,
    },
    /// A group-wide alarm began or ended.
    GroupAlarm {
        /// The group.
        group: GroupId,
        /// Begin or end.
        raised: bool,
        /// How many nodes fell silent.
        silent: u32,
        /// Of how many.
        members: u32,
        /// When the group controller saw it.
        at: UnixMillis,
    },
    /// A warning about a group as a whole began or ended. One that is open, or over, already changes nothing.
    GroupWarning {
        /// The group.
        group: GroupId,
        /// What the alert is called.
        kind: &'static str,
        /// Begin or end.
        raised: bool,
        /// For people: what it is about and what to do.
        message: String,
        /// When the group controller saw it.
        at: UnixMillis,
    },
    /// A policy was set: the zone obeys it from now on (G8).
    PolicySet {
        /// Must be greater than the stored one.
        version: u64,
        /// The policy as it was written.
        document: String,
        /// Who set it.
        by: String,
        /// Why, in their words.
        comment: String,
        /// When.
        at: UnixMillis,
    },
    /// Nodes obey a version of the policy. Written only where it is greater than the stored one.
    PolicyApplied {
        /// The nodes.
        nodes: Vec<NodeId>,
        /// The version.
        version: u64,
        /// When.
        at: UnixMillis,
    },
    /// A node cannot obey a version of the policy.
    PolicyRefused {
        /// The node.
        node: NodeId,
        /// The version.
        version: u64,
        /// Why.
        message: String,
        /// When.
        at: UnixMillis,
    },
    /// A group by rule came to be, or its rule was changed (Z8). Its kind is [`GroupKind::Logical`] or
    /// [`GroupKind::Health`].
    RuleGroupSet {
        /// The group.
        group: GroupId,
        /// What it is made by.
        kind: GroupKind,
        /// Its name; no other group in force has it.
        name: Name,
        /// The rule.
        rule: GroupRule,
        /// `default`, or who made it.
        origin: String,
        /// When.
        at: UnixMillis,
    },
    /// A group by rule is no more; its members leave it. Its history stays.
    GroupDissolved {
        /// The group.
        group: GroupId,
        /// Who dissolved it.
        by: String,
        /// When.
        at: UnixMillis,
    },
    /// A node entered a group by rule. It may be in several at once, and stays in its physical group and the logical
    /// group of its capability.
    NodeEntered {
        /// The node.
        node: NodeId,
        /// The group by rule.
        group: GroupId,
        /// Why, for people.
        reason: String,
        /// When.
        at: UnixMillis,
    },
    /// A node left a group by rule.
    NodeLeft {
        /// The node.
        node: NodeId,
        /// The group by rule.
        group: GroupId,
        /// Why, for people.
        reason: String,
        /// When.
        at: UnixMillis,
    },
    /// Somebody has seen an alert. An alert that is over or was acknowledged before stays as it is.
    AlertAcknowledged {
        /// Its number in `v_alerts`.
        alert: i64,
        /// Who.
        by: String,
        /// What they say to it.
        comment: String,
        /// When.
        at: UnixMillis,
    },
    /// An action was ordered (N7). One that is stored already changes nothing.
    ActionOrdered {
        /// The order.
        action_id: ActionId,
        /// The node.
        node: NodeId,
        /// What to do.
        action: Action,
        /// Who ordered it: a person, or the name of a remedy.
        by: String,
        /// Whether a remedy did.
        automatic: bool,
        /// Not begun after this.
        deadline: UnixMillis,
        /// How long it may take once begun, milliseconds.
        time_limit_ms: u64,
        /// When it was ordered.
        at: UnixMillis,
    },
    /// An order went on. Written only if it comes further by it: ordered, running, expired or refused, done or failed.
    ActionMoved {
        /// The order.
        action_id: ActionId,
        /// How it stands now.
        state: ActionState,
        /// What was done, or why not.
        message: String,
        /// When.
        at: UnixMillis,
    },
    /// Something arrived on a channel beyond alerts, policies and analytics. The newest 10,000 of a channel are kept.
    ChannelMessage {
        /// The message.
        message: ChannelMessage,
        /// Inbox it came from.
        from: String,
    },
    /// A group's summary of a period (G7). Kept for seven days.
    Analytics {
        /// The summary.
        summary: Box<Summary>,
        /// When it came.
        at: UnixMillis,
    },
    /// A combination of hardware nobody foresaw waits for approval (C5). One that waits already changes nothing.
    CombinationHeld {
        /// The combination.
        capability: Capability,
        /// The node that has it.
        node: NodeId,
        /// Its name.
        name: Name,
        /// When.
        at: UnixMillis,
    },
    /// Somebody decided on a combination that waits. An approved one gets its group by [`Change::GroupCreated`].
    CombinationDecided {
        /// The combination.
        capability: Capability,
        /// Whether its nodes may join.
        approved: bool,
        /// Who.
        by: String,
        /// When.
        at: UnixMillis,
    },
    /// A check-in service at a configured place: where it is to run, and whether it does (Z7).
    CheckinPlaced {
        /// Its name.
        name: Name,
        /// The group that runs it, or is to.
        group: GroupId,
        /// Whether it runs.
        running: bool,
        /// For people.
        message: String,
        /// When.
        at: UnixMillis,
    },
    /// A change of who may join, who is who, and what they may.
    Trust(Box<TrustChange>),
    /// Something worth an event and nothing else: a refusal, a rival zone, an identity clash.
    Noted {
        /// Short word, e.g. `ack_ignored`.
        kind: &'static str,
        /// Id or name of what it is about.
        subject: String,
        /// For people.
        message: String,
        /// When.
        at: UnixMillis,
    },
}

impl From<TrustChange> for Change {
    fn from(change: TrustChange) -> Self {
        Self::Trust(Box::new(change))
    }
}

/// What makes nodes members of a group by rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// The rule (CEL).
    pub rule: String,
    /// It must hold for so long before a node enters.
    pub enter_dwell: Millis,
    /// It must not hold for so long before a node leaves.
    pub leave_dwell: Millis,
}
