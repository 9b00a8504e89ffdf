//! The page itself, from what was found. Pure.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rollcall_model::indicator::Severity;
use rollcall_model::packet::Summary;
use rollcall_model::{GroupId, NodeState};
use rollcall_store::GroupKind;

use super::process::Process;
use crate::core::Overview;

/// What there is to tell.
pub struct Facts {
    /// The zone's name.
    pub zone: String,
    /// Its generation.
    pub generation: u64,
    /// Whether the zone takes commands.
    pub is_up: bool,
    /// Whether the broker is reached.
    pub broker_is_up: bool,
    /// Whether the topology takes changes.
    pub database_is_writable: bool,
    /// What the topology counts, where it could be read.
    pub counted: Option<Counted>,
    /// Counters, and the latest reports of the racks, where the zone's loop answered.
    pub overview: Option<Overview>,
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

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge>;
type Counters = Family<Labels, Counter>;

/// The page, as OpenMetrics has it.
pub fn render(facts: &Facts) -> String {
    let mut registry = Registry::with_prefix("rollcall");
    of_zone(facts, &mut registry);
    if let Some(counted) = &facts.counted {
        of_topology(counted, &mut registry);
    }
    if let Some(overview) = &facts.overview {
        let racks = facts.counted.as_ref().map_or(&[][..], |counted| &counted.racks);
        of_loop(overview, &mut registry);
        of_racks(overview, racks, &mut registry);
    }
    let mut plain = Registry::default();
    of_process(&facts.process, &mut plain);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut text, &registry);
    let mut processes = String::new();
    let _ = encode(&mut processes, &plain);
    // Two registries, one page: only its end may say that it ends.
    text.truncate(text.trim_end_matches("# EOF\n").len());
    text + &processes
}

fn of_zone(facts: &Facts, registry: &mut Registry) {
    let info = gauges(registry, "zone_info", "The zone and its version");
    let labels = vec![("zone", facts.zone.clone()), ("version", env!("CARGO_PKG_VERSION").to_owned())];
    info.get_or_create(&labels).set(1);
    gauge(registry, "zone_generation", "Grows with every start of the zone controller", facts.generation as i64);
    gauge(registry, "zone_up", "Whether the zone takes commands", facts.is_up.into());
    gauge(registry, "broker_up", "Whether the broker is reached", facts.broker_is_up.into());
    let writable = facts.database_is_writable.into();
    gauge(registry, "database_writable", "Whether the topology takes changes", writable);
}

fn of_topology(counted: &Counted, registry: &mut Registry) {
    gauge(registry, "policy_version", "The policy in force; 0 for none", counted.policy_version);
    let (states, kinds, severities) = known();
    for (name, help, label, known, counts) in [
        ("nodes", "Nodes by state", "state", states, &counted.nodes),
        ("groups", "Groups in force by kind", "kind", kinds, &counted.groups),
        ("alerts_open", "Alerts that are not over, by severity", "severity", severities, &counted.alerts),
    ] {
        let family = gauges(registry, name, help);
        // A series that comes and goes tells a rule nothing; zero does.
        for value in known {
            family.get_or_create(&vec![(label, value.to_owned())]).set(0);
        }
        for (value, count) in counts {
            family.get_or_create(&vec![(label, value.clone())]).set(*count);
        }
    }
}

fn of_loop(overview: &Overview, registry: &mut Registry) {
    let unplaced = overview.unplaced.len() as i64;
    gauge(registry, "unplaced_nodes", "Nodes that checked in a minute ago and stand in no rack", unplaced);
    let ignored = counters(registry, "ignored", "What was ignored or refused, by what it was and why");
    for (what, count) in &overview.ignored {
        let (source, reason) = what.split_once('.').unwrap_or((what, ""));
        let labels = vec![("source", source.to_owned()), ("reason", reason.to_owned())];
        ignored.get_or_create(&labels).inc_by(*count);
    }
}

/// The states of nodes, kinds of groups and severities of alerts there are.
fn known() -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    let states = NodeState::ALL.map(NodeState::as_str).to_vec();
    let kinds = [GroupKind::Physical, GroupKind::Logical, GroupKind::Health].map(GroupKind::as_str).to_vec();
    (states, kinds, [Severity::Warning, Severity::Critical].map(Severity::as_str).to_vec())
}

/// From the racks' own summaries, as of the latest of each.
fn of_racks(overview: &Overview, racks: &[Rack], registry: &mut Registry) {
    let nodes = gauges(registry, "rack_nodes", "Nodes of a rack by state, by its own word");
    let bits = gauges(registry, "rack_bits_set", "Nodes of a rack whose health bit is set, by indicator");
    let statuses = counters(registry, "rack_statuses", "Status packets a rack's group controller took since its start");
    let refused =
        counters(registry, "rack_refused", "What a rack's group controller refused since its start, by reason");
    for (group, summary) in &overview.summaries {
        let rack = labels_of(racks, *group);
        let with = |label: &'static str, value: &str| [rack.clone(), vec![(label, value.to_owned())]].concat();
        let Summary { states, bits: set, statuses: taken, refused: kept_out, .. } = summary;
        for (state, count) in states {
            nodes.get_or_create(&with("state", state.as_str())).set(i64::from(*count));
        }
        for (indicator, count) in set {
            bits.get_or_create(&with("indicator", indicator)).set(i64::from(*count));
        }
        for (reason, count) in kept_out {
            refused.get_or_create(&with("reason", reason)).inc_by(*count);
        }
        statuses.get_or_create(&rack).inc_by(*taken);
    }
}

fn labels_of(racks: &[Rack], group: GroupId) -> Labels {
    match racks.iter().find(|rack| rack.group == group) {
        Some(rack) => vec![("rack", rack.name.clone()), ("place", rack.place.clone())],
        None => vec![("rack", group.to_string()), ("place", String::new())],
    }
}

fn of_process(process: &Process, registry: &mut Registry) {
    let cpu = Counter::<f64, AtomicU64>::default();
    cpu.inc_by(process.cpu_seconds);
    registry.register_with_unit("process_cpu", "Processor time in user and kernel", Unit::Seconds, cpu);
    let started = Gauge::<f64, AtomicU64>::default();
    started.set(process.started_seconds);
    registry.register_with_unit(
        "process_start_time",
        "When the process was started, since 1970",
        Unit::Seconds,
        started,
    );
    let resident = Gauge::<i64>::default();
    resident.set(process.resident_bytes as i64);
    registry.register_with_unit("process_resident_memory", "Resident memory", Unit::Bytes, resident);
    gauge(registry, "process_threads", "Threads", process.threads as i64);
    gauge(registry, "process_open_fds", "Open files, sockets among them", process.open_files as i64);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn gauges(registry: &mut Registry, name: &str, help: &str) -> Gauges {
    let family = Gauges::default();
    registry.register(name, help, family.clone());
    family
}

/// `_total` is put behind the name by the format.
fn counters(registry: &mut Registry, name: &str, help: &str) -> Counters {
    let family = Counters::default();
    registry.register(name, help, family.clone());
    family
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
            broker_is_up: true,
            database_is_writable: false,
            counted: Some(Counted {
                nodes: vec![("healthy".into(), 3)],
                groups: vec![("physical".into(), 1)],
                alerts: vec![("critical".into(), 2)],
                policy_version: 9,
                racks: vec![Rack { group, name: "rack-a".into(), place: "row-1".into() }],
            }),
            overview: Some(Overview { ignored, summaries, ..Overview::default() }),
            process: Process { cpu_seconds: 1.5, ..Process::default() },
        }
    }

    #[test]
    fn the_page_tells_of_zone_racks_and_process_and_ends_once() {
        let page = render(&facts());
        for line in [
            "rollcall_zone_generation 4",
            "rollcall_zone_up 1",
            "rollcall_database_writable 0",
            "rollcall_policy_version 9",
            "rollcall_nodes{state=\"healthy\"} 3",
            "rollcall_nodes{state=\"down\"} 0",
            "rollcall_alerts_open{severity=\"critical\"} 2",
            "rollcall_alerts_open{severity=\"warning\"} 0",
            "rollcall_ignored_total{source=\"ack\",reason=\"stranger\"} 7",
            "rollcall_rack_nodes{rack=\"rack-a\",place=\"row-1\",state=\"down\"} 1",
            "rollcall_rack_bits_set{rack=\"rack-a\",place=\"row-1\",indicator=\"fan\"} 2",
            "rollcall_rack_statuses_total{rack=\"rack-a\",place=\"row-1\"} 1234",
            "rollcall_rack_refused_total{rack=\"rack-a\",place=\"row-1\",reason=\"wrong_tag\"} 5",
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
        let page = render(&Facts { counted: None, ..facts() });
        assert!(!page.contains("rollcall_nodes{") && !page.contains("rollcall_policy_version"), "{page}");
        assert!(page.contains(&format!("rack=\"{}\"", GroupId::derived_from("rack-a"))), "the id stands in");
        let page = render(&Facts { counted: None, overview: None, ..facts() });
        assert!(page.contains("rollcall_database_writable 0") && !page.contains("rollcall_rack_nodes{"), "{page}");
    }
}
