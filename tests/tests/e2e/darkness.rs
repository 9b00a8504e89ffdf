//! Racks that go dark, and observers that were away: nobody is blamed for what is not theirs.

use std::time::Duration;

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, node_name, until};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

const ALARMS: &str = "SELECT state, COUNT(*) FROM v_alerts WHERE kind = 'mass_darkness' GROUP BY state";

pub async fn a_rack_of_which_many_fall_silent_is_unknown_and_raises_one_alarm(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 7).await;
    let change = stage.api().latest_change().await;
    for agent in &fleet.agents[..4] {
        agent.pause();
    }
    for index in 0..4 {
        stage.state_is(&node_name(index), "unknown").await;
    }
    assert_eq!(stage.api().rows(ALARMS).await, [[json!("raised"), json!(1)]], "one alarm for all of them");
    let blamed = stage.api().blamed_since(change).await;
    assert!(blamed.iter().all(|row| row[1] != "down"), "nobody is down: {blamed:?}");
    let silent: Vec<String> = (0..4).map(node_name).collect();
    assert!(
        blamed.iter().all(|row| silent.iter().any(|node| row[0] == **node)),
        "the others are untouched: {blamed:?}"
    );
    for agent in &fleet.agents[..4] {
        agent.resume();
    }
    stage.all_in(7).await;
    until("the alarm to be over", PATIENCE, async || {
        (stage.api().rows(ALARMS).await == [[json!("cleared"), json!(1)]]).then_some(())
    })
    .await;
    fleet.assert_alive();
}

pub async fn a_group_controller_halted_for_twenty_seconds_blames_nobody(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 3).await;
    let change = stage.api().latest_change().await;
    let halted = Instant::now();
    fleet.racks[0].pause();
    // Not a wait for something to happen: this is how long the group controller is to be halted.
    sleep_until(halted + Duration::from_secs(20)).await;
    fleet.racks[0].resume();
    // Every node's longest silence is 3.5 s; and the broker may have given the connection up meanwhile.
    sleep_until(halted + Duration::from_secs(26)).await;
    stage.all_in(3).await;
    let blamed = stage.api().blamed_since(change).await;
    assert!(blamed.is_empty(), "blamed for nothing: {blamed:?}");
    // It is alive and judges again: who really dies is down.
    fleet.agents[0].kill().await;
    stage.state_is(&node_name(0), "down").await;
    fleet.assert_alive_but(1);
}
