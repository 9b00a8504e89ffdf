//! The group controller's adapter: publishes go to an outbox and end later; deliveries are acknowledged at once.

use rollcall_bus::{Delivery, spoken};
use rollcall_group_controller::core::{Effect, Event};
use rollcall_group_controller::driver::{Which, broker_events, control_packet, status_packet};
use rollcall_model::wire::txt::Announcement;

use super::Slip;
use crate::sim::planted::Bug;
use crate::sim::process::{Core, Lane, Pid, Role};
use crate::sim::wire::Mark;
use crate::sim::world::World;

/// What is to become of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sim) enum Fate {
    Acknowledged,
    Parked(String),
    Kept(u64),
}

const fn which(lane: Lane) -> Which {
    match lane {
        Lane::Presence => Which::Presence,
        Lane::Metrics => Which::Metrics,
        Lane::HealthAlerts => Which::Alerts,
        Lane::HealthActions => Which::Actions,
        _ => Which::Inbox,
    }
}

impl World {
    /// Feeds one event and carries out what follows; says what is to become of the delivery at hand.
    pub(in crate::sim) fn group_event(&mut self, pid: Pid, event: Event) -> Fate {
        let now = self.now_of(pid);
        let Some(Core::Group(group)) = &mut self.processes[pid].core else { return Fate::Acknowledged };
        let effects = group.step(now, event);
        let Role::Group(number) = self.processes[pid].role else { return Fate::Acknowledged };
        let mut fate = Fate::Acknowledged;
        for effect in effects {
            match effect {
                Effect::Park(reason) => fate = Fate::Parked(reason),
                Effect::Keep(number) => fate = Fate::Kept(number),
                // A mute process settles nothing: what it keeps is delivered again.
                Effect::Settle(number) if self.processes[pid].mute => {
                    self.processes[pid].kept.remove(&number);
                }
                Effect::Settle(number) => {
                    if let Some(receipt) = self.processes[pid].kept.remove(&number) {
                        self.broker.ack(receipt);
                    }
                }
                // No place is configured for a check-in service here.
                Effect::StartCheckin { .. } | Effect::EndCheckin(_) => {}
                Effect::Spool(..) if self.now() < self.full_until[number] => {
                    self.tally.count("words a full disk did not take");
                }
                Effect::Spool(word, message) => {
                    self.tally.count("words on a rack's disk");
                    self.spools[number].insert(word, message);
                }
                Effect::Unspool(_) if self.has(Bug::KeepsWordsOnDisk) => {}
                Effect::Unspool(word) => {
                    self.spools[number].remove(&word);
                }
                Effect::Announce(ack) => self.announce(pid, Announcement::Ack(ack)),
                Effect::Publish(token, message) => self.publish(pid, Some(Mark::Token(token)), &message),
            }
        }
        self.look_at_roster(pid);
        self.look_at_targets(pid);
        self.arm(pid);
        fate
    }

    pub(in crate::sim) fn group_delivered(&mut self, pid: Pid, lane: Lane, batch: &[Delivery]) {
        let (mut parked, mut kept) = (Vec::new(), Vec::new());
        let checked = !self.has(Bug::BelievesEverybody);
        for (place, delivery) in batch.iter().enumerate() {
            match lane {
                Lane::BrokerEvents => {
                    for event in broker_events(std::slice::from_ref(delivery)) {
                        self.note_of(pid, format_args!("<- the broker tells {event:?}"));
                        for event in self.taken_for(event) {
                            self.group_event(pid, event);
                        }
                    }
                }
                Lane::Availability => match spoken(delivery, checked) {
                    Ok(word) => {
                        self.believes(pid, delivery);
                        self.group_event(pid, Event::Spoken(word));
                    }
                    Err(error) => {
                        self.group_event(pid, Event::Unspoken(error));
                    }
                },
                Lane::Health => match status_packet(delivery, checked) {
                    Ok(status) => {
                        self.believes(pid, delivery);
                        self.journal.count((pid, status.epoch, status.sequence, self.agenda.now()));
                        self.group_event(pid, Event::Status(status));
                    }
                    Err(refusal) => {
                        parked.push((place, refusal.to_string()));
                        self.group_event(pid, refusal.event());
                    }
                },
                _ => match control_packet(which(lane), delivery, checked) {
                    Ok(mut envelope) => {
                        self.believes(pid, delivery);
                        self.note_packet(pid, delivery, &envelope.packet);
                        let told = self.told_generation(&mut envelope);
                        let before = self.refusals_of_group(pid);
                        let fate = self.group_event(pid, Event::Delivered(envelope));
                        let is_obeyed = self.refusals_of_group(pid) == before;
                        self.heard_generation(pid, told, is_obeyed);
                        match fate {
                            Fate::Acknowledged => {}
                            Fate::Parked(reason) => parked.push((place, reason)),
                            Fate::Kept(number) => {
                                self.processes[pid].kept.insert(number, delivery.receipt());
                                kept.push(place);
                            }
                        }
                    }
                    Err(refusal) => {
                        parked.push((place, refusal.to_string()));
                        self.group_event(pid, refusal.event());
                    }
                },
            }
        }
        if let Some(slip) = self.slip(&[Slip::BeforeAck]) {
            self.slipped(pid, slip);
            return;
        }
        self.settle_but(pid, batch, &parked, &kept);
    }
}
