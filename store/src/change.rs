//! What can happen to the topology. A [`Change`] is decided by the zone controller's core and leaves no
//! choice to the store: the store writes facts, history and one event per change, all or nothing.

use std::net::IpAddr;

use rollcall_model::packet::Channel;
use rollcall_model::{
    Capability, CheckinId, GroupId, HardwareTopology, Health, InstanceId, Name, NodeId, NodeIdentifier, NodeState,
    SessionEpoch, UnixMillis, ZoneId,
};
use serde::{Deserialize, Serialize};

/// What a group is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Same place.
    Physical,
    /// Same capability or rule.
    Logical,
    /// Same condition.
    Health,
}

impl GroupKind {
    /// The word in tables and views.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Logical => "logical",
            Self::Health => "health",
        }
    }
}

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

/// The saved topology, as a starting zone controller needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The zone, once it has started on this store.
    pub zone: Option<ZoneRecord>,
    /// All groups.
    pub groups: Vec<GroupRecord>,
    /// All nodes.
    pub nodes: Vec<NodeRecord>,
}

/// A zone as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRecord {
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: Name,
    /// Generation of the last start.
    pub generation: u64,
}

/// A group as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// The group.
    pub group: GroupId,
    /// What it is made by.
    pub kind: GroupKind,
    /// Its name.
    pub name: Name,
    /// Its place, for physical groups.
    pub place: Option<Name>,
    /// Its combination, for logical groups of one.
    pub capability: Option<Capability>,
    /// Last membership number, for physical groups; 0 otherwise.
    pub session: u32,
    /// Run of the group controller of that membership.
    pub instance: Option<InstanceId>,
}

/// A node as saved.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRecord {
    /// The node.
    pub node: NodeId,
    /// Host name.
    pub name: Name,
    /// Its address.
    pub address: IpAddr,
    /// Run of the agent that last checked in.
    pub instance: Option<InstanceId>,
    /// Latest epoch; zero before check-in.
    pub epoch: SessionEpoch,
    /// Logical group.
    pub logical: Option<GroupId>,
    /// Physical group.
    pub physical: Option<GroupId>,
    /// State.
    pub state: NodeState,
    /// Health.
    pub health: Health,
    /// `(session, number)` of the last change taken.
    pub last_change: (u32, u64),
}
