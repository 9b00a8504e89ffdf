//! How a node comes to its logical group, its epoch and its rack, and how it comes to doubt them.

use rollcall_bus::Outgoing;
use rollcall_model::packet::{Assignment, Decision, Membership, NodeSubscription, Packet, Presence, PresenceRequest};
use rollcall_model::{HardwareTopology, Millis, Now, Tick, route};

use super::question::LAST_PAUSE;
use super::{Agent, Effect, Question, Settings};

/// An answer that names the epoch this node has already settles a question about new hardware only after so long:
/// before, it may be the answer to a question of before.
const STALE: Millis = Millis(10_000);

/// Why the assignment is asked for again although there is one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Doubt {
    /// Somebody does not know this node as it knows itself.
    Unknown,
    /// The hardware is not what was told, since then.
    Hardware(Tick),
}

impl Agent {
    pub(super) const fn wants_assignment(&self) -> bool {
        self.assigned.is_none() || self.doubt.is_some()
    }

    /// Asks what is unanswered.
    pub(super) fn ask(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.wants_assignment()
            && let Some(checkin) = self.checkin
            && now.tick >= self.subscription.at
        {
            self.subscription = self.subscription.again(now.tick, &mut self.chance);
            let subscription = self.subscription_packet();
            let key = route::checkin_key(checkin, self.settings.identifier.node);
            effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, key, subscription)));
        }
        if self.membership.is_none() && now.tick >= self.presence.at {
            self.presence = self.presence.again(now.tick, &mut self.chance);
            let presence = self.presence_message(now);
            effects.push(Effect::Publish(presence));
        }
    }

    /// Somebody does not know this node as it knows itself: perhaps a former run's join came late and overtook its
    /// epoch. The check-in service answers the same again, or with a new epoch. Whoever only has not heard it hears it now: were
    /// all of that done for each node that a slow broker makes late, the broker would not get any faster.
    pub(super) fn on_presence_request(&mut self, now: Now, request: &PresenceRequest, effects: &mut Vec<Effect>) {
        if request.sign_of_life && self.speaks() {
            return self.voice.speak_up(now.tick);
        }
        let presence = self.presence_message(now);
        effects.push(Effect::Publish(presence));
        if self.assigned.is_some() && self.doubt.is_none() {
            self.doubt = Some(Doubt::Unknown);
            self.subscription = Question::now(now.tick);
        }
    }

    /// The machine is made of something else than before: it subscribes anew, and goes on under its epoch until it is
    /// answered with another.
    pub(super) fn on_hardware(&mut self, now: Now, hardware: HardwareTopology) {
        if hardware == self.settings.hardware {
            return;
        }
        tracing::info!(node = %self.settings.name, "the hardware changed: asking for an epoch and a group that fit it");
        self.settings.hardware = hardware;
        self.see_what_it_is_made_of();
        self.doubt = Some(Doubt::Hardware(now.tick));
        self.subscription = Question::now(now.tick);
    }

    pub(super) fn on_assignment(&mut self, now: Now, assignment: Assignment, effects: &mut Vec<Effect>) {
        let mine = assignment.node == self.settings.identifier.node && assignment.instance == self.settings.instance;
        if !mine {
            return;
        }
        match assignment.decision {
            Decision::Accepted(assigned) => {
                // Epochs only grow; an older answer that was overtaken says nothing new.
                if self.assigned.as_ref().is_some_and(|known| assigned.epoch <= known.epoch) {
                    if !matches!(self.doubt, Some(Doubt::Hardware(since)) if now.tick.since(since) < STALE) {
                        self.doubt = None;
                    }
                    return;
                }
                self.doubt = None;
                let ms = now.tick.since(self.started.unwrap_or_default()).0;
                tracing::info!(target: "rollcall::step", step = "node_assigned", node = %self.settings.name, ms,
                    "{} is in logical group {} (epoch {})", self.settings.name, assigned.group_name, assigned.epoch);
                if assigned.epoch > self.settings.epoch {
                    self.settings.epoch = assigned.epoch;
                    effects.push(Effect::Keep(assigned.epoch));
                }
                (self.assigned, self.assigned_at) = (Some(assigned), now.tick);
                self.see_what_it_is_made_of();
                self.voice.restart(now.tick);
            }
            Decision::Refused { reason, message } => {
                tracing::warn!(%reason, "check-in refused this node: {message}");
                // Both mend themselves: the service waits for its zone.
                if !matches!(reason.as_str(), "not_ready" | "zone_away") {
                    self.subscription = Question { at: now.tick + LAST_PAUSE, pause: LAST_PAUSE };
                }
            }
        }
    }

    pub(super) fn on_membership(&mut self, now: Now, membership: Membership) {
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
        self.voice.speak_up(now.tick);
    }

    fn subscription_packet(&self) -> Packet {
        let Settings { identifier, name, address, place, instance, hardware, epoch, .. } = &self.settings;
        Packet::NodeSubscription(Box::new(NodeSubscription {
            identifier: identifier.clone(),
            instance: *instance,
            name: name.clone(),
            address: *address,
            place: place.clone(),
            hardware: hardware.clone(),
            epoch: *epoch,
        }))
    }

    fn presence_message(&mut self, now: Now) -> Outgoing {
        let Settings { identifier, name, address, place, instance, .. } = &self.settings;
        let presence = Packet::Presence(Presence {
            node: identifier.node,
            instance: *instance,
            name: name.clone(),
            address: *address,
            place: place.clone(),
            epoch: self.assigned.as_ref().map(|known| known.epoch).unwrap_or_default(),
        });
        self.sender.lossy(now, route::PRESENCE, String::new(), presence)
    }
}
