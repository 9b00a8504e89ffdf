//! Actions on their way to a node, and their outcomes on their way back (G6, N7).
//!
//! The group keeps nothing of them: the zone repeats an order until it hears of it, the node acts once, and an outcome
//! stays in the group's queue until the zone's broker has it. A crash in between brings it twice, which changes nothing.

use rollcall_model::packet::{ActionOrder, ActionOutcome, ActionState, Packet};
use rollcall_model::{Millis, NodeState, Now, UnixMillis, route};

use super::parcels::Care;
use super::{Effect, Group, Token, liveness};

/// So long after a pause of this controller, or of its broker, what comes in may have waited through it.
const STALE: Millis = Millis(1_000);

impl Group {
    /// `sent` is the zone's clock when it sent the order.
    pub(super) fn on_action_order(
        &mut self,
        now: Now,
        sent: UnixMillis,
        order: ActionOrder,
        effects: &mut Vec<Effect>,
    ) {
        // What is left of its time is the zone's to say; clocks need not agree.
        let deadline = order.deadline.by_another_clock(sent, now.wall);
        let order = ActionOrder { deadline, ..order };
        if order.group != self.settings.group {
            return self.refuse("for_another_run");
        }
        // How long it waited for this controller nobody knows: the zone repeats the order, if it is still to be begun.
        if now.tick.since(self.floor.set_at) < STALE {
            return self.refuse("too_early");
        }
        // Who stands here is not known yet: the zone repeats the order.
        if !self.is_settled() {
            return self.refuse("too_early");
        }
        if self.roster.get(order.node).is_none() {
            let message = format!("node {} is not in this group, {}", order.node.short(), self.settings.name);
            return self.refuse_action(now, &order, message, effects);
        }
        if order.automatic && self.dark.is {
            let (_, silent, members) = self.dark.since;
            let message = format!(
                "{silent} of {members} nodes of {} fell silent at once: nothing is done there of its own accord",
                self.settings.name
            );
            return self.refuse_action(now, &order, message, effects);
        }
        // This controller has just come back and cannot tell yet whether the darkness it was handed down still lasts.
        if order.automatic && self.may_be_dark(now) {
            return self.refuse("too_early");
        }
        self.see_order(now.tick, &order);
        let inbox = route::node_inbox(order.node);
        let order = self.sender.confirmed(now, route::DIRECT, inbox, Packet::ActionOrder(order));
        // A node that is not there is no refusal: it may be on its way back, and the zone repeats the order.
        effects.push(Effect::Publish(Token::None, order));
    }

    fn may_be_dark(&self, now: Now) -> bool {
        let is_watched = |state: NodeState| !matches!(state, NodeState::Down | NodeState::Left);
        let count =
            |wanted: &dyn Fn(NodeState) -> bool| self.roster.iter().filter(|(_, one)| wanted(one.state)).count();
        now.tick < self.floor.until
            && liveness::is_dark(count(&|state| state == NodeState::Unknown), count(&is_watched))
    }

    fn refuse_action(&mut self, now: Now, order: &ActionOrder, message: String, effects: &mut Vec<Effect>) {
        tracing::info!(node = %order.node, action = %order.action.kind(), "refused: {message}");
        let ActionOrder { action_id, node, .. } = *order;
        let outcome = ActionOutcome { action_id, node, state: ActionState::Refused, message, at: now.wall };
        let outcome = Packet::ActionOutcome(outcome);
        let outcome = self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), outcome);
        self.dispatch(now, outcome, Care::Answer, effects);
    }

    /// Handed on as it is; the delivery at hand is settled when the zone's queue has it.
    pub(super) fn on_action_outcome(&mut self, now: Now, outcome: ActionOutcome, effects: &mut Vec<Effect>) {
        self.see_outcome(now.tick, &outcome);
        let outcome = Packet::ActionOutcome(outcome);
        let outcome = self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), outcome);
        self.dispatch(now, outcome, Care::Delivery, effects);
    }
}
