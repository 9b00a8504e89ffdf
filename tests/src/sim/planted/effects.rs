//! What is left out or altered of what a core has decided.

use rollcall_bus::Outgoing;
use rollcall_model::SessionEpoch;
use rollcall_model::route;
use rollcall_model::wire::availability;
use rollcall_store::Change;

use super::Bug;
use crate::sim::world::World;

impl World {
    /// What is really saved of a transaction.
    pub(in crate::sim) fn really_saved(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let Some(bug) = self.planted else { return changes };
        let mut saved = Vec::with_capacity(changes.len());
        for mut change in changes {
            let is_lost = match (bug, &mut change) {
                (Bug::LosesChanges, Change::NodeChanged { .. }) => self.chance.happens(0.2),
                (Bug::GivesAnEpochTwice, Change::NodeJoined { epoch, .. }) => {
                    *epoch = SessionEpoch(epoch.0.saturating_sub(1).max(1));
                    false
                }
                (Bug::ForgetsPlaces, Change::NodePlaced { .. })
                | (Bug::ForgetsOutcomes, Change::ActionMoved { .. })
                | (Bug::ForgetsWhoLeft, Change::NodeLeft { .. })
                | (Bug::ForgetsWhoObeys, Change::PolicyApplied { .. }) => true,
                _ => false,
            };
            if !is_lost {
                saved.push(change);
            }
        }
        saved
    }

    /// How often a node says something.
    pub(in crate::sim) fn times_said(&self, message: &Outgoing) -> usize {
        if self.has(Bug::SpeaksTooMuch) && message.kind == availability::KIND { 6 } else { 1 }
    }

    /// Where a message really goes.
    pub(in crate::sim) fn really_sent(&mut self, message: &Outgoing) -> Outgoing {
        let mut message = message.clone();
        let is_for_a_node = message.exchange == route::DIRECT && route::node_of_inbox(&message.routing_key).is_some();
        if self.has(Bug::Misdelivers) && is_for_a_node && self.chance.happens(0.02) {
            message.routing_key = route::group_inbox(self.scene.group(0));
        }
        message
    }
}
