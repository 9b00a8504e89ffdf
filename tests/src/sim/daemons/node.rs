//! The node agent's adapter.

use rollcall_bus::{Delivery, packet_of};
use rollcall_node_agent::core::{Effect, Event};

use super::Slip;
use crate::sim::planted::Bug;
use crate::sim::process::{Core, Pid, Role};
use crate::sim::scene::Scene;
use crate::sim::wire::Mark;
use crate::sim::world::World;

impl World {
    pub(in crate::sim) fn node_event(&mut self, pid: Pid, event: Event) {
        self.node_step(pid, event);
    }

    fn node_step(&mut self, pid: Pid, event: Event) -> Option<String> {
        let now = self.now_of(pid);
        let Some(Core::Node(agent, _)) = &mut self.processes[pid].core else { return None };
        let effects = agent.step(now, event);
        let epoch = agent.assigned().map(|assigned| assigned.epoch);
        if let (Some(epoch), Role::Node(number)) = (epoch, self.processes[pid].role) {
            self.watch.agent_has(&self.nodes[number], epoch);
        }
        let mut dropped = None;
        for effect in effects {
            match effect {
                Effect::Publish(message) => {
                    for _ in 0..self.times_said(&message) {
                        self.publish(pid, None, &message);
                    }
                }
                Effect::Assure(receipt, message) => self.publish(pid, Some(Mark::Receipt(receipt)), &message),
                Effect::Drop(reason) => dropped = Some(reason),
                Effect::Keep(epoch) => self.node_keeps(pid, epoch),
                Effect::Act(order) => self.node_acts(pid, &order),
                Effect::Record(outcome) => self.action_ends(pid, outcome),
            }
        }
        self.arm(pid);
        dropped
    }

    pub(in crate::sim) fn node_delivered(&mut self, pid: Pid, batch: &[Delivery]) {
        let mut dropped = Vec::new();
        for delivery in batch {
            let why = match packet_of(delivery, !self.has(Bug::BelievesEverybody)) {
                Ok(envelope) => {
                    self.believes(pid, delivery);
                    self.note_packet(pid, delivery, &envelope.packet);
                    self.node_step(pid, Event::Delivered(envelope))
                }
                Err(error) => Some(error.to_string()),
            };
            dropped.extend(why.map(|why| (delivery, why)));
        }
        for (delivery, why) in dropped {
            self.not_taken(pid, delivery, &why);
        }
        if let Some(slip) = self.slip(&[Slip::BeforeAck]) {
            self.slipped(pid, slip);
            return;
        }
        self.settle(pid, batch, &[]);
    }

    /// The node knows other check-in services than before, and chooses again.
    pub(in crate::sim) fn node_chooses(&mut self, pid: Pid) {
        let Role::Node(number) = self.processes[pid].role else { return };
        let address = Scene::address(&self.nodes[number], number);
        let zone = self.scene.zone_name();
        let Some(Core::Node(_, checkins)) = &self.processes[pid].core else { return };
        if let Some(checkin) = checkins.responsible(&zone, address) {
            self.node_event(pid, Event::CheckinFound(checkin));
        }
    }
}
