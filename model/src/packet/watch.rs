//! What a group controller tells the zone of its nodes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Quantiles;
use crate::{GroupId, Health, Millis, NodeId, NodeState, SessionEpoch, UnixMillis};

/// Group controller → zone, on the alerts channel: what changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alerts {
    /// The group.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// The changes, oldest first.
    pub changes: Vec<NodeChange>,
}

/// Most changes in one [`Alerts`] packet.
pub const ALERTS_PART: usize = 200;

/// What a node is now, because something changed. Absolute, so that a repetition changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeChange {
    /// Number of this change within the membership of the group; older ones are dropped.
    pub number: u64,
    /// The node.
    pub node: NodeId,
    /// Its epoch.
    pub epoch: SessionEpoch,
    /// State from now on.
    pub state: NodeState,
    /// Health from now on.
    pub health: Health,
    /// When the group controller saw it.
    pub at: UnixMillis,
    /// Why, for people: `status`, `connection closed`, `silent for 3.5 s` …
    pub cause: String,
    /// The latest readings the group has of the node, by the indicator's name; empty when it has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
}

/// Group controller → zone, on the alerts channel: something about the group as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupAlarm {
    /// The group.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// Number, shared with [`NodeChange::number`].
    pub number: u64,
    /// `true` when it begins, `false` when it is over.
    pub raised: bool,
    /// How many nodes fell silent at once.
    pub silent: u32,
    /// How many nodes the group has.
    pub members: u32,
    /// When the group controller saw it.
    pub at: UnixMillis,
}

/// Group controller → zone, on the analytics channel: a summary; the newest wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The group.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// Nodes per state.
    pub states: BTreeMap<NodeState, u32>,
    /// Nodes per set bit, by the indicator's name; only bits that are set somewhere.
    pub bits: BTreeMap<String, u32>,
    /// Status packets taken since the group controller started.
    pub statuses: u64,
    /// What was refused since the group controller started, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Readings of the group's nodes since the last summary, by the indicator's name (G7).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, Quantiles>,
    /// How long they were gathered.
    #[serde(default)]
    pub period_ms: Millis,
}
