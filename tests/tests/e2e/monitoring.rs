//! What Prometheus is told by each daemon, what the guide says of it, and what the alert rules and the dashboard ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rollcall_tests::stage::{Brokers, Daemon, Fleet, PATIENCE, Stage, free_tcp_port, until};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/monitoring");
const GUIDE: &str = include_str!("../../../docs/observability.md");
pub const LISTEN: &str = "ROLLCALL_METRICS__LISTEN";

/// What a daemon answers on plain HTTP.
async fn look(port: u16, path: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// The zone's page.
async fn page(stage: &Stage) -> String {
    let (code, page) = stage.api().get("/metrics").await.expect("an answer");
    assert_eq!(code, 200, "{page}");
    page
}

pub async fn page_at(port: u16) -> String {
    let (code, page) = look(port, "/metrics").await.expect("an answer");
    assert_eq!(code, 200, "{page}");
    page
}

pub fn value(page: &str, sample: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
}

/// A fleet of which one of each kind shows its figures: rack-a, the check-in service and the first node.
async fn shown_fleet(stage: &Stage) -> (Fleet, [u16; 3]) {
    let ports @ [rack, checkin, node] = [free_tcp_port(), free_tcp_port(), free_tcp_port()];
    let shown = |daemon: Daemon, port: u16| daemon.with(LISTEN, &format!("127.0.0.1:{port}")).started();
    let zone = stage.zone().started();
    let fleet = Fleet {
        racks: vec![shown(stage.rack("rack-a"), rack), stage.rack("rack-b").started()],
        agents: vec![
            shown(stage.agent(0, "rack-a"), node),
            stage.agent(1, "rack-b").started(),
            stage.agent(2, "rack-a").started(),
            stage.agent(3, "rack-b").started(),
            // One that measures, so that there are probes.
            shown(stage.real_agent("rack-a", "", ""), node_that_measures()),
        ],
        checkin: shown(stage.checkin(), checkin),
        zone,
    };
    stage.all_in(5).await;
    (fleet, ports)
}

fn node_that_measures() -> u16 {
    static PORT: std::sync::OnceLock<u16> = std::sync::OnceLock::new();
    *PORT.get_or_init(free_tcp_port)
}

pub async fn every_daemon_tells_its_figures_and_rules_dashboard_and_guide_name_no_others(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let (mut fleet, [rack, checkin, node]) = shown_fleet(&stage).await;
    for (sample, expected) in [
        ("rollcall_nodes{state=\"healthy\"}", 4.0),
        ("rollcall_groups{kind=\"physical\"}", 2.0),
        ("rollcall_zone_up", 1.0),
        ("rollcall_ready", 1.0),
        ("rollcall_broker_up{zone=\"zone-1\"}", 1.0),
        ("rollcall_database_writable", 1.0),
        ("rollcall_rack_nodes{rack=\"rack-b\",place=\"rack-b\",state=\"healthy\"}", 2.0),
    ] {
        until(format!("{sample} to be {expected}"), PATIENCE, async || {
            (value(&page(&stage).await, sample) >= Some(expected)).then_some(())
        })
        .await;
    }
    for port in [rack, checkin, node, node_that_measures()] {
        for path in ["/healthz", "/readyz"] {
            until(format!("{path} of port {port} to say 200"), PATIENCE, async || {
                (look(port, path).await?.0 == 200).then_some(())
            })
            .await;
        }
    }
    let group_nodes = "rollcall_group_nodes{zone=\"zone-1\",state=\"down\"}";
    assert_eq!(value(&page_at(rack).await, group_nodes), Some(0.0));
    fleet.agents[2].kill().await;
    until("the metrics to tell of a dead node", PATIENCE, async || {
        let page = page(&stage).await;
        let is_down = value(&page, "rollcall_nodes{state=\"down\"}") == Some(1.0);
        let is_open = page.lines().any(|line| line.starts_with("rollcall_alerts_open{") && !line.ends_with(" 0"));
        let is_told = value(&page_at(rack).await, group_nodes) == Some(1.0);
        (is_down && is_open && is_told).then_some(())
    })
    .await;
    let pages = [
        ('z', page(&stage).await),
        ('g', page_at(rack).await),
        ('c', page_at(checkin).await),
        ('a', page_at(node_that_measures()).await),
    ];
    for (who, page) in &pages {
        assert!(value(page, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6), "{page}");
        promtool_reads(*who, page);
        the_guide_says_the_same(*who, page);
    }
    let all = pages.map(|(_, page)| page).concat();
    asks_for_what_there_is(&all);
    promtool_agrees();
    fleet.agents[2].start();
    fleet.assert_alive();
}

/// The metrics on a page: kind, and the labels of its samples where it has any.
fn metrics_of(page: &str) -> BTreeMap<String, (String, Option<BTreeSet<String>>)> {
    let mut found = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a name and a kind");
        let sample = page.lines().find(|line| {
            let rest = line.strip_prefix(name).unwrap_or("#");
            rest.starts_with(['{', ' ']) || rest.starts_with("_sum")
        });
        let labels = sample.map(|sample| {
            let labels = sample.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').expect("an end").0);
            labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0.to_owned())).collect()
        });
        found.insert(name.to_owned(), (kind.to_owned(), labels));
    }
    found
}

/// The guide's table has the page's metrics, kinds and labels, and no others.
fn the_guide_says_the_same(who: char, page: &str) {
    let (_, table) = GUIDE.split_once("<!-- metrics -->\n").expect("the mark");
    let rows = table.split_once("<!-- end -->").expect("the end").0.lines().skip(2);
    let mut written = BTreeMap::new();
    for row in rows {
        let columns: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [metric, kind, _, has, _] = columns[..] else { panic!("five columns: {row}") };
        let (name, labels) =
            metric.trim_matches('`').trim_end_matches('}').split_once('{').unwrap_or((metric.trim_matches('`'), ""));
        let labels: BTreeSet<String> = labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect();
        if has.split(' ').any(|one| one == who.to_string()) {
            written.insert(name.to_owned(), (kind.to_owned(), labels));
        }
    }
    let shown = metrics_of(page);
    let names = |of: Vec<&String>| of.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        names(shown.keys().collect()),
        names(written.keys().collect()),
        "metrics of {who}: the page, and docs/observability.md"
    );
    for (name, (kind, labels)) in shown {
        let (said, known) = &written[&name];
        assert_eq!(*said, kind, "the kind of {name}");
        assert!(labels.is_none_or(|labels| labels == *known), "the labels of {name}: {known:?} are written");
    }
}

/// Each metric of ours that a rule or a panel names is one that some daemon has; each alert has its heading in the guide.
fn asks_for_what_there_is(pages: &str) {
    let mut asked = BTreeSet::new();
    for file in ["rules.yml", "grafana/zone.json"] {
        let text = std::fs::read_to_string(Path::new(DIRECTORY).join(file)).expect(file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        asked.extend(
            words.filter(|word| word.starts_with("rollcall_") || word.starts_with("process_")).map(str::to_owned),
        );
        for alert in text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
            assert!(GUIDE.contains(&format!("\n### {alert}\n")), "docs/observability.md has no heading {alert}");
            let anchor = format!("docs/observability.md#{}\"", alert.to_lowercase());
            assert!(text.contains(&anchor), "{alert} has no runbook_url");
        }
    }
    assert!(asked.len() >= 20, "{asked:?}");
    for metric in &asked {
        let name = metric.strip_suffix("_bucket").unwrap_or(metric);
        assert!(
            pages.contains(&format!("# TYPE {name} ")),
            "{metric} is asked for, and nobody has such a metric:\n{pages}"
        );
    }
}

/// Prometheus' own check of a page.
fn promtool_reads(who: char, page: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool, of Debian's package prometheus (`make needs`)");
    promtool.stdin.take().expect("its input").write_all(page.as_bytes()).expect("it reads");
    let told = promtool.wait_with_output().expect("it ends");
    let said = [told.stdout, told.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(told.status.success() && said.trim().is_empty(), "promtool check metrics of {who}: {said}\n{page}");
}

/// Prometheus' own check of the rules, and of what they are to do.
fn promtool_agrees() {
    for (what, file) in [("check", "rules.yml"), ("test", "rules_test.yml")] {
        let mut promtool = Command::new("promtool");
        let told = promtool.args([what, "rules", file]).current_dir(DIRECTORY).output();
        let told = told.expect("promtool, of Debian's package prometheus (`make needs`)");
        let said = [told.stdout, told.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(told.status.success(), "promtool {what} rules {file}: {said}");
    }
}
