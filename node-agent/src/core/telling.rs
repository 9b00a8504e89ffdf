//! What a node tells of itself: status packets, metrics now and then (N6), readings when asked, outcomes of actions.

use rand::RngExt;
use rollcall_bus::{Assurance, Outgoing};
use rollcall_identity::seal;
use rollcall_model::indicator::DICTIONARY_VERSION;
use rollcall_model::packet::{ActionOutcome, Channel, Membership, Metrics, Packet, Readings, ReadingsRequest};
use rollcall_model::wire::status::{self, NodeStatus, SealedTag};
use rollcall_model::{AvailabilityKinds, Capability, CapabilityDigest, Millis, Now, SealKey, Tick, route};

use super::actions::REMEMBERED;
use super::{Agent, Effect, Question, Receipt, Voice};

/// The first metrics are told within this after joining, spread by chance.
const FIRST_METRICS: Millis = Millis(1_000);

/// An outcome the broker does not have yet.
#[derive(Debug)]
pub(super) struct Untold {
    outcome: ActionOutcome,
    question: Question,
}

impl Untold {
    pub(super) const fn due(&self) -> Tick {
        self.question.at
    }

    pub(super) fn hurry(&mut self, now: Now) {
        self.question = Question::now(now.tick);
    }

    pub(super) fn is(&self, receipt: Receipt) -> bool {
        receipt == Receipt::Outcome(self.outcome.action_id, self.outcome.state)
    }
}

/// The group's own exchange for status packets, where its controller tells of it. Another is not believed.
fn status_exchange(membership: &Membership) -> Option<String> {
    let own = route::status_exchange(membership.group);
    let is_told = |channel: &Channel| channel.purpose.as_str() == route::HEALTH && channel.exchange == own;
    membership.channels.iter().any(is_told).then_some(own)
}

/// The tag of a status packet: what this machine is made of, for the eyes of its rack (N3).
fn sealed(key: &SealKey, status: &NodeStatus, made_of: CapabilityDigest) -> Option<SealedTag> {
    let tag = seal::seal(key, status, made_of);
    tag.inspect_err(|error| tracing::error!("a status packet goes out without its tag: {error}")).ok()
}

impl Agent {
    /// What this machine is made of, by the characteristics that its check-in service went by.
    pub(super) fn see_what_it_is_made_of(&mut self) {
        let attributes = self.assigned.as_ref().map(|assigned| assigned.capability.attributes());
        self.made_of = attributes.map(|it| Capability::of(&self.settings.hardware, &it).short_digest());
    }

    /// Some of a span, by chance.
    pub(super) fn some_of(&mut self, span: Millis) -> Millis {
        Millis(self.chance.random_range(0..=span.0))
    }

    pub(super) fn keep_alive(&self) -> Millis {
        let told = self.membership.as_ref().map(|known| known.keep_alive);
        let wanted = self.judge.obeyed().keep_alive.or(told).unwrap_or(self.settings.keep_alive);
        Millis(wanted.0.clamp(100, 600_000))
    }

    /// A status packet, if one is due.
    pub(super) fn tell_status(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let health = self.judge.health();
        if self.speaks() && self.voice.is_due(now.tick, health) {
            let rides = self.riding(now.tick);
            let Some(message) = self.status_message(false, rides) else { return };
            let keep_alive = self.keep_alive();
            self.voice.said(now.tick, health, keep_alive);
            effects.push(Effect::Publish(message));
        }
    }

    /// A status packet with an RA message of these kinds on it, which those hear who hear RA messages.
    pub(super) fn status_message(&mut self, leaving: bool, rides: AvailabilityKinds) -> Option<Outgoing> {
        let (assigned, membership) = (self.assigned.as_ref()?, self.membership.as_ref()?);
        let health = self.judge.health()?;
        let node = self.settings.identifier.node;
        let mut status = NodeStatus {
            node,
            health,
            dictionary: DICTIONARY_VERSION,
            epoch: assigned.epoch,
            sequence: self.voice.count(),
            longest_silence: Voice::silence(self.keep_alive()),
            leaving,
            tag: None,
            availability: rides,
        };
        status.tag = membership.seal.as_ref().and_then(|key| sealed(key, &status, self.made_of?));
        // Who hears RA messages does so by their keys; on the group's own exchange there is none, since the broker tells who speaks.
        let (exchange, routing_key) = match status_exchange(membership).filter(|_| rides.is_empty()) {
            Some(own) => (own.into(), String::new()),
            None => {
                let purpose = if rides.is_empty() { route::HEALTH } else { route::AUDIBLE };
                (route::GROUP.into(), route::group_key(membership.group, purpose, node))
            }
        };
        Some(Outgoing {
            exchange,
            routing_key,
            body: status.encode().to_vec(),
            kind: status::KIND,
            message_id: None,
            assurance: Assurance::Lossy,
            trace: None,
        })
    }

    /// The readings, if they are due; a little early, if the node speaks anyway.
    pub(super) fn tell_metrics(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.speaks() {
            return;
        }
        let period = self.judge.obeyed().metrics_period;
        let speaks_anyway = self.voice.said_at() == Some(now.tick);
        let (due, early) = match self.next_metrics {
            Some(due) if speaks_anyway => (due, Millis(period.0 / 10)),
            Some(due) => (due, Millis(0)),
            None => (now.tick + self.some_of(FIRST_METRICS), Millis(0)),
        };
        self.next_metrics = Some(due);
        if now.tick + early < due {
            return;
        }
        // The phase stays, unless the process was away for longer than a period.
        let next = due + period;
        self.next_metrics = Some(if next > now.tick { next } else { now.tick + period });
        let (Some(assigned), Some(membership)) = (&self.assigned, &self.membership) else { return };
        let Some(readings) = self.judge.metrics() else { return };
        let node = self.settings.identifier.node;
        let key = route::group_key(membership.group, route::METRICS, node);
        let packet = Packet::Metrics(Metrics { node, epoch: assigned.epoch, readings });
        effects.push(Effect::Publish(self.sender.lossy(now, route::GROUP, key, packet)));
    }

    /// Answers the zone, which asks what is measured right now.
    pub(super) fn on_readings_request(&mut self, now: Now, request: &ReadingsRequest, effects: &mut Vec<Effect>) {
        let key = route::readings_key(self.settings.identifier.node);
        let readings = Packet::Readings(Readings {
            request: request.request,
            node: self.settings.identifier.node,
            age_ms: self.judge.age(now.tick),
            policy: self.judge.version(),
            indicators: self.judge.readings(),
            availability: self.availability_sent(),
        });
        effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, key, readings)));
    }

    /// An outcome is to be told, in place of what was to be told of the same order.
    pub(super) fn owe_outcome(&mut self, now: Now, outcome: ActionOutcome) {
        self.untold.retain(|untold| untold.outcome.action_id != outcome.action_id);
        self.untold.push_back(Untold { outcome, question: Question::now(now.tick) });
        if self.untold.len() > REMEMBERED {
            // Whoever ordered it asks again, or has given it up.
            self.untold.pop_front();
        }
    }

    /// The outcomes that are due, oldest first.
    pub(super) fn tell_outcomes(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(membership) = &self.membership else { return };
        for untold in self.untold.iter_mut().filter(|untold| now.tick >= untold.question.at) {
            untold.question = untold.question.again(now.tick, &mut self.chance);
            let outcome = untold.outcome.clone();
            let receipt = Receipt::Outcome(outcome.action_id, outcome.state);
            let key = route::group_key(membership.group, route::HEALTH_ACTIONS, outcome.node);
            let message = self.sender.confirmed(now, route::GROUP, key, Packet::ActionOutcome(outcome));
            effects.push(Effect::Assure(receipt, message));
        }
    }
}
