//! The agent's decisions: synchronous, deterministic, with `now` passed in.
//!
//! Two conversations run side by side: check-in (who am I, which logical group, which epoch) and presence
//! (which rack am I in). Each is repeated with growing, jittered pauses until it is answered. When both
//! are, status packets flow: at once when health changes, and as a slow keep-alive.

use std::net::IpAddr;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rollcall_bus::{Assurance, Outgoing, Sender};
use rollcall_model::indicator::DICTIONARY_VERSION;
use rollcall_model::packet::{
    Assigned, Assignment, Decision, IdentityClash, Membership, NodeSubscription, Packet, Presence,
};
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    CheckinId, HardwareTopology, Health, InstanceId, Millis, Name, NodeIdentifier, Now, SessionEpoch, Tick, route,
};

/// First pause before a question is repeated.
const FIRST_PAUSE: Millis = Millis(1_000);
/// Longest pause.
const LAST_PAUSE: Millis = Millis(30_000);
/// A clash of identifiers is reported this often while it lasts.
const CLASH_PERIOD: Millis = Millis(60_000);
/// The longest silence this node means to keep, in halves of the keep-alive: 3.5 of them.
const SILENCE_HALVES: u64 = 7;

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
    /// Pace of keep-alives until the group controller names one.
    pub keep_alive: Millis,
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
    /// Bytes were delivered that are no packet.
    Undecodable,
    /// New readings were judged.
    Sampled(Health),
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
    /// The delivered message cannot be handled: put it aside, with this reason.
    Park(String),
}

/// A question that is repeated until it is answered.
#[derive(Clone, Copy, Debug)]
struct Question {
    at: Tick,
    pause: Millis,
}

impl Question {
    const fn now(now: Tick) -> Self {
        Self { at: now, pause: FIRST_PAUSE }
    }

    /// The next time: after the pause, of which up to half is left out by chance, so that a fleet does not ask in step.
    fn again(self, now: Tick, chance: &mut SmallRng) -> Self {
        let at = now + Millis(chance.random_range(self.pause.0 / 2..=self.pause.0));
        Self { at, pause: Millis((self.pause.0 * 2).min(LAST_PAUSE.0)) }
    }
}

/// A node agent.
#[derive(Debug)]
pub struct Agent {
    settings: Settings,
    sender: Sender,
    chance: SmallRng,
    linked: bool,
    checkin: Option<CheckinId>,
    subscription: Question,
    presence: Question,
    assigned: Option<Assigned>,
    /// Whether the assignment is asked for again.
    in_doubt: bool,
    membership: Option<Membership>,
    health: Option<Health>,
    told: Option<Health>,
    next_status: Tick,
    sequence: u32,
    next_clash: Tick,
    started: Option<Tick>,
    left: bool,
}

impl Agent {
    /// An agent that knows itself and nobody else.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let sender = Sender::new(route::node_inbox(settings.identifier.node), settings.instance);
        let [.., a, b, c, d, e, f, g, h] = *settings.instance.as_bytes();
        Self {
            // Seeded with the run's id: no two nodes ask in step, and a simulation can repeat it.
            chance: SmallRng::seed_from_u64(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            settings,
            sender,
            linked: false,
            checkin: None,
            subscription: Question::now(Tick::default()),
            presence: Question::now(Tick::default()),
            assigned: None,
            in_doubt: false,
            membership: None,
            health: None,
            told: None,
            next_status: Tick::default(),
            sequence: 0,
            next_clash: Tick::default(),
            started: None,
            left: false,
        }
    }

    /// When [`Event::Tick`] is wanted at the latest; `None` when nothing is waited for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        if !self.linked || self.left {
            return None;
        }
        let subscription = (self.wants_assignment() && self.checkin.is_some()).then_some(self.subscription.at);
        let presence = self.membership.is_none().then_some(self.presence.at);
        let status = self.speaks().then_some(self.next_status);
        [subscription, presence, status].into_iter().flatten().min()
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

    const fn wants_assignment(&self) -> bool {
        self.assigned.is_none() || self.in_doubt
    }

    const fn speaks(&self) -> bool {
        self.assigned.is_some() && self.membership.is_some() && self.health.is_some()
    }

    /// Takes one event and says what follows.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.started.get_or_insert(now.tick);
        match event {
            Event::CheckinFound(checkin) => self.checkin = Some(checkin),
            Event::LinkUp => self.on_link_up(now),
            Event::LinkDown => self.linked = false,
            Event::InboxTaken => self.on_inbox_taken(now, &mut effects),
            Event::Delivered(envelope) => self.on_packet(now, envelope, &mut effects),
            Event::Undecodable => tracing::warn!("a message came that is no control packet; it was parked"),
            Event::Sampled(health) => self.health = Some(health),
            Event::Tick => {}
            Event::Leave => self.on_leave(now, &mut effects),
        }
        self.speak(now, &mut effects);
        effects
    }

    fn on_link_up(&mut self, now: Now) {
        self.linked = true;
        // Whatever was asked may be lost; ask again at once, and show at once that this node is alive.
        self.subscription = Question::now(now.tick);
        self.presence = Question::now(now.tick);
        self.next_status = now.tick;
    }

    fn on_inbox_taken(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if now.tick < self.next_clash {
            return;
        }
        self.next_clash = now.tick + CLASH_PERIOD;
        tracing::error!(node = %self.settings.identifier.node,
            "another live agent has this node's identifier: a cloned disk, or a second agent on this machine; \
             give the clone a new /etc/machine-id or stop one agent");
        let clash = Packet::IdentityClash(IdentityClash {
            identifier: self.settings.identifier.clone(),
            instance: self.settings.instance,
            name: self.settings.name.clone(),
            address: self.settings.address,
        });
        effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), clash)));
    }

    fn on_packet(&mut self, now: Now, envelope: Envelope, effects: &mut Vec<Effect>) {
        match envelope.packet {
            Packet::Assignment(assignment) => self.on_assignment(now, assignment),
            Packet::Membership(membership) => self.on_membership(now, membership),
            Packet::PresenceRequest(_) => {
                let presence = self.presence_message(now);
                effects.push(Effect::Publish(presence));
                self.doubt(now);
            }
            other => effects.push(Effect::Park(format!("a node agent takes no {} packet", other.kind()))),
        }
    }

    /// Somebody does not know this node as it knows itself: perhaps a former run's join came late and overtook its
    /// epoch. The check-in service answers the same again, or with a new epoch.
    fn doubt(&mut self, now: Now) {
        if self.assigned.is_some() && !self.in_doubt {
            self.in_doubt = true;
            self.subscription = Question::now(now.tick);
        }
    }

    fn on_assignment(&mut self, now: Now, assignment: Assignment) {
        let mine = assignment.node == self.settings.identifier.node && assignment.instance == self.settings.instance;
        if !mine {
            return;
        }
        match assignment.decision {
            Decision::Accepted(assigned) => {
                self.in_doubt = false;
                // Epochs only grow; an older answer that was overtaken says nothing.
                if self.assigned.as_ref().is_some_and(|known| assigned.epoch <= known.epoch) {
                    return;
                }
                let ms = now.tick.since(self.started.unwrap_or_default()).0;
                tracing::info!(target: "rollcall::step", step = "node_assigned", node = %self.settings.name, ms,
                    "{} is in logical group {} (epoch {})", self.settings.name, assigned.group_name, assigned.epoch);
                self.assigned = Some(assigned);
                self.sequence = 0;
                self.next_status = now.tick;
            }
            Decision::Refused { reason, message } => {
                tracing::warn!(%reason, "check-in refused this node: {message}");
                if reason != "not_ready" {
                    self.subscription.pause = LAST_PAUSE;
                    self.subscription.at = now.tick + LAST_PAUSE;
                }
            }
        }
    }

    fn on_membership(&mut self, now: Now, membership: Membership) {
        let mine = membership.node == self.settings.identifier.node && membership.instance == self.settings.instance;
        if !mine {
            return;
        }
        if self.membership.as_ref().is_none_or(|known| known.group != membership.group) {
            let ms = now.tick.since(self.started.unwrap_or_default()).0;
            tracing::info!(target: "rollcall::step", step = "node_placed", node = %self.settings.name, ms,
                "{} stands in {}", self.settings.name, membership.group_name);
        }
        self.membership = Some(membership);
        self.next_status = now.tick;
    }

    fn on_leave(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if let Some(message) = self.status_message(true).filter(|_| self.linked) {
            effects.push(Effect::Publish(Outgoing { assurance: Assurance::Confirmed, ..message }));
        }
        self.left = true;
        self.next_status = now.tick;
    }

    /// Asks what is unanswered and says what is due.
    fn speak(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.linked || self.left {
            return;
        }
        if self.wants_assignment()
            && let Some(checkin) = self.checkin
            && now.tick >= self.subscription.at
        {
            self.subscription = self.subscription.again(now.tick, &mut self.chance);
            let subscription = self.subscription_packet();
            let key = route::checkin_queue(checkin);
            effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, key, subscription)));
        }
        if self.membership.is_none() && now.tick >= self.presence.at {
            self.presence = self.presence.again(now.tick, &mut self.chance);
            let presence = self.presence_message(now);
            effects.push(Effect::Publish(presence));
        }
        let due = now.tick >= self.next_status || self.health != self.told;
        if self.speaks()
            && due
            && let Some(message) = self.status_message(false)
        {
            self.told = self.health;
            self.next_status = now.tick + self.keep_alive();
            effects.push(Effect::Publish(message));
        }
    }

    fn keep_alive(&self) -> Millis {
        let wanted = self.membership.as_ref().map_or(self.settings.keep_alive, |known| known.keep_alive);
        Millis(wanted.0.clamp(100, 600_000))
    }

    fn subscription_packet(&self) -> Packet {
        let Settings { identifier, name, address, place, instance, hardware, .. } = self.settings.clone();
        Packet::NodeSubscription(Box::new(NodeSubscription { identifier, instance, name, address, place, hardware }))
    }

    fn presence_message(&mut self, now: Now) -> Outgoing {
        let Settings { identifier, name, address, place, instance, .. } = &self.settings;
        let presence = Packet::Presence(Presence {
            node: identifier.node,
            instance: *instance,
            name: name.clone(),
            address: *address,
            place: place.clone(),
            epoch: self.assigned.as_ref().map_or(SessionEpoch::default(), |known| known.epoch),
        });
        self.sender.lossy(now, route::PRESENCE, String::new(), presence)
    }

    fn status_message(&mut self, leaving: bool) -> Option<Outgoing> {
        let (assigned, membership, health) = (self.assigned.as_ref()?, self.membership.as_ref()?, self.health?);
        self.sequence = self.sequence.saturating_add(1);
        let node = self.settings.identifier.node;
        let status = NodeStatus {
            node,
            health,
            dictionary: DICTIONARY_VERSION,
            epoch: assigned.epoch,
            sequence: self.sequence,
            longest_silence: Millis(self.keep_alive().0 * SILENCE_HALVES / 2),
            leaving,
            tag: None,
        };
        Some(Outgoing {
            exchange: route::GROUP,
            routing_key: route::group_key(membership.group, route::HEALTH, node),
            body: status.encode().to_vec(),
            kind: status::KIND,
            message_id: None,
            assurance: Assurance::Lossy,
        })
    }
}

#[cfg(test)]
mod tests;
