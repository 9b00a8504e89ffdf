//! From what was seen to the report.

use std::collections::BTreeMap;

use rollcall_simulator::report::{Joins, Moment, Process, Queue, Setting, Statuses, Wire};
use rollcall_simulator::statistics::{Quantiles, largest, mean};
use rollcall_simulator::verdicts::{Lived, Said, judge};
use rollcall_simulator::{Figures, Report, Scenario};

use super::queues;
use super::sockets::Traffic;
use super::tally::{Counts, Led};

/// The steady part begins so long after the last first arrival stands, seconds.
const SETTLING: f64 = 5.0;
/// A death must be noticed within so many keep-alives; a slow machine is given twice what the protocol allows.
const PATIENCE: u64 = 7;

/// What was seen.
pub struct Seen {
    /// What was simulated.
    pub scenario: Scenario,
    /// On what; how long the steady part was is filled in here.
    pub setting: Setting,
    /// When it began, milliseconds since 1970.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// What the nodes did.
    pub lives: Vec<Led>,
    /// What the zone said.
    pub said: Vec<Said>,
    /// Second by second.
    pub moments: Vec<Moment>,
    /// What was counted at each.
    pub counts: Vec<Counts>,
    /// What each process is called.
    pub processes: Vec<String>,
    /// The queues, and how many messages waited in each, second by second.
    pub queues: (Vec<String>, Vec<Vec<Option<u32>>>),
    /// What went over the nodes' sockets, second by second.
    pub traffic: Vec<Option<(Traffic, usize)>>,
}

/// Makes the report.
#[must_use]
pub fn report(seen: Seen) -> Report {
    let joins = joins(&seen);
    let from = steady_from(&seen, &joins);
    let steady = &seen.moments[from.min(seen.moments.len())..];
    let steady_s = span(&seen.moments, from);
    let mut setting = seen.setting.clone();
    setting.steady_s = steady_s;
    setting.connection_count = seen.traffic.iter().flatten().map(|(_, open)| *open).max().unwrap_or(0);
    let statuses = statuses(&seen.counts, from, steady_s);
    let zone = mean(&steady.iter().map(|moment| moment.zone_messages).collect::<Vec<_>>()) * 60.0;
    let zone = (!steady.is_empty()).then_some(zone);
    let patience = seen.scenario.keep_alive.0 * PATIENCE;
    let lived: Vec<Lived> = seen.lives.iter().filter_map(lived).collect();
    let mut report = Report {
        verdicts: judge(&lived, &seen.said, patience, seen.ended),
        wire: wire(&seen, from, steady_s, &statuses),
        processes: processes(&seen, from),
        queues: queues(&seen),
        zone_messages_per_minute: zone,
        zone_messages_per_rack_and_minute: zone.map(|zone| zone / f64::from(seen.scenario.racks.max(1))),
        notes: notes(&seen, steady_s),
        scenario: seen.scenario,
        setting,
        joins,
        statuses,
        course: seen.moments,
        figures: Figures::default(),
    };
    report.figures = Figures::of_report(&report);
    report
}

fn lived(led: &Led) -> Option<Lived> {
    Some(Lived { node: led.node, from: led.arrived + led.took?, end: led.end })
}

fn joins(seen: &Seen) -> Joins {
    let stood: Vec<u64> = seen.lives.iter().filter_map(|led| Some(led.arrived + led.took?)).collect();
    let first: Vec<&Led> = seen.lives.iter().filter(|led| led.is_first && led.took.is_some()).collect();
    let began = first.iter().map(|led| led.arrived).min().unwrap_or(0);
    let last = first.iter().filter_map(|led| Some(led.arrived + led.took?)).max().unwrap_or(began);
    let first_to_last_s = (last - began) as f64 / 1_000.0;
    Joins {
        arrivals: seen.lives.len(),
        stood: stood.len(),
        latency_ms: Quantiles::of(seen.lives.iter().filter_map(|led| led.took).map(|took| took as f64)),
        first_to_last_s,
        per_second: if first_to_last_s > 0.0 { first.len() as f64 / first_to_last_s } else { 0.0 },
        most_in_a_second: largest(&seen.moments.iter().map(|moment| moment.joins).collect::<Vec<_>>()),
    }
}

/// The moment with which the steady part begins: all first arrivals are over and stand.
fn steady_from(seen: &Seen, joins: &Joins) -> usize {
    let first = seen.lives.iter().filter(|led| led.is_first).map(|led| led.arrived).min().unwrap_or(seen.began);
    let arrived = (first.saturating_sub(seen.began)) as f64 / 1_000.0 + joins.first_to_last_s;
    let from = arrived.max(seen.scenario.arrival.over.0 as f64 / 1_000.0) + SETTLING;
    seen.moments.iter().position(|moment| moment.at_s >= from).unwrap_or(seen.moments.len())
}

fn span(moments: &[Moment], from: usize) -> f64 {
    let at = |place: Option<&Moment>| place.map(|moment| moment.at_s);
    match (at(moments.get(from)), at(moments.last())) {
        (Some(from), Some(last)) => last - from,
        _ => 0.0,
    }
}

fn statuses(counts: &[Counts], from: usize, seconds: f64) -> Statuses {
    let last = counts.last().copied().unwrap_or_default();
    let first = counts.get(from).copied().unwrap_or(last);
    let rate = |now: u64, before: u64| if seconds > 0.0 { (now - before) as f64 / seconds } else { 0.0 };
    Statuses {
        sent: last.statuses,
        per_second: rate(last.statuses, first.statuses),
        others_per_second: rate(last.others, first.others),
        dropped: last.dropped,
    }
}

fn wire(seen: &Seen, from: usize, seconds: f64, statuses: &Statuses) -> Option<Wire> {
    let (first, last) = (seen.traffic.get(from).copied().flatten()?.0, seen.traffic.last().copied().flatten()?.0);
    let alive = mean(&seen.moments[from..].iter().map(|moment| f64::from(moment.alive)).collect::<Vec<_>>());
    if seconds <= 0.0 || alive <= 0.0 {
        return None;
    }
    let per_hour = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds / alive * 3_600.0;
    let (up, down) = (per_hour(last.up, first.up), per_hour(last.down, first.down));
    let messages = (statuses.per_second + statuses.others_per_second) / alive * 3_600.0;
    let per_message = if messages > 0.0 { (up + down) / messages } else { 0.0 };
    Some(Wire { up_per_node_and_hour: up, down_per_node_and_hour: down, per_message })
}

fn processes(seen: &Seen, from: usize) -> Vec<Process> {
    let each = |place: usize, name: &String| {
        let cpu: Vec<f64> = seen.moments.iter().filter_map(|moment| moment.cpu.get(place).copied()).collect();
        let memory: Vec<f64> = seen.moments.iter().filter_map(|moment| moment.memory.get(place).copied()).collect();
        Process {
            name: name.clone(),
            cpu_percent: mean(&cpu[from.min(cpu.len())..]),
            most_cpu_percent: largest(&cpu),
            memory_mib: memory.last().copied().unwrap_or_default(),
            most_memory_mib: largest(&memory),
        }
    };
    seen.processes.iter().enumerate().map(|(place, name)| each(place, name)).collect()
}

fn queues(seen: &Seen) -> Vec<Queue> {
    let (names, depths) = &seen.queues;
    let mut of_kind: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        of_kind.entry(queues::kind(name)).or_default().push(place);
    }
    let of = |(name, places): (String, Vec<usize>)| {
        let sum =
            |depths: &Vec<Option<u32>>| places.iter().filter_map(|place| *depths.get(*place)?).map(f64::from).sum();
        let sums: Vec<f64> = depths.iter().map(sum).collect();
        Queue { name, mean: mean(&sums), most: largest(&sums) }
    };
    if depths.is_empty() { Vec::new() } else { of_kind.into_iter().map(of).collect() }
}

fn notes(seen: &Seen, steady_s: f64) -> Vec<String> {
    let shared = seen.setting.connections.starts_with("shared");
    let load = largest(&seen.setting.load);
    let mut notes = vec![
        "Simulated nodes are the agent's own core over the real protocol; zone controller, check-in service and group \
         controllers are processes of their own. All of it shared this machine."
            .to_owned(),
        "Processor time is what the kernel counted, in ticks of 10 ms; memory is resident memory, shared pages included."
            .to_owned(),
        "Bytes on the wire are payload as the kernel counts it for the nodes' sockets, and 52 bytes of IPv4 and TCP for each \
         segment; over loopback, whose segments are larger than those of a network."
            .to_owned(),
    ];
    if shared {
        notes.push(
            "Nodes shared connections without TLS: a death shows by silence alone, and several packets travel in one segment. \
             `--connections own --tls` is what production pays."
                .into(),
        );
    }
    if load > seen.setting.cores as f64 {
        notes.push(format!(
            "The load average rose to {load:.1} on {} cores: latencies and joins a second tell of the machine, not of the software.",
            seen.setting.cores
        ));
    }
    if !seen.setting.optimized {
        notes.push("A debug build: processor time and joins a second say little. Build with --release.".into());
    }
    if steady_s < 10.0 {
        notes.push(format!(
            "The steady part lasted {steady_s:.0} s, too short for figures of it: let it go on for longer (--for)."
        ));
    }
    if seen.queues.1.is_empty() {
        notes.push("Queues were not asked: it takes a login with a password, and with TLS there is none.".into());
    }
    if seen.traffic.iter().all(Option::is_none) {
        notes.push("The wire was not measured: `ss` (Debian package iproute2) is not there.".into());
    }
    if seen.setting.interrupted {
        notes.push("It was ended early: what was to come did not.".into());
    }
    notes
}

#[cfg(test)]
mod tests {
    use rollcall_simulator::script::Ending;

    use super::*;

    fn seen() -> Seen {
        let moment = |second: usize| Moment {
            at_s: second as f64,
            alive: 10,
            standing: 10,
            cpu: vec![second as f64],
            memory: vec![50.0],
            zone_messages: 0.5,
            ..Moment::default()
        };
        let counts = |second: u64| Counts { statuses: second * 10, others: second, ..Counts::default() };
        let led = |node, arrived, took, end| Led { node, is_first: true, arrived, took, end };
        Seen {
            scenario: Scenario {
                nodes: 2,
                racks: 2,
                arrival: rollcall_simulator::arrivals::Arrival {
                    over: rollcall_simulator::Span::seconds(4),
                    ..Default::default()
                },
                ..Scenario::default()
            },
            setting: Setting { cores: 2, optimized: true, connections: "shared".into(), ..Setting::default() },
            began: 100_000,
            ended: 140_000,
            lives: vec![led(0, 100_000, Some(200), None), led(1, 104_000, Some(1_000), Some((120_000, Ending::Died)))],
            said: vec![Said { node: 1, at: 123_500, state: rollcall_model::NodeState::Down }],
            moments: (0..40).map(moment).collect(),
            counts: (0..40).map(counts).collect(),
            processes: vec!["broker".into()],
            queues: (
                vec!["group.a.health".into(), "group.b.health".into()],
                vec![vec![Some(1), Some(2)], vec![None, Some(1)]],
            ),
            traffic: (0..40).map(|s| Some((Traffic { up: s * 1_000, down: s * 100 }, 1))).collect(),
        }
    }

    #[test]
    fn figures_are_of_the_part_in_which_all_stood() {
        let report = report(seen());
        assert_eq!(report.setting.steady_s, 29.0, "from second 10 to 39");
        assert_eq!(
            (report.statuses.per_second, report.statuses.others_per_second, report.statuses.sent),
            (10.0, 1.0, 390)
        );
        assert_eq!((report.joins.first_to_last_s, report.joins.per_second, report.joins.stood), (5.0, 0.4, 2));
        assert_eq!(report.verdicts.detection_ms.map(|it| it.max), Some(3_500.0));
        assert_eq!(report.processes[0].cpu_percent, 24.5);
        assert_eq!(report.zone_messages_per_rack_and_minute, Some(15.0));
        assert_eq!((report.queues.len(), report.queues[0].mean, report.queues[0].most), (1, 2.0, 3.0));
        let wire = report.wire.unwrap();
        assert_eq!((wire.up_per_node_and_hour, wire.per_message.round()), (360_000.0, 100.0));
    }

    #[test]
    fn what_was_ended_at_once_makes_a_report_all_the_same() {
        for moments in 0..3 {
            let mut early = seen();
            early.moments.truncate(moments);
            early.counts.truncate(moments);
            early.traffic.truncate(moments);
            early.lives.clear();
            early.setting.interrupted = true;
            let report = report(early);
            assert!(report.notes.iter().any(|note| note.contains("ended early")));
            assert!(report.wire.is_none() && report.page().contains("<!doctype html>"));
        }
    }
}
