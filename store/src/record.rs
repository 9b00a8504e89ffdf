//! What a starting zone controller gets back: the saved topology as of one moment.

mod trust;

use std::net::IpAddr;
use std::sync::Arc;

use rollcall_model::packet::{Action, ActionState};
use rollcall_model::{
    ActionId, Capability, GroupId, HardwareTopology, Health, InstanceId, Name, NodeId, NodeState, SessionEpoch,
    UnixMillis, ZoneId,
};
use serde::{Deserialize, Serialize};

pub use self::trust::{CertificateRecord, JoinRecord, JoinState, RevokedRecord, TokenRecord, TrustRecord, UserRecord};
use crate::{GroupKind, GroupRule};

/// The saved topology, as a starting zone controller needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The zone, once it has started on this store.
    pub zone: Option<ZoneRecord>,
    /// All groups in force.
    pub groups: Vec<GroupRecord>,
    /// All nodes.
    pub nodes: Vec<NodeRecord>,
    /// The policy in force, if one was ever set.
    pub policy: Option<PolicyRecord>,
    /// Who is in which group by rule.
    pub entered: Vec<(NodeId, GroupId)>,
    /// Orders that are not final; then, of the thousand that ended last, those that expired or were refused, in the order of their
    /// ends: that a node carried one out may be heard yet.
    pub actions: Vec<ActionRecord>,
    /// Combinations that wait for approval, or were denied.
    pub held: Vec<HeldRecord>,
    /// Names of groups by rule that were dissolved; a default one among them is not made again.
    pub dissolved: Vec<Name>,
    /// Who may join, who is who, and who may do what.
    pub trust: TrustRecord,
}

/// A policy as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRecord {
    /// Its version.
    pub version: u64,
    /// As it was written.
    pub document: String,
}

/// An order as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRecord {
    /// The order.
    pub action_id: ActionId,
    /// The node.
    pub node: NodeId,
    /// What to do.
    pub action: Action,
    /// Whether a remedy ordered it.
    pub automatic: bool,
    /// Not begun after this.
    pub deadline: UnixMillis,
    /// How long it may take once begun, milliseconds.
    pub time_limit_ms: u64,
    /// How it stands.
    pub state: ActionState,
}

/// A combination that waits for approval, or was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRecord {
    /// The combination.
    pub capability: Capability,
    /// Whether it was denied; it waits otherwise.
    pub denied: bool,
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
    /// The rule, for groups by rule.
    pub rule: Option<GroupRule>,
    /// Where its controller is, for physical groups.
    pub addresses: Vec<IpAddr>,
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
    /// Its place, where it told one.
    pub place: Option<Name>,
    /// Its combination, once it checked in.
    pub capability: Option<Capability>,
    /// What it is made of, once it checked in. Nodes of the same make share it.
    pub hardware: Option<Arc<HardwareTopology>>,
    /// Version of the policy it obeys; 0 for none.
    pub policy: u64,
}

/// How an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// What it is about is so, and nobody has said that they saw it.
    Raised,
    /// What it is about is so, and somebody has seen it.
    Acknowledged,
    /// It is over.
    Cleared,
}

impl AlertState {
    /// The word in `v_alerts`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Cleared => "cleared",
        }
    }
}
