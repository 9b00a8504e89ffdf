//! The zone's answers: passed on to the nodes, and held against what was granted while it was away.
//!
//! | the zone's epoch | for a run that was granted | for a run that waits |
//! |---|---|---|
//! | less than known | an answer to an earlier question: waited on | another run's epoch: a greater one is granted |
//! | the granted one | confirmed | – |
//! | greater | the node is told | the node is told |

use rollcall_model::packet::{Decision, JoinAccepted, JoinDecision};
use rollcall_model::{InstanceId, NodeId, Now};

use super::{Checkin, Effect};
use crate::memory::{Known, Record};

impl Checkin {
    pub(super) fn on_decision(&mut self, now: Now, decision: JoinDecision, effects: &mut Vec<Effect>) {
        self.zone_spoke(now);
        let JoinDecision { node, instance, decision } = decision;
        let asked = self.pending.get(&node).filter(|pending| pending.instance() == instance);
        let asked = asked.map(|pending| pending.since).or(self.repeats.get(&node).map(|repeat| repeat.since));
        if let Some(since) = asked {
            self.turnaround.answered(since, now.tick);
        }
        match decision {
            Decision::Refused { reason, message } => {
                self.on_refused(now, (node, instance), reason, message, effects);
            }
            Decision::Accepted(accepted) => {
                let granted =
                    self.memory.granted(node).is_some_and(|granted| granted.subscription.instance == instance);
                let waits = self.pending.get(&node).is_some_and(|pending| pending.instance() == instance);
                if granted {
                    self.on_granted_accepted(now, (node, instance), accepted, effects);
                } else if waits {
                    self.on_plan_accepted(now, (node, instance), accepted, effects);
                } else if self.memory.known(node).is_none_or(|known| known.epoch < accepted.epoch) {
                    // Answered already, or a former run of ours asked: the node will ask again if it still needs it.
                    let known = Known { epoch: accepted.epoch, instance, hardware: 0 };
                    self.save(Record::Known { node, known }, effects);
                }
            }
        }
    }

    fn on_granted_accepted(
        &mut self,
        now: Now,
        (node, instance): (NodeId, InstanceId),
        accepted: JoinAccepted,
        effects: &mut Vec<Effect>,
    ) {
        let Some(mut request) = self.memory.granted(node).cloned() else { return };
        if Some(accepted.epoch) < request.granted {
            return;
        }
        let hardware = request.subscription.hardware.digest();
        let known = Known { epoch: accepted.epoch, instance, hardware };
        self.save(Record::Known { node, known }, effects);
        self.repeats.remove(&node);
        if Some(accepted.epoch) > request.granted || accepted.group != request.group {
            (request.group, request.group_name) = (accepted.group, accepted.group_name);
            let decision = self.assigned(&request, accepted.epoch);
            self.answer(now, node, instance, decision, effects);
        }
    }

    fn on_plan_accepted(
        &mut self,
        now: Now,
        (node, instance): (NodeId, InstanceId),
        accepted: JoinAccepted,
        effects: &mut Vec<Effect>,
    ) {
        let Some(pending) = self.pending.get(&node) else { return };
        let (mut request, hardware) = (pending.request.clone(), pending.request.subscription.hardware.digest());
        let known = self.memory.known(node).filter(|known| known.epoch >= accepted.epoch);
        match known {
            Some(known) if known.instance != instance && self.durable => {
                // The zone was set back: what it gives is another run's. It is told a greater one instead.
                self.pending.remove(&node);
                return self.grant(now, *request, effects);
            }
            Some(known) if known.instance == instance && known.epoch > accepted.epoch => return,
            // Perhaps a repetition of what this run got with other hardware: the plan waits on.
            Some(known) if known.instance == instance && known.hardware != hardware => {}
            _ => {
                self.pending.remove(&node);
                let known = Known { epoch: accepted.epoch, instance, hardware };
                self.save(Record::Known { node, known }, effects);
            }
        }
        (request.group, request.group_name) = (accepted.group, accepted.group_name);
        let decision = self.assigned(&request, accepted.epoch);
        self.answer(now, node, instance, decision, effects);
    }

    fn on_refused(
        &mut self,
        now: Now,
        (node, instance): (NodeId, InstanceId),
        reason: String,
        message: String,
        effects: &mut Vec<Effect>,
    ) {
        let mut concerned = false;
        if self.memory.granted(node).is_some_and(|granted| granted.subscription.instance == instance) {
            self.save(Record::Withdrawn { node }, effects);
            self.repeats.remove(&node);
            concerned = true;
        }
        if self.pending.get(&node).is_some_and(|pending| pending.instance() == instance) {
            self.pending.remove(&node);
            concerned = true;
        }
        if concerned {
            self.count(&reason, format!("node {node}: {message}"));
            self.answer(now, node, instance, Decision::Refused { reason, message }, effects);
        }
    }
}
