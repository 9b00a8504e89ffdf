//! What a check-in service shows of itself.

use rollcall_model::{LinkFigures, Name};
use rollcall_startup::metrics::{self, Labels, Page};

use crate::core::Standing;

/// The figures of the service's loop.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Its zone.
    pub zone: Name,
    /// Its way to the broker.
    pub link: LinkFigures,
    /// How it stands.
    pub standing: Standing,
}

impl Figures {
    fn labels(&self) -> Labels {
        vec![("zone", self.zone.to_string())]
    }
}

impl metrics::Figures for Figures {
    fn link(&self) -> (Labels, LinkFigures) {
        (self.labels(), self.link.clone())
    }

    fn write(all: &[Self], page: &mut Page) {
        let each = |value: fn(&Standing) -> u64| all.iter().map(move |of| (of.labels(), value(&of.standing)));
        let decisions = all.iter().flat_map(|of| {
            let refused = of.standing.refused.iter().map(|(reason, count)| (reason.as_str(), *count));
            let all = std::iter::once(("assigned", of.standing.assigned)).chain(refused);
            all.map(|(decision, count)| ([of.labels(), vec![("decision", decision.to_owned())]].concat(), count))
        });
        page.counters(
            "rollcall_checkin_decisions",
            "Answers to nodes: assigned, or the reason they were refused for",
            decisions,
        );
        page.gauges(
            "rollcall_checkin_table_entries",
            "Combinations of hardware in the group table",
            each(|of| of.table.map_or(0, |(_, entries)| entries as u64)),
        );
        page.gauges(
            "rollcall_checkin_table_version",
            "Version of the group table; 0 before the first one",
            each(|of| of.table.map_or(0, |(version, _)| version)),
        );
        page.gauges(
            "rollcall_checkin_zone_away",
            "Whether the zone is away, and the service answers without it",
            each(|of| of.zone_away.into()),
        );
        page.gauges("rollcall_checkin_pending", "Joins that wait for the zone's word", each(|of| of.pending as u64));
        page.gauges(
            "rollcall_checkin_unconfirmed",
            "Joins granted while the zone was away that it has not confirmed yet",
            each(|of| of.unconfirmed as u64),
        );
    }

    fn ready(&self) -> Result<(), String> {
        let Self { zone, link, standing } = self;
        if !link.is_up {
            Err("the broker is out of reach".into())
        } else if standing.table.is_none() {
            Err(format!("zone {zone} has not sent its group table yet"))
        } else if standing.zone_away && !standing.durable {
            Err(format!("zone {zone} is away, and without a state_dir nobody is served meanwhile"))
        } else {
            Ok(())
        }
    }
}
