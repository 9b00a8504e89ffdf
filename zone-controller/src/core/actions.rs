//! Orders (N7, G6): ordered by people or by a remedy, saved before they are sent, sent again until their outcome comes.
//!
//! What makes an order take effect once is its id: the node writes it down before it acts, and whoever has seen it does
//! not act again. The zone therefore repeats itself without fear, through restarts too: what is not final is loaded
//! again. An order nobody answered in time expires. That, and a refusal, which may be its rack's, is what is known so far: a
//! node that carried it out all the same, and is heard later, has the last word.
//!
//! ```text
//!            begun                done, failed
//! ordered ─────────▶ running ─────────────────────▶ done, failed ◀──┐
//!    │ refused, done, failed    │ silent for too long               │ told later
//!    ├──────────▶ refused …     └─────────────────▶ expired ────────┤
//!    │                └─────────────────────────────────────────────┤
//!    └ not begun before its deadline ─────────────▶ expired ────────┘
//! ```

mod check;
mod reach;
mod remedies;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use rollcall_model::packet::{Action, ActionOrder, ActionOutcome, ActionState, Packet};
use rollcall_model::{ActionId, GroupId, Millis, NodeId, Now, Tick, UnixMillis, route};
use rollcall_store::{ActionRecord, Change};
use serde_json::{Value, json};

pub(super) use self::check::check;
use self::remedies::Remedies;
use super::{Effect, Rejection, Zone};

/// An order that was not answered is sent again after this.
const AGAIN: Millis = Millis(2_000);
/// One that is known to have begun is sent again after this: the node then tells the outcome again.
const AGAIN_BEGUN: Millis = Millis(10_000);
/// The last outcome of a node may be on its way for so long.
const ON_ITS_WAY: Millis = Millis(5_000);
/// Of so many orders that expired or were refused last the end is still taken.
const MOST_LAPSED: usize = 1_000;
/// Most characters of what a node says of how an order ended.
const MOST_SAID: usize = 500;
/// Most orders of one node that are not final.
const MOST_OPEN: usize = 16;

/// Orders that are not final, and what remedies wait for.
#[derive(Debug, Default)]
pub(super) struct Orders {
    open: BTreeMap<ActionId, Order>,
    /// Those that expired or were refused last, and whose they were: the node may have done them, and its way been cut.
    lapsed: VecDeque<(ActionId, NodeId)>,
    /// How many were given in this run of the zone: makes the next id.
    given: u64,
    /// Groups that lie in darkness: many nodes silent at once, so nothing is done automatically.
    dark: BTreeSet<GroupId>,
    /// Since when nodes are down or left, as far as this run of the zone saw it.
    gone: HashMap<NodeId, UnixMillis>,
    remedies: Remedies,
}

#[derive(Debug)]
struct Order {
    node: NodeId,
    action: Action,
    automatic: bool,
    time_limit: Millis,
    begun: bool,
    /// Not sent after this unless it has begun.
    begin_by: Tick,
    /// Expired after this.
    expires: Tick,
    again: Tick,
}

impl Order {
    /// The deadline of a saved order is on the wall clock; what is left of it is counted on the monotonic one.
    fn new(now: Now, record: ActionRecord) -> Self {
        let ActionRecord { node, action, automatic, deadline, time_limit_ms, state, action_id: _ } = record;
        let begin_by = now.tick + Millis(deadline.0.saturating_sub(now.wall.0));
        let time_limit = Millis(time_limit_ms);
        Self {
            node,
            action,
            automatic,
            time_limit,
            begun: state == ActionState::Running,
            begin_by,
            expires: begin_by + time_limit + ON_ITS_WAY,
            again: now.tick,
        }
    }

    /// When something is to be done about it.
    fn next(&self) -> Tick {
        if self.begun || self.again <= self.begin_by { self.again.min(self.expires) } else { self.expires }
    }
}

impl Orders {
    /// The orders that were not final when the zone ended; they are sent again at once. And those that had lapsed.
    pub(super) fn start(now: Now, saved: Vec<ActionRecord>) -> Self {
        let (lapsed, open): (Vec<_>, Vec<_>) = saved.into_iter().partition(|record| record.state.is_final());
        let open = open.into_iter().map(|record| (record.action_id, Order::new(now, record))).collect();
        let mut orders = Self { open, ..Self::default() };
        lapsed.iter().for_each(|record| orders.lapse(record.action_id, record.node));
        orders
    }

    fn lapse(&mut self, action_id: ActionId, node: NodeId) {
        self.lapsed.push_back((action_id, node));
        if self.lapsed.len() > MOST_LAPSED {
            self.lapsed.pop_front();
        }
    }

    /// When an order is to be sent again or expires.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.open.values().map(Order::next).min()
    }
}

impl Zone {
    /// Orders an action on a node, named by its name, its id or the beginning of it. The same action that is ordered
    /// again before the first is final is the same order.
    pub(super) fn order_action(
        &mut self,
        now: Now,
        node: &str,
        action: Action,
        deadline: Millis,
        by: String,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        check(&action).map_err(|why| Rejection::invalid(why).at("action"))?;
        check::deadline(deadline).map_err(|why| Rejection::invalid(why).at("deadline_s"))?;
        let node = self.find_node(node)?;
        self.may_be_ordered(now, node, &action)?;
        if let Some(known) = self.open_order(node, &action) {
            return Ok(json!({ "action_id": known, "repeated": true }));
        }
        let open = self.orders.open.values().filter(|order| order.node == node).count();
        if open >= MOST_OPEN {
            let message = format!("{open} actions of this node are not done yet; wait for them, or let them expire");
            return Err(Rejection::conflict(message));
        }
        let action_id = self.order(now, node, action, deadline, (by, false), effects);
        Ok(json!({ "action_id": action_id, "repeated": false }))
    }

    /// Whether the policy allows an action, and the node can be reached.
    fn may_be_ordered(&self, now: Now, node: NodeId, action: &Action) -> Result<(), Rejection> {
        let kind = action.kind();
        let allowed = &self.policies.document().actions.allowed;
        if !allowed.contains(&kind) {
            let those: Vec<&str> = allowed.iter().map(|kind| kind.as_str()).collect();
            let those = if those.is_empty() { "none".into() } else { those.join(", ") };
            return Err(Rejection::invalid(format!(
                "the zone's policy does not allow {kind}; it allows {those}: add it to actions.allowed of the policy"
            )));
        }
        self.is_reachable(now, node)
    }

    fn open_order(&self, node: NodeId, action: &Action) -> Option<ActionId> {
        let same = |(_, order): &(&ActionId, &Order)| order.node == node && order.action == *action;
        self.orders.open.iter().find(same).map(|(id, _)| *id)
    }

    /// Saves an order and sends it. Its id is made of this run of the zone and its number in it.
    fn order(
        &mut self,
        now: Now,
        node: NodeId,
        action: Action,
        deadline: Millis,
        (by, automatic): (String, bool),
        effects: &mut Vec<Effect>,
    ) -> ActionId {
        self.orders.given += 1;
        let action_id = ActionId::derived_from(&format!("action {} {}", self.settings.instance, self.orders.given));
        let time_limit_ms = check::time_limit(&action).0;
        let deadline = UnixMillis(now.wall.0.saturating_add(deadline.0));
        tracing::info!(target: "rollcall::step", step = "action_ordered", %action_id, %node, kind = %action.kind(), automatic,
            "{} ordered {} on node {node}", by, action.kind());
        effects.push(Effect::Save(Change::ActionOrdered {
            action_id,
            node,
            action: action.clone(),
            by,
            automatic,
            deadline,
            time_limit_ms,
            at: now.wall,
        }));
        let state = ActionState::Ordered;
        let record = ActionRecord { action_id, node, action, automatic, deadline, time_limit_ms, state };
        self.orders.open.insert(action_id, Order::new(now, record));
        self.send_order(now, action_id, effects);
        action_id
    }

    /// Sends an order to the group its node stands in now.
    fn send_order(&mut self, now: Now, action_id: ActionId, effects: &mut Vec<Effect>) {
        let Some(order) = self.orders.open.get_mut(&action_id) else { return };
        order.again = now.tick + if order.begun { AGAIN_BEGUN } else { AGAIN };
        let Some(group) = self.nodes.get(&order.node).and_then(|node| node.physical) else { return };
        let packet = Packet::ActionOrder(ActionOrder {
            action_id,
            group,
            node: order.node,
            action: order.action.clone(),
            automatic: order.automatic,
            // Receivers count what is left from when this is sent, whatever their clocks show, or this one came to show.
            deadline: UnixMillis(order.begin_by.0).by_another_clock(UnixMillis(now.tick.0), now.wall),
            time_limit_ms: order.time_limit.0,
        });
        effects.push(self.tell(now, route::group_inbox(group), packet));
    }

    pub(super) fn tick_orders(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let due = self.orders.open.iter().filter(|(_, order)| order.next() <= now.tick);
        let due: Vec<ActionId> = due.map(|(id, _)| *id).collect();
        for action_id in due {
            let Some(order) = self.orders.open.get_mut(&action_id) else { continue };
            if order.expires <= now.tick {
                let message =
                    if order.begun { "begun, and not heard of again" } else { "not begun before its deadline" };
                self.end_order(now, action_id, (ActionState::Expired, message.into()), effects);
            } else if order.begun || now.tick <= order.begin_by {
                self.send_order(now, action_id, effects);
            } else {
                order.again = order.expires;
            }
        }
    }

    /// A node tells how an order stands. Done and failed stay as they are, and who has begun has not refused.
    pub(super) fn on_action_outcome(&mut self, now: Now, mut outcome: ActionOutcome, effects: &mut Vec<Effect>) {
        outcome.message = outcome.message.chars().take(MOST_SAID).collect();
        let Some(order) = self.orders.open.get_mut(&outcome.action_id) else {
            return self.told_late(now, outcome, effects);
        };
        let ActionOutcome { action_id, node, state, message, at: _ } = outcome;
        if order.node != node {
            return self.count("actions", "not_its_node");
        }
        match (order.begun, state) {
            (_, ActionState::Ordered) | (true, ActionState::Running | ActionState::Refused | ActionState::Expired) => {
                self.count("actions", "repeated");
            }
            (false, ActionState::Running) => {
                order.begun = true;
                order.again = now.tick + AGAIN_BEGUN;
                effects.push(Effect::Save(Change::ActionMoved { action_id, state, message, at: now.wall }));
            }
            (_, ActionState::Done | ActionState::Failed) | (false, ActionState::Refused | ActionState::Expired) => {
                self.end_order(now, action_id, (state, message), effects);
            }
        }
    }

    /// That an order has expired says that nothing was heard of it; refused, that who was asked did not try, which its rack may
    /// have said when the node had begun. Its end, once it is heard, is told instead.
    fn told_late(&mut self, now: Now, outcome: ActionOutcome, effects: &mut Vec<Effect>) {
        let ActionOutcome { action_id, node, state, message, at: _ } = outcome;
        let is_its_end = matches!(state, ActionState::Done | ActionState::Failed);
        let place = self.orders.lapsed.iter().position(|lapsed| *lapsed == (action_id, node));
        let Some(place) = place.filter(|_| is_its_end) else {
            return self.count("actions", "final_already");
        };
        self.orders.lapsed.remove(place);
        tracing::info!(target: "rollcall::step", step = "action_ended", %action_id, %node, %state,
            "an action on node {node} that had expired, or was refused, is {state}: {message}");
        effects.push(Effect::Save(Change::ActionMoved { action_id, state, message, at: now.wall }));
    }

    /// Nothing more follows; a remedy that waited for it may go on.
    fn end_order(
        &mut self,
        now: Now,
        action_id: ActionId,
        (state, message): (ActionState, String),
        effects: &mut Vec<Effect>,
    ) {
        let Some(order) = self.orders.open.remove(&action_id) else { return };
        tracing::info!(target: "rollcall::step", step = "action_ended", %action_id, node = %order.node, %state,
            "{} on node {} is {state}: {message}", order.action.kind(), order.node);
        if matches!(state, ActionState::Expired | ActionState::Refused) {
            self.orders.lapse(action_id, order.node);
        }
        effects.push(Effect::Save(Change::ActionMoved { action_id, state, message, at: now.wall }));
        if let Some(group) = self.nodes.get(&order.node).and_then(|node| node.physical).filter(|_| order.automatic) {
            self.order_remedies(now, group, effects);
        }
    }
}
