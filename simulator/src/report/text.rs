//! The report as words and numbers.

use super::chart::number;
use super::page::with_unit;
use super::{Process, Report};
use crate::statistics::Quantiles;

/// Rows of what and how much, under a heading.
pub(super) type Table = (String, Vec<(String, String)>);

pub(super) fn heading(report: &Report) -> String {
    let scenario = &report.scenario;
    format!("rollcall sim: {} nodes in {} racks, seed {}", number(scenario.nodes.into()), scenario.racks, scenario.seed)
}

pub(super) fn text(report: &Report) -> String {
    let mut text = heading(report) + "\n";
    for (title, rows) in tables(report) {
        text += &format!("\n{title}\n");
        let widest = rows.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
        for (what, value) in rows {
            text += &format!("  {what:widest$}  {value}\n");
        }
    }
    text += "\nto be known\n";
    for note in &report.notes {
        text += &format!("  - {note}\n");
    }
    text
}

pub(super) fn tables(report: &Report) -> Vec<Table> {
    vec![joins(report), statuses(report), verdicts(report), processes(report), queues(report), setting(report)]
}

fn row(what: &str, value: impl Into<String>) -> (String, String) {
    (what.into(), value.into())
}

fn quantiles(of: Option<Quantiles>, unit: &str) -> String {
    let told = |it: Quantiles| {
        let [p50, p90, p99, max] = [it.p50, it.p90, it.p99, it.max].map(number);
        format!("p50 {p50}, p90 {p90}, p99 {p99}, max {max} {unit}")
    };
    of.map_or_else(|| "none".into(), told)
}

fn joins(report: &Report) -> Table {
    let joins = &report.joins;
    let rows = vec![
        row("arrivals", format!("{}, of which {} stood in both groups", joins.arrivals, joins.stood)),
        row("first arrival to last node standing", with_unit(joins.first_to_last_s, "s")),
        row(
            "joins",
            format!("{}; {} in the best second", with_unit(joins.per_second, "per s"), number(joins.most_in_a_second)),
        ),
        row("join latency", quantiles(joins.latency_ms, "ms")),
    ];
    ("joins".into(), rows)
}

fn statuses(report: &Report) -> Table {
    let statuses = &report.statuses;
    let mut rows = vec![
        row("status packets", with_unit(statuses.per_second, "per s")),
        row("other messages of nodes", with_unit(statuses.others_per_second, "per s")),
        row("messages not taken by a connection", statuses.dropped.to_string()),
        row("messages to the zone", known(report.zone_messages_per_minute, "per min")),
        row("the same, of each rack", known(report.zone_messages_per_rack_and_minute, "per min")),
    ];
    match &report.wire {
        Some(wire) => rows.extend([
            row(
                "on the wire, node to broker",
                with_unit(wire.up_per_node_and_hour / 1_048_576.0, "MiB per node and hour"),
            ),
            row(
                "on the wire, broker to node",
                with_unit(wire.down_per_node_and_hour / 1_048_576.0, "MiB per node and hour"),
            ),
            row("on the wire, for each message", with_unit(wire.per_message, "bytes")),
        ]),
        None => rows.push(row("on the wire", "not measured")),
    }
    ("messages, in the steady part".into(), rows)
}

fn known(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "not measured".into(), |value| with_unit(value, unit))
}

fn verdicts(report: &Report) -> Table {
    let verdicts = &report.verdicts;
    let rows = vec![
        row("nodes that died without a word", verdicts.deaths.to_string()),
        row("until the zone said so", quantiles(verdicts.detection_ms, "ms")),
        row("never noticed", format!("{}; {} were back in time", verdicts.unnoticed, verdicts.back_in_time)),
        row("false verdicts", verdicts.false_verdicts.to_string()),
        row("false suspicions", verdicts.false_suspicions.to_string()),
    ];
    ("verdicts".into(), rows)
}

fn processes(report: &Report) -> Table {
    let of = |process: &Process| {
        let Process { cpu_percent, most_cpu_percent, memory_mib, most_memory_mib, .. } = process;
        let [cpu, most_cpu, memory, most_memory] =
            [cpu_percent, most_cpu_percent, memory_mib, most_memory_mib].map(|it| number(*it));
        row(&process.name, format!("{cpu} % of a core (at most {most_cpu}), {memory} MiB (at most {most_memory})"))
    };
    ("processes".into(), report.processes.iter().map(of).collect())
}

fn queues(report: &Report) -> Table {
    let of = |queue: &super::Queue| {
        row(&queue.name, format!("{} on the average, at most {}", number(queue.mean), number(queue.most)))
    };
    let (empty, used): (Vec<_>, Vec<_>) = report.queues.iter().partition(|queue| queue.most == 0.0);
    let mut rows: Vec<_> = used.into_iter().map(of).collect();
    match (report.queues.is_empty(), empty.len()) {
        (true, _) => rows.push(row("queues", "not measured")),
        (false, 0) => {}
        (false, count) => rows.push(row("all other queues", format!("nothing was ever seen waiting in {count} kinds"))),
    }
    ("messages waiting".into(), rows)
}

fn setting(report: &Report) -> Table {
    let setting = &report.setting;
    let [before, middle, end] = setting.load.map(number);
    let took = if setting.interrupted { "s, ended early" } else { "s" };
    let rows = vec![
        row("machine", format!("{}, {} cores, {} MiB", setting.cpu, setting.cores, number(setting.memory_mib as f64))),
        row("load average", format!("{before} before, {middle} in the middle, {end} at the end")),
        row("programs", if setting.optimized { "built for speed" } else { "debug build: figures of speed say little" }),
        row("broker", setting.broker.clone()),
        row("connections of nodes", format!("{} ({})", setting.connection_count, setting.connections)),
        row("took", format!("{}; steady part {} s", with_unit(setting.took_s, took), number(setting.steady_s))),
    ];
    ("setting".into(), rows)
}
