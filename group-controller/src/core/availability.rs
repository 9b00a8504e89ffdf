//! How free the nodes of this group are, as heard (A3 to A8): RA messages, alone or on status packets, go into a receiver
//! that knows the roster, so that health and availability meet: who is suspect, down, unknown, draining, kept apart or
//! unmeasured is no target.
//!
//! ```text
//!  zone's policy ──▶ plan (k, l, kinds) ──▶ receiver ◀── RA messages, capacities
//!  roster, seals, orders to drain ──▶ who may be a target ──┘
//!                                       │ floods, a group larger than its budget ──▶ an alert
//! ```
//!
//! Nothing of it is kept over a restart: a node is heard again within a few of its periods.

mod apart;
mod warnings;

use std::collections::{BTreeMap, HashMap};

use rollcall_bus::{Spoken, SpokenError, Word};
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::{Millis, NodeId, Now, Tick};
use rollcall_placement::capacity::Capacity;
use rollcall_placement::plan::{Plan, plan};
use rollcall_placement::receiver::{Heard, Tally};
use rollcall_placement::{Config, Eligibility, Receiver, Targets};

use self::apart::Apart;
use self::warnings::Warnings;
use super::{Effect, Group};

/// Nodes have this long to hear of a new policy before what they send too fast is held against them.
const NEWS: Millis = Millis(60_000);
/// Room for nodes beyond those there are, before the receiver is made anew.
const SPARE: u32 = 256;

/// What is heard of availability.
#[derive(Debug, Default)]
pub(super) struct Availability {
    /// What the policy says; none while nobody is to speak.
    plan: Option<Plan>,
    pub(super) receiver: Option<Receiver>,
    /// Who is in the receiver, and what it was told of them last.
    shown: HashMap<NodeId, Eligibility>,
    apart: Apart,
    warnings: Warnings,
    /// What was dropped before the receiver saw it, by reason.
    dropped: BTreeMap<&'static str, u64>,
    /// Of receivers that were there before this one.
    former: Tally,
    next_tick: Option<Tick>,
}

/// What was heard, as data for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvailabilityHeard {
    /// Whether a policy has nodes speak.
    pub on: bool,
    /// RA messages by what became of them.
    pub messages: BTreeMap<&'static str, u64>,
    /// How often this controller was held up, so that it measured nothing across.
    pub pauses: u64,
    /// Nodes that are capped now because they flood.
    pub flooding: u64,
    /// Nodes in the roster that nothing bars.
    pub eligible: u64,
}

impl Availability {
    /// When [`Group::tick_availability`] is wanted.
    pub(super) const fn next_deadline(&self) -> Option<Tick> {
        self.next_tick
    }

    fn drop_word(&mut self, reason: &'static str) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    fn tally(&self) -> Tally {
        self.former + self.receiver.as_ref().map_or_else(Tally::default, Receiver::tally)
    }

    /// A receiver of this plan that knows nobody yet.
    fn begin(&mut self, now: Tick, plan: &Plan, nodes: usize) {
        self.former = self.tally();
        self.shown.clear();
        let room = u32::try_from(nodes).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(SPARE);
        let config = Config::new(plan.sending.rates, room.min(1 << 20));
        self.receiver = match Receiver::new(now, config) {
            Ok(mut receiver) => {
                receiver.excuse_until(now + NEWS);
                self.next_tick = Some(now + config.tick_every);
                Some(receiver)
            }
            Err(error) => {
                tracing::error!("how free nodes are is not heard here: {error}");
                None
            }
        };
    }

    fn end(&mut self) {
        self.former = self.tally();
        self.shown.clear();
        (self.plan, self.receiver, self.next_tick) = (None, None, None);
    }

    /// Tells the receiver who a node is by now, if that is news.
    fn show(&mut self, now: Tick, node: NodeId, eligibility: Eligibility) {
        let Some(receiver) = &mut self.receiver else { return };
        if self.shown.get(&node) == Some(&eligibility) {
            return;
        }
        // A node beyond the room there is goes unheard until the receiver is made anew.
        if receiver.insert(now, node).is_ok() && receiver.set_eligibility(now, node, eligibility).is_ok() {
            self.shown.insert(node, eligibility);
        }
    }
}

impl Group {
    /// Targets among the nodes of this group; `None` while no policy has them speak.
    #[must_use]
    pub fn targets(&self) -> Option<Targets> {
        self.availability.receiver.as_ref().map(Receiver::targets)
    }

    /// What was heard of availability.
    #[must_use]
    pub fn availability(&self) -> AvailabilityHeard {
        let (here, tally) = (&self.availability, self.availability.tally());
        let mut messages: BTreeMap<&'static str, u64> = here.dropped.clone();
        for (word, count) in [
            ("taken", tally.taken),
            ("unknown_node", tally.unknown),
            ("too_fast", tally.too_fast),
            ("flooding", tally.flooding),
        ] {
            *messages.entry(word).or_default() += count;
        }
        for reason in ["old_epoch", "not_asked_for"] {
            messages.entry(reason).or_default();
        }
        let barred = |node: &NodeId| here.receiver.as_ref().and_then(|receiver| receiver.barriers(*node).ok());
        let eligible = here.shown.keys().filter_map(barred).filter(|barriers| barriers.is_empty()).count();
        AvailabilityHeard {
            on: here.receiver.is_some(),
            messages,
            pauses: tally.pauses,
            flooding: here.warnings.flooding() as u64,
            eligible: eligible as u64,
        }
    }

    /// The policy changed: who speaks how often may have.
    pub(super) fn availability_policy(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let settings = self.policy.settings().availability.clone();
        let planned = settings.as_ref().map_or(Ok(None), plan);
        match planned {
            Ok(Some(plan)) if self.availability.plan.as_ref() == Some(&plan) => {}
            Ok(Some(plan)) => {
                self.availability.begin(now.tick, &plan, self.roster.len());
                self.availability.plan = Some(plan);
            }
            Ok(None) => self.availability.end(),
            Err(error) => {
                tracing::warn!("the policy's availability cannot be obeyed, nothing is heard: {error}");
                self.availability.end();
            }
        }
        self.match_availability(now.tick);
        self.warn_of_size(now, effects);
    }

    /// A node says something of itself by an RA message or a capacity message.
    pub(super) fn on_spoken(&mut self, now: Now, spoken: Spoken, effects: &mut Vec<Effect>) {
        if self.availability.receiver.is_none() {
            return self.availability.drop_word("not_asked_for");
        }
        match self.roster.get(spoken.node) {
            None => return self.availability.drop_word("unknown_node"),
            Some(member) if spoken.epoch < member.epoch => return self.availability.drop_word("old_epoch"),
            Some(_) => {}
        }
        self.take_word(now, spoken, effects);
    }

    /// A status packet was taken: what rides on it counts, and what it says decides who may be a target.
    pub(super) fn hear_riding(&mut self, now: Now, status: &NodeStatus, effects: &mut Vec<Effect>) {
        if self.availability.receiver.is_none() {
            return;
        }
        self.show_node(now.tick, status.node);
        self.take_word(now, Spoken::of_status(status), effects);
    }

    /// Something in the queue counts for nothing. A message in another's name may be an attack.
    pub(super) fn on_unspoken(&mut self, now: Now, error: SpokenError, effects: &mut Vec<Effect>) {
        self.availability.drop_word(error.reason());
        if let SpokenError::Unentitled(error) = error {
            self.on_unentitled(now, &error, effects);
        }
    }

    fn take_word(&mut self, now: Now, spoken: Spoken, effects: &mut Vec<Effect>) {
        let Spoken { node, word, .. } = spoken;
        let Availability { receiver: Some(receiver), plan: Some(plan), dropped, .. } = &mut self.availability else {
            return;
        };
        match word {
            Word::Free(kinds) => {
                let (asked, mut begins) = (plan.sending.kinds.kinds(), false);
                for kind in kinds.iter() {
                    if asked.contains(&kind) {
                        begins |= matches!(receiver.heard(now.tick, node, kind), Heard::Flooding { begins: true });
                    } else {
                        *dropped.entry("not_asked_for").or_default() += 1;
                    }
                }
                if begins {
                    self.warn_of_flood(now, node, effects);
                }
            }
            Word::Large { threads, memory_mib } => {
                let own = Capacity::of_message(threads, memory_mib);
                // Known a moment ago.
                let _ = receiver.set_share(node, plan.share(own));
            }
        }
    }

    /// The messages of a hold-up of the link say nothing of frequencies.
    pub(super) fn availability_held_up(&mut self, now: Tick) {
        if let Some(receiver) = &mut self.availability.receiver {
            receiver.held_up(now);
        }
    }

    pub(super) fn tick_availability(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(receiver) = &mut self.availability.receiver else { return };
        if self.availability.next_tick.is_none_or(|due| now.tick < due) {
            return;
        }
        receiver.tick(now.tick);
        self.availability.next_tick = Some(now.tick + Millis(100));
        self.match_availability(now.tick);
        self.end_floods(now, effects);
        self.warn_of_size(now, effects);
    }

    /// Shows the receiver the whole roster, and nobody else.
    pub(super) fn match_availability(&mut self, now: Tick) {
        self.forget_apart(now);
        let Some(receiver) = &mut self.availability.receiver else { return };
        let roster = &self.roster;
        self.availability.shown.retain(|node, _| roster.get(*node).is_some() || !receiver.remove(*node));
        let here: Vec<(NodeId, Eligibility)> = roster
            .iter()
            .map(|(node, member)| (node, self.availability.apart.eligibility(now, node, member)))
            .collect();
        for (node, eligibility) in &here {
            self.availability.show(now, *node, *eligibility);
        }
        if self.availability.shown.len() < here.len()
            && let Some(plan) = self.availability.plan.clone()
        {
            // More nodes than there is room for: a larger receiver hears them anew.
            self.availability.begin(now, &plan, here.len());
            here.iter().for_each(|(node, eligibility)| self.availability.show(now, *node, *eligibility));
        }
    }

    /// Shows the receiver one node of the roster, at once.
    pub(super) fn show_node(&mut self, now: Tick, node: NodeId) {
        if let Some(member) = self.roster.get(node) {
            let eligibility = self.availability.apart.eligibility(now, node, member);
            self.availability.show(now, node, eligibility);
        }
    }
}
