//! What the invariants are told while things happen.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_bus::{Delivery, Outgoing};
use rollcall_model::packet::{ActionOrder, Decision, JoinRequest, Packet};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{GroupId, InstanceId, NodeId, NodeState, SessionEpoch};
use rollcall_store::{Change, Snapshot};

use super::invariants::{
    Violations, a_stalled_observer_blames_nobody, an_alert_for_every_lasting_change, no_assignment_without_a_row,
    no_epoch_goes_back, nobody_is_down_for_its_broker_node, nobody_is_down_who_speaks, one_group_per_kind,
};
use super::process::{Core, Pid, Role};
use super::scene::Scene;
use super::speech::Traffic;
use super::truth::{End, NodeTruth};
use super::world::World;

/// A transition in a group controller's roster, as the invariants look at it.
#[derive(Clone, Copy, Debug)]
pub struct Blame {
    /// Who is blamed.
    pub node: NodeId,
    /// For what.
    pub state: NodeState,
    /// Milliseconds since the controller took a status packet of it.
    pub silent_for: Option<u64>,
    /// The longest it means to stay silent, milliseconds.
    pub span: u64,
    /// Whether the broker said that its connection closed.
    pub closed: bool,
    /// Milliseconds since the controller was last paused or disconnected, and noticed it.
    pub attentive_for: u64,
    /// Milliseconds since the node's connection ended with a node of the broker, if it lives and is not back yet.
    pub parted_for: Option<u64>,
    /// Whether the node is well, and has been for long.
    pub well: bool,
}

/// What has been seen so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub violations: Violations,
    pub changes: Vec<an_alert_for_every_lasting_change::Lasting>,
    saved: Snapshot,
    /// Every join that was saved: who got which epoch.
    pub joins: no_assignment_without_a_row::Joins,
    /// Every join a check-in service granted of its own accord.
    granted: BTreeSet<(NodeId, InstanceId, SessionEpoch)>,
    agents: BTreeMap<NodeId, SessionEpoch>,
    answers: BTreeMap<NodeId, SessionEpoch>,
    /// The generation that was taken last.
    pub newest_generation: u64,
    /// The newest generation that each receiver has heard of, from packets.
    pub generations: BTreeMap<(Pid, u32), u64>,
    /// What people were told is done.
    pub confirmed: Vec<String>,
    /// What nodes sent about how free they are.
    pub traffic: Traffic,
    /// The order that a planted bug carries out again.
    pub last_orders: BTreeMap<Pid, ActionOrder>,
    /// Targets that a planted bug hands out again, and since when.
    pub cached_targets: BTreeMap<Pid, (u64, NodeId)>,
    rosters: BTreeMap<(Pid, u32), BTreeMap<NodeId, (SessionEpoch, NodeState)>>,
}

impl Watch {
    /// A transaction was committed.
    pub fn saved(&mut self, changes: &[Change], saved: Snapshot) {
        for node in &saved.nodes {
            let before = self.saved.nodes.iter().find(|known| known.node == node.node);
            let before = before.map_or(SessionEpoch::default(), |known| known.epoch);
            self.violations.extend(no_epoch_goes_back::check("the store", node.node, before, node.epoch));
        }
        self.violations.extend(one_group_per_kind::check_saved(&saved));
        for change in changes {
            if let Change::NodeJoined { identifier, epoch, instance, group, .. } = change {
                let join = (identifier.node, *epoch);
                self.violations.extend(self.joins.add(join, *instance, *group));
            }
            if let Change::NodePlaced { node, group, .. } = change {
                self.joins.add_place(*node, *group);
            }
        }
        self.saved = saved;
    }

    /// How many nodes are saved as heard.
    pub fn heard(&self) -> usize {
        self.saved.nodes.iter().filter(|it| matches!(it.state, NodeState::Healthy | NodeState::Degraded)).count()
    }

    /// An agent has this epoch.
    pub fn agent_has(&mut self, node: &NodeTruth, epoch: SessionEpoch) {
        let before = self.agents.insert(node.node(), epoch).unwrap_or_default();
        self.violations.extend(no_epoch_goes_back::check("the agent", node.node(), before, epoch));
    }

    /// The zone answers with this epoch. What a former holder of the lease had still to say when it was paused is obeyed by nobody who
    /// heard of the next one, which has an invariant of its own.
    fn answered(&mut self, generation: u64, node: NodeId, epoch: SessionEpoch) {
        if generation < self.newest_generation {
            return;
        }
        let before = self.answers.insert(node, epoch).unwrap_or_default();
        self.violations.extend(no_epoch_goes_back::check("the zone's answer", node, before, epoch));
    }

    /// This bit has turned, and is to stay so.
    pub fn lasting(&mut self, number: usize, bit: usize, set: bool, at: u64) {
        self.changes.push(an_alert_for_every_lasting_change::Lasting { number, bit, set, at });
    }

    /// A check-in service wrote down that it grants this join.
    pub fn granted(&mut self, request: &JoinRequest) {
        let subscription = &request.subscription;
        if let Some(epoch) = request.granted {
            self.granted.insert((subscription.identifier.node, subscription.instance, epoch));
        }
    }

    fn assignment(&mut self, to: NodeId, instance: InstanceId, epoch: SessionEpoch, group: GroupId) {
        // What was granted while the zone was away is on the service's disk, and the zone takes it up later (C7).
        if self.granted.contains(&(to, instance, epoch)) {
            return;
        }
        let why = no_assignment_without_a_row::check(&self.joins, &self.saved, (to, instance), epoch, group);
        self.violations.extend(why);
    }
}

impl World {
    /// A process is about to publish this.
    pub(super) fn published(&mut self, pid: Pid, message: &Outgoing) {
        if let Role::Node(number) = self.processes[pid].role {
            self.nodes[number].spoke |= message.kind == rollcall_model::wire::status::KIND;
            self.spoken(message);
        }
        if !matches!(message.kind, "assignment" | "join_decision" | "membership" | "arrival_decision") {
            self.journal.count((pid, message.kind, message.body.len()));
            return;
        }
        let Ok(envelope) = Envelope::decode(&message.body) else { return };
        self.note_of(pid, format_args!("-> {}", told(&envelope.packet)));
        match envelope.packet {
            Packet::Assignment(sent) => {
                if let Decision::Accepted(assigned) = sent.decision {
                    self.watch.assignment(sent.node, sent.instance, assigned.epoch, assigned.group);
                }
            }
            Packet::JoinDecision(sent) => {
                if let Decision::Accepted(accepted) = sent.decision {
                    self.watch.assignment(sent.node, sent.instance, accepted.epoch, accepted.group);
                    self.watch.answered(envelope.generation.unwrap_or_default(), sent.node, accepted.epoch);
                }
            }
            Packet::Membership(sent) => {
                let why = no_assignment_without_a_row::check_place(&self.watch.joins, sent.node, sent.group);
                self.watch.violations.extend(why);
            }
            _ => {}
        }
    }

    /// A packet was delivered.
    pub(super) fn note_packet(&mut self, pid: Pid, delivery: &Delivery, packet: &Packet) {
        let again = if delivery.redelivered { " (again)" } else { "" };
        self.note_of(pid, format_args!("<- {}{again}", told(packet)));
    }

    /// Looks at what a step made of a group controller's roster.
    pub(super) fn look_at_roster(&mut self, pid: Pid) {
        let tick = self.now_of(pid).tick;
        let process = &self.processes[pid];
        let Some(Core::Group(group)) = &process.core else { return };
        let attentive_for = self.agenda.now().saturating_sub(process.back_at);
        let before = self.watch.rosters.entry((pid, process.life)).or_default();
        let (mut turns, mut violations) = (Vec::new(), Vec::new());
        for (node, member) in group.roster().iter() {
            let now = (member.epoch, member.state);
            let was = before.insert(node, now);
            // What it takes over from the zone is nobody's judgement.
            let Some((epoch, state)) = was else { continue };
            violations.extend(no_epoch_goes_back::check("a roster", node, epoch, member.epoch));
            if state != member.state {
                turns.push(Blame {
                    node,
                    state: member.state,
                    silent_for: member.voice.heard.map(|heard| tick.since(heard).0),
                    span: member.voice.span.0,
                    closed: member.voice.closed.is_some(),
                    attentive_for,
                    parted_for: None,
                    well: false,
                });
            }
        }
        turns.sort_unstable_by_key(|blame| blame.node);
        self.watch.violations.extend(violations);
        for mut blame in turns {
            let number = Scene::node_number(&self.nodes, blame.node);
            let number_here = number.filter(|number| self.stands_at(*number, pid));
            blame.well = self.is_settled() && number_here.is_some_and(|number| self.nodes[number].end == End::No);
            let parted_at = number.and_then(|number| self.processes[self.scene.pid(Role::Node(number))].parted_at);
            // Who hears nothing does not hear of it.
            let parted_at = parted_at.filter(|_| !self.processes[pid].is_cut());
            blame.parted_for = parted_at.map(|at| self.now() - at);
            let name = number.map_or_else(|| blame.node.short(), |number| self.nodes[number].name.to_string());
            self.note_of(pid, format_args!("   {name} is {}", blame.state));
            self.watch.violations.extend(nobody_is_down_who_speaks::check(&name, &blame));
            self.watch.violations.extend(a_stalled_observer_blames_nobody::check(&name, &blame));
            self.watch.violations.extend(nobody_is_down_for_its_broker_node::check(&name, &blame));
        }
    }

    /// Whether a node stands in this controller's rack.
    fn stands_at(&self, number: usize, pid: Pid) -> bool {
        self.scene.pid(Role::Group(self.nodes[number].rack)) == pid
    }
}

fn outcome<T>(decision: &Decision<T>, well: impl FnOnce(&T) -> String) -> String {
    match decision {
        Decision::Accepted(accepted) => well(accepted),
        Decision::Refused { reason, .. } => format!("refused: {reason}"),
    }
}

/// A packet in a few words.
fn told(packet: &Packet) -> String {
    let kind = packet.kind();
    match packet {
        Packet::Ack(it) => format!("{kind} of {} run {} to generation {}", it.name, it.instance.short(), it.generation),
        Packet::ZoneSubscriber(it) => {
            let run = it.instance.short();
            format!("{kind} for {} run {run}: session {}, {} parts", it.group.short(), it.session, it.roster_parts)
        }
        Packet::Roster(it) => {
            let members: Vec<String> =
                it.members.iter().map(|member| format!("{} {}/{}", member.name, member.epoch, member.state)).collect();
            format!("{kind} of session {}: {}", it.session, members.join(", "))
        }
        Packet::NodeSubscription(it) => format!("{kind} of {} run {}", it.name, it.instance.short()),
        Packet::JoinRequest(it) => {
            format!("{kind} of {} run {}", it.subscription.name, it.subscription.instance.short())
        }
        Packet::JoinDecision(it) => {
            let ended = outcome(&it.decision, |accepted| format!("epoch {}", accepted.epoch));
            format!("{kind} for {} run {}: {ended}", it.node.short(), it.instance.short())
        }
        Packet::Assignment(it) => {
            let ended = outcome(&it.decision, |assigned| format!("epoch {}", assigned.epoch));
            format!("{kind} for {} run {}: {ended}", it.node.short(), it.instance.short())
        }
        Packet::Presence(it) => format!("{kind} of {} run {} epoch {}", it.name, it.instance.short(), it.epoch),
        Packet::Arrival(it) => {
            let (session, presence) = (it.session, &it.presence);
            format!("{kind} of {} run {} in session {session}", presence.name, presence.instance.short())
        }
        Packet::ArrivalDecision(it) => {
            let ended = outcome(&it.decision, |accepted| format!("epoch {}", accepted.epoch));
            format!("{kind} for {} run {}: {ended}", it.node.short(), it.instance.short())
        }
        Packet::Membership(it) => {
            format!("{kind} of {} run {} in {}", it.node.short(), it.instance.short(), it.group_name)
        }
        Packet::Alerts(it) => {
            let changes: Vec<String> = it
                .changes
                .iter()
                .map(|it| format!("{} {} {} {:x}", it.number, it.node.short(), it.state, it.health.bits().to_number()))
                .collect();
            format!("{kind} of session {}: {}", it.session, changes.join(", "))
        }
        Packet::GroupAlarm(it) => format!("{kind} {} of session {}: {}", it.number, it.session, it.raised),
        Packet::GroupTable(it) => format!("{kind} version {:x}, {} entries", it.version, it.entries.len()),
        Packet::Hello(it) => format!("{kind} of generation {}", it.generation),
        _ => kind.to_owned(),
    }
}
