//! Traces across processes, over a real RabbitMQ: each hop of a join under the step that caused it.

mod collector;

use rollcall_tests::stage::{Brokers, Daemon, PATIENCE, Stage, free_tcp_port, until};
use serde_json::Value;

use self::collector::{Collector, Span, Tree};

const GUIDE: &str = include_str!("../../../docs/observability.md");
/// Steps of one parent in the order in which they are told, whichever came first this time.
const ORDER: [&str; 9] = [
    "read hardware",
    "discover zone",
    "certificate",
    "connect",
    "subscription",
    "presence",
    "first status",
    "save",
    "publish",
];
/// What comes or does not come, by what else happens at that moment.
const BY_CHANCE: [&str; 3] = ["process alerts", "process node_policy", "process roster"];

fn traced(daemon: Daemon, url: &str) -> Daemon {
    daemon.with("OTEL_EXPORTER_OTLP_ENDPOINT", url).with("ROLLCALL_LOG_FORMAT", "json")
}

/// The spans of the trace whose root is called so, once `last` is among them.
async fn trace(collector: &Collector, root: &str, last: &str) -> Vec<Span> {
    until(format!("a trace {root:?} up to {last:?}"), PATIENCE, async || {
        let all = collector.spans();
        let begun = all.iter().find(|span| span.name == root && span.parent.is_none())?;
        let of: Vec<Span> = all.iter().filter(|span| span.trace == begun.trace).cloned().collect();
        let has_parent = |span: &Span| span.parent.as_ref().is_none_or(|id| of.iter().any(|other| other.id == *id));
        (of.iter().any(|span| span.name == last) && of.iter().all(has_parent)).then_some(of)
    })
    .await
}

fn tree_in_the_guide(mark: &str) -> &'static str {
    let (_, rest) = GUIDE.split_once(&format!("```text {mark}\n")).expect("a tree");
    rest.split_once("```").expect("its end").0
}

/// Lines of a daemon's log that name a trace; every line has to be an object with what each must have.
fn lines_of(daemon: &Daemon, trace: &str) -> Vec<Value> {
    let log = daemon.log();
    let lines =
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    let lines: Vec<Value> = lines
        .inspect(|line| {
            let has = |name: &str| line[name].is_string();
            assert!(has("timestamp") && has("level") && has("target") && has("message"), "{line}");
        })
        .collect();
    lines.into_iter().filter(|line| line["trace_id"] == trace).collect()
}

pub async fn one_trace_of_a_join_shows_every_hop_and_a_dead_collector_holds_up_nobody(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let (collector, url) = Collector::start().await;
    let zone = traced(stage.zone(), &url).started();
    let checkin = traced(stage.checkin(), &url).started();
    let rack = traced(stage.rack("rack-a"), &url).started();
    let subscribed = trace(&collector, "subscribe", "process zone_subscriber").await;
    let told = Tree::of(&subscribed, &BY_CHANCE, &ORDER).print();
    assert_eq!(told, tree_in_the_guide("subscribe"), "the group's way in");

    let agent = traced(stage.real_agent("rack-a", "", ""), &url).started();
    stage.all_in(1).await;
    let joined = trace(&collector, "join", "process status").await;
    let told = Tree::of(&joined, &BY_CHANCE, &ORDER).print();
    assert_eq!(told, tree_in_the_guide("join"), "the node's way in");
    let trace_id = &joined[0].trace;
    for (daemon, step) in [(&agent, Some("node_assigned")), (&zone, None), (&checkin, None)] {
        let lines = lines_of(daemon, trace_id);
        let is_told = step.is_none_or(|step| lines.iter().any(|line| line["step"] == step));
        let in_spans = lines.iter().all(|line| joined.iter().any(|span| line["span_id"] == span.id.as_str()));
        assert!(is_told && in_spans, "{}: {lines:?}", daemon.name());
    }

    // A collector that nobody listens at, and one that is told to whom to speak by nothing.
    let (dead, port) = (format!("http://127.0.0.1:{}", free_tcp_port()), free_tcp_port());
    let listen = format!("127.0.0.1:{port}");
    let second = traced(stage.agent(1, "rack-a"), &dead).with("ROLLCALL_METRICS__LISTEN", &listen).started();
    let third = stage.agent(2, "rack-a").started();
    stage.all_in(3).await;
    let lost = "rollcall_spans_dropped_total{reason=\"collector\"}";
    until("lost spans to be counted", PATIENCE, async || {
        let page = reqwest::get(format!("http://{listen}/metrics")).await.ok()?.text().await.ok()?;
        let count: f64 = page.lines().find_map(|line| line.strip_prefix(lost)?.trim().parse().ok())?;
        (count > 0.0).then_some(())
    })
    .await;
    assert!([&zone, &checkin, &rack, &agent, &second, &third].into_iter().all(Daemon::is_running));
}
