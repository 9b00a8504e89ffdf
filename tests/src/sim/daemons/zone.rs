//! The zone controller's adapter: one batch is one transaction, then its publishes, then its acks.

use rollcall_bus::{Delivery, Outgoing, PacketError, packet_of};
use rollcall_model::wire::txt::Announcement;
use rollcall_store::{Change, CommitError};
use rollcall_zone_controller::core::{Command, Effect, Event, Rejection};
use serde_json::Value;

use super::{Fared, Slip};
use crate::sim::invariants::{no_older_generation_writes, the_store_can_be_read, the_store_never_refuses};
use crate::sim::life::Death;
use crate::sim::planted::Bug;
use crate::sim::process::{Core, Pid, Role};
use crate::sim::wire::Mark;
use crate::sim::world::{Happening, World};

type Answer = Result<Value, Rejection>;

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
        self.toil.is_given(self.agenda.now(), batch);
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

    /// Saves, then publishes. The caller acknowledges. It may stand still before that, for longer than a lease.
    pub(in crate::sim) fn zone_effects(&mut self, pid: Pid, effects: Vec<Effect>) -> Fared {
        if self.is_faulty() && !effects.is_empty() && self.chance.happens(self.rates.slip / 2.0) {
            let (life, span) = (self.processes[pid].life, self.chance.between(1_000, 10_000));
            self.tally.count("zone controllers that stood still before a save");
            self.pause(pid, span);
            self.processes[pid].stalled = true;
            self.soon(0, Happening::Belated { pid, life, effects });
            return Fared::Stalled;
        }
        self.zone_carries_out(pid, effects)
    }

    /// It goes on where it stood still, whatever has become of the zone; what it had not acknowledged comes again.
    pub(in crate::sim) fn zone_goes_on(&mut self, pid: Pid, effects: Vec<Effect>) {
        if self.now() < self.database_away_until {
            let (life, at) = (self.processes[pid].life, self.database_away_until);
            return self.agenda.enter(at, Happening::Belated { pid, life, effects });
        }
        self.processes[pid].stalled = false;
        if self.zone_carries_out(pid, effects) == Fared::Well {
            self.lose_session(pid);
        }
    }

    fn zone_carries_out(&mut self, pid: Pid, effects: Vec<Effect>) -> Fared {
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
        if self.has(Bug::AnswersBeforeItSaves) {
            self.zone_answers(pid, std::mem::take(&mut answers));
        }
        let slip = self.slip(&[Slip::BeforeSave, Slip::AfterSave, Slip::AmidPublish, Slip::BeforeAck]);
        if slip == Some(Slip::BeforeSave) {
            return self.slipped(pid, Slip::BeforeSave);
        }
        if self.has(Bug::SpeaksBeforeItSaves) {
            self.zone_says(pid, std::mem::take(&mut messages), None);
        }
        let changes = self.really_saved(changes);
        if !changes.is_empty() && self.commit(pid, &changes) == Fared::Died {
            return Fared::Died;
        }
        if slip == Some(Slip::AfterSave) {
            return self.slipped(pid, Slip::AfterSave);
        }
        if self.zone_says(pid, messages, slip) == Fared::Died {
            return Fared::Died;
        }
        if slip == Some(Slip::BeforeAck) {
            return self.slipped(pid, Slip::BeforeAck);
        }
        self.zone_answers(pid, answers);
        self.arm(pid);
        Fared::Well
    }

    fn zone_answers(&mut self, pid: Pid, answers: Vec<Answer>) {
        for answer in answers {
            self.note_of(pid, format_args!("answers {answer:?}"));
            self.tally.count(if answer.is_ok() { "commands carried out" } else { "commands rejected" });
            self.watch.confirmed.extend(answer.ok().as_ref().and_then(confirmed));
        }
    }

    fn zone_says(&mut self, pid: Pid, messages: Vec<Outgoing>, slip: Option<Slip>) -> Fared {
        let half = messages.len() / 2;
        for (place, message) in messages.into_iter().enumerate() {
            if slip == Some(Slip::AmidPublish) && place == half {
                return self.slipped(pid, Slip::AmidPublish);
            }
            let key = message.routing_key.clone();
            self.publish(pid, Some(Mark::Key(key)), &message);
        }
        Fared::Well
    }

    fn commit(&mut self, pid: Pid, changes: &[Change]) -> Fared {
        for change in changes {
            let text = told(change);
            self.note_of(pid, format_args!("saves {text}"));
        }
        self.tally.count("transactions");
        let Role::Zone(number) = self.processes[pid].role else { return Fared::Well };
        let own = self.offices[number].store.tenure().map_or(0, |tenure| tenure.generation);
        let newest = self.watch.newest_generation;
        let store = if self.has(Bug::WritesUnfenced) { &self.store } else { &self.offices[number].store };
        let ended = self.runtime.block_on(store.commit(changes));
        if own < newest && ended.as_ref().is_err_and(CommitError::is_fenced) {
            self.tally.count("transactions fenced off");
            self.crash(pid, Death::Killed);
            return Fared::Died;
        }
        if ended.is_ok() {
            let why = no_older_generation_writes::check(&self.processes[pid].name, own, newest);
            self.watch.violations.extend(why);
        }
        let why = the_store_never_refuses::check(&ended, changes);
        self.watch.violations.extend(why);
        // Most of what is saved says nothing of nodes and groups, and reading everything back is dear.
        if !changes.iter().any(touches_topology) {
            return Fared::Well;
        }
        match self.runtime.block_on(self.store.load()) {
            Ok(saved) => self.watch.saved(changes, saved),
            Err(error) => self.watch.violations.extend(the_store_can_be_read::cannot("loading", error)),
        }
        Fared::Well
    }
}

/// What a person may rely on from now on.
fn confirmed(answer: &Value) -> Option<String> {
    // An order that is under way already is confirmed again.
    if answer["repeated"] == true {
        return None;
    }
    match (answer["version"].as_u64(), answer["action_id"].as_str()) {
        (Some(version), _) => Some(format!("policy {version}")),
        (_, Some(action)) => Some(format!("action {action}")),
        _ => None,
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
