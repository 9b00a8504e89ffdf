//! How free this node says it is, by how often it speaks (A1, A2, A7): what `placement` decides becomes messages.
//!
//! An RA message rides on a status packet that leaves anyway, else it goes alone. A node says nothing without a policy that
//! has it speak, without a session and a rack, while it cannot tell how much of it is in use, and from an order to drain it on
//! until the agent is started anew.

use rand::RngExt;
use rand::rngs::SmallRng;
use rollcall_bus::{Assurance, Outgoing};
use rollcall_model::packet::{AvailabilitySent, KindSent};
use rollcall_model::policy::{AvailabilitySettings, UnworkableSettings};
use rollcall_model::wire::availability::{self, CapacityMessage, RaMessage};
use rollcall_model::{AvailabilityKinds, HardwareTopology, Millis, Now, Tick, route};
use rollcall_placement::capacity::{Capacity, CapacityBeat};
use rollcall_placement::plan::Plan;
use rollcall_placement::usage::Usage;
use rollcall_placement::{Kind, Sender};

use super::{Agent, Effect};
use crate::availability::{Measured, PERIOD};

/// A measurement says nothing any more after so many periods.
const STALE: Millis = Millis(5 * PERIOD.0);

/// What a node says of itself, while a policy has it speak.
#[derive(Debug)]
pub(super) struct Speech {
    plan: Plan,
    sender: Sender,
    capacity: CapacityBeat,
    /// No capacity message before: a fleet that is told to speak does not say how large it is all at once.
    capacity_from: Tick,
    /// The latest measurement, while it counts.
    usage: Option<(Tick, Usage)>,
    share: f64,
}

/// How many messages were sent of each kind, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// By [`Kind::index`]: on a status packet.
    pub riding: [u64; 3],
    /// By [`Kind::index`]: in a message of its own.
    pub alone: [u64; 3],
    /// Capacity messages.
    pub capacity: u64,
}

/// What senders go by; `None` where the policy has them say nothing.
///
/// # Errors
/// It cannot work.
pub(super) fn planned(settings: &AvailabilitySettings) -> Result<Option<Plan>, UnworkableSettings> {
    let wrong = |error: rollcall_placement::PlanError| UnworkableSettings {
        key: format!("availability.{}", error.key()),
        message: error.to_string(),
    };
    rollcall_placement::plan(settings).map_err(wrong)
}

impl Speech {
    fn new(now: Tick, plan: Plan, chance: &mut SmallRng) -> Result<Self, rollcall_placement::beat::BeatError> {
        let some = chance.random_range(0..=plan.capacity_period.0);
        Ok(Self {
            sender: Sender::new(now, plan.sending, || chance.random())?,
            capacity: CapacityBeat::new(plan.capacity_period),
            capacity_from: now + Millis(some),
            usage: None,
            share: 1.0,
            plan,
        })
    }

    fn measured(&mut self, now: Now, taken: Tick, usage: Option<Usage>, own: Option<Capacity>) {
        self.share = self.plan.share(own);
        self.usage = usage.map(|usage| (taken, usage));
        self.sender.measured(now.tick, usage.as_ref(), self.share, self.plan.alpha(now.wall));
    }

    /// What was measured long ago counts no more: the meter hangs.
    fn forget_stale(&mut self, now: Tick) {
        if self.usage.is_some_and(|(taken, _)| now.since(taken) >= STALE) {
            self.usage = None;
            self.sender.measured(now, None, self.share, 1.0);
        }
    }

    /// When something is to be said, or what was measured counts no more.
    fn due(&self) -> Option<Tick> {
        let stale = self.usage.map(|(taken, _)| taken + STALE);
        self.sender.due().into_iter().chain(stale).min()
    }

    fn sent(&self) -> Option<AvailabilitySent> {
        let (_, usage) = self.usage?;
        let kind = |sent: rollcall_placement::Sent| KindSent {
            kind: sent.kind,
            availability: sent.availability,
            messages_per_second: sent.rate,
        };
        Some(AvailabilitySent {
            storage: usage.storage(),
            processing: usage.processing(),
            communications: usage.communications(),
            share: self.share,
            kinds: self.sender.sent().map(kind).collect(),
        })
    }
}

/// Threads and MiB of memory, as a capacity message says them; `None` when either is unknown.
fn size(hardware: &HardwareTopology) -> Option<(u16, u32)> {
    let threads = u16::try_from(hardware.cpu.threads?).unwrap_or(u16::MAX);
    let mib = u32::try_from(hardware.memory.total_bytes? >> 20).unwrap_or(u32::MAX);
    (threads > 0 && mib > 0).then_some((threads, mib))
}

fn capacity(hardware: &HardwareTopology) -> Option<Capacity> {
    let (threads, mib) = size(hardware)?;
    Capacity::of_message(threads, mib)
}

impl Agent {
    /// Whether somebody is to be told how free this node is, so that it must be measured.
    #[must_use]
    pub fn wants_usage(&self) -> bool {
        self.speech.is_some() && self.linked && !self.left && self.offers_itself()
    }

    /// Whether it says how free it is: one that is drained asks for no work, so that also those who know nothing of the order
    /// give it none.
    fn offers_itself(&self) -> bool {
        self.speaks() && self.drain.is_none()
    }

    /// How free it says it is, for whoever asks; `None` while it says nothing.
    pub(super) fn availability_sent(&self) -> Option<AvailabilitySent> {
        self.speech.as_ref().filter(|_| self.offers_itself())?.sent()
    }

    /// When an RA message is due.
    pub(super) fn speech_due(&self) -> Option<Tick> {
        self.speech.as_ref().filter(|_| self.offers_itself())?.due()
    }

    /// Speaks by this plan from now on. One that is the same changes nothing: its phases go on.
    pub(super) fn speak_by(&mut self, now: Tick, plan: Option<Plan>) {
        if self.speech.as_ref().map(|speech| &speech.plan) == plan.as_ref() {
            return;
        }
        let speech = plan.map(|plan| Speech::new(now, plan, &mut self.chance)).transpose();
        // A plan's beat was checked when it was made.
        self.speech =
            speech.inspect_err(|error| tracing::error!("nothing is said about availability: {error}")).ok().flatten();
    }

    /// The link is there again, for a whole fleet at once perhaps.
    pub(super) fn resume_speech(&mut self, now: Tick) {
        if let Some(speech) = &mut self.speech {
            let chance = &mut self.chance;
            speech.sender.resume(now, || chance.random());
        }
    }

    pub(super) fn on_measured(&mut self, now: Now, measured: &Measured) {
        let Some(speech) = &mut self.speech else { return };
        let usage = Usage::of(&measured.readings);
        if let (Err(error), Some(_)) = (&usage, speech.usage) {
            tracing::warn!("{error}");
        }
        speech.measured(now, measured.taken, usage.ok(), capacity(&self.settings.hardware));
    }

    /// The kinds that ride on a status packet that leaves now.
    pub(super) fn riding(&mut self, now: Tick) -> AvailabilityKinds {
        if !self.offers_itself() {
            return AvailabilityKinds::EMPTY;
        }
        let Some(speech) = &mut self.speech else { return AvailabilityKinds::EMPTY };
        speech.forget_stale(now);
        let chance = &mut self.chance;
        let kinds: AvailabilityKinds = speech.sender.ride(now, || chance.random()).into_iter().collect();
        count(&mut self.spoken.riding, kinds);
        kinds
    }

    /// RA and capacity messages that are due.
    pub(super) fn tell_availability(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.offers_itself() {
            return;
        }
        let (Some(speech), Some(assigned), Some(membership)) = (&mut self.speech, &self.assigned, &self.membership)
        else {
            return;
        };
        let (chance, node, epoch) = (&mut self.chance, self.settings.identifier.node, assigned.epoch);
        let message = |kind, body| Outgoing {
            exchange: route::GROUP.into(),
            routing_key: route::group_key(membership.group, route::AVAILABILITY, node),
            body,
            kind,
            message_id: None,
            assurance: Assurance::Lossy,
            trace: None,
        };
        speech.forget_stale(now.tick);
        let kinds: AvailabilityKinds = speech.sender.fire(now.tick, || chance.random()).into_iter().collect();
        if !kinds.is_empty() {
            count(&mut self.spoken.alone, kinds);
            let ra = RaMessage { node, epoch, kinds };
            effects.push(Effect::Publish(message(availability::KIND, ra.encode().to_vec())));
        }
        let (Some((threads, memory_mib)), Some(own)) =
            (size(&self.settings.hardware), capacity(&self.settings.hardware))
        else {
            return;
        };
        let speaks = speech.usage.is_some() && now.tick >= speech.capacity_from;
        if speaks && speech.capacity.fire(now.tick, own, chance.random()) {
            self.spoken.capacity += 1;
            let large = CapacityMessage { node, epoch, threads, memory_mib };
            effects.push(Effect::Publish(message(availability::CAPACITY_KIND, large.encode().to_vec())));
        }
    }
}

fn count(counts: &mut [u64; 3], kinds: AvailabilityKinds) {
    for kind in kinds.iter() {
        counts[Kind::index(kind)] += 1;
    }
}
