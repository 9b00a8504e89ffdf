//! What an agent shows of itself. Nothing carries the node's name: the scrape's own `instance` label does.

use std::collections::BTreeMap;

use rollcall_model::{AvailabilityKind, LinkFigures, Name};
use rollcall_startup::metrics::{self, Labels, Page};

use crate::core::Standing;
use crate::probes::ProbeFigures;

/// The figures of the agent's loop.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Its zone.
    pub zone: Name,
    /// Its way to the broker.
    pub link: LinkFigures,
    /// How it stands.
    pub standing: Standing,
    /// What came into its inbox and was dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// What its probes cost.
    pub probes: BTreeMap<String, ProbeFigures>,
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
        let one = |value: fn(&Standing) -> Option<u64>| {
            all.iter().filter_map(move |of| Some((Labels::new(), value(&of.standing)?)))
        };
        page.gauges(
            "rollcall_node_assigned",
            "Whether the node has a session",
            one(|of| Some(of.session.is_some().into())),
        );
        page.gauges("rollcall_node_placed", "Whether the node stands in a rack", one(|of| Some(of.placed.into())));
        page.gauges(
            "rollcall_node_session_epoch",
            "Number of the node's session; grows with each",
            one(|of| of.session.map(|(epoch, _)| epoch.0.into())),
        );
        page.measures(
            "rollcall_node_session_age_seconds",
            "How long ago the session was given",
            all.iter().filter_map(|of| Some((Labels::new(), of.standing.session?.1.duration().as_secs_f64()))),
        );
        page.gauges(
            "rollcall_node_indicators_set",
            "Indicators of health that are outside their thresholds",
            one(|of| of.indicators.map(|(set, _)| set.into())),
        );
        page.gauges(
            "rollcall_node_indicators_unmeasured",
            "Indicators of health that this machine cannot measure",
            one(|of| of.indicators.map(|(_, unmeasured)| unmeasured.into())),
        );
        page.gauges("rollcall_policy_version", "The policy in force; 0 for none", one(|of| Some(of.policy)));
        page.counters("rollcall_node_statuses", "Status packets sent", one(|of| Some(of.statuses)));
        let dropped = all.iter().flat_map(|of| &of.dropped);
        page.counters(
            "rollcall_refused",
            "What came in and was refused, by reason",
            dropped.map(|(reason, count)| (vec![("reason", reason.clone())], *count)),
        );
        of_speech(all, page);
        of_probes(all, page);
    }

    fn ready(&self) -> Result<(), String> {
        let Self { zone, link, standing, .. } = self;
        if !link.is_up {
            Err("the broker is out of reach".into())
        } else if standing.session.is_none() {
            Err(format!("no check-in service of zone {zone} has given this node a session"))
        } else if !standing.placed {
            Err(format!("no group controller of zone {zone} has taken this node in"))
        } else if standing.indicators.is_none() {
            Err("nothing has been measured yet".into())
        } else {
            Ok(())
        }
    }
}

/// Kinds that were never sent have no line.
fn of_speech(all: &[Figures], page: &mut Page) {
    let sent = all.iter().flat_map(|of| {
        let spoken = of.standing.spoken;
        AvailabilityKind::ALL.into_iter().flat_map(move |kind| {
            [("riding", spoken.riding), ("alone", spoken.alone)].map(|(how, counts)| {
                (vec![("kind", kind.as_str().to_owned()), ("how", how.to_owned())], counts[kind.index()])
            })
        })
    });
    page.counters(
        "rollcall_node_availability_messages",
        "RA messages sent, on a status packet or alone",
        sent.filter(|(_, count)| *count > 0),
    );
    let capacity = all.iter().map(|of| (Labels::new(), of.standing.spoken.capacity));
    page.counters("rollcall_node_capacity_messages", "Capacity messages sent", capacity);
}

fn of_probes(all: &[Figures], page: &mut Page) {
    let probes = || all.iter().flat_map(|of| &of.probes);
    let labels = |probe: &String| vec![("probe", probe.clone())];
    page.counters(
        "rollcall_probe_runs",
        "How often a probe measured",
        probes().map(|(name, of)| (labels(name), of.runs)),
    );
    page.sums(
        "rollcall_probe_seconds",
        "How long a probe took in all; divided by its runs, how long it takes",
        probes().map(|(name, of)| (labels(name), of.took.as_secs_f64())),
    );
    page.counters(
        "rollcall_probe_hangs",
        "How often a probe did not answer within its deadline",
        probes().map(|(name, of)| (labels(name), of.hangs)),
    );
}
