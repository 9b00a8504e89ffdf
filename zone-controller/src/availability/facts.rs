//! What decides who may be a target, taken from what is committed: the task that receives is told after each commit, and
//! reads the store only at its start and when it missed something.

use rollcall_model::packet::{Action, ActionState, ChannelMessage};
use rollcall_model::policy::{AvailabilitySettings, PolicyDocument};
use rollcall_model::{ActionId, GroupId, Health, InstanceId, Name, NodeId, NodeState, Principal, SessionEpoch, name};
use rollcall_placement::capacity::Capacity;
use rollcall_store::{Change, NodeRecord, QueryError, Snapshot, Store, TrustChange};

/// Words of the security channel that make a node doubtful: two machines by its identifier, other hardware than it checked in
/// with, packets that are not sealed as they must be.
const DOUBTS: [&str; 4] = ["identity_clash", "other_hardware", "no_tag", "bad_tag"];

/// What is saved of a node, as far as it decides who may be a target.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Saved {
    pub node: NodeId,
    pub name: Name,
    pub epoch: SessionEpoch,
    pub instance: Option<InstanceId>,
    pub physical: Option<GroupId>,
    pub logical: Option<GroupId>,
    pub state: NodeState,
    pub health: Health,
    pub capacity: Option<Capacity>,
}

/// Something that was committed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// As saved, at the start.
    Known(Box<Saved>),
    /// A node checked in.
    Joined {
        node: NodeId,
        name: Name,
        epoch: SessionEpoch,
        instance: InstanceId,
        logical: GroupId,
        capacity: Option<Capacity>,
    },
    /// A node stands in a rack.
    Placed { node: NodeId, name: Name, group: GroupId },
    /// A node's state or health changed.
    Changed { node: NodeId, epoch: SessionEpoch, state: NodeState, health: Health },
    /// A node entered a group by rule.
    Entered(NodeId, GroupId),
    /// It left it.
    Left(NodeId, GroupId),
    /// A group has a name.
    Named(GroupId, Name),
    /// A group is no more.
    Dissolved(GroupId),
    /// A policy holds.
    Policy(Option<Box<AvailabilitySettings>>),
    /// A node is to be drained.
    DrainOrdered(NodeId, ActionId),
    /// An order of any kind went on.
    Moved(ActionId, ActionState),
    /// A node was thrown out.
    Revoked(NodeId),
    /// It may come back.
    Lifted(NodeId),
    /// Somebody said on the security channel that a node may not be what it says.
    Doubted { node: NodeId, from: String },
}

impl Fact {
    /// What a commit decides of targets; most decide nothing.
    pub(super) fn of(change: &Change) -> Option<Self> {
        Some(match change {
            Change::NodeJoined { identifier, name, instance, epoch, group, hardware, .. } => Self::Joined {
                node: identifier.node,
                name: name.clone(),
                epoch: *epoch,
                instance: *instance,
                logical: *group,
                capacity: Capacity::of_topology(hardware),
            },
            Change::NodePlaced { node, name, group, .. } => {
                Self::Placed { node: *node, name: name.clone(), group: *group }
            }
            Change::NodeChanged { node, epoch, state, health, .. } => {
                Self::Changed { node: *node, epoch: *epoch, state: *state, health: *health }
            }
            Change::NodeEntered { node, group, .. } => Self::Entered(*node, *group),
            Change::NodeLeft { node, group, .. } => Self::Left(*node, *group),
            Change::GroupJoined { group, name, .. }
            | Change::GroupCreated { group, name, .. }
            | Change::RuleGroupSet { group, name, .. } => Self::Named(*group, name.clone()),
            Change::GroupDissolved { group, .. } => Self::Dissolved(*group),
            Change::PolicySet { document, .. } => Self::Policy(settings(document)),
            Change::ActionOrdered { action_id, node, action: Action::Drain, .. } => {
                Self::DrainOrdered(*node, *action_id)
            }
            Change::ActionMoved { action_id, state, .. } => Self::Moved(*action_id, *state),
            Change::ChannelMessage { message, from } => return doubt(message, from),
            Change::Trust(change) => return Self::of_trust(change),
            _ => return None,
        })
    }

    fn of_trust(change: &TrustChange) -> Option<Self> {
        match change {
            TrustChange::PrincipalRevoked { principal: Principal::Node(node), .. } => Some(Self::Revoked(*node)),
            TrustChange::PrincipalLifted { principal: Principal::Node(node), .. } => Some(Self::Lifted(*node)),
            _ => None,
        }
    }

    /// All that was saved, but for what is asked apart: drains.
    pub(super) fn of_snapshot(saved: &Snapshot) -> Vec<Self> {
        let policy = saved.policy.as_ref().and_then(|policy| settings(&policy.document));
        let revoked = saved.trust.revoked.iter().filter_map(|one| match one.principal {
            Principal::Node(node) => Some(Self::Revoked(node)),
            _ => None,
        });
        let groups = saved.groups.iter().map(|group| Self::Named(group.group, group.name.clone()));
        let nodes = saved.nodes.iter().map(Self::from);
        let entered = saved.entered.iter().map(|(node, group)| Self::Entered(*node, *group));
        groups.chain(nodes).chain(entered).chain(revoked).chain([Self::Policy(policy)]).collect()
    }
}

/// Which node a word of the security channel casts doubt on. Names are the nodes' own, and what a person says is no fact.
fn doubt(message: &ChannelMessage, from: &str) -> Option<Fact> {
    let is_doubt = message.channel.as_str() == name::SECURITY && DOUBTS.contains(&message.what.as_str());
    let node = message.detail.get("node")?.as_str()?.parse().ok()?;
    (is_doubt && message.detail.get("by").is_none()).then(|| Fact::Doubted { node, from: from.to_owned() })
}

impl From<&NodeRecord> for Fact {
    fn from(record: &NodeRecord) -> Self {
        Self::Known(Box::new(Saved {
            node: record.node,
            name: record.name.clone(),
            epoch: record.epoch,
            instance: record.instance,
            physical: record.physical,
            logical: record.logical,
            state: record.state,
            health: record.health,
            capacity: record.hardware.as_deref().and_then(Capacity::of_topology),
        }))
    }
}

/// What a policy says of availability. One that does not read is none: it was checked before it was saved.
fn settings(document: &str) -> Option<Box<AvailabilitySettings>> {
    let document: PolicyDocument = toml::from_str(document).ok()?;
    document.settings.availability.map(Box::new)
}

/// Drains that hold, or that the same run of the node may still tell of: ordered since it checked in last, and not failed.
const DRAINS: &str = "SELECT a.node_id, a.action_id, a.state FROM v_actions a JOIN v_nodes n ON n.node_id = a.node_id \
                      WHERE a.kind = 'drain' AND a.state <> 'failed' \
                      AND (n.joined_at IS NULL OR a.ordered_at >= n.joined_at)";

/// All that is committed.
///
/// # Errors
/// The store does not answer.
pub(super) async fn load(store: &Store) -> Result<Vec<Fact>, LoadFailed> {
    let mut facts = Fact::of_snapshot(&store.load().await?);
    facts.extend(drains(store).await?);
    Ok(facts)
}

/// Who is to be drained, as committed.
///
/// # Errors
/// The store does not answer.
pub(super) async fn drains(store: &Store) -> Result<Vec<Fact>, QueryError> {
    let drains = store.select(DRAINS, &[]).await?;
    let drain = |row: &Vec<serde_json::Value>| {
        let (node, order) = (row[0].as_str()?.parse().ok()?, row[1].as_str()?.parse().ok()?);
        let lapsed = [ActionState::Expired, ActionState::Refused].into_iter().find(|state| row[2] == state.as_str());
        Some([Some(Fact::DrainOrdered(node, order)), lapsed.map(|state| Fact::Moved(order, state))])
    };
    Ok(drains.rows.iter().filter_map(drain).flatten().flatten().collect())
}

/// What is committed cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadFailed {
    #[error(transparent)]
    Load(#[from] rollcall_store::LoadError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

#[cfg(test)]
mod tests {
    use rollcall_model::indicator::Severity;
    use rollcall_model::policy::SentKinds;
    use rollcall_model::{Purpose, UnixMillis};

    use super::*;

    const NOW: UnixMillis = UnixMillis(0);

    fn said(channel: &str, what: &str) -> Change {
        let message = ChannelMessage {
            channel: Purpose::new(channel).expect("a purpose"),
            what: what.into(),
            subject: "web-1".into(),
            severity: Severity::Warning,
            message: String::new(),
            detail: serde_json::json!({ "node": NodeId::derived_from("n") }),
            at: NOW,
        };
        Change::ChannelMessage { message, from: "inbox.x".into() }
    }

    fn ordered(action: Action) -> Change {
        Change::ActionOrdered {
            action_id: ActionId::derived_from("a"),
            node: NodeId::derived_from("n"),
            action,
            by: "ada".into(),
            automatic: false,
            deadline: NOW,
            time_limit_ms: 1,
            at: NOW,
        }
    }

    #[test]
    fn of_orders_only_drains_and_of_channels_only_doubts_matter() {
        assert!(matches!(Fact::of(&ordered(Action::Drain)), Some(Fact::DrainOrdered(..))));
        assert_eq!(Fact::of(&ordered(Action::Reboot)), None);
        assert!(matches!(Fact::of(&said("security", "other_hardware")), Some(Fact::Doubted { .. })));
        for (channel, what) in [("security", "join_refused"), ("power", "other_hardware")] {
            assert_eq!(Fact::of(&said(channel, what)), None, "{channel} {what}");
        }
        for detail in [serde_json::Value::Null, serde_json::json!({ "node": NodeId::derived_from("n"), "by": "ada" })] {
            let Change::ChannelMessage { mut message, from } = said("security", "bad_tag") else { panic!("a message") };
            message.detail = detail;
            assert_eq!(Fact::of(&Change::ChannelMessage { message, from }), None, "a name, or a person's word");
        }
    }

    #[test]
    fn a_policy_is_what_it_says_of_availability_and_nothing_where_it_does_not_read() {
        let policy = |document: &str| {
            let document = document.to_owned();
            Fact::of(&Change::PolicySet { version: 1, document, by: String::new(), comment: String::new(), at: NOW })
        };
        let Some(Fact::Policy(Some(settings))) = policy("[settings.availability]\nkinds = \"both\"") else {
            panic!("settings")
        };
        assert_eq!(settings.kinds, SentKinds::Both);
        assert_eq!(policy(""), Some(Fact::Policy(None)));
        assert_eq!(policy("availability = ["), Some(Fact::Policy(None)));
    }

    #[test]
    fn only_what_is_revoked_of_nodes_matters() {
        let revoked = |principal| {
            Fact::of(&Change::from(TrustChange::PrincipalRevoked {
                principal,
                name: "x".parse().expect("a name"),
                by: "ada".into(),
                reason: String::new(),
                at: NOW,
            }))
        };
        let node = NodeId::derived_from("n");
        assert_eq!(revoked(Principal::Node(node)), Some(Fact::Revoked(node)));
        assert_eq!(revoked(Principal::Group(GroupId::derived_from("g"))), None);
    }
}
