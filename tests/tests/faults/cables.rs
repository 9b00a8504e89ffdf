//! Cables that are bad, and not dead.

use std::time::{Duration, Instant};

use rollcall_tests::faults::bench::{Bench, SETTLES};
use rollcall_tests::faults::fabric::Cable;
use rollcall_tests::faults::impairment::Impairment;
use rollcall_tests::faults::schedule::Size;
use rollcall_tests::stage::until;
use tokio::time::sleep;

use crate::tell;

/// States of everybody since a point of the history: node, state, cause.
async fn changes(bench: &Bench, change: i64) -> Vec<[String; 3]> {
    let query =
        format!("SELECT node, state, cause FROM v_health_history WHERE history_id > {change} ORDER BY history_id");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    bench.api().rows(&query).await.iter().map(|row| [text(&row[0]), text(&row[1]), text(&row[2])]).collect()
}

#[allow(clippy::print_stdout, reason = "what was measured is a test's output")]
pub async fn no_node_is_down_at_thirty_percent_loss() {
    /// So long the cables are bad: each agent says some forty words.
    const BAD: Duration = Duration::from_secs(40);
    let bench = Bench::new(5, Size { racks: 1, agents: 8 }).await;
    let change = bench.api().latest_change().await;
    for member in &bench.agents {
        bench.impair(&member.host, Cable::both(Impairment::loss(30))).await;
    }
    // Not a wait for something to happen: this is how long nothing may happen.
    sleep(BAD).await;
    let told = changes(&bench, change).await;
    let count = |state: &str| told.iter().filter(|row| row[1] == state).count();
    let (mut lost, mut offered) = (0, 0);
    for member in &bench.agents {
        for counts in bench.emulator().counts(member.host.port()).await.expect("its counts") {
            lost += counts.lost;
            offered += counts.offered;
        }
    }
    println!("    {lost} of {offered} frames lost; suspected {} times, unknown {}", count("suspect"), count("unknown"));
    let down: Vec<_> = told.iter().filter(|row| row[1] == "down").collect();
    assert!(down.is_empty(), "told down at 30 % loss: {down:?}");
    for member in &bench.agents {
        bench.impair(&member.host, Cable::default()).await;
    }
    bench.all_in().await;
    bench.assert_alive();
}

pub async fn a_one_way_cable_is_told_once_and_does_not_flap() {
    /// So long nothing passes one way: the echo gives up, and attempts to connect are made.
    const ONE_WAY: Duration = Duration::from_secs(30);
    let bench = Bench::new(11, Size { racks: 1, agents: 8 }).await;
    let (change, dump) = (bench.api().latest_change().await, bench.api().dump().await);
    let (mute, deaf) = (&bench.agents[0], &bench.agents[1]);
    bench.impair(&mute.host, Cable { up: Impairment::cut(), down: Impairment::default() }).await;
    bench.impair(&deaf.host, Cable { up: Impairment::default(), down: Impairment::cut() }).await;
    sleep(ONE_WAY).await;
    for member in [mute, deaf] {
        bench.impair(&member.host, Cable::default()).await;
    }
    let mended = Instant::now();
    let names = [mute.daemon.name(), deaf.daemon.name()];
    until("both to be heard again", SETTLES, async || {
        let told = changes(&bench, change).await;
        let last = |name: &str| told.iter().rev().find(|row| row[0] == name).map(|row| row[1].clone());
        names.iter().all(|name| last(name).is_some_and(|state| state == "healthy" || state == "degraded")).then_some(())
    })
    .await;
    tell("one way only for 30 s, and both heard again", mended);
    bench.all_in().await;
    let told = changes(&bench, change).await;
    for name in names {
        let down = told.iter().filter(|row| row[0] == name && row[1] == "down").count();
        let all = told.iter().filter(|row| row[0] == name).count();
        assert!(down == 1 && all <= 4, "{name} flaps: {told:?}");
    }
    let others: Vec<_> = told.iter().filter(|row| !names.contains(&row[0].as_str()) && row[1] == "down").collect();
    assert!(others.is_empty(), "others are blamed: {others:?}");
    assert_eq!(bench.api().dump().await, dump, "nobody moved");
    bench.assert_alive();
}
