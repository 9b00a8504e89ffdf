//! Orders of actions (N7, G6): what is carried out, what is answered as it was answered before, what is refused.
//!
//! ```text
//!            not allowed, too late, too many            recorded
//!   order ──────────────────────────────▶ settled ────────────────────┐
//!     │                                                               ▼
//!     └──▶ waiting ──▶ running (recorded first, told) ──▶ ended: told, and told again to whoever orders it again
//! ```
//!
//! One order is carried out at a time. An id that was seen is never acted upon again, in this run or a later one.

use std::collections::{BTreeMap, VecDeque};

use rollcall_model::packet::{Action, ActionKind, ActionOrder, ActionOutcome, ActionState};
use rollcall_model::{ActionId, Now, UnixMillis};

use super::{Agent, Effect};

/// Orders that may wait for their turn.
const ROOM: usize = 8;
/// Refusals that may be on their way to the journal.
const SETTLING: usize = 32;
/// Outcomes that are remembered; older ones are as old as the journal's.
pub const REMEMBERED: usize = 1_000;
/// Longest that an LED may be asked to blink, seconds.
const LONGEST_BLINK: u32 = 3_600;

/// What the node's owner switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The identify LED may blink.
    pub identify: bool,
    /// The drain command may run.
    pub drain: bool,
    /// Services that may be restarted, by unit name.
    pub services: Vec<String>,
    /// The machine may be restarted.
    pub reboot: bool,
}

impl Allowed {
    /// Why an action is not allowed; `None` when it is.
    fn objection(&self, action: &Action) -> Option<String> {
        let on = match action {
            Action::Identify { seconds } if !(1..=LONGEST_BLINK).contains(seconds) => {
                return Some(format!("identify for {seconds} s: it must be 1 to {LONGEST_BLINK} s"));
            }
            Action::Identify { .. } => self.identify,
            Action::Drain => self.drain,
            Action::RestartService { service } if !self.services.is_empty() => {
                let listed = self.services.contains(service);
                return (!listed).then(|| {
                    format!("{service} is not on this node's list of services (actions.restart_services in its configuration)")
                });
            }
            Action::RestartService { .. } => false,
            Action::Reboot => self.reboot,
        };
        let kind = action.kind();
        (!on).then(|| format!("this node's owner has not switched {kind} on (actions in its configuration)"))
    }
}

/// How an order stands here.
#[derive(Clone, Debug)]
enum Entry {
    Waiting,
    /// Its outcome is on its way to the journal.
    Settling,
    Running(Option<ActionOutcome>),
    Ended(ActionOutcome),
}

/// The orders a node knows.
#[derive(Debug, Default)]
pub(super) struct Orders {
    owner: Allowed,
    known: BTreeMap<ActionId, Entry>,
    /// Ids of ended orders, oldest first.
    ended: VecDeque<ActionId>,
    waiting: VecDeque<ActionOrder>,
    running: Option<ActionId>,
    settling: usize,
}

/// What an order leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Reaction {
    /// Nothing now: it waits, or is not decided yet.
    Wait,
    /// Say this again.
    Repeat(ActionOutcome),
    /// Write this down, then say it.
    Settle(ActionOutcome),
    /// Carry it out.
    Begin(ActionOrder),
}

impl Orders {
    /// Knows what a former run left behind.
    pub(super) fn new(owner: Allowed, remembered: Vec<ActionOutcome>) -> Self {
        let mut orders = Self { owner, ..Self::default() };
        for outcome in remembered {
            orders.end(outcome);
        }
        orders
    }

    /// Takes an order. `signed_off` is what the policy allows; `None` while no policy is known.
    pub(super) fn take(&mut self, now: Now, order: ActionOrder, signed_off: Option<&[ActionKind]>) -> Reaction {
        match self.known.get(&order.action_id) {
            Some(Entry::Ended(outcome) | Entry::Running(Some(outcome))) => return Reaction::Repeat(outcome.clone()),
            Some(Entry::Waiting | Entry::Settling | Entry::Running(None)) => return Reaction::Wait,
            None => {}
        }
        if let Some((state, message)) = self.objection(now, &order, signed_off) {
            return self.settle(now, &order, state, message);
        }
        // A policy may be on its way, after a restart of this agent above all; the order will come again.
        if signed_off.is_none() {
            return Reaction::Wait;
        }
        if self.waiting.len() >= ROOM {
            let message = format!("{ROOM} orders wait here already");
            return self.settle(now, &order, ActionState::Refused, message);
        }
        self.known.insert(order.action_id, Entry::Waiting);
        self.waiting.push_back(order);
        self.next(now, signed_off)
    }

    /// What comes next when nothing is running.
    pub(super) fn next(&mut self, now: Now, signed_off: Option<&[ActionKind]>) -> Reaction {
        if self.running.is_some() {
            return Reaction::Wait;
        }
        let Some(order) = self.waiting.pop_front() else { return Reaction::Wait };
        if let Some((state, message)) = self.objection(now, &order, signed_off) {
            self.known.remove(&order.action_id);
            return self.settle(now, &order, state, message);
        }
        self.known.insert(order.action_id, Entry::Running(None));
        self.running = Some(order.action_id);
        Reaction::Begin(order)
    }

    fn objection(
        &self,
        now: Now,
        order: &ActionOrder,
        signed_off: Option<&[ActionKind]>,
    ) -> Option<(ActionState, String)> {
        let kind = order.action.kind();
        if let Some(message) = self.owner.objection(&order.action) {
            return Some((ActionState::Refused, message));
        }
        if signed_off.is_some_and(|kinds| !kinds.contains(&kind)) {
            let message = format!("the zone's policy does not allow {kind} here (actions.allowed)");
            return Some((ActionState::Refused, message));
        }
        if now.wall > order.deadline {
            let late = now.wall.0 - order.deadline.0;
            let message = format!("its deadline had passed {late} ms before, by this node's clock, when its turn came");
            return Some((ActionState::Expired, message));
        }
        None
    }

    fn settle(&mut self, now: Now, order: &ActionOrder, state: ActionState, message: String) -> Reaction {
        if self.settling >= SETTLING {
            return Reaction::Wait;
        }
        self.settling += 1;
        self.known.insert(order.action_id, Entry::Settling);
        Reaction::Settle(ActionOutcome { action_id: order.action_id, node: order.node, state, message, at: now.wall })
    }

    /// It was written down and has begun.
    pub(super) fn begun(&mut self, outcome: &ActionOutcome) {
        if let Some(entry @ Entry::Running(_)) = self.known.get_mut(&outcome.action_id) {
            *entry = Entry::Running(Some(outcome.clone()));
        }
    }

    /// It was written down how it ended.
    pub(super) fn end(&mut self, outcome: ActionOutcome) {
        let id = outcome.action_id;
        if self.running == Some(id) {
            self.running = None;
        }
        match self.known.insert(id, Entry::Ended(outcome)) {
            Some(Entry::Ended(_)) => return,
            Some(Entry::Settling) => self.settling = self.settling.saturating_sub(1),
            Some(Entry::Waiting | Entry::Running(_)) | None => {}
        }
        self.ended.push_back(id);
        while self.ended.len() > REMEMBERED {
            if let Some(oldest) = self.ended.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

impl Agent {
    /// `sent` is the rack's clock when it sent the order.
    pub(super) fn on_order(&mut self, now: Now, sent: UnixMillis, order: ActionOrder, effects: &mut Vec<Effect>) {
        if self.pauses.just_over(now.tick) {
            let action = order.action_id;
            return tracing::info!(%action, "an order may have waited while this agent was paused; its rack gives it again");
        }
        // What is left of its time is the sender's to say; clocks need not agree.
        let deadline = order.deadline.by_another_clock(sent, now.wall);
        let order = ActionOrder { deadline, ..order };
        if order.node != self.settings.identifier.node {
            effects
                .push(Effect::Drop(format!("action {} is for node {}, not for this one", order.action_id, order.node)));
            return;
        }
        let signed_off = (self.judge.version() > 0).then_some(&self.obedience.allowed[..]);
        let reaction = self.orders.take(now, order, signed_off);
        self.react(now, reaction, effects);
    }

    /// An order has begun: the journal has it.
    pub(super) fn on_begun(&mut self, now: Now, outcome: ActionOutcome) {
        self.orders.begun(&outcome);
        self.owe_outcome(now, outcome);
    }

    /// An order has ended: the journal has it.
    pub(super) fn on_ended(&mut self, now: Now, outcome: ActionOutcome, effects: &mut Vec<Effect>) {
        tracing::info!(action = %outcome.action_id, state = %outcome.state, "action {}: {}", outcome.state, outcome.message);
        self.orders.end(outcome.clone());
        if outcome.state != ActionState::Done && self.drain == Some(outcome.action_id) {
            self.drain = None;
        }
        self.owe_outcome(now, outcome);
        // Those that wait and can no longer be carried out do not hold up the others.
        loop {
            let signed_off = (self.judge.version() > 0).then_some(&self.obedience.allowed[..]);
            let reaction = self.orders.next(now, signed_off);
            let more = matches!(reaction, Reaction::Settle(_));
            self.react(now, reaction, effects);
            if !more {
                return;
            }
        }
    }

    fn react(&mut self, now: Now, reaction: Reaction, effects: &mut Vec<Effect>) {
        match reaction {
            Reaction::Wait => {}
            Reaction::Repeat(outcome) => self.owe_outcome(now, outcome),
            Reaction::Settle(outcome) => effects.push(Effect::Record(outcome)),
            Reaction::Begin(order) => {
                if order.action == Action::Drain {
                    self.drain = Some(order.action_id);
                }
                effects.push(Effect::Act(order));
            }
        }
    }
}
