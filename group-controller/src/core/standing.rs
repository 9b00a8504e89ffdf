//! How a group stands in a zone, as data for its metrics.

use std::collections::BTreeMap;

use rollcall_model::NodeState;

use super::{AvailabilityHeard, Group};

/// How a group stands in a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether the zone has answered the ACK.
    pub subscribed: bool,
    /// Whether the zone has said who stands here.
    pub settled: bool,
    /// Nodes by state.
    pub states: BTreeMap<NodeState, u32>,
    /// Nodes whose bit is set, by the indicator's name.
    pub bits: BTreeMap<String, u32>,
    /// Status packets since the start.
    pub statuses: u64,
    /// What was refused since the start, by reason.
    pub refused: BTreeMap<String, u64>,
    /// How often a node's silence, or its closed connection, led to a state.
    pub verdicts: BTreeMap<NodeState, u64>,
    /// Whether so many are silent that the rack's own link is the suspect.
    pub dark: bool,
    /// How long a node may be silent, in percent of its span: more than 100 while a crowd is late.
    pub patience_percent: u64,
    /// Changes the zone has not confirmed.
    pub untold: usize,
    /// Arrivals that wait for the zone's word.
    pub arrivals: usize,
    /// Version of the policy in force; 0 for none.
    pub policy: u64,
    /// What was heard of availability.
    pub availability: AvailabilityHeard,
}

impl Group {
    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let (states, bits) = self.roster.counts();
        let inflight = self.inflight.as_ref().map_or(0, |(report, _)| report.len());
        Standing {
            subscribed: self.is_subscribed(),
            settled: self.is_settled(),
            states,
            bits,
            statuses: self.statuses,
            refused: self.refused.clone(),
            verdicts: self.verdicts.clone(),
            dark: self.dark.is,
            patience_percent: self.patience.percent(),
            untold: self.roster.untold() + inflight,
            arrivals: self.arrivals.len(),
            policy: self.policy.version(),
            availability: self.availability(),
        }
    }
}
