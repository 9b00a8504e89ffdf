//! Agents that die, halt, leave and are cut off. Times are taken from the topology's own timestamps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rollcall_tests::stage::{Brokers, Namespace, PATIENCE, Stage, node_name, until};
use tokio::time::{Instant, sleep_until};

/// The wall clock, ms since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("not that far in the future")
}

/// When a node was said to be in a state, after that point of the history; ms since 1970.
async fn said(stage: &Stage, node: &str, state: &str, change: i64) -> i64 {
    let query = format!(
        "SELECT CAST(ROUND((julianday(at) - 2440587.5) * 86400000.0) AS INTEGER) FROM v_health_history \
         WHERE node = '{node}' AND state = '{state}' AND history_id > {change} ORDER BY history_id LIMIT 1"
    );
    until(format!("{node} to be {state}"), PATIENCE, async || stage.api().number(&query).await.ok()).await
}

#[allow(clippy::print_stdout, reason = "this is a test's output")]
fn tell(text: &str, took: i64) {
    println!("    {text} {took} ms later");
}

pub async fn a_killed_agent_is_down_at_once(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 4).await;
    let (node, change) = (node_name(1), stage.api().latest_change().await);
    let killed = now_ms();
    fleet.agents[1].kill().await;
    let took = said(&stage, &node, "down", change).await - killed;
    tell("killed, and down", took);
    // Printed; here it counts that its connection told, and not its silence, which would be 3.5 s.
    assert!(took < 3_000, "it took {took} ms");
    stage.state_is(&node, "down").await;
    let alerts =
        format!("SELECT COUNT(*) FROM v_alerts WHERE state = 'raised' AND kind = 'liveness' AND node = '{node}'");
    assert_eq!(stage.api().number(&alerts).await, Ok(1));
    stage.api().nobody_blamed_since(change, &node).await;
}

pub async fn a_halted_agent_that_goes_on_is_never_down(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 3).await;
    let (node, change) = (node_name(0), stage.api().latest_change().await);
    let halted = Instant::now();
    fleet.agents[0].pause();
    // Not a wait for something to happen: this is how long the agent is to be halted.
    sleep_until(halted + Duration::from_secs(2)).await;
    fleet.agents[0].resume();
    // It may have been suspected; then it is not any more.
    stage.state_is(&node, "healthy").await;
    // The span of a halted agent's last word is 3.5 s: had it counted as dead, that would be known by now.
    sleep_until(halted + Duration::from_secs(5)).await;
    let blamed = stage.api().blamed_since(change).await;
    assert!(blamed.iter().all(|row| row[0] == *node && row[1] == "suspect"), "{blamed:?}");
    assert_eq!(stage.api().epochs().await[&node], 1, "the same session");
}

pub async fn an_agent_that_ends_in_order_has_left(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 2).await;
    let (node, change) = (node_name(0), stage.api().latest_change().await);
    let status = fleet.agents[0].terminate().await;
    assert_eq!(status.code(), Some(0), "an orderly end");
    stage.state_is(&node, "left").await;
    // Whoever says good-bye is not down.
    stage.api().nobody_blamed_since(change, "").await;
}

pub async fn an_agent_that_is_cut_off_is_down_soon_and_comes_back(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 4).await;
    let namespace = Namespace::new(stage.url()).await;
    // In there the zone's API cannot be reached: it brings its certificate.
    stage.provide(brokers.main().await, 4).await;
    let mut agent = stage.agent_inside(&namespace, 4, "rack-a").without_token().started();
    stage.all_in(5).await;
    let (node, change) = (node_name(4), stage.api().latest_change().await);
    let dump = stage.api().dump().await;
    let cut = now_ms();
    namespace.cut();
    let took = said(&stage, &node, "down", change).await - cut;
    tell("cut off, and down", took);
    assert!((2_000..15_000).contains(&took), "its silence told it, {took} ms later");
    stage.api().nobody_blamed_since(change, &node).await;
    agent.kill().await;
    namespace.mend();
    agent.start();
    // Its last words before the end may still arrive; they are of its former session.
    until("the node's next session", PATIENCE, async || (stage.api().epochs().await[&node] == 2).then_some(())).await;
    stage.state_is(&node, "healthy").await;
    assert_eq!(stage.api().dump().await, dump, "the same node in the same groups");
    let clashes = &stage.api().status().await.expect("a status")["ignored"]["join.identity_clash"];
    assert!(clashes.is_null(), "its own former connection was taken for a second agent");
    fleet.agents.push(agent);
    fleet.assert_alive();
}
