//! Remedies (G6): actions ordered without being asked, by an explicit rule of the policy, and with care.
//!
//! - A remedy acts on the edge: once each time a node comes to fulfil its rule. A node that fulfils it already when the
//!   remedy is set, or when the zone starts, is taken to be handled; it is acted on when it stops and fulfils it again.
//!   The zone cannot know what was done about it before, and doing nothing is the safer mistake. It says so, with an
//!   event for each remedy that names the nodes: a person can order it.
//! - Nothing is concluded about a node that is not heard: a machine that restarts is not "well again" meanwhile.
//! - At most so many automatic actions at once in one rack as the policy's budget says; the others wait in the order in
//!   which they came to fulfil the rule, and stop waiting when they no longer do. What waited when the zone ended is
//!   taken to be handled, and told, as above. What came to be while the zone was away is told to it by the racks
//!   afterwards, and acted on.
//! - None in a rack that lies in darkness: many nodes silent at once mean that its link, not its nodes, is ill.

use std::collections::{BTreeMap, HashMap};

use rollcall_grouping::{Rule, Verdict};
use rollcall_model::health::HealthBits;
use rollcall_model::packet::Action;
use rollcall_model::policy::Remedy;
use rollcall_model::{GroupId, Millis, Name, NodeId, NodeState, Now};
use rollcall_store::{GroupKind, NodeRecord};

use super::super::ignored::note;
use super::super::{Effect, Zone};

/// What a remedy orders is begun within this, or not at all: the condition may be another by then.
const DEADLINE: Millis = Millis(60_000);
/// So many nodes are named in an event about all of them.
const TOLD: usize = 5;
/// So many nodes, and so many of a hundred that are watched, unknown at the zone's start mean that darkness was raised
/// before: the group controller said so to a former run, and says so no more.
const DARK: (usize, usize) = (3, 30);

/// The remedies of the policy in force, and how each node stands with them.
#[derive(Debug, Default)]
pub(super) struct Remedies {
    list: Vec<Compiled>,
    /// Nodes that fulfil the rule of a remedy, or may do so.
    nodes: HashMap<NodeId, BTreeMap<Name, Stand>>,
    /// How many ever waited: their order.
    waited: u64,
}

#[derive(Debug)]
struct Compiled {
    remedy: Remedy,
    rule: Rule,
}

/// How a node stands with a remedy whose rule it does not plainly fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// When the remedy was set it could not be said; if it turns out to fulfil the rule, it did so before.
    Unsure,
    /// It came to fulfil the rule, as the so many-th; nothing was ordered yet.
    Waiting(u64),
    /// Ordered, or fulfilled before anybody looked.
    Handled,
}

impl Zone {
    /// The remedies of a policy from now on. Those that stay the same keep what they know.
    pub(in crate::core) fn take_remedies(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let before = std::mem::take(&mut self.orders.remedies.list);
        let mut fresh = Vec::new();
        for remedy in &self.policies.document().actions.remedies {
            // It was compiled when the policy was checked; one that no longer compiles was written for another version.
            let Ok(rule) = Rule::compile(&remedy.when) else {
                tracing::error!("remedy {} is not obeyed: its rule means nothing to this program", remedy.name);
                continue;
            };
            if !before.iter().any(|known| known.remedy == *remedy) {
                fresh.push(remedy.name.clone());
            }
            self.orders.remedies.list.push(Compiled { remedy: remedy.clone(), rule });
        }
        let Remedies { list, nodes, .. } = &mut self.orders.remedies;
        for stands in nodes.values_mut() {
            stands.retain(|name, _| !fresh.contains(name) && list.iter().any(|known| known.remedy.name == *name));
        }
        nodes.retain(|_, stands| !stands.is_empty());
        if !fresh.is_empty() {
            self.look_at_everybody(now, &fresh, effects);
        }
        let physical = self.groups.values().filter(|group| group.kind == GroupKind::Physical);
        let physical: Vec<GroupId> = physical.map(|group| group.group).collect();
        for group in physical {
            self.order_remedies(now, group, effects);
        }
    }

    /// Who fulfils these remedies already: told, and left alone.
    fn look_at_everybody(&mut self, now: Now, remedies: &[Name], effects: &mut Vec<Effect>) {
        let Remedies { list, nodes, .. } = &mut self.orders.remedies;
        for Compiled { remedy, rule } in list.iter().filter(|known| remedies.contains(&known.remedy.name)) {
            let found = self.rules.matching(rule);
            let names = found.nodes.iter().filter_map(|node| Some(self.nodes.get(node)?.name.as_str()));
            effects.extend(left_alone(now, remedy, names.collect()));
            let handled = found.nodes.into_iter().map(|node| (node, Stand::Handled));
            let unsure = found.unknown.into_iter().map(|(node, _)| (node, Stand::Unsure));
            for (node, stand) in handled.chain(unsure) {
                nodes.entry(node).or_default().insert(remedy.name.clone(), stand);
            }
        }
    }

    /// Something about a node changed: it may have come to fulfil a remedy, or no longer do.
    pub(in crate::core) fn remedy(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        let Some(record) = self.nodes.get(&node) else {
            self.orders.forget(node);
            return;
        };
        self.orders.note_gone(now, record);
        if !matches!(record.state, NodeState::Healthy | NodeState::Degraded) {
            return;
        }
        let (Some(facts), physical) = (self.rules.facts_of(node), record.physical) else { return };
        let Remedies { list, nodes, waited } = &mut self.orders.remedies;
        if list.is_empty() {
            return;
        }
        let stands = nodes.entry(node).or_default();
        for Compiled { remedy, rule } in list {
            match (rule.evaluate(facts), stands.get(&remedy.name)) {
                (Verdict::Fails, _) => {
                    stands.remove(&remedy.name);
                }
                (Verdict::Holds, None) => {
                    *waited += 1;
                    stands.insert(remedy.name.clone(), Stand::Waiting(*waited));
                }
                (Verdict::Holds, Some(Stand::Unsure)) => {
                    stands.insert(remedy.name.clone(), Stand::Handled);
                }
                (Verdict::Holds, Some(Stand::Waiting(_) | Stand::Handled)) | (Verdict::Unknown, _) => {}
            }
        }
        let waits = stands.values().any(|stand| matches!(stand, Stand::Waiting(_)));
        if stands.is_empty() {
            nodes.remove(&node);
        }
        if let Some(group) = physical.filter(|_| waits) {
            self.order_remedies(now, group, effects);
        }
    }

    /// Orders what waits in a rack, as far as its budget goes; nothing while it lies in darkness.
    pub(super) fn order_remedies(&mut self, now: Now, group: GroupId, effects: &mut Vec<Effect>) {
        let budget = self.policies.document().actions.budget_per_rack as usize;
        while !self.orders.dark.contains(&group) && self.automatic_in(group) < budget {
            let Some((node, name)) = self.first_waiting(group) else { return };
            let stands = self.orders.remedies.nodes.entry(node).or_default();
            stands.insert(name.clone(), Stand::Handled);
            let known = self.orders.remedies.list.iter().find(|known| known.remedy.name == name);
            let Some(action) = known.map(|known| known.remedy.action.clone()) else { continue };
            // Somebody ordered the same already.
            if self.open_order(node, &action).is_none() {
                self.order_automatically(now, node, action, name, effects);
            }
        }
    }

    fn order_automatically(&mut self, now: Now, node: NodeId, action: Action, remedy: Name, effects: &mut Vec<Effect>) {
        self.order(now, node, action, DEADLINE, (remedy.into(), true), effects);
    }

    /// How many automatic actions are under way in a rack.
    fn automatic_in(&self, group: GroupId) -> usize {
        let here = |node: NodeId| self.nodes.get(&node).is_some_and(|record| record.physical == Some(group));
        self.orders.open.values().filter(|order| order.automatic && here(order.node)).count()
    }

    /// Who waits longest of those who can be reached.
    fn first_waiting(&self, group: GroupId) -> Option<(NodeId, Name)> {
        let heard = |node: &&NodeId| {
            let record = self.nodes.get(node);
            record.is_some_and(|record| matches!(record.state, NodeState::Healthy | NodeState::Degraded))
        };
        let members = self.members.get(&group)?.iter().filter(heard);
        members
            .filter_map(|node| Some((node, self.orders.remedies.nodes.get(node)?)))
            .flat_map(|(node, stands)| stands.iter().map(move |(name, stand)| (node, name, stand)))
            .filter_map(|(node, name, stand)| match stand {
                Stand::Waiting(since) => Some((since, node, name)),
                Stand::Unsure | Stand::Handled => None,
            })
            .min()
            .map(|(_, node, name)| (*node, name.clone()))
    }

    /// Darkness of a rack began or ended.
    pub(in crate::core) fn darken(&mut self, now: Now, group: GroupId, dark: bool, effects: &mut Vec<Effect>) {
        if dark {
            self.orders.dark.insert(group);
        } else if self.orders.dark.remove(&group) {
            self.order_remedies(now, group, effects);
        }
    }

    /// What a starting zone can know: which racks lie in darkness, and who fulfils which remedy already.
    pub(in crate::core) fn start_remedies(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let dark = self.members.iter().filter(|(_, members)| self.is_dark(members.iter()));
        self.orders.dark = dark.map(|(group, _)| *group).collect();
        self.take_remedies(now, effects);
    }

    fn is_dark<'a>(&self, members: impl Iterator<Item = &'a NodeId>) -> bool {
        let records = members.filter_map(|node| self.nodes.get(node));
        let watched: Vec<&NodeRecord> =
            records.filter(|record| !matches!(record.state, NodeState::Down | NodeState::Left)).collect();
        // One that measures nothing is unknown too, in the brightest rack.
        let silent =
            |record: &&&NodeRecord| record.state == NodeState::Unknown && record.health.mask() != HealthBits::all();
        let silent = watched.iter().filter(silent).count();
        silent >= DARK.0 && silent * 100 >= watched.len() * DARK.1
    }
}

/// What a person is told of nodes that fulfil a remedy already.
fn left_alone(now: Now, remedy: &Remedy, mut nodes: Vec<&str>) -> Option<Effect> {
    nodes.sort_unstable();
    let (many, word) = match nodes.len() {
        0 => return None,
        1 => (1, "node fulfils"),
        many => (many, "nodes fulfil"),
    };
    let (first, more) = (nodes[..many.min(TOLD)].join(", "), if many > TOLD { ", …" } else { "" });
    let (name, action) = (&remedy.name, remedy.action.kind());
    let message = format!(
        "{many} {word} remedy {name} already ({first}{more}): {action} is not ordered by itself until that has ceased \
         and comes anew; see what was done with `rollcall actions`, and order it by hand if it is wanted"
    );
    tracing::warn!("{message}");
    Some(note(now.wall, "remedy_left_alone", name.as_str(), message))
}

impl super::Orders {
    fn forget(&mut self, node: NodeId) {
        self.gone.remove(&node);
        self.remedies.nodes.remove(&node);
    }

    /// Keeps since when a node is gone, for people.
    fn note_gone(&mut self, now: Now, record: &NodeRecord) {
        if matches!(record.state, NodeState::Down | NodeState::Left) {
            self.gone.entry(record.node).or_insert(now.wall);
        } else {
            self.gone.remove(&record.node);
        }
    }
}
