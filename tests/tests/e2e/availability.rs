//! Targets by frequency, on this very machine: what it says of itself by how often it speaks, and what health says of others.

use std::time::Duration;

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, node_name, until};
use serde_json::Value;
use tokio::time::Instant;

use crate::health::Burning;

/// k is 4.3 messages per second: an idle node speaks every quarter of a second, a full one every five seconds.
const POLICY: &str = "[settings.availability]\nkinds = \"both\"\nmessages_per_second = 60\nnodes_per_group = 8\n\
                      [settings.indicators.run_queue]\nenabled = false\n";
/// Room that a full node does not have.
const SIZE: &str = "size=0.08";

/// Who may be a target now, the best first; nothing is placed.
async fn targets(stage: &Stage, query: &str) -> Vec<String> {
    let path = format!("/v1/targets?explain=true&count=8&choices=8&{query}");
    let (code, text) = stage.api().get(&path).await.expect("an answer");
    assert_eq!(code, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let names = answer["targets"].as_array().expect("a list").iter().filter_map(|target| target["node"].as_str());
    names.map(str::to_owned).collect()
}

/// Waits until the real node is, or is not, among the targets for balance; says how long it took.
async fn balance_has_it(stage: &Stage, wanted: bool, patience: Duration) -> Duration {
    let began = Instant::now();
    let what = if wanted { "the real node to be a target for balance" } else { "the real node to be none" };
    until(what, patience, async || {
        let found = targets(stage, &format!("for=balance&{SIZE}")).await;
        (found.iter().any(|name| name == "real") == wanted).then_some(())
    })
    .await;
    began.elapsed()
}

#[allow(clippy::print_stdout, reason = "this is a test's output")]
pub async fn burning_processors_move_this_machine_from_balance_to_power_and_health_bars_who_is_down(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 4).await;
    // The disk of a machine that runs tests may be fuller than the threshold; that is not what is looked at here.
    fleet.agents.push(stage.real_agent("rack-a", "", "[probes]\nmounts = [\"/dev/shm\"]").started());
    stage.all_in(5).await;
    let (code, answer) = stage.api().set_policy(POLICY).await;
    assert_eq!(code, 200, "{answer}");
    until("the zone to hear", PATIENCE, async || {
        let (code, _) = stage.api().get("/v1/targets?explain=true").await.ok()?;
        (code == 200).then_some(())
    })
    .await;
    // Whatever else runs on this machine must leave it a little first.
    balance_has_it(&stage, true, PATIENCE * 3).await;

    let burning = Burning::lit(2 * std::thread::available_parallelism().map_or(1, usize::from));
    let gone = balance_has_it(&stage, false, PATIENCE).await;
    println!("    burning, and no target for balance {} ms later", gone.as_millis());
    // It notices within two readings of a second each; then two of its periods of a quarter of a second pass in silence. The
    // rest is room for a machine that burns.
    assert!(gone <= Duration::from_secs(10), "it took {gone:?}");
    let began = Instant::now();
    until("the real node to be the first for power", PATIENCE, async || {
        (targets(&stage, "for=power").await.first()? == "real").then_some(())
    })
    .await;
    println!("    and the first for power {} ms after that", began.elapsed().as_millis());
    for _ in 0..20 {
        let found = targets(&stage, &format!("for=balance&{SIZE}")).await;
        assert!(!found.iter().any(|name| name == "real"), "while it burns: {found:?}");
        assert!(!found.is_empty(), "others are there");
    }
    drop(burning);
    let back = balance_has_it(&stage, true, PATIENCE * 3).await;
    println!("    idle, and a target for balance again {} ms later", back.as_millis());

    let dead = node_name(0);
    fleet.agents[0].kill().await;
    stage.state_is(&dead, "down").await;
    for query in ["for=balance", "for=power"] {
        let found = targets(&stage, query).await;
        assert!(!found.contains(&dead) && found.len() >= 3, "{dead} is down: {query} gives {found:?}");
    }
    fleet.assert_alive_but(1);
}
