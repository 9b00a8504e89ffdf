//! What a node has on its disk, and what is done to it: epochs kept, orders written down, carried out, and ended.

use rollcall_model::SessionEpoch;
use rollcall_model::packet::{ActionOrder, ActionOutcome, ActionState};
use rollcall_node_agent::core::Event;

use super::Slip;
use crate::sim::invariants::no_action_takes_effect_twice;
use crate::sim::planted::Bug;
use crate::sim::process::{Pid, Role};
use crate::sim::world::{Happening, World};

impl World {
    /// The epoch is on the node's disk from now on.
    pub(in crate::sim) fn node_keeps(&mut self, pid: Pid, epoch: SessionEpoch) {
        if let Role::Node(number) = self.processes[pid].role {
            self.nodes[number].kept = epoch;
        }
    }

    /// The order is written down, then it takes effect, then the core is told; the process may die in between.
    pub(in crate::sim) fn node_acts(&mut self, pid: Pid, order: &ActionOrder) {
        let Role::Node(number) = self.processes[pid].role else { return };
        if self.has(Bug::ReplaysItsOrder) {
            self.watch.last_orders.insert(pid, order.clone());
        }
        let slip = self.slip(&[Slip::BeforeSave, Slip::AfterSave, Slip::BeforeAck]);
        if slip == Some(Slip::BeforeSave) {
            self.slipped(pid, Slip::BeforeSave);
            return;
        }
        let at = self.now_of(pid).wall;
        let (action_id, node) = (order.action_id, order.node);
        let outcome = |state, message: &str| ActionOutcome { action_id, node, state, message: message.into(), at };
        // Should this run end here, the next one finds the order begun, and says that it was interrupted.
        self.nodes[number].journal.insert(action_id, outcome(ActionState::Failed, "interrupted"));
        if slip == Some(Slip::AfterSave) {
            self.slipped(pid, Slip::AfterSave);
            return;
        }
        self.note_of(pid, format_args!("acts on {}", action_id.short()));
        self.tally.count("actions carried out");
        let truth = &mut self.nodes[number];
        let times = truth.acted.entry(action_id).or_default();
        *times += 1;
        let why = no_action_takes_effect_twice::check(&truth.name, action_id, *times);
        self.watch.violations.extend(why);
        if slip == Some(Slip::BeforeAck) {
            self.slipped(pid, Slip::BeforeAck);
            return;
        }
        let life = self.processes[pid].life;
        let after = self.chance.between(20, 2_000);
        let ended = Box::new(outcome(ActionState::Done, "done"));
        self.soon(after, Happening::ActionEnds { pid, life, outcome: ended });
        self.node_event(pid, Event::ActionBegun(outcome(ActionState::Running, "begun")));
    }

    /// The connection is back.
    pub(in crate::sim) fn node_is_back(&mut self, pid: Pid) {
        let last = self.watch.last_orders.remove(&pid);
        if let Some(order) = last.filter(|_| self.has(Bug::ReplaysItsOrder)) {
            self.node_acts(pid, &order);
        }
    }

    /// How an order ended is written down, and told.
    pub(in crate::sim) fn action_ends(&mut self, pid: Pid, outcome: ActionOutcome) {
        if let Role::Node(number) = self.processes[pid].role {
            self.nodes[number].journal.insert(outcome.action_id, outcome.clone());
            self.node_event(pid, Event::ActionEnded(outcome));
        }
    }
}
