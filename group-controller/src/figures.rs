//! What a group controller shows of itself: for each of its zones how its rack stands there.

use std::collections::BTreeMap;

use rollcall_model::indicator::INDICATORS;
use rollcall_model::{LinkFigures, Name, NodeState};
use rollcall_startup::metrics::{self, Labels, Page};

use crate::core::Standing;

/// The figures of one zone's loop.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The zone.
    pub zone: Name,
    /// The way to its broker.
    pub link: LinkFigures,
    /// How the group stands in it.
    pub standing: Standing,
    /// Words for the zone that wait for the broker, and how many were lost.
    pub spool: (u64, u64),
    /// Whether the disk took the latest of them.
    pub spool_is_written: bool,
}

impl Figures {
    fn labels(&self) -> Labels {
        vec![("zone", self.zone.to_string())]
    }

    fn with(&self, label: &'static str, value: &str) -> Labels {
        vec![("zone", self.zone.to_string()), (label, value.to_owned())]
    }
}

impl metrics::Figures for Figures {
    fn link(&self) -> (Labels, LinkFigures) {
        (self.labels(), self.link.clone())
    }

    fn write(all: &[Self], page: &mut Page) {
        of_membership(all, page);
        of_nodes(all, page);
        of_availability(all, page);
    }

    fn ready(&self) -> Result<(), String> {
        let Self { zone, link, standing, .. } = self;
        if !link.is_up {
            Err(format!("the broker of zone {zone} is out of reach"))
        } else if !standing.subscribed {
            Err(format!("zone {zone} has not answered the ACK: does its configuration admit this group?"))
        } else if !standing.settled {
            Err(format!("zone {zone} has not said yet who stands here"))
        } else {
            Ok(())
        }
    }
}

fn of_membership(all: &[Figures], page: &mut Page) {
    let each = |value: fn(&Standing) -> u64| all.iter().map(move |of| (of.labels(), value(&of.standing)));
    page.gauges(
        "rollcall_group_subscribed",
        "Whether the zone has answered the ACK and said who stands here",
        each(|of| of.settled.into()),
    );
    page.gauges("rollcall_policy_version", "The policy in force; 0 for none", each(|of| of.policy));
    page.gauges(
        "rollcall_group_changes_untold",
        "Changes of nodes that the zone has not confirmed",
        each(|of| of.untold as u64),
    );
    page.gauges(
        "rollcall_group_arrivals_waiting",
        "Nodes that wait for the zone's word",
        each(|of| of.arrivals as u64),
    );
    page.gauges(
        "rollcall_spool_messages",
        "Words for the zone on disk, which wait for the broker",
        all.iter().map(|of| (of.labels(), of.spool.0)),
    );
    page.gauges(
        "rollcall_spool_written",
        "Whether the disk took the latest word for the zone; 0: a restart loses what waits",
        all.iter().map(|of| (of.labels(), u64::from(of.spool_is_written))),
    );
    page.counters(
        "rollcall_spool_lost",
        "Words for the zone that had no room on disk, or could not be read there any more",
        all.iter().map(|of| (of.labels(), of.spool.1)),
    );
    page.counters("rollcall_group_statuses", "Status packets taken in", each(|of| of.statuses));
    page.counters(
        "rollcall_refused",
        "What came in and was refused, by reason",
        all.iter().flat_map(|of| of.standing.refused.iter().map(|(reason, count)| (of.with("reason", reason), *count))),
    );
}

fn of_nodes(all: &[Figures], page: &mut Page) {
    // A series that comes and goes tells a rule nothing; zero does.
    let count = |counts: &BTreeMap<NodeState, u32>, state| counts.get(&state).copied().unwrap_or_default();
    page.gauges(
        "rollcall_group_nodes",
        "Nodes of this rack by state",
        all.iter().flat_map(|of| {
            NodeState::ALL.map(|state| (of.with("state", state.as_str()), count(&of.standing.states, state)))
        }),
    );
    page.gauges(
        "rollcall_group_indicators_set",
        "Nodes of this rack whose health bit is set, by indicator",
        all.iter().flat_map(|of| {
            let set = |name: &str| of.standing.bits.get(name).copied().unwrap_or_default();
            INDICATORS.map(|indicator| (of.with("indicator", indicator.name), set(indicator.name)))
        }),
    );
    page.counters(
        "rollcall_group_verdicts",
        "How often silence, or a closed connection, led to a state of a node",
        all.iter().flat_map(|of| {
            [NodeState::Suspect, NodeState::Unknown, NodeState::Down].map(|state| {
                let count = of.standing.verdicts.get(&state).copied().unwrap_or_default();
                (of.with("state", state.as_str()), count)
            })
        }),
    );
    page.gauges(
        "rollcall_group_dark",
        "Whether so many nodes are silent that the rack's own link is the suspect",
        all.iter().map(|of| (of.labels(), u64::from(of.standing.dark))),
    );
    page.gauges(
        "rollcall_group_patience_percent",
        "How long a node may be silent, in percent of its span; more than 100 while a crowd of nodes is late",
        all.iter().map(|of| (of.labels(), of.standing.patience_percent)),
    );
}

fn of_availability(all: &[Figures], page: &mut Page) {
    let each = |value: fn(&Standing) -> u64| all.iter().map(move |of| (of.labels(), value(&of.standing)));
    page.gauges(
        "rollcall_availability_on",
        "Whether a policy has nodes send RA messages",
        each(|of| of.availability.on.into()),
    );
    page.counters(
        "rollcall_availability_messages",
        "RA messages by what became of them",
        all.iter().flat_map(|of| {
            of.standing.availability.messages.iter().map(|(became, count)| (of.with("became", became), *count))
        }),
    );
    page.counters(
        "rollcall_availability_pauses",
        "How often this receiver was held up, so that it measured nothing across",
        each(|of| of.availability.pauses),
    );
    page.gauges(
        "rollcall_availability_flooding",
        "Nodes that speak faster than anybody can who tells the truth",
        each(|of| of.availability.flooding),
    );
    page.gauges(
        "rollcall_availability_eligible",
        "Nodes that may be a target now, as far as health says",
        each(|of| of.availability.eligible),
    );
}
