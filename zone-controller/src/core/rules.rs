//! Groups by rule (Z8): made, changed and dissolved while the zone runs; nodes enter and leave them on the fly.
//!
//! The engine of `rollcall-grouping` keeps what rules can see of each node and who is in which group; a change of one
//! node looks at that node only. What it says is saved as one entry or leave per node and group. Memberships are loaded
//! again at the start, and reconciled with the rules: who was in and does not belong there leaves after the dwell.

mod groups;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_grouping::{Engine, Facts, Matching, Move, NodeIdentity, Rule, RuleError};
use rollcall_model::{GroupId, HardwareTopology, Name, NodeId, Now, Tick, UnixMillis};
use rollcall_store::{Change, NodeRecord};

use super::{Effect, Make, Zone};

/// The groups by rule, and what their rules can see.
#[derive(Debug, Default)]
pub(super) struct Rules {
    engine: Engine,
    /// Readings that came with a change, until [`Zone::facts_changed`] takes them.
    heard: HashMap<NodeId, BTreeMap<String, f64>>,
    /// Groups that were dissolved in this run of the zone.
    dissolved: BTreeSet<GroupId>,
}

/// What a starting zone finds in its store of groups by rule, beside the groups themselves.
pub(super) struct SavedRules {
    /// Who is in which group.
    pub(super) entered: Vec<(NodeId, GroupId)>,
    /// Names of those that were dissolved.
    pub(super) dissolved: Vec<Name>,
}

impl Rules {
    /// When a node has dwelt long enough to enter or leave a group.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.engine.next_deadline()
    }

    /// What rules can see of a node.
    pub(super) fn facts_of(&self, node: NodeId) -> Option<&Facts> {
        self.engine.facts(node)
    }

    /// Who fulfils a rule right now.
    pub(super) fn matching(&self, rule: &Rule) -> Matching {
        self.engine.matching(rule)
    }
}

/// Checks the text of a rule.
///
/// # Errors
/// Where it is wrong, and what would do.
pub(super) fn compile(text: &str) -> Result<Rule, RuleError> {
    Rule::compile(text)
}

impl Zone {
    /// Takes up the groups and memberships as they were saved, makes the default groups that the zone never had, and
    /// lets the rules see every node.
    pub(super) fn start_rules(&mut self, now: Now, saved: SavedRules, effects: &mut Vec<Effect>) {
        for group in self.groups.values() {
            let Some(saved) = &group.rule else { continue };
            match Rule::compile(&saved.rule) {
                // No node is known to the rules yet, so nobody moves.
                Ok(rule) => {
                    self.rules.engine.set_rule(now.tick, group.group, rule, saved.enter_dwell, saved.leave_dwell);
                }
                Err(error) => tracing::error!("group {} keeps its members as they are: {error}", group.name),
            }
        }
        for (node, group) in saved.entered {
            if self.nodes.contains_key(&node) {
                self.rules.engine.restore(now.tick, node, group);
            }
        }
        self.make_default_groups(now, &saved.dissolved, effects);
        let mut nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        nodes.sort_unstable();
        for node in nodes {
            self.regroup(now, node, effects);
            self.set_hardware_aside(node);
        }
    }

    /// Rules have seen the hardware of a node: from here on its facts and its make are enough.
    pub(super) fn set_hardware_aside(&mut self, node: NodeId) {
        if let Some(hardware) = self.nodes.get_mut(&node).and_then(|record| record.hardware.take()) {
            self.makes.insert(node, Make::of(&hardware));
        }
    }

    pub(super) fn tick_rules(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let moves = self.rules.engine.tick(now.tick);
        save_moves(now.wall, moves, effects);
    }

    /// The latest readings a group has of a node. They are looked at with [`Self::facts_changed`].
    pub(super) fn metrics_heard(&mut self, node: NodeId, metrics: &BTreeMap<String, f64>) {
        self.rules.heard.insert(node, metrics.clone());
    }

    /// Something about a node changed, or it is no more: groups by rule and remedies follow. Other nodes are not looked
    /// at.
    pub(super) fn facts_changed(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        self.regroup(now, node, effects);
        self.remedy(now, node, effects);
    }

    fn regroup(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        let heard = self.rules.heard.remove(&node);
        let moves = match self.nodes.get(&node) {
            Some(record) => {
                let facts = self.facts(record, heard.as_ref());
                self.rules.engine.update(now.tick, node, facts)
            }
            None => self.rules.engine.forget(node),
        };
        save_moves(now.wall, moves, effects);
    }

    /// What rules can see of a node. Other hardware comes with another epoch, so what is known of this one is kept; the
    /// readings of a former one are not.
    fn facts(&self, record: &NodeRecord, heard: Option<&BTreeMap<String, f64>>) -> Facts {
        let rack = record.physical.and_then(|group| self.groups.get(&group));
        let place = record.place.clone().or_else(|| rack.and_then(|rack| rack.place.clone()));
        let node = NodeIdentity {
            id: record.node,
            name: record.name.clone(),
            address: record.address,
            place,
            state: record.state,
            epoch: record.epoch,
        };
        let (capability, group) = (record.capability.clone(), rack.map(|rack| rack.name.clone()));
        match self.rules.engine.facts(record.node).filter(|known| known.node.epoch == record.epoch) {
            Some(known) => {
                let mut facts = known.clone();
                (facts.node, facts.health, facts.policy) = (node, record.health, record.policy);
                (facts.capability, facts.group) = (capability, group);
                if let Some(metrics) = heard {
                    facts.set_metrics(metrics);
                }
                facts
            }
            None => {
                let unknown = HardwareTopology::default();
                let hardware = record.hardware.as_deref().unwrap_or(&unknown);
                let none = BTreeMap::new();
                Facts::new(node, hardware, record.health, heard.unwrap_or(&none), capability, group, record.policy)
            }
        }
    }
}

fn save_moves(at: UnixMillis, moves: Vec<Move>, effects: &mut Vec<Effect>) {
    effects.extend(moves.into_iter().map(|Move { node, group, entered, reason }| {
        Effect::Save(if entered {
            Change::NodeEntered { node, group, reason, at }
        } else {
            Change::NodeLeft { node, group, reason, at }
        })
    }));
}
