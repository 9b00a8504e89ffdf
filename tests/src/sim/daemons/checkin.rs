//! The check-in service's adapter: publish, then ack.

use rollcall_bus::{Delivery, PacketError, packet_of};
use rollcall_checkin::core::{Effect, Event};
use rollcall_checkin::memory::Record;
use rollcall_model::wire::txt::Announcement;

use super::{Fared, Slip};
use crate::sim::planted::Bug;
use crate::sim::process::{Core, Pid, Role};
use crate::sim::wire::Mark;
use crate::sim::world::World;

impl World {
    fn checkin_step(&mut self, pid: Pid, event: Event) -> Vec<Effect> {
        let now = self.now_of(pid);
        match &mut self.processes[pid].core {
            Some(Core::Checkin(checkin)) => checkin.step(now, event),
            _ => Vec::new(),
        }
    }

    pub(in crate::sim) fn checkin_event(&mut self, pid: Pid, event: Event) {
        let effects = self.checkin_step(pid, event);
        self.checkin_effects(pid, effects);
    }

    pub(in crate::sim) fn checkin_delivered(&mut self, pid: Pid, batch: &[Delivery]) {
        let (mut effects, mut parked) = (Vec::new(), Vec::new());
        for (place, delivery) in batch.iter().enumerate() {
            let event = match packet_of(delivery, !self.has(Bug::BelievesEverybody)) {
                Ok(envelope) => {
                    self.believes(pid, delivery);
                    self.note_packet(pid, delivery, &envelope.packet);
                    Event::Delivered(envelope)
                }
                Err(error) => {
                    parked.push((place, error.to_string()));
                    match error {
                        PacketError::Undecodable(error) => Event::Undecodable { reason: error.reason() },
                        PacketError::Unentitled(error) => Event::Unentitled(error),
                    }
                }
            };
            for effect in self.checkin_step(pid, event) {
                match effect {
                    Effect::Park(reason) => parked.push((place, reason)),
                    other => effects.push(other),
                }
            }
        }
        if self.checkin_effects(pid, effects) == Fared::Well {
            self.settle(pid, batch, &parked);
        }
    }

    /// Writes down what is to be remembered, before anything is published; gives back the rest.
    fn remember(&mut self, pid: Pid, effects: Vec<Effect>) -> Vec<Effect> {
        let Role::Checkin(number) = self.processes[pid].role else { return effects };
        let mut rest = Vec::with_capacity(effects.len());
        for effect in effects {
            match effect {
                Effect::Save(record) => {
                    if let Record::Granted(request) = &record {
                        self.tally.count("joins granted while the zone was away");
                        self.watch.granted(request);
                    }
                    self.memories[number].take(record);
                }
                other => rest.push(other),
            }
        }
        rest
    }

    fn checkin_effects(&mut self, pid: Pid, effects: Vec<Effect>) -> Fared {
        let slip = self.slip(&[Slip::BeforeSave, Slip::AfterSave, Slip::AmidPublish, Slip::BeforeAck]);
        if slip == Some(Slip::BeforeSave) {
            return self.slipped(pid, Slip::BeforeSave);
        }
        let effects = self.remember(pid, effects);
        if slip == Some(Slip::AfterSave) {
            return self.slipped(pid, Slip::AfterSave);
        }
        let half = effects.len() / 2;
        for (place, effect) in effects.into_iter().enumerate() {
            if slip == Some(Slip::AmidPublish) && place == half {
                return self.slipped(pid, Slip::AmidPublish);
            }
            match effect {
                Effect::Publish(message) => {
                    let key = message.routing_key.clone();
                    self.publish(pid, Some(Mark::Key(key)), &message);
                }
                Effect::Announce(announcement) => self.announce(pid, Announcement::Checkin(announcement)),
                Effect::Park(_) | Effect::Save(_) => {}
            }
        }
        if slip == Some(Slip::BeforeAck) {
            return self.slipped(pid, Slip::BeforeAck);
        }
        self.arm(pid);
        Fared::Well
    }
}
