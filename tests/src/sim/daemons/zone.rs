//! The zone controller's adapter: one batch is one transaction, then its publishes, then its acks.

use rollcall_bus::{Delivery, Outgoing, PacketError, packet_of};
use rollcall_model::wire::txt::Announcement;
use rollcall_store::Change;
use rollcall_zone_controller::core::{Command, Effect, Event};

use super::{Fared, Slip};
use crate::sim::process::{Core, Pid};
use crate::sim::wire::Mark;
use crate::sim::world::World;

impl World {
    fn zone_step(&mut self, pid: Pid, event: Event) -> Vec<Effect> {
        let now = self.now_of(pid);
        match &mut self.processes[pid].core {
            Some(Core::Zone(zone)) => zone.step(now, event),
            _ => Vec::new(),
        }
    }

    /// A deadline of the zone's core.
    pub(in crate::sim) fn zone_ticks(&mut self, pid: Pid) {
        let effects = self.zone_step(pid, Event::Tick);
        self.zone_effects(pid, effects);
    }

    /// Somebody asks the zone to do something, through its API.
    pub(in crate::sim) fn zone_command(&mut self, pid: Pid, request: u64, command: Command) {
        let now = self.now_of(pid);
        let Some(Core::Zone(zone)) = &mut self.processes[pid].core else { return };
        let effects = zone.command(now, request, command);
        self.zone_effects(pid, effects);
    }

    pub(in crate::sim) fn zone_heard(&mut self, pid: Pid, announcement: Announcement) {
        let event = match announcement {
            Announcement::Ack(ack) => {
                self.note_of(pid, format_args!("hears the ACK of {} run {}", ack.name, ack.instance.short()));
                Event::AckHeard(ack)
            }
            Announcement::Hello(hello) => Event::HelloHeard(hello),
            Announcement::Checkin(_) => return,
        };
        let effects = self.zone_step(pid, event);
        self.zone_effects(pid, effects);
    }

    pub(in crate::sim) fn zone_delivered(&mut self, pid: Pid, batch: &[Delivery]) {
        let (mut effects, mut parked) = (Vec::new(), Vec::new());
        for (place, delivery) in batch.iter().enumerate() {
            let event = match packet_of(delivery, true) {
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
            for effect in self.zone_step(pid, event) {
                match effect {
                    Effect::Park(reason) => parked.push((place, reason)),
                    other => effects.push(other),
                }
            }
        }
        if self.zone_effects(pid, effects) == Fared::Well {
            self.settle(pid, batch, &parked);
        }
    }

    /// The driver gives this event's effects to nobody, either.
    pub(in crate::sim) fn zone_unroutable(&mut self, pid: Pid, routing_key: String) {
        self.zone_step(pid, Event::Unroutable { routing_key });
    }

    /// Saves, then publishes. The caller acknowledges.
    pub(in crate::sim) fn zone_effects(&mut self, pid: Pid, effects: Vec<Effect>) -> Fared {
        let (mut changes, mut messages): (Vec<Change>, Vec<Outgoing>) = (Vec::new(), Vec::new());
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Save(change) => changes.push(change),
                Effect::Publish(message) => messages.push(message),
                Effect::Park(_) => {}
                Effect::Answer { result, .. } => answers.push(result),
            }
        }
        let slip = self.slip(&[Slip::BeforeSave, Slip::AfterSave, Slip::AmidPublish, Slip::BeforeAck]);
        if slip == Some(Slip::BeforeSave) {
            return self.slipped(pid, Slip::BeforeSave);
        }
        if !changes.is_empty() {
            self.commit(pid, &changes);
        }
        if slip == Some(Slip::AfterSave) {
            return self.slipped(pid, Slip::AfterSave);
        }
        let half = messages.len() / 2;
        for (place, message) in messages.into_iter().enumerate() {
            if slip == Some(Slip::AmidPublish) && place == half {
                return self.slipped(pid, Slip::AmidPublish);
            }
            let key = message.routing_key.clone();
            self.publish(pid, Some(Mark::Key(key)), &message);
        }
        if slip == Some(Slip::BeforeAck) {
            return self.slipped(pid, Slip::BeforeAck);
        }
        for answer in answers {
            self.note_of(pid, format_args!("answers {answer:?}"));
            self.tally.count(if answer.is_ok() { "commands carried out" } else { "commands rejected" });
        }
        self.arm(pid);
        Fared::Well
    }

    fn commit(&mut self, pid: Pid, changes: &[Change]) {
        for change in changes {
            let text = told(change);
            self.note_of(pid, format_args!("saves {text}"));
        }
        self.tally.count("transactions");
        let ended = self.runtime.block_on(self.store.commit(changes));
        let why = crate::sim::invariants::the_store_never_refuses::check(&ended, changes);
        self.watch.violations.extend(why);
        // Most of what is saved says nothing of nodes and groups, and reading everything back is dear.
        if !changes.iter().any(touches_topology) {
            return;
        }
        match self.runtime.block_on(self.store.load()) {
            Ok(saved) => self.watch.saved(changes, saved),
            Err(error) => self.watch.violations.push(format!("the store does not load: {error}")),
        }
    }
}

/// Whether a change may alter who is where, and in which epoch.
const fn touches_topology(change: &Change) -> bool {
    matches!(
        change,
        Change::NodeJoined { .. } | Change::NodePlaced { .. } | Change::NodeChanged { .. } | Change::GroupJoined { .. }
    )
}

fn told(change: &Change) -> String {
    match change {
        Change::NodeJoined { name, epoch, instance, group, .. } => {
            format!("join of {name} run {} epoch {epoch} into {}", instance.short(), group.short())
        }
        Change::NodePlaced { name, group, .. } => format!("place of {name} in {}", group.short()),
        Change::NodeChanged { node, session, number, epoch, state, health, cause, .. } => {
            let node = node.short();
            format!(
                "change {session}/{number} of {node}: epoch {epoch} {state} {:x} ({cause})",
                health.bits().to_number()
            )
        }
        Change::GroupJoined { name, session, instance, .. } => {
            format!("membership {session} of {name} run {}", instance.short())
        }
        Change::GroupAlarm { group, raised, silent, members, .. } => {
            format!("alarm of {}: {raised}, {silent} of {members}", group.short())
        }
        Change::ZoneStarted { generation, .. } => format!("generation {generation}"),
        Change::GroupCreated { name, .. } => format!("new group {name}"),
        Change::CheckinRegistered { name, .. } => format!("check-in service {name}"),
        Change::Noted { kind, message, .. } => format!("note {kind}: {message}"),
        other => format!("{other:?}").chars().take(160).collect(),
    }
}
