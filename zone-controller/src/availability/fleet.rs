//! Every node as far as it matters for targets: where it belongs, how large it is, and what bars it. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_model::packet::ActionState;
use rollcall_model::{
    ActionId, GroupId, Health, InstanceId, Millis, Name, NodeId, NodeState, SessionEpoch, Tick, ZoneId, route,
};
use rollcall_placement::Eligibility;
use rollcall_placement::capacity::Capacity;

use super::facts::Fact;

/// A doubt is told again each minute while it lasts; after this it does no more.
const DOUBT: Millis = Millis(150_000);

/// One node.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub name: Name,
    pub epoch: SessionEpoch,
    pub physical: Option<GroupId>,
    pub capacity: Option<Capacity>,
    logical: Option<GroupId>,
    entered: BTreeSet<GroupId>,
    instance: Option<InstanceId>,
    state: NodeState,
    health: Health,
    revoked: bool,
    /// The orders that drain it: until they came to nothing, or the agent was started anew.
    drains: BTreeSet<ActionId>,
    doubted: Option<Tick>,
}

/// All nodes.
#[derive(Debug)]
pub(super) struct Fleet {
    zone: ZoneId,
    nodes: HashMap<NodeId, Known>,
    groups: BTreeMap<Name, GroupId>,
    /// Nodes thrown out that are not known otherwise.
    revoked: BTreeSet<NodeId>,
    drains: HashMap<ActionId, NodeId>,
    /// Drains that expired or were refused: the run that had them may have drained all the same, and tell so later.
    lapsed: HashMap<ActionId, NodeId>,
}

impl Known {
    fn new(name: Name) -> Self {
        Self {
            name,
            epoch: SessionEpoch::default(),
            physical: None,
            capacity: None,
            logical: None,
            entered: BTreeSet::new(),
            instance: None,
            state: NodeState::Joining,
            health: Health::unmeasured(),
            revoked: false,
            drains: BTreeSet::new(),
            doubted: None,
        }
    }

    /// Whether it may be a target.
    pub(super) fn eligibility(&self, now: Tick) -> Eligibility {
        let is_doubted = self.doubted.is_some_and(|since| now.since(since) < DOUBT);
        Eligibility {
            draining: !self.drains.is_empty(),
            quarantined: self.revoked || is_doubted,
            ..Eligibility::of(self.state, self.health)
        }
    }

    /// Groups of every kind.
    pub(super) fn groups(&self) -> BTreeSet<GroupId> {
        self.entered.iter().copied().chain(self.physical).chain(self.logical).collect()
    }
}

impl Fleet {
    pub(super) fn new(zone: ZoneId) -> Self {
        Self {
            zone,
            nodes: HashMap::new(),
            groups: BTreeMap::new(),
            revoked: BTreeSet::new(),
            drains: HashMap::new(),
            lapsed: HashMap::new(),
        }
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Known> {
        self.nodes.get(&node)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Known)> {
        self.nodes.iter().map(|(node, known)| (*node, known))
    }

    /// Groups in force by name.
    pub(super) const fn groups(&self) -> &BTreeMap<Name, GroupId> {
        &self.groups
    }

    /// What is read anew: all but what was only said, doubts and capacities.
    pub(super) fn forget(&mut self) {
        self.groups.clear();
        self.revoked.clear();
        self.drains.clear();
        self.lapsed.clear();
        for known in self.nodes.values_mut() {
            known.entered.clear();
            known.drains.clear();
            known.revoked = false;
        }
    }

    /// Takes a fact; gives the nodes whose standing may have changed. What concerns all is not for here.
    pub(super) fn learn(&mut self, now: Tick, fact: Fact) -> Vec<NodeId> {
        match fact {
            Fact::Known(record) => {
                let (node, capacity) = (record.node, record.capacity);
                let known = self.named(node, &record.name);
                known.epoch = record.epoch;
                (known.physical, known.logical) = (record.physical, record.logical);
                (known.state, known.health, known.instance) = (record.state, record.health, record.instance);
                known.capacity = capacity.or(known.capacity);
                vec![node]
            }
            Fact::Joined { node, name, epoch, instance, logical, capacity } => {
                let known = self.named(node, &name);
                let is_another_run = known.instance != Some(instance);
                if is_another_run {
                    known.drains.clear();
                }
                (known.epoch, known.instance, known.logical) = (epoch, Some(instance), Some(logical));
                // It is joining until its rack has heard of it; it checked in anew, so that what was doubted is over.
                (known.state, known.doubted) = (NodeState::Joining, None);
                known.capacity = capacity;
                if is_another_run {
                    self.lapsed.retain(|_, of| *of != node);
                }
                vec![node]
            }
            Fact::Placed { node, name, group } => {
                self.named(node, &name).physical = Some(group);
                vec![node]
            }
            Fact::Changed { node, epoch, state, health } => {
                let Some(known) = self.nodes.get_mut(&node).filter(|known| epoch >= known.epoch) else { return vec![] };
                (known.epoch, known.state, known.health) = (epoch, state, health);
                vec![node]
            }
            fact => self.learn_of_groups(now, fact),
        }
    }

    /// What a node says itself of its capacity.
    pub(super) fn is_so_large(&mut self, node: NodeId, capacity: Option<Capacity>) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.capacity = capacity.or(known.capacity);
        }
    }

    fn learn_of_groups(&mut self, now: Tick, fact: Fact) -> Vec<NodeId> {
        match fact {
            Fact::Entered(node, group) => self.with(node, |known| known.entered.extend([group])),
            Fact::Left(node, group) => self.with(node, |known| known.entered.retain(|other| *other != group)),
            Fact::Named(group, name) => {
                self.groups.retain(|_, known| *known != group);
                self.groups.insert(name, group);
                vec![]
            }
            Fact::Dissolved(group) => {
                self.groups.retain(|_, known| *known != group);
                let members =
                    self.nodes.iter_mut().filter_map(|(node, known)| known.entered.remove(&group).then_some(*node));
                members.collect()
            }
            Fact::DrainOrdered(node, order) => {
                self.drains.insert(order, node);
                self.with(node, |known| known.drains.extend([order]))
            }
            Fact::Moved(order, state) => self.moved(order, state),
            Fact::Revoked(node) => {
                self.revoked.insert(node);
                self.with(node, |known| known.revoked = true)
            }
            Fact::Lifted(node) => {
                self.revoked.remove(&node);
                self.with(node, |known| known.revoked = false)
            }
            Fact::Doubted { node, from } => self.doubt(now, node, &from),
            _ => vec![],
        }
    }

    /// An order that is carried out drains, also by an agent that was started anew since it was given; one that came to nothing
    /// does not, whatever other orders did.
    fn moved(&mut self, order: ActionId, state: ActionState) -> Vec<NodeId> {
        let was_lapsed = self.lapsed.remove(&order).filter(|_| state == ActionState::Done);
        let Some(node) = was_lapsed.or_else(|| self.drains.get(&order).copied()) else { return vec![] };
        let is_over = !matches!(state, ActionState::Ordered | ActionState::Running);
        if is_over {
            self.drains.remove(&order);
        }
        if matches!(state, ActionState::Expired | ActionState::Refused) {
            self.lapsed.insert(order, node);
        }
        match state {
            ActionState::Ordered => vec![],
            ActionState::Running | ActionState::Done => self.with(node, |known| known.drains.extend([order])),
            _ => self.with(node, |known| known.drains.retain(|drain| *drain != order)),
        }
    }

    /// Only its own rack and the zone can cast doubt on a node.
    fn doubt(&mut self, now: Tick, node: NodeId, from: &str) -> Vec<NodeId> {
        let is_zone = from == route::zone_inbox(self.zone);
        let Some(known) = self.nodes.get_mut(&node) else { return vec![] };
        if is_zone || known.physical.is_some_and(|group| from == route::group_inbox(group)) {
            known.doubted = Some(now);
            return vec![node];
        }
        vec![]
    }

    fn named(&mut self, node: NodeId, name: &Name) -> &mut Known {
        let revoked = self.revoked.contains(&node);
        let known = self.nodes.entry(node).or_insert_with(|| Known { revoked, ..Known::new(name.clone()) });
        known.name = name.clone();
        known
    }

    fn with(&mut self, node: NodeId, change: impl FnOnce(&mut Known)) -> Vec<NodeId> {
        let Some(known) = self.nodes.get_mut(&node) else { return vec![] };
        change(known);
        vec![node]
    }
}
