//! Zone and group: ACK, channels, the roster handed back.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    CapabilityDigest, GroupId, Health, InstanceId, Millis, Name, NodeId, NodeState, Purpose, SessionEpoch, ZoneId,
};

/// A group controller answers a hello (tag `group`, G2). Over DNS-SD, or on [`crate::route::JOINS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// The zone that is answered.
    pub zone: ZoneId,
    /// The hello's generation.
    pub generation: u64,
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: Name,
    /// The place it manages.
    pub place: Name,
    /// Where the group controller is.
    pub addresses: Vec<IpAddr>,
    /// This run of the group controller.
    pub instance: InstanceId,
}

/// A purpose-bound path between a group and the zone (Z6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// What it is for.
    pub purpose: Purpose,
    /// Host of the broker that carries it.
    pub address: String,
    /// Port of that broker.
    pub port: u16,
    /// Exchange to publish to.
    pub exchange: String,
    /// Queue that keeps what is published.
    pub queue: String,
    /// Routing key.
    pub key: String,
}

/// The zone's answer to a good ACK.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneSubscriber {
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub zone_name: Name,
    /// Its generation.
    pub generation: u64,
    /// The group that joined.
    pub group: GroupId,
    /// The run of the group controller that is answered; another run ignores the packet.
    pub instance: InstanceId,
    /// Number of this membership, monotonic per group; alerts carry it and older ones are dropped.
    pub session: u32,
    /// The group's channels.
    pub channels: Vec<Channel>,
    /// Pace of keep-alives the zone wants.
    pub keep_alive: Millis,
    /// How many [`Roster`] packets follow.
    pub roster_parts: u32,
    /// Whether this zone lets nodes write to the status exchanges of groups ([`crate::route::status_exchange`]); older ones do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub status_exchanges: bool,
}

/// What the zone knows of a group's nodes, so that a restarted controller starts from it and blames nobody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    /// The group.
    pub group: GroupId,
    /// The membership this belongs to.
    pub session: u32,
    /// 0-based number of this part.
    pub part: u32,
    /// The nodes, at most [`ROSTER_PART`].
    pub members: Vec<RosterMember>,
}

/// Most members in one [`Roster`] packet.
pub const ROSTER_PART: usize = 500;

/// A node as the zone last saved it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RosterMember {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub name: Name,
    /// Its latest epoch.
    pub epoch: SessionEpoch,
    /// Its saved state.
    pub state: NodeState,
    /// Its saved health.
    pub health: Health,
    /// What its sealed tag has to say; `None` before its check-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability_digest: Option<CapabilityDigest>,
}

/// Group controller → zone, on [`crate::route::JOINS`]: send me your hello. For networks without multicast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HelloRequest {
    /// Who asks, for the log.
    pub name: Name,
}
