//! Who is in which group by rule: verdicts, dwell, moves.
//!
//! A node enters when the group's rule has held for the group's enter dwell without a break, and leaves when it has
//! failed for the leave dwell without a break. A verdict that cannot be given breaks both and moves nobody.

mod group;

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{GroupId, Millis, NodeId, Tick};

use self::group::Group;
use crate::facts::Met;
use crate::{Facts, Rule, Verdict};

/// Kinds of hardware beyond two for each node that may be remembered though nobody has them.
const SPARE: usize = 64;

/// A node enters or leaves a group by rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The node.
    pub node: NodeId,
    /// The group.
    pub group: GroupId,
    /// `true` when it enters, `false` when it leaves.
    pub entered: bool,
    /// Why, for people: the facts the rule asks for, as the node has them.
    pub reason: String,
}

/// Who fulfils a rule right now, dwell aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// The nodes that fulfil it, in order.
    pub nodes: Vec<NodeId>,
    /// The nodes for which it cannot be decided, in order, each with why.
    pub unknown: Vec<(NodeId, String)>,
}

/// A rule that cannot be decided for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The group of the rule.
    pub group: GroupId,
    /// The node; it stays in or out as it was.
    pub node: NodeId,
    /// Why, for people.
    pub reason: String,
}

/// Keeps who is in which group by rule (Z8). Deterministic: the same calls give the same moves, in order of node and
/// group.
#[derive(Debug, Default)]
pub struct Engine {
    groups: BTreeMap<GroupId, Group>,
    nodes: BTreeMap<NodeId, Facts>,
    /// When each pending move is due; each stands in its group's `pending` too.
    due: BTreeSet<(Tick, NodeId, GroupId)>,
    met: Met,
}

impl Engine {
    /// Makes a group by rule, or changes the rule or the dwell of one.
    ///
    /// All nodes are asked. Members stay members until the new rule has failed for `leave_dwell`; others enter when it
    /// has held for `enter_dwell`. With another rule both begin now; with the same rule, time that has passed counts.
    pub fn set_rule(
        &mut self,
        now: Tick,
        group: GroupId,
        rule: Rule,
        enter_dwell: Millis,
        leave_dwell: Millis,
    ) -> Vec<Move> {
        let held = self.groups.entry(group).or_insert_with(|| Group::new(rule.clone()));
        held.enter_dwell = enter_dwell;
        held.leave_dwell = leave_dwell;
        if held.rule != rule {
            held.rule = rule;
            held.pending.clear();
        }
        self.due.retain(|(_, _, of)| *of != group);
        let mut moves = Vec::new();
        for (node, facts) in &self.nodes {
            moves.extend(held.judge(now, group, *node, facts, &mut self.due));
        }
        moves
    }

    /// Forgets a group. Returns who was in it, in order.
    pub fn remove(&mut self, group: GroupId) -> Vec<NodeId> {
        self.due.retain(|(_, _, of)| *of != group);
        self.groups.remove(&group).map(|group| group.members.into_iter().collect()).unwrap_or_default()
    }

    /// What is known of a node now. Only this node is asked about.
    pub fn update(&mut self, now: Tick, node: NodeId, mut facts: Facts) -> Vec<Move> {
        facts.share(&mut self.met);
        let mut moves = Vec::new();
        for (id, group) in &mut self.groups {
            moves.extend(group.judge(now, *id, node, &facts, &mut self.due));
        }
        self.nodes.insert(node, facts);
        self.tidy();
        moves
    }

    /// Looks through what was met only when much of it may be nobody's any more.
    fn tidy(&mut self) {
        if self.met.len() > 2 * self.nodes.len() + SPARE {
            self.met.tidy();
        }
    }

    /// A node is no more: it is in no group. Returns what it left, in order of the groups.
    pub fn forget(&mut self, node: NodeId) -> Vec<Move> {
        self.nodes.remove(&node);
        self.tidy();
        let mut moves = Vec::new();
        for (id, group) in &mut self.groups {
            if let Some(due) = group.forget_pending(node) {
                self.due.remove(&(due, node, *id));
            }
            group.unknown.remove(&node);
            if group.members.remove(&node) {
                moves.push(Move { node, group: *id, entered: false, reason: "the node is no more".into() });
            }
        }
        moves
    }

    /// Time has passed: carries out what is due.
    pub fn tick(&mut self, now: Tick) -> Vec<Move> {
        let mut moves = Vec::new();
        while let Some(&(due, node, id)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            // Whatever is due stands in a group, of a node whose facts are known: it was put there by a verdict.
            if let (Some(group), Some(facts)) = (self.groups.get_mut(&id), self.nodes.get(&node)) {
                group.pending.remove(&node);
                moves.push(group.move_over(id, node, facts));
            }
        }
        moves.sort_by_key(|moved| (moved.node, moved.group));
        moves
    }

    /// When [`Engine::tick`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        self.due.first().map(|(due, _, _)| *due)
    }

    /// A membership that was saved: no move comes of it. Whether it still fits is judged at once if facts of the node
    /// are known, and else when they come. Returns whether there is such a group.
    pub fn restore(&mut self, now: Tick, node: NodeId, group: GroupId) -> bool {
        let Some(held) = self.groups.get_mut(&group) else { return false };
        if !held.members.insert(node) {
            return true;
        }
        if let Some(due) = held.forget_pending(node) {
            self.due.remove(&(due, node, group));
        }
        if let Some(facts) = self.nodes.get(&node) {
            held.begin(now, group, node, facts, &mut self.due);
        }
        true
    }

    /// Who is in a group, in order.
    pub fn members(&self, group: GroupId) -> impl Iterator<Item = NodeId> + '_ {
        self.groups.get(&group).into_iter().flat_map(|group| group.members.iter().copied())
    }

    /// The groups a node is in, in order.
    pub fn groups_of(&self, node: NodeId) -> impl Iterator<Item = GroupId> + '_ {
        self.groups.iter().filter(move |(_, group)| group.members.contains(&node)).map(|(id, _)| *id)
    }

    /// The rule of a group.
    #[must_use]
    pub fn rule(&self, group: GroupId) -> Option<&Rule> {
        self.groups.get(&group).map(|group| &group.rule)
    }

    /// What is known of a node: to be cloned, changed and given to [`Engine::update`].
    #[must_use]
    pub fn facts(&self, node: NodeId) -> Option<&Facts> {
        self.nodes.get(&node)
    }

    /// Who would fulfil a rule, dwell aside. Changes nothing.
    #[must_use]
    pub fn matching(&self, rule: &Rule) -> Matching {
        let mut matching = Matching::default();
        for (node, facts) in &self.nodes {
            match rule.evaluate(facts) {
                Verdict::Holds => matching.nodes.push(*node),
                Verdict::Fails => {}
                Verdict::Unknown => matching.unknown.push((*node, rule.why_unknown(facts))),
            }
        }
        matching
    }

    /// For how many nodes the rule of a group cannot be decided.
    #[must_use]
    pub fn undecided(&self, group: GroupId) -> usize {
        self.groups.get(&group).map_or(0, |group| group.unknown.len())
    }

    /// Every rule that cannot be decided for a node, in order of group and node.
    #[must_use]
    pub fn unknown(&self) -> Vec<Undecided> {
        let of = |(id, group): (&GroupId, &Group)| -> Vec<Undecided> {
            let facts = group.unknown.iter().filter_map(|node| Some((*node, self.nodes.get(node)?)));
            facts.map(|(node, facts)| Undecided { group: *id, node, reason: group.rule.why_unknown(facts) }).collect()
        };
        self.groups.iter().flat_map(of).collect()
    }
}
