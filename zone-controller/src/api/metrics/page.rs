//! The page itself, from what was found. Pure.

use std::collections::BTreeMap;

use rollcall_model::indicator::Severity;
use rollcall_model::packet::Summary;
use rollcall_model::{GroupId, LinkFigures, NodeState};
use rollcall_startup::metrics::{Format, Labels, Page, Process};
use rollcall_startup::traces::SpanFigures;
use rollcall_store::GroupKind;

use crate::availability::AvailabilityFigures;
use crate::core::Overview;

/// What there is to tell.
pub struct Facts {
    /// The zone's name.
    pub zone: String,
    /// Its generation.
    pub generation: u64,
    /// Whether the zone takes commands.
    pub is_up: bool,
    /// Whether it took over from another zone controller when it started.
    pub took_over: bool,
    /// The way to the broker.
    pub link: LinkFigures,
    /// Whether the topology takes changes.
    pub database_is_writable: bool,
    /// What the topology counts, where it could be read.
    pub counted: Option<Counted>,
    /// Counters, and the latest reports of the racks, where the zone's loop answered.
    pub overview: Option<Overview>,
    /// What was heard of availability.
    pub availability: AvailabilityFigures,
    /// Streams of events that are open, and how many there may be.
    pub streams: (usize, usize),
    /// What became of the spans of traces.
    pub spans: SpanFigures,
    /// This process.
    pub process: Process,
}

/// What the topology counts.
pub struct Counted {
    /// Nodes by state.
    pub nodes: Vec<(String, i64)>,
    /// Groups in force by kind.
    pub groups: Vec<(String, i64)>,
    /// Alerts that are not over, by severity.
    pub alerts: Vec<(String, i64)>,
    /// The policy in force; 0 for none.
    pub policy_version: i64,
    /// The racks.
    pub racks: Vec<Rack>,
}

/// What a rack is called.
pub struct Rack {
    /// Its id.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Its place; empty where it has none.
    pub place: String,
}

/// The page, as Prometheus reads it.
pub fn render(facts: &Facts, format: Format) -> String {
    let mut page = Page::default();
    page.program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    of_zone(facts, &mut page);
    if let Some(counted) = &facts.counted {
        of_topology(counted, &mut page);
    }
    if let Some(overview) = &facts.overview {
        let racks = facts.counted.as_ref().map_or(&[][..], |counted| &counted.racks);
        of_loop(overview, &mut page);
        of_racks(overview, racks, &mut page);
    }
    of_availability(&facts.availability, &mut page);
    page.spans(facts.spans);
    page.process(&facts.process);
    page.write(format)
}

fn of_zone(facts: &Facts, page: &mut Page) {
    let zone = vec![("zone", facts.zone.clone())];
    let info = [zone.clone(), vec![("version", env!("CARGO_PKG_VERSION").to_owned())]].concat();
    page.gauges("rollcall_zone_info", "The zone and its version", [(info, 1)]);
    page.gauge("rollcall_zone_generation", "Grows with every start of the zone controller", facts.generation);
    let active = "Whether this zone controller acts for the zone; 0 for one that stands by";
    page.gauge("rollcall_zone_active", active, 1_u64);
    let takeovers = "Times this zone controller took over from another since it started";
    page.counters("rollcall_zone_takeovers", takeovers, [(Labels::new(), u64::from(facts.took_over))]);
    page.gauge("rollcall_zone_up", "Whether the zone takes commands", u64::from(facts.is_up));
    let writable = facts.database_is_writable;
    page.gauge("rollcall_database_writable", "Whether the topology takes changes", u64::from(writable));
    let is_ready = facts.is_up && facts.link.is_up && writable;
    page.gauge("rollcall_ready", "Whether the daemon does its work, as /readyz says", u64::from(is_ready));
    let (open, most) = facts.streams;
    page.gauge("rollcall_streams", "Streams of events that are open", open as u64);
    page.gauge("rollcall_streams_max", "Streams of events there may be at once (api.max_streams)", most as u64);
    page.links(&[(zone, facts.link.clone())]);
}

fn of_topology(counted: &Counted, page: &mut Page) {
    page.gauge("rollcall_policy_version", "The policy in force; 0 for none", counted.policy_version);
    let (states, kinds, severities) = known();
    for (name, help, label, known, counts) in [
        ("rollcall_nodes", "Nodes by state", "state", states, &counted.nodes),
        ("rollcall_groups", "Groups in force by kind", "kind", kinds, &counted.groups),
        ("rollcall_alerts_open", "Alerts that are not over, by severity", "severity", severities, &counted.alerts),
    ] {
        // A series that comes and goes tells a rule nothing; zero does.
        let mut all: BTreeMap<&str, i64> = known.into_iter().map(|value| (value, 0)).collect();
        all.extend(counts.iter().map(|(value, count)| (value.as_str(), *count)));
        page.gauges(name, help, all.into_iter().map(|(value, count)| (vec![(label, value.to_owned())], count)));
    }
}

fn of_loop(overview: &Overview, page: &mut Page) {
    let unplaced = overview.unplaced.len() as u64;
    page.gauge("rollcall_unplaced_nodes", "Nodes that checked in a minute ago and stand in no rack", unplaced);
    let ignored = overview.ignored.iter().map(|(what, count)| {
        let (source, reason) = what.split_once('.').unwrap_or((what, ""));
        (vec![("source", source.to_owned()), ("reason", reason.to_owned())], *count)
    });
    page.counters("rollcall_ignored", "What was ignored or refused, by what it was and why", ignored);
}

fn of_availability(heard: &AvailabilityFigures, page: &mut Page) {
    page.gauge("rollcall_availability_on", "Whether a policy has nodes send RA messages", u64::from(heard.on));
    let messages = heard.messages.iter().map(|(became, count)| (vec![("became", (*became).to_owned())], *count));
    page.counters("rollcall_availability_messages", "RA messages by what became of them", messages);
    page.counters(
        "rollcall_availability_pauses",
        "How often this receiver was held up, so that it measured nothing across",
        [(Vec::new(), heard.pauses)],
    );
    let flooding = "Nodes that speak faster than anybody can who tells the truth";
    page.gauge("rollcall_availability_flooding", flooding, heard.flooding);
    let eligible = "Nodes that may be a target now: heard within their time, and nothing bars them";
    page.gauge("rollcall_availability_eligible", eligible, heard.eligible);
    let asked = heard.asked.iter().map(|(became, count)| (vec![("became", (*became).to_owned())], *count));
    page.counters("rollcall_targets_asked", "Questions for targets over AMQP by what became of them", asked);
}

/// The states of nodes, kinds of groups and severities of alerts there are.
fn known() -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    let states = NodeState::ALL.map(NodeState::as_str).to_vec();
    let kinds = [GroupKind::Physical, GroupKind::Logical, GroupKind::Health].map(GroupKind::as_str).to_vec();
    (states, kinds, [Severity::Warning, Severity::Critical].map(Severity::as_str).to_vec())
}

/// From the racks' own summaries, as of the latest of each.
fn of_racks(overview: &Overview, racks: &[Rack], page: &mut Page) {
    let of_all: Vec<(Labels, &Summary)> =
        overview.summaries.iter().map(|(group, summary)| (labels_of(racks, *group), summary)).collect();
    let with =
        |rack: &Labels, label: &'static str, value: &str| [rack.clone(), vec![(label, value.to_owned())]].concat();
    let nodes = of_all.iter().flat_map(|(rack, of)| {
        of.states.iter().map(move |(state, count)| (with(rack, "state", state.as_str()), *count))
    });
    page.gauges("rollcall_rack_nodes", "Nodes of a rack by state, by its own word", nodes);
    let bits = of_all
        .iter()
        .flat_map(|(rack, of)| of.bits.iter().map(move |(name, count)| (with(rack, "indicator", name), *count)));
    page.gauges("rollcall_rack_indicators_set", "Nodes of a rack whose health bit is set, by indicator", bits);
    page.counters(
        "rollcall_rack_statuses",
        "Status packets a rack's group controller took since its start",
        of_all.iter().map(|(rack, of)| (rack.clone(), of.statuses)),
    );
    let refused = of_all
        .iter()
        .flat_map(|(rack, of)| of.refused.iter().map(move |(reason, count)| (with(rack, "reason", reason), *count)));
    page.counters(
        "rollcall_rack_refused",
        "What a rack's group controller refused since its start, by reason",
        refused,
    );
}

fn labels_of(racks: &[Rack], group: GroupId) -> Labels {
    match racks.iter().find(|rack| rack.group == group) {
        Some(rack) => vec![("rack", rack.name.clone()), ("place", rack.place.clone())],
        None => vec![("rack", group.to_string()), ("place", String::new())],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rollcall_model::Millis;

    use super::*;

    fn facts() -> Facts {
        let group = GroupId::derived_from("rack-a");
        let summary = Summary {
            group,
            session: 1,
            states: BTreeMap::from([(NodeState::Healthy, 3), (NodeState::Down, 1)]),
            bits: BTreeMap::from([("fan".to_owned(), 2)]),
            statuses: 1_234,
            refused: BTreeMap::from([("wrong_tag".to_owned(), 5)]),
            metrics: BTreeMap::new(),
            period_ms: Millis(10_000),
        };
        let ignored = BTreeMap::from([("ack.stranger".to_owned(), 7)]);
        let summaries = BTreeMap::from([(group, summary)]);
        Facts {
            zone: "hall \"1\"\n".into(),
            generation: 4,
            is_up: true,
            took_over: true,
            link: LinkFigures { is_up: true, ..LinkFigures::default() },
            database_is_writable: false,
            counted: Some(Counted {
                nodes: vec![("healthy".into(), 3)],
                groups: vec![("physical".into(), 1)],
                alerts: vec![("critical".into(), 2)],
                policy_version: 9,
                racks: vec![Rack { group, name: "rack-a".into(), place: "row-1".into() }],
            }),
            overview: Some(Overview { ignored, summaries, ..Overview::default() }),
            availability: AvailabilityFigures {
                messages: BTreeMap::from([("too_fast", 6)]),
                ..AvailabilityFigures::default()
            },
            streams: (3, 512),
            spans: SpanFigures::default(),
            process: Process { cpu_seconds: 1.5, ..Process::default() },
        }
    }

    #[test]
    fn the_page_tells_of_zone_racks_and_process_and_ends_once() {
        let page = render(&facts(), Format::OpenMetrics);
        for line in [
            "rollcall_zone_generation 4",
            "rollcall_zone_up 1",
            "rollcall_zone_active 1",
            "rollcall_zone_takeovers_total 1",
            "rollcall_database_writable 0",
            "rollcall_policy_version 9",
            "rollcall_streams 3",
            "rollcall_streams_max 512",
            "rollcall_nodes{state=\"healthy\"} 3",
            "rollcall_nodes{state=\"down\"} 0",
            "rollcall_alerts_open{severity=\"critical\"} 2",
            "rollcall_alerts_open{severity=\"warning\"} 0",
            "rollcall_ignored_total{source=\"ack\",reason=\"stranger\"} 7",
            "rollcall_rack_nodes{rack=\"rack-a\",place=\"row-1\",state=\"down\"} 1",
            "rollcall_rack_indicators_set{rack=\"rack-a\",place=\"row-1\",indicator=\"fan\"} 2",
            "rollcall_rack_statuses_total{rack=\"rack-a\",place=\"row-1\"} 1234",
            "rollcall_rack_refused_total{rack=\"rack-a\",place=\"row-1\",reason=\"wrong_tag\"} 5",
            "rollcall_availability_messages_total{became=\"too_fast\"} 6",
            "rollcall_availability_on 0",
            "process_cpu_seconds_total 1.5",
            "# TYPE rollcall_ignored counter",
        ] {
            assert!(page.lines().any(|it| it == line), "{line}\n{page}");
        }
        assert!(page.contains(r#"zone="hall \"1\"\n""#), "{page}");
        assert_eq!(page.matches("# EOF").count(), 1);
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn a_topology_that_cannot_be_read_leaves_its_figures_out() {
        let page = render(&Facts { counted: None, ..facts() }, Format::OpenMetrics);
        assert!(!page.contains("rollcall_nodes{") && !page.contains("rollcall_policy_version"), "{page}");
        assert!(page.contains(&format!("rack=\"{}\"", GroupId::derived_from("rack-a"))), "the id stands in");
        let page = render(&Facts { counted: None, overview: None, ..facts() }, Format::OpenMetrics);
        assert!(page.contains("rollcall_database_writable 0") && !page.contains("rollcall_rack_nodes{"), "{page}");
    }
}
