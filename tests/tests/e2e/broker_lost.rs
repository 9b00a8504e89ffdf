//! The broker dies under everybody.

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, until};

pub async fn a_killed_broker_costs_nobody_a_restart_or_a_good_name(brokers: &Brokers) {
    const CONNECTED: &str = "connected to the broker";
    let mut second = brokers.second().await;
    let stage = Stage::new(&second).await;
    let mut fleet = stage.fleet(2, 4).await;
    let api = stage.api();
    let (dump, epochs, change) = (api.dump().await, api.epochs().await, api.latest_change().await);
    let connections: Vec<usize> = fleet.all().map(|daemon| daemon.log().matches(CONNECTED).count()).collect();
    second.kill().await;
    until("the zone to say that the broker is gone", PATIENCE, async || {
        api.status().await.ok()?["broker"].as_str()?.starts_with("down").then_some(())
    })
    .await;
    let (code, body) = api.get("/readyz").await.expect("an answer without the broker");
    assert!(code == 503 && body.contains("broker"), "{code} {body}");
    second.restart().await;
    until("everybody to be connected again", PATIENCE, async || {
        fleet
            .all()
            .zip(&connections)
            .all(|(daemon, before)| daemon.log().matches(CONNECTED).count() > *before)
            .then_some(())
    })
    .await;
    // A status packet that is newer than the outage has gone all the way: agent, rack, zone.
    let heard = api.status().await.expect("a status")["summaries"].clone();
    until("both racks to hear their nodes again", PATIENCE, async || {
        let now = api.status().await.ok()?["summaries"].clone();
        now.as_object()?.iter().all(|(group, summary)| more_statuses(&heard[group], summary)).then_some(())
    })
    .await;
    api.nobody_blamed_since(change, "").await;
    // A newcomer is let in; where the zone is slow to know its hardware, its rack may wait for its first word for long.
    fleet.agents.push(stage.agent(4, "rack-b").started());
    stage.all_in(5).await;
    api.nobody_blamed_since(change, "sim-0004").await;
    let mut now = api.dump().await;
    now.nodes.retain(|row| row[1] != "sim-0004");
    assert_eq!(now.nodes, dump.nodes);
    assert!(api.epochs().await.iter().all(|(node, epoch)| epochs.get(node).is_none_or(|before| before == epoch)));
    fleet.assert_alive();
}

fn more_statuses(before: &serde_json::Value, now: &serde_json::Value) -> bool {
    now["statuses"].as_u64() > before["statuses"].as_u64().map(|statuses| statuses + 5)
}
