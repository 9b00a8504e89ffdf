//! Presence: from "here I am" to the physical membership.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Channel, Decision};
use crate::{CapabilityDigest, GroupId, InstanceId, Millis, Name, NodeId, SealKey, SessionEpoch};

/// "Here I am", on the presence fanout (G3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// The node.
    pub node: NodeId,
    /// This run of the agent.
    pub instance: InstanceId,
    /// Host name.
    pub name: Name,
    /// Its address.
    pub address: IpAddr,
    /// Its place, where configured.
    pub place: Option<Name>,
    /// Its epoch, once it has one.
    pub epoch: SessionEpoch,
}

/// Group controller → zone: a node stands at my place; to be saved before the node is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// The physical group.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// The node's packet.
    pub presence: Presence,
}

/// Zone → group controller: the physical membership was saved, or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrivalDecision {
    /// The group.
    pub group: GroupId,
    /// The node.
    pub node: NodeId,
    /// The run of the agent that asked.
    pub instance: InstanceId,
    /// How it ended; the node's latest epoch when well.
    pub decision: Decision<ArrivalAccepted>,
}

/// A saved physical membership.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrivalAccepted {
    /// The node's latest epoch; zero before its check-in.
    pub epoch: SessionEpoch,
    /// What the node's sealed tag has to say: the capability it was assigned by, once it has checked in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability_digest: Option<CapabilityDigest>,
}

/// Group controller → node: you stand in my group; publish here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// The node.
    pub node: NodeId,
    /// The run of the agent that asked; another run ignores the packet.
    pub instance: InstanceId,
    /// The physical group.
    pub group: GroupId,
    /// Its name.
    pub group_name: Name,
    /// The group's queues: health, metrics, alerts, actions.
    pub channels: Vec<Channel>,
    /// Pace of keep-alives.
    pub keep_alive: Millis,
    /// What to seal the capability tag of each status packet with (N3); none from a controller that asks for no tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealKey>,
}

/// Group controller → node: I do not know you, say "here I am" again; or: I have not heard you, are you there?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PresenceRequest {
    /// The group that asks.
    pub group: GroupId,
    /// The group knows the node and has not heard it for a while: a status packet is the whole answer. An agent of a version that
    /// does not know the field answers as to a group that does not know it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sign_of_life: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a function of a reference")]
const fn is_false(it: &bool) -> bool {
    !*it
}
