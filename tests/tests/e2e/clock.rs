//! Wall clocks that jump by an hour, forth and back: of an agent, of a group controller, of the zone controller.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::path::Path;
use std::time::Duration;

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, WallClock, node_name, runs, until};
use serde_json::json;
use tokio::time::{Instant, sleep};

async fn one_order_is_done(stage: &Stage, drained: &Path) {
    let before = runs(drained);
    let asked = Instant::now();
    let action = stage.ordered(json!({ "kind": "drain" })).await;
    let (state, message) = stage.ended(&action).await;
    assert_eq!((state.as_str(), runs(drained)), ("done", before + 1), "{message}");
    println!("      an order was done {} ms after it was given", asked.elapsed().as_millis());
}

pub async fn an_hour_forth_and_back_expires_nothing_and_keeps_the_order(brokers: &Brokers) {
    let broker = brokers.own().await;
    let stage = Stage::new(&broker).await;
    let drained = stage.directory().join("drained");
    let command = format!("echo drained >> {}", drained.display());
    let clocks = ["zone", "rack-a", "real"].map(|name| WallClock::of(stage.directory(), name));
    let mut fleet = {
        let (zone, rack) = (clocks[0].shown_to(stage.zone()), clocks[1].shown_to(stage.rack("rack-a")));
        stage.draining(zone, rack, &command).await
    };
    // The real agent starts anew under a clock of its own.
    fleet.agents[2].kill().await;
    let agent = std::mem::replace(&mut fleet.agents[2], stage.agent(7, "rack-a"));
    fleet.agents[2] = clocks[2].shown_to(agent).started();
    until("the next session", PATIENCE, async || (stage.api().epochs().await["real"] == 2).then_some(())).await;
    stage.state_is("real", "healthy").await;
    stage.obeys().await;
    let (epochs, change) = (stage.api().epochs().await, stage.api().latest_change().await);
    for (clock, whose) in clocks.iter().zip(["the zone controller", "the group controller", "the agent"]).rev() {
        for hours in [1, -1, 0] {
            clock.moved(hours);
            println!("    the clock of {whose} is {hours} h away");
            // Longer than it takes to be seen, and than a node may be silent.
            sleep(Duration::from_secs(4)).await;
            one_order_is_done(&stage, &drained).await;
            stage.api().nobody_blamed_since(change, "").await;
        }
    }
    // What happened last counts, whatever time was written beside it.
    clocks[0].moved(-1);
    sleep(Duration::from_secs(2)).await;
    fleet.agents[0].kill().await;
    stage.state_is(&node_name(0), "down").await;
    fleet.agents[0].start();
    stage.state_is(&node_name(0), "healthy").await;
    stage.api().nobody_blamed_since(change, &node_name(0)).await;
    clocks[0].moved(0);
    let mut now = stage.api().epochs().await;
    now.insert(node_name(0), epochs[&node_name(0)]);
    assert_eq!(now, epochs, "the same sessions");
    let numbers = stage.api().rows("SELECT event_id FROM v_events ORDER BY event_id").await;
    assert!(numbers.windows(2).all(|pair| pair[0][0].as_i64() < pair[1][0].as_i64()), "events keep their order");
    fleet.assert_alive();
}
