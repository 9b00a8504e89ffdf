//! What Prometheus is told, and what the alert rules and the dashboard that come with it ask for.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, until};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/monitoring");

/// The page's samples: name, labels and all, and value.
async fn page(stage: &Stage) -> String {
    let (code, page) = stage.api().get("/metrics").await.expect("an answer");
    assert_eq!(code, 200, "{page}");
    page
}

fn value(page: &str, sample: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
}

pub async fn metrics_tell_of_zone_and_racks_and_rules_and_dashboard_ask_for_nothing_else(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(2, 4).await;
    for (sample, expected) in [
        ("rollcall_nodes{state=\"healthy\"}", 4.0),
        ("rollcall_groups{kind=\"physical\"}", 2.0),
        ("rollcall_zone_up", 1.0),
        ("rollcall_broker_up", 1.0),
        ("rollcall_database_writable", 1.0),
        ("rollcall_rack_nodes{rack=\"rack-a\",place=\"rack-a\",state=\"healthy\"}", 2.0),
    ] {
        until(format!("{sample} to be {expected}"), PATIENCE, async || {
            (value(&page(&stage).await, sample) == Some(expected)).then_some(())
        })
        .await;
    }
    fleet.agents[0].kill().await;
    until("the metrics to tell of a dead node", PATIENCE, async || {
        let page = page(&stage).await;
        let is_down = value(&page, "rollcall_nodes{state=\"down\"}") == Some(1.0);
        let is_open = page.lines().any(|line| line.starts_with("rollcall_alerts_open{") && !line.ends_with(" 0"));
        (is_down && is_open).then_some(())
    })
    .await;
    let page = page(&stage).await;
    assert!(value(&page, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
    asks_for_what_there_is(&page);
    promtool_agrees();
    fleet.agents[0].start();
    fleet.assert_alive();
}

/// These have no series before something was counted; that they get one is a matter of unit tests.
const BORN_LATER: [&str; 3] = ["rollcall_ignored_total", "rollcall_rack_refused_total", "rollcall_rack_bits_set"];

/// Each metric of ours that a rule or a panel names is one the zone has.
fn asks_for_what_there_is(page: &str) {
    let mut asked = BTreeSet::new();
    for file in ["rules.yml", "grafana/zone.json"] {
        let text = std::fs::read_to_string(Path::new(DIRECTORY).join(file)).expect(file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        asked.extend(
            words.filter(|word| word.starts_with("rollcall_") || word.starts_with("process_")).map(str::to_owned),
        );
    }
    assert!(asked.len() >= 10, "{asked:?}");
    for metric in asked.iter().filter(|metric| !BORN_LATER.contains(&metric.as_str())) {
        let name = metric.strip_suffix("_total").unwrap_or(metric);
        assert!(
            page.contains(&format!("# TYPE {name} ")),
            "{metric} is asked for, and the zone has no such metric:\n{page}"
        );
    }
}

/// Prometheus' own check of the rules, and of what they are to do.
fn promtool_agrees() {
    for (what, file) in [("check", "rules.yml"), ("test", "rules_test.yml")] {
        let mut promtool = Command::new("promtool");
        let told = promtool.args([what, "rules", file]).current_dir(DIRECTORY).output();
        let told = told.expect("promtool, of Debian's package prometheus (`make needs`)");
        let said = String::from_utf8_lossy(&told.stdout).into_owned() + &*String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "promtool {what} rules {file}: {said}");
    }
}
