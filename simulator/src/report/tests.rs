//! Reports, written.

use super::chart::{Line, chart, escape, number};
use super::*;
use crate::figures::What;

fn report() -> Report {
    let quantiles = Quantiles::of([120.0, 140.0, 900.0]);
    let process = |name: &str, cpu_percent, memory_mib| Process {
        name: name.into(),
        cpu_percent,
        most_cpu_percent: cpu_percent * 2.0,
        memory_mib,
        most_memory_mib: memory_mib,
    };
    let moment = |second: u32| Moment {
        at_s: f64::from(second),
        alive: 20,
        standing: 20,
        joins: if second < 2 { 10.0 } else { 0.0 },
        statuses: 20.0,
        zone_messages: 1.0,
        waiting: (second > 3).then_some(2.0),
        cpu: vec![11.0, 2.0, 3.0],
        memory: vec![120.0, 30.0, 44.0],
        missed: 0,
    };
    let mut report = Report {
        scenario: Scenario {
            nodes: 20,
            racks: 2,
            arrival: crate::arrivals::Arrival { over: crate::Span(500), ..Default::default() },
            ..Scenario::default()
        },
        setting: Setting {
            command: "rollcall sim --nodes 20 --racks 2 <script>".into(),
            cpu: "A CPU".into(),
            cores: 2,
            memory_mib: 8_000,
            broker: "RabbitMQ 3.10".into(),
            connections: "shared by 64 nodes each".into(),
            connection_count: 1,
            optimized: true,
            load: [0.5, 1.0, 1.5],
            took_s: 40.0,
            steady_s: 30.0,
            interrupted: false,
        },
        joins: Joins {
            arrivals: 20,
            stood: 20,
            latency_ms: quantiles,
            first_to_last_s: 2.0,
            per_second: 10.0,
            most_in_a_second: 12.0,
        },
        statuses: Statuses { sent: 800, per_second: 20.0, others_per_second: 2.0, dropped: 0 },
        verdicts: Verdicts::default(),
        wire: Some(Wire { up_per_node_and_hour: 1_048_576.0, down_per_node_and_hour: 524_288.0, per_message: 320.0 }),
        processes: vec![process("broker", 11.0, 120.0), process("zone", 2.0, 30.0), process("racks", 3.0, 44.0)],
        queues: vec![Queue { name: "group.*.health".into(), mean: 0.1, most: 3.0 }],
        zone_messages_per_minute: Some(12.0),
        zone_messages_per_rack_and_minute: Some(6.0),
        course: (0..40).map(moment).collect(),
        notes: vec!["one <note>".into()],
        figures: Figures::default(),
    };
    report.figures = Figures::of_report(&report);
    report
}

#[test]
fn json_is_read_back_as_it_was_and_its_figures_can_be_planned_with() {
    let report = report();
    let json = report.json();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    let figures = Figures::read("it.json", &json).unwrap();
    assert_eq!(figures.each(What::BrokerMicrosPerMessage).unwrap().value, 5_000.0);
    assert_eq!(figures.each(What::RackMemoryMib).unwrap().value, 22.0);
    assert_eq!(figures.each(What::RackMemoryMib).unwrap().nodes, 10.0);
}

#[test]
fn a_short_or_tls_run_tells_what_it_can() {
    let mut short = report();
    short.setting.steady_s = 3.0;
    let told: Vec<What> = Figures::of_report(&short).measured.iter().map(|one| one.what).collect();
    assert_eq!(told, [What::JoinsPerSecond]);
    let mut tls = report();
    tls.setting.connections = "one for each node, TLS".into();
    let told: Vec<What> = Figures::of_report(&tls).measured.iter().map(|one| one.what).collect();
    assert!(told.contains(&What::BrokerTlsMemoryMib) && told.contains(&What::TlsJoinsPerSecond), "{told:?}");
    assert!(!told.contains(&What::BrokerMemoryMib) && !told.contains(&What::BrokerMicrosPerMessage), "{told:?}");
}

#[test]
fn text_tells_every_figure_of_the_issue() {
    let text = report().text();
    for part in [
        "rollcall sim: 20 nodes in 2 racks, seed 1",
        "10 per s; 12 in the best second",
        "p50 140, p90 900, p99 900, max 900 ms",
        "20 per s",
        "1 MiB per node and hour",
        "12 per min",
        "11 % of a core (at most 22), 120 MiB (at most 120)",
        "group.*.health  0.1 on the average, at most 3",
        "0.5 before, 1 in the middle, 1.5 at the end",
        "one <note>",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn the_page_needs_nothing_beside_it_and_runs_nothing() {
    let page = report().page();
    assert!(page.starts_with("<!doctype html>") && page.contains("prefers-color-scheme:dark"));
    for foreign in ["http://", "https://", "<script", "src=", "@import", "url(", "<link"] {
        assert!(!page.replace("rollcall sim --nodes 20 --racks 2 &lt;script&gt;", "").contains(foreign), "{foreign}");
    }
    assert!(page.contains("&lt;script&gt;") && page.contains("one &lt;note&gt;"));
    assert_eq!(page.matches("<figure>").count(), 7);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

#[test]
fn a_chart_has_gaps_where_nothing_is_known_and_bounded_points() {
    let line = |values: Vec<Option<f64>>| Line { name: "x".into(), values };
    let gap = chart("T", "u", 3.0, &[line(vec![Some(1.0), None, Some(2.0)])]);
    assert_eq!(gap.matches('M').count(), 3 + 2, "three lines of the grid, two pieces: {gap}");
    assert!(chart("T", "u", 3.0, &[line(vec![None])]).contains("not measured"));
    let long = chart("T", "u", 9.0, &[line((0..100_000).map(|at| Some(f64::from(at))).collect())]);
    assert!(long.len() < 8_000, "{}", long.len());
    assert!(!long.contains("NaN") && !chart("T", "", 0.0, &[line(vec![Some(0.0)])]).contains("NaN"));
}

#[test]
fn numbers_and_texts_are_written_for_people() {
    for (value, text) in [
        (0.0, "0"),
        (0.123, "0.12"),
        (0.5, "0.5"),
        (12.34, "12.3"),
        (100.4, "100"),
        (1_234_567.8, "1,234,568"),
        (-1_500.0, "−1,500"),
        (f64::NAN, "–"),
    ] {
        assert_eq!(number(value), text);
    }
    assert_eq!(escape("<a href='\"&\"'>"), "&lt;a href=&#39;&quot;&amp;&quot;&#39;&gt;");
}
