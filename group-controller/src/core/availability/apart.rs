//! Who is kept apart from work though its state is good: nodes that are being drained, and nodes whose packets are refused
//! because they may be lies.

use std::collections::BTreeMap;

use rollcall_model::packet::{Action, ActionOrder, ActionOutcome, ActionState};
use rollcall_model::{ActionId, InstanceId, Millis, NodeId, Tick};
use rollcall_placement::Eligibility;

use super::super::{Group, Member};

/// A node whose packets were refused is kept apart for so long after the last of them.
const QUARANTINE: Millis = Millis(60_000);

/// An order to drain a node.
#[derive(Clone, Copy, Debug)]
struct Drain {
    order: ActionId,
    /// The run of the agent that was told; another one is back in service. None while that is not known here.
    run: Option<InstanceId>,
}

/// Who is kept apart.
#[derive(Debug, Default)]
pub(super) struct Apart {
    drains: BTreeMap<NodeId, Drain>,
    doubted: BTreeMap<NodeId, Tick>,
}

impl Apart {
    /// Whether a node of the roster may be a target.
    pub(super) fn eligibility(&self, now: Tick, node: NodeId, member: &Member) -> Eligibility {
        let draining = self.drains.contains_key(&node);
        let quarantined = self.doubted.get(&node).is_some_and(|since| now.since(*since) < QUARANTINE);
        Eligibility { draining, quarantined, ..Eligibility::of(member.state, member.health) }
    }
}

impl Group {
    /// An order is passed on: from now on a node that is to be drained takes no work.
    pub(in crate::core) fn see_order(&mut self, now: Tick, order: &ActionOrder) {
        if order.action == Action::Drain {
            let run = self.roster.get(order.node).and_then(|member| member.instance);
            self.availability.apart.drains.insert(order.node, Drain { order: order.action_id, run });
            self.show_node(now, order.node);
        }
    }

    /// An order that came to nothing drains nobody. One that was done lasts until the agent is started anew.
    pub(in crate::core) fn see_outcome(&mut self, now: Tick, outcome: &ActionOutcome) {
        let ActionOutcome { action_id, node, state, .. } = outcome;
        let drains = &mut self.availability.apart.drains;
        let is_its = drains.get(node).is_some_and(|drain| drain.order == *action_id);
        if is_its && !matches!(state, ActionState::Ordered | ActionState::Running | ActionState::Done) {
            drains.remove(node);
            self.show_node(now, *node);
        }
    }

    /// A packet in a node's name was refused: it may be another's, or of a machine that is not what it was.
    pub(in crate::core) fn doubt(&mut self, now: Tick, node: NodeId) {
        self.availability.apart.doubted.insert(node, now);
        self.show_node(now, node);
    }

    /// Forgets who is not here any more, or is back in service.
    pub(super) fn forget_apart(&mut self, now: Tick) {
        let roster = &self.roster;
        let apart = &mut self.availability.apart;
        apart.drains.retain(|node, drain| {
            roster.get(*node).is_some_and(|member| {
                drain.run = drain.run.or(member.instance);
                member.instance.is_none() || member.instance == drain.run
            })
        });
        apart.doubted.retain(|node, since| roster.get(*node).is_some() && now.since(*since) < QUARANTINE);
    }
}
