//! How long a change of policy takes: from the zone's taking it until the last of 200 simulated nodes in four racks has
//! acknowledged it, over a real RabbitMQ and through the programs a user runs.

mod demo;

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::ensure;

use crate::machine::{Machine, load};
use crate::report::{Row, Section, median, publish, say};
use demo::Demo;

const RACKS: u32 = 4;
const NODES: u32 = 200;
/// A change is acknowledged by every node within this, milliseconds.
const TARGET_MS: f64 = 1_000.0;
/// After everybody has come in, and between two changes.
const REST: Duration = Duration::from_secs(3);

/// What one change took, milliseconds.
struct Round {
    /// On the zone's clock, from the policy's being set to the last acknowledgement.
    acknowledged: f64,
    /// As `rollcall policy set` says, which looks ten times a second.
    seen: f64,
}

/// Changes the policy so many times, prints and writes down.
///
/// # Errors
/// When there is no demo to be had, a node does not obey, or it takes longer than a second.
pub fn run(rounds: u32) -> anyhow::Result<()> {
    ensure!((1..=20).contains(&rounds), "1 to 20 rounds");
    let load_before = load();
    let directory = tempfile::tempdir()?;
    say(format_args!("policy: starting a demo of {NODES} nodes in {RACKS} racks"));
    let demo = Demo::start(directory.path(), RACKS, NODES)?;
    let mut done = Vec::new();
    for round in 1..=rounds {
        sleep(REST);
        done.push(change(&demo, directory.path(), round)?);
    }
    drop(demo);
    let of = |figure: fn(&Round) -> f64| done.iter().map(figure).collect::<Vec<f64>>();
    let (acknowledged, seen) = (of(|round| round.acknowledged), of(|round| round.seen));
    let longest = acknowledged.iter().copied().fold(0.0, f64::max);
    let rows = vec![
        Row::new(format!("{NODES} nodes: the last acknowledgement"), median(&acknowledged), "ms")
            .beside(format!("target ≤ {TARGET_MS}"))
            .note(format!("median of {rounds}; the longest {longest:.0}")),
        Row::new(format!("{NODES} nodes: `rollcall policy set` says so"), median(&seen), "ms"),
    ];
    publish("policy", Section { machine: Machine::this(), load_before, rows })?;
    ensure!(longest <= TARGET_MS, "it took {longest:.0} ms until every node had acknowledged");
    Ok(())
}

fn change(demo: &Demo, directory: &Path, round: u32) -> anyhow::Result<Round> {
    let file = directory.join("policy.toml");
    fs::write(&file, format!("[settings.indicators.disk_space]\nlimit = {}.0\nclear = 50.0\n", 60 + round))?;
    let told = demo.ask(&["policy", "set", &file.display().to_string()])?;
    let version = &told["version"];
    ensure!(told["obeying"] == NODES, "not all nodes obey: {told}");
    let acknowledged = demo.number(&format!(
        "SELECT CAST(ROUND((julianday(max(at)) - julianday(min(at))) * 86400000) AS INTEGER) FROM v_events \
         WHERE kind IN ('policy_set', 'policy_applied') AND subject_id = 'policy {version}'"
    ))?;
    let round = Round { acknowledged: acknowledged as f64, seen: told["ms"].as_f64().unwrap_or(f64::NAN) };
    say(format_args!("  policy {version}: acknowledged by all after {acknowledged} ms, seen after {} ms", round.seen));
    Ok(round)
}
