//! Two group controllers of one rack: one acts, the other stands by. Whichever way the first goes, no node is blamed, and whoever comes back
//! stands by and knows nothing better.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use rollcall_tests::stage::{Brokers, Daemon, PATIENCE, Stage, node_name, until};
use tokio::time::Instant;

use crate::restarts::before;

/// The rack's so many-th membership, and all its nodes heard in it.
async fn serves(stage: &Stage, session: i64, how: &str, since: Instant) {
    let query = "SELECT session FROM v_groups WHERE name = 'rack-a'";
    until(format!("the other controller to take over from one that {how}"), PATIENCE, async || {
        (stage.api().number(query).await == Ok(session)).then_some(())
    })
    .await;
    println!("    taken over from one that {how} after {} ms", since.elapsed().as_millis());
}

/// Waits until it has stood by so many times.
async fn stands_by(daemon: &Daemon, times: usize) {
    until(format!("{} to stand by", daemon.name()), PATIENCE, async || {
        (daemon.log().matches("stands by: another process has the inbox").count() >= times).then_some(())
    })
    .await;
}

pub async fn a_second_group_controller_takes_over_and_blames_nobody(brokers: &Brokers) {
    let broker = brokers.own().await;
    let stage = Stage::new(&broker).await;
    let mut fleet = stage.fleet(2, 4).await;
    let mut second = stage.second_rack("rack-a").started();
    stands_by(&second, 1).await;
    let known = before(stage.api()).await;

    let since = Instant::now();
    fleet.racks[0].kill().await;
    serves(&stage, 2, "was killed", since).await;
    fleet.racks[0].start();
    stands_by(&fleet.racks[0], 1).await;
    assert_eq!(stage.api().dump().await, known.dump);
    stage.api().nobody_blamed_since(known.change, "").await;

    let (since, change) = (Instant::now(), stage.api().latest_change().await);
    assert!(second.terminate().await.success());
    serves(&stage, 3, "ended in order", since).await;
    second.start();
    stands_by(&second, 2).await;
    stage.api().nobody_blamed_since(change, "").await;

    // Its connection is open, so the broker has to miss its heartbeats. A node dies that the paused one does not see die.
    let since = Instant::now();
    fleet.racks[0].pause();
    fleet.agents[2].kill().await;
    serves(&stage, 4, "was paused", since).await;
    fleet.racks[0].resume();
    fleet.racks[0].says("forgets what it knew and stands by").await;
    stage.api().nobody_blamed_since(change, "").await;

    // Whoever begins gives everybody time to be heard first; then it tells of the dead one, once, and of nobody else.
    let since = Instant::now();
    second.kill().await;
    serves(&stage, 5, "had taken over", since).await;
    stage.state_is(&node_name(2), "down").await;
    let told = stage.api().blamed_since(change).await;
    let down = told.iter().filter(|row| row[1] == "down").count();
    assert!(down == 1 && told.iter().all(|row| row[0] == *node_name(2)), "{told:?}");
    fleet.agents[2].start();
    stage.all_in(4).await;
    assert_eq!(stage.api().dump().await, known.dump);
    fleet.assert_alive();
}
