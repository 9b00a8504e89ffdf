//! How free nodes say they are, in a world: what they measure, what they may send, and whom a rack would hand out.

use std::collections::{BTreeMap, VecDeque};

use rollcall_bus::Outgoing;
use rollcall_model::wire::{availability, status};
use rollcall_model::{AvailabilityKind, NodeState, route};
use rollcall_node_agent::availability::Measured;
use rollcall_node_agent::core::Event;
use rollcall_placement::usage::{ProcessorTime, Readings, Room};

use super::invariants::{no_target_that_is_not_well, speech_keeps_to_its_budget};
use super::process::{Core, Pid, Role};
use super::truth::NodeTruth;
use super::world::World;

/// The part of each policy here that has nodes speak.
pub(super) const POLICY: &str = "[settings.availability]\nkinds = \"both\"\nmessages_per_second = 20\n\
                                 nodes_per_group = 12\nmin = 0.2\ncapacity_period_s = 30\n";
/// As in [`POLICY`].
pub(super) const MESSAGES_PER_SECOND: usize = 20;
/// While this bit is set a node has nothing free.
const FULL_BIT: usize = 3;

/// A node that has something free again says so within this, milliseconds.
const SAID_BY: u64 = 10_000;

/// When messages of each rack were sent in the last second, by the first word of their key.
pub(super) type Traffic = BTreeMap<String, VecDeque<u64>>;

impl World {
    /// A node reads how much of it is in use.
    pub(super) fn measures(&mut self, number: usize) {
        let pid = self.scene.pid(Role::Node(number));
        let Some(Core::Node(agent, _)) = &self.processes[pid].core else { return };
        if !agent.wants_usage() {
            return;
        }
        let is_full = self.nodes[number].health.bits().get(FULL_BIT);
        let percent = if is_full { 95 } else { 10 + 5 * (number as u64 % 10) };
        let readings = Readings {
            memory: Some(Room { total_bytes: 100, available_bytes: 100 - percent }),
            disk: None,
            processor: Some(ProcessorTime { total: 100, idle: 100 - percent }),
            network: None,
        };
        let taken = self.now_of(pid).tick;
        self.node_event(pid, Event::Measured(Measured { taken, readings }));
    }

    /// A node is about to publish this.
    pub(super) fn spoken(&mut self, message: &Outgoing) {
        let is_speech = matches!(message.kind, availability::KIND | availability::CAPACITY_KIND)
            || (message.kind == status::KIND && message.routing_key.contains(route::AUDIBLE));
        if !is_speech {
            return;
        }
        self.tally.count(if message.kind == status::KIND { "RA messages that ride" } else { "RA messages alone" });
        let now = self.agenda.now();
        let rack = message.routing_key.split('.').next().unwrap_or_default();
        let sent = self.watch.traffic.entry(rack.to_owned()).or_default();
        sent.push_back(now);
        while sent.front().is_some_and(|at| at + 1_000 <= now) {
            sent.pop_front();
        }
        self.watch.violations.extend(speech_keeps_to_its_budget::check(rack, sent.len(), MESSAGES_PER_SECOND));
    }

    /// Looks at whom a rack would hand out now.
    pub(super) fn look_at_targets(&mut self, pid: Pid) {
        let now = self.now_of(pid).tick;
        let Some(Core::Group(group)) = &self.processes[pid].core else { return };
        let Some(targets) = group.targets() else { return };
        let newest = targets.newest(now, AvailabilityKind::Balance);
        let cached = self.cached_target(pid, newest);
        let Some(Core::Group(group)) = &self.processes[pid].core else { return };
        let Some(targets) = group.targets() else { return };
        let state_of = |node| group.roster().iter().find(|(id, _)| *id == node).map(|(_, member)| member.state);
        let mut violations = Vec::new();
        let mut taken = 0_u32;
        for kind in [AvailabilityKind::Balance, AvailabilityKind::Power] {
            let found = [targets.newest(now, kind), targets.at_rank(now, kind, 0.0).map(|target| target.node)];
            for node in found.into_iter().chain([cached]).flatten() {
                taken += 1;
                violations.extend(no_target_that_is_not_well::check(&self.processes[pid].name, node, state_of(node)));
            }
        }
        if taken > 0 {
            self.tally.count("looks that found a target");
        }
        self.watch.violations.extend(violations);
    }

    /// At rest, where nodes speak, a rack in which one is well and has something free has a target.
    pub(super) fn check_targets(&mut self) {
        let mut violations = Vec::new();
        for process in &self.processes {
            let (Some(Core::Group(group)), now) = (&process.core, process.now(self.agenda.now()).tick) else {
                continue;
            };
            let Some(targets) = group.targets() else { continue };
            let has_room = |id| self.nodes.iter().any(|node| node.node() == id && has_room(node, self.agenda.now()));
            let well = group.roster().iter().filter(|(id, member)| is_well(member.state) && has_room(*id)).count();
            let found = targets.newest(now, AvailabilityKind::Balance);
            violations.extend(no_target_that_is_not_well::check_rest(&process.name, well, found));
        }
        self.watch.violations.extend(violations);
    }
}

/// Whether a node in this state may be a target.
pub(super) const fn is_well(state: NodeState) -> bool {
    matches!(state, NodeState::Healthy | NodeState::Degraded)
}

fn has_room(node: &NodeTruth, now: u64) -> bool {
    !node.health.bits().get(FULL_BIT) && node.bit_since[FULL_BIT] + SAID_BY <= now
}
