//! The agent's decisions: synchronous, deterministic, with `now` passed in.
//!
//! Two conversations run side by side: check-in (who am I, which logical group, which epoch) and presence
//! (which rack am I in). Each is repeated with growing, jittered pauses until it is answered. When both
//! are, status packets flow: at once when health changes, and as a slow keep-alive. The rack then says which
//! policy to obey, and what is to be done.

pub mod actions;
mod availability;
mod joining;
mod judge;
mod obedience;
mod pauses;
mod question;
mod standing;
mod telling;
mod voice;

use std::collections::VecDeque;
use std::net::IpAddr;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rollcall_bus::{Assurance, Outgoing, Sender};
use rollcall_model::packet::{ActionOrder, ActionOutcome, ActionState, Assigned, IdentityClash, Membership, Packet};
use rollcall_model::policy::Resolved;
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    ActionId, AvailabilityKinds, CapabilityDigest, CheckinId, HardwareTopology, InstanceId, Millis, Name,
    NodeIdentifier, Now, SessionEpoch, Tick, ZoneFence, route,
};

use self::actions::{Allowed, Orders};
use self::availability::Speech;
pub use self::availability::Spoken;
use self::joining::Doubt;
use self::judge::Judge;
use self::obedience::Obedience;
use self::pauses::Pauses;
use self::question::Question;
pub use self::standing::Standing;
use self::telling::Untold;
use self::voice::Voice;
use crate::availability::Measured;
use crate::probes::Sample;

/// A clash of identifiers is reported this often while it lasts.
const CLASH_PERIOD: Millis = Millis(60_000);

/// What an agent is told once, at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who this is, with the evidence.
    pub identifier: NodeIdentifier,
    /// Host name.
    pub name: Name,
    /// The address it is reached at.
    pub address: IpAddr,
    /// Its place, where configured.
    pub place: Option<Name>,
    /// This run.
    pub instance: InstanceId,
    /// What it is made of.
    pub hardware: HardwareTopology,
    /// The latest epoch a former run was given; zero for none.
    pub epoch: SessionEpoch,
    /// Pace of keep-alives until the group controller names one.
    pub keep_alive: Millis,
    /// How often indicators are sampled where no policy says it.
    pub sample_period: Millis,
    /// What holds until a policy comes: the dictionary, except in simulations.
    pub unpoliced: Resolved,
    /// Actions the node's owner switched on.
    pub allowed: Allowed,
    /// How the actions of former runs ended, oldest first.
    pub remembered: Vec<ActionOutcome>,
    /// Those of them that were never told.
    pub untold: Vec<ActionId>,
}

/// What happens to an agent.
#[derive(Clone, Debug)]
pub enum Event {
    /// The check-in service responsible for this address was found, or another one.
    CheckinFound(CheckinId),
    /// The broker is reached, for the first time or again.
    LinkUp,
    /// The broker is out of reach.
    LinkDown,
    /// Another connection holds this node's inbox.
    InboxTaken,
    /// A control packet was delivered.
    Delivered(Envelope),
    /// Bytes were delivered that are no packet, or a packet that its sender may not send; they are dropped.
    Undecodable,
    /// Readings were taken.
    Sampled(Sample),
    /// How much of the machine is in use was read; wanted while [`Agent::wants_usage`].
    Measured(Measured),
    /// The machine is made of something else than before.
    HardwareChanged(Box<HardwareTopology>),
    /// The broker has the message of an [`Effect::Assure`].
    Confirmed(Receipt),
    /// An order is in the journal and has begun; the outcome says [`ActionState::Running`].
    ActionBegun(ActionOutcome),
    /// An order has ended, or was refused, and the journal has its outcome.
    ActionEnded(ActionOutcome),
    /// A deadline may have passed.
    Tick,
    /// A clean shutdown: say good-bye.
    Leave,
}

/// What an agent wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Publish.
    Publish(Outgoing),
    /// Publish, and say [`Event::Confirmed`] with the receipt when the broker has it; otherwise it comes again.
    Assure(Receipt, Outgoing),
    /// The delivered message cannot be handled: say why in the log, and acknowledge it. A node puts nothing aside.
    Drop(String),
    /// Keep the epoch for the next run.
    Keep(SessionEpoch),
    /// Write the order down, say [`Event::ActionBegun`], carry it out, write down how it ended, say
    /// [`Event::ActionEnded`].
    Act(ActionOrder),
    /// Write the outcome down, say [`Event::ActionEnded`].
    Record(ActionOutcome),
}

/// What is said again until the broker has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The acknowledgement of a policy, by its number in this run.
    PolicyAck(u64),
    /// How an order stands.
    Outcome(ActionId, ActionState),
}

/// A node agent.
#[derive(Debug)]
pub struct Agent {
    settings: Settings,
    sender: Sender,
    fence: ZoneFence,
    chance: SmallRng,
    linked: bool,
    checkin: Option<CheckinId>,
    subscription: Question,
    presence: Question,
    assigned: Option<Assigned>,
    assigned_at: Tick,
    /// Why the assignment is asked for again.
    doubt: Option<Doubt>,
    membership: Option<Membership>,
    /// What its sealed tag says it is made of, once it is assigned.
    made_of: Option<CapabilityDigest>,
    judge: Judge,
    voice: Voice,
    /// How free it says it is; `None` unless a policy has it speak.
    speech: Option<Speech>,
    spoken: Spoken,
    /// The order that drains it, if it did not come to nothing.
    drain: Option<ActionId>,
    next_metrics: Option<Tick>,
    obedience: Obedience,
    acknowledgements: u64,
    orders: Orders,
    untold: VecDeque<Untold>,
    next_clash: Tick,
    started: Option<Tick>,
    pauses: Pauses,
    left: bool,
}

impl Agent {
    /// An agent that knows itself and nobody else.
    #[must_use]
    pub fn new(mut settings: Settings) -> Self {
        let sender = Sender::new(route::node_inbox(settings.identifier.node), settings.instance);
        let [.., a, b, c, d, e, f, g, h] = *settings.instance.as_bytes();
        let remembered = std::mem::take(&mut settings.remembered);
        let untold = std::mem::take(&mut settings.untold);
        let left_untold: Vec<ActionOutcome> =
            remembered.iter().filter(|outcome| untold.contains(&outcome.action_id)).cloned().collect();
        let mut agent = Self {
            // Seeded with the run's id: no two nodes ask in step, and a simulation can repeat it.
            chance: SmallRng::seed_from_u64(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            judge: Judge::new(settings.unpoliced.clone(), settings.sample_period),
            orders: Orders::new(std::mem::take(&mut settings.allowed), remembered),
            settings,
            sender,
            fence: ZoneFence::default(),
            linked: false,
            checkin: None,
            subscription: Question::now(Tick::default()),
            presence: Question::now(Tick::default()),
            assigned: None,
            assigned_at: Tick::default(),
            doubt: None,
            membership: None,
            made_of: None,
            voice: Voice::default(),
            speech: None,
            spoken: Spoken::default(),
            drain: None,
            next_metrics: None,
            obedience: Obedience::default(),
            acknowledgements: 0,
            untold: VecDeque::new(),
            next_clash: Tick::default(),
            started: None,
            pauses: Pauses::default(),
            left: false,
        };
        for outcome in left_untold {
            agent.owe_outcome(Now::default(), outcome);
        }
        agent
    }

    /// When [`Event::Tick`] is wanted at the latest; `None` when nothing is waited for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        if !self.linked || self.left {
            return None;
        }
        let subscription = (self.wants_assignment() && self.checkin.is_some()).then_some(self.subscription.at);
        let presence = self.membership.is_none().then_some(self.presence.at);
        let status = self.speaks().then(|| self.voice.next());
        let metrics = self.next_metrics.filter(|_| self.speaks());
        let acknowledgement = self.obedience.due().filter(|_| self.assigned.is_some() && self.membership.is_some());
        let outcome = self.untold.iter().map(Untold::due).min().filter(|_| self.membership.is_some());
        let speech = self.speech_due();
        [subscription, presence, status, speech, metrics, acknowledgement, outcome].into_iter().flatten().min()
    }

    /// How often readings are wanted; a policy may change it at any time.
    #[must_use]
    pub fn sample_period(&self) -> Millis {
        self.judge.sample_period()
    }

    /// The assignment, once there is one.
    #[must_use]
    pub const fn assigned(&self) -> Option<&Assigned> {
        self.assigned.as_ref()
    }

    /// The physical membership, once there is one.
    #[must_use]
    pub const fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// Version of the policy this node obeys; 0 for none.
    #[must_use]
    pub const fn policy(&self) -> u64 {
        self.judge.version()
    }

    fn speaks(&self) -> bool {
        self.assigned.is_some() && self.membership.is_some() && self.judge.health().is_some()
    }

    /// Takes one event and says what follows.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.started.get_or_insert(now.tick);
        self.pauses.see(now.tick);
        match event {
            Event::CheckinFound(checkin) => self.checkin = Some(checkin),
            Event::LinkUp => self.on_link_up(now),
            Event::LinkDown => self.linked = false,
            Event::InboxTaken => self.on_inbox_taken(now, &mut effects),
            Event::Delivered(envelope) => self.on_packet(now, envelope, &mut effects),
            Event::Undecodable => {}
            Event::Sampled(sample) => self.judge.take(sample),
            Event::Measured(measured) => self.on_measured(now, &measured),
            Event::HardwareChanged(hardware) => self.on_hardware(now, *hardware),
            Event::Confirmed(Receipt::PolicyAck(number)) => self.obedience.confirmed(number),
            Event::Confirmed(receipt) => self.untold.retain(|untold| !untold.is(receipt)),
            Event::ActionBegun(outcome) => self.on_begun(now, outcome),
            Event::ActionEnded(outcome) => self.on_ended(now, outcome, &mut effects),
            Event::Tick => {}
            Event::Leave => self.on_leave(now, &mut effects),
        }
        self.speak(now, &mut effects);
        let due = self.next_deadline();
        self.pauses.expect(due);
        effects
    }

    fn on_link_up(&mut self, now: Now) {
        self.linked = true;
        // Whatever was asked may be lost; ask again at once, and show at once that this node is alive.
        self.subscription = Question::now(now.tick);
        self.presence = Question::now(now.tick);
        self.voice.speak_up(now.tick);
        self.resume_speech(now.tick);
        self.obedience.hurry(now);
        for untold in &mut self.untold {
            untold.hurry(now);
        }
    }

    fn on_inbox_taken(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if now.tick < self.next_clash {
            return;
        }
        self.next_clash = now.tick + CLASH_PERIOD;
        tracing::error!(node = %self.settings.identifier.node,
            "another live agent has this node's identifier: a cloned disk, or a second agent on this machine; \
             give the clone a new /etc/machine-id or stop one agent");
        let key = route::clash_key(self.settings.identifier.node);
        let clash = Packet::IdentityClash(IdentityClash {
            identifier: self.settings.identifier.clone(),
            instance: self.settings.instance,
            name: self.settings.name.clone(),
            address: self.settings.address,
        });
        effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, key, clash)));
    }

    fn on_packet(&mut self, now: Now, envelope: Envelope, effects: &mut Vec<Effect>) {
        if let Err(old) = self.fence.admit(&envelope) {
            return effects.push(Effect::Drop(format!("a packet of the zone is not obeyed: {old}")));
        }
        match envelope.packet {
            Packet::Assignment(assignment) => self.on_assignment(now, assignment, effects),
            Packet::Membership(membership) => self.on_membership(now, membership),
            Packet::PresenceRequest(request) => self.on_presence_request(now, &request, effects),
            Packet::NodePolicy(policy) => self.on_policy(now, policy),
            Packet::ReadingsRequest(request) => self.on_readings_request(now, &request, effects),
            Packet::ActionOrder(order) => self.on_order(now, envelope.sent, order, effects),
            other => effects.push(Effect::Drop(format!("a node agent takes no {} packet", other.kind()))),
        }
    }

    fn on_leave(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.linked {
            self.tell_outcomes(now, effects);
            if let Some(message) = self.status_message(true, AvailabilityKinds::EMPTY) {
                effects.push(Effect::Publish(Outgoing { assurance: Assurance::Confirmed, ..message }));
            }
        }
        self.left = true;
        self.voice.speak_up(now.tick);
    }

    /// Asks what is unanswered and says what is due.
    fn speak(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.linked || self.left {
            return;
        }
        self.ask(now, effects);
        self.tell_status(now, effects);
        self.tell_availability(now, effects);
        self.acknowledge(now, effects);
        self.tell_metrics(now, effects);
        self.tell_outcomes(now, effects);
    }
}

#[cfg(test)]
mod tests;
