//! Policies on their way down, and the word that they are obeyed on its way up (Z9, G8).

use serde::{Deserialize, Serialize};

use super::ActionKind;
use crate::policy::Settings;
use crate::{GroupId, NodeId, SessionEpoch};

/// Zone → group controller, to its inbox: its part of the zone's policy. Sent again until [`PolicyReport`] names the
/// version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyUpdate {
    /// The group.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// Version of the policy; a rollback is a new version with an old text.
    pub version: u64,
    /// For every node of the group.
    pub settings: Settings,
    /// For some of them, on top; later ones win.
    pub nodes: Vec<NodeOverride>,
    /// Actions the zone signs off.
    pub allowed_actions: Vec<ActionKind>,
    /// How often the group sends its summary, milliseconds.
    pub summary_period_ms: u64,
}

/// Settings for nodes whose name is meant by a pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeOverride {
    /// A name, or its beginning and `*`.
    pub node: String,
    /// What they are given on top.
    pub settings: Settings,
}

/// Group controller → node, to its inbox: what to obey from now on. Sent again until [`NodePolicyAck`] comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodePolicy {
    /// The physical group that tells it.
    pub group: GroupId,
    /// Version of the policy; an older one than the node obeys is ignored and acknowledged with what it obeys.
    pub version: u64,
    /// What differs from the dictionary.
    pub settings: Settings,
    /// Actions the zone signs off.
    pub allowed_actions: Vec<ActionKind>,
}

/// Node → group controller, on the group's `alerts` queue: I obey this version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodePolicyAck {
    /// The node.
    pub node: NodeId,
    /// Its epoch.
    pub epoch: SessionEpoch,
    /// The version it obeys now.
    pub version: u64,
    /// Why it does not obey the version it was sent, if so.
    pub problem: Option<String>,
}

/// Group controller → zone, on the `policies` channel: who obeys. The first one, without nodes, says that the group
/// has taken the version; then one whenever more nodes obey it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// The group.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// The version.
    pub version: u64,
    /// Nodes that newly obey it, at most [`POLICY_PART`].
    pub applied: Vec<NodeId>,
    /// Nodes that cannot.
    pub refused: Vec<PolicyRefusal>,
}

/// Most nodes in one [`PolicyReport`].
pub const POLICY_PART: usize = 200;

/// A node that cannot obey a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRefusal {
    /// The node.
    pub node: NodeId,
    /// Why, for people.
    pub message: String,
}
