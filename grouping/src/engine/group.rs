//! One group by rule: its members, and who is on the way in or out.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{GroupId, Millis, NodeId, Tick};

use super::Move;
use crate::{Facts, Rule, Verdict};

/// A group by rule.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rule: Rule,
    pub(super) enter_dwell: Millis,
    pub(super) leave_dwell: Millis,
    pub(super) members: BTreeSet<NodeId>,
    /// Since when the rule says otherwise than the membership, and when the node moves if it goes on saying so.
    pub(super) pending: BTreeMap<NodeId, Pending>,
    /// For whom the rule cannot be decided.
    pub(super) unknown: BTreeSet<NodeId>,
}

/// A move that waits for its dwell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    since: Tick,
    due: Tick,
}

type Due = BTreeSet<(Tick, NodeId, GroupId)>;

impl Group {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            rule,
            enter_dwell: Millis(0),
            leave_dwell: Millis(0),
            members: BTreeSet::new(),
            pending: BTreeMap::new(),
            unknown: BTreeSet::new(),
        }
    }

    /// Asks the rule about one node, and moves it if its dwell is over.
    pub(super) fn judge(
        &mut self,
        now: Tick,
        group: GroupId,
        node: NodeId,
        facts: &Facts,
        due: &mut Due,
    ) -> Option<Move> {
        self.begin(now, group, node, facts, due);
        let over = self.pending.get(&node).is_some_and(|pending| pending.due <= now);
        if !over {
            return None;
        }
        if let Some(at) = self.forget_pending(node) {
            due.remove(&(at, node, group));
        }
        Some(self.move_over(group, node, facts))
    }

    /// Asks the rule about one node, and notes when it is to move.
    pub(super) fn begin(&mut self, now: Tick, group: GroupId, node: NodeId, facts: &Facts, due: &mut Due) {
        let verdict = self.rule.evaluate(facts);
        if verdict == Verdict::Unknown {
            self.unknown.insert(node);
        } else {
            self.unknown.remove(&node);
        }
        let member = self.members.contains(&node);
        let former = self.pending.remove(&node);
        if let Some(former) = former {
            due.remove(&(former.due, node, group));
        }
        let dwell = match verdict {
            Verdict::Holds if !member => self.enter_dwell,
            Verdict::Fails if member => self.leave_dwell,
            _ => return,
        };
        let since = former.map_or(now, |former| former.since);
        let pending = Pending { since, due: since + dwell };
        self.pending.insert(node, pending);
        due.insert((pending.due, node, group));
    }

    /// Forgets that a node was about to move; returns when it would have.
    pub(super) fn forget_pending(&mut self, node: NodeId) -> Option<Tick> {
        self.pending.remove(&node).map(|pending| pending.due)
    }

    /// Into the group or out of it.
    pub(super) fn move_over(&mut self, group: GroupId, node: NodeId, facts: &Facts) -> Move {
        let entered = !self.members.remove(&node);
        if entered {
            self.members.insert(node);
        }
        let (what, dwell) = if entered { ("holds", self.enter_dwell) } else { ("holds no more", self.leave_dwell) };
        let mut reason = format!("the rule {what}");
        if dwell > Millis(0) {
            reason.push_str(&format!(" for {} s", seconds(dwell)));
        }
        let seen = self.rule.seen(facts);
        if !seen.is_empty() {
            reason.push_str(&format!(": {seen}"));
        }
        Move { node, group, entered, reason }
    }
}

/// `5`, `0.25`.
fn seconds(span: Millis) -> String {
    #[allow(clippy::cast_precision_loss)]
    let seconds = span.0 as f64 / 1_000.0;
    seconds.to_string()
}
