//! Controllers are killed again and again while words and orders are under way, also between a commit and its acknowledgement, and asked
//! to end in the middle of an action: each word is one row, each order one effect.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::time::Duration;

use rollcall_tests::stage::{Brokers, Fleet, PATIENCE, Stage, every_order_ends, order_all_the_while, runs, until};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

pub async fn controllers_killed_under_load_leave_one_row_and_one_effect(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let drained = stage.directory().join("drained");
    let command = format!("echo drained >> {}", drained.display());
    let mut fleet = stage.draining(stage.zone_with_security(), stage.rack("rack-a"), &command).await;
    let (epochs, change) = (stage.api().epochs().await, stage.api().latest_change().await);
    let speaker = stage.speaker("rack-a").await;
    let (stop, stopped) = watch::channel(false);
    let killing = async {
        // Not waits for something to happen: the moments of death are spread over what is under way. On a machine that is busy
        // little is under way in a round: then there are more of them.
        let began = Instant::now();
        for (round, ms) in [310, 670, 530, 890].into_iter().cycle().enumerate() {
            if round >= 4 && runs(&drained) >= 2 || began.elapsed() > PATIENCE * 2 {
                break;
            }
            sleep(Duration::from_millis(ms)).await;
            fleet.zone.restart().await;
            stage.is_up().await;
            if round % 2 == 1 {
                sleep(Duration::from_millis(ms)).await;
                fleet.racks[0].restart().await;
            }
        }
        stop.send_replace(true);
    };
    tokio::join!(order_all_the_while(stage.api(), stopped), killing);
    every_order_ends(stage.api()).await;
    let (confirmed, repeated) = speaker.all_there(stage.api()).await;
    let states = stage.api().rows("SELECT state, COUNT(*) FROM v_actions GROUP BY state").await;
    println!(
        "    {confirmed} words, {repeated} said again, each one row; orders {states:?}, effects {}",
        runs(&drained)
    );
    assert_eq!(states, [vec![json!("done"), json!(runs(&drained))]], "one effect for each order");
    assert!(confirmed > 50 && runs(&drained) >= 2, "there was load");
    assert_eq!(stage.api().epochs().await, epochs, "the same sessions");
    stage.api().nobody_blamed_since(change, "").await;
    fleet.assert_alive();
}

/// The action has begun on the node.
async fn begun(file: &std::path::Path, times: usize) {
    until("the action to begin", PATIENCE, async || (runs(file) == times).then_some(())).await;
}

async fn ends(stage: &Stage, action: &str, state: &str, part: &str) {
    let (found, message) = stage.ended(action).await;
    assert!(found == state && message.contains(part), "{found}: {message}");
}

async fn in_order(what: &str, daemon: &rollcall_tests::stage::Daemon) {
    let asked = Instant::now();
    let status = daemon.terminate().await;
    println!("    {what} ended {} ms after SIGTERM in the middle of an action", asked.elapsed().as_millis());
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < Duration::from_secs(10), "promised for 10 s");
}

pub async fn who_is_asked_to_end_in_the_middle_of_an_action_finishes_it_or_hands_it_back(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let [begins, done] = ["begins", "done"].map(|name| stage.directory().join(name));
    let command = format!("echo begins >> {}; sleep 3; echo done >> {}", begins.display(), done.display());
    let mut fleet: Fleet = stage.draining(stage.zone(), stage.rack("rack-a"), &command).await;
    let drain = || json!({ "kind": "drain" });
    // The controllers: the action goes on, and what became of it is told when they are back.
    let action = stage.ordered(drain()).await;
    begun(&begins, 1).await;
    in_order("the group controller", &fleet.racks[0]).await;
    in_order("the zone controller", &fleet.zone).await;
    fleet.zone.start();
    fleet.racks[0].start();
    stage.is_up().await;
    ends(&stage, &action, "done", "").await;
    assert_eq!((runs(&begins), runs(&done)), (1, 1));
    // The agent: it is handed back as not done, and never done again.
    let action = stage.ordered(drain()).await;
    begun(&begins, 2).await;
    let asked = Instant::now();
    in_order("the agent", &fleet.agents[2]).await;
    ends(&stage, &action, "failed", "the agent was stopped").await;
    println!("    handed back {} ms after SIGTERM", asked.elapsed().as_millis());
    fleet.agents[2].start();
    until("the next session", PATIENCE, async || (stage.api().epochs().await["real"] == 2).then_some(())).await;
    stage.obeys().await;
    let action = stage.ordered(drain()).await;
    ends(&stage, &action, "done", "").await;
    assert_eq!((runs(&begins), runs(&done)), (3, 2), "what was handed back is not done again");
    let (_, overview) = stage.api().command("GET", "/v1/nodes/real", Value::Null).await;
    assert!(overview["node"]["state"] != "down", "{overview}");
    fleet.assert_alive();
}
