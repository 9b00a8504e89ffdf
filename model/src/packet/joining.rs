//! Check-in: from the subscription to the assignment.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Channel;
use crate::{
    Capability, CheckinId, GroupId, HardwareTopology, InstanceId, Name, NodeId, NodeIdentifier, SessionEpoch, ZoneId,
};

/// A node asks to join (C2), under its [`crate::route::checkin_key`] on [`crate::route::DIRECT`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSubscription {
    /// Who, with the evidence.
    pub identifier: NodeIdentifier,
    /// This run of the agent.
    pub instance: InstanceId,
    /// Host name.
    pub name: Name,
    /// The address it is reached at; decides which check-in service is responsible.
    pub address: IpAddr,
    /// Its place, where configured.
    pub place: Option<Name>,
    /// What it is made of.
    pub hardware: HardwareTopology,
    /// The latest epoch it was given, kept by the node across restarts; zero for none. A zone that lost its database,
    /// and a check-in service that answers while the zone is away, give a greater one.
    #[serde(default)]
    pub epoch: SessionEpoch,
}

/// Check-in service → zone: the plan to be saved before the node is answered (Z5). Carries no choice left to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The check-in service that planned it.
    pub checkin: CheckinId,
    /// The node's packet.
    pub subscription: NodeSubscription,
    /// Derived from the hardware.
    pub capability: Capability,
    /// The logical group.
    pub group: GroupId,
    /// Its name, if the group is to be created.
    pub group_name: Name,
    /// Version of the group table that was used.
    pub table_version: u64,
    /// Why this group, for people.
    pub reason: String,
    /// The epoch the service gave the node already, because the zone was away (C7); the zone saves it, or a greater one
    /// if it has given that to somebody else.
    #[serde(default)]
    pub granted: Option<SessionEpoch>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Decision<T> {
    /// Done and saved.
    Accepted(T),
    /// Not done.
    Refused {
        /// Short, countable: `out_of_range`, `identity_clash` …
        reason: String,
        /// For the operator.
        message: String,
    },
}

/// Zone → check-in service: the plan was saved, or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoinDecision {
    /// The node.
    pub node: NodeId,
    /// The run of the agent that asked.
    pub instance: InstanceId,
    /// How it ended.
    pub decision: Decision<JoinAccepted>,
}

/// A saved logical membership.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoinAccepted {
    /// The session epoch.
    pub epoch: SessionEpoch,
    /// The logical group.
    pub group: GroupId,
    /// Its name.
    pub group_name: Name,
}

/// Check-in service → node: where it belongs (C6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The zone; unknown to a check-in service that has no group table yet.
    pub zone: Option<ZoneId>,
    /// The node.
    pub node: NodeId,
    /// The run of the agent that asked; another run ignores the packet.
    pub instance: InstanceId,
    /// How it ended.
    pub decision: Decision<Assigned>,
}

/// A good assignment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assigned {
    /// The session epoch, to be told in every status packet.
    pub epoch: SessionEpoch,
    /// The logical group.
    pub group: GroupId,
    /// Its name.
    pub group_name: Name,
    /// The capability identifier as the service derived it.
    pub capability: Capability,
    /// Where the node publishes.
    pub channels: Vec<Channel>,
}

/// Check-in service → zone: send me the group table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRequest {
    /// The check-in service.
    pub checkin: CheckinId,
    /// Its name.
    pub name: Name,
    /// Where it is.
    pub address: IpAddr,
    /// The addresses it is responsible for.
    pub ranges: Vec<ipnet::IpNet>,
    /// Version it has; zero for none.
    pub have: u64,
}

/// Zone → check-in service: the pre-generated groups and the policy for unknown combinations (C5).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupTable {
    /// The zone.
    pub zone: ZoneId,
    /// Grows with every change.
    pub version: u64,
    /// Characteristics that matter beyond CPU, memory and NIC.
    pub attributes: Vec<crate::capability::Attribute>,
    /// Known combinations.
    pub entries: Vec<TableEntry>,
    /// Whether an unknown combination makes a new group.
    pub create_unknown: bool,
    /// Whether one that makes no new group is handed to the zone, which holds it for approval; otherwise it is refused.
    #[serde(default)]
    pub hold_unknown: bool,
    /// Every group controller, with its addresses and channels (C7).
    #[serde(default)]
    pub controllers: Vec<ControllerEntry>,
}

/// A group controller in the group table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerEntry {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: Name,
    /// Its place.
    pub place: Name,
    /// Where its controller is.
    pub addresses: Vec<IpAddr>,
    /// Its channels to the zone.
    pub channels: Vec<Channel>,
}

/// A known combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableEntry {
    /// The combination.
    pub capability: Capability,
    /// Its group.
    pub group: GroupId,
    /// The group's name.
    pub name: Name,
}

/// Check-in service → zone, on the analytics channel: what it refused since it started; the newest wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckinReport {
    /// The check-in service.
    pub checkin: CheckinId,
    /// Assignments answered.
    pub assigned: u64,
    /// Refusals, by reason.
    pub refused: BTreeMap<String, u64>,
    /// The latest refusal, for people.
    pub last_refusal: Option<String>,
}

/// Node agent → zone, under its [`crate::route::clash_key`]: another live agent has this node's identifier (N1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityClash {
    /// The identifier both have.
    pub identifier: NodeIdentifier,
    /// The run of the agent that found its inbox taken.
    pub instance: InstanceId,
    /// Its host name.
    pub name: Name,
    /// Its address.
    pub address: IpAddr,
}
