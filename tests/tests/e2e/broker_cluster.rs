//! A RabbitMQ of three nodes, one of which fails.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_tests::stage::{Brokers, Cluster, Daemon, Fleet, PATIENCE, Speaker, Stage, node_name, until};
use tokio::time::{Instant, sleep};

use crate::broker_faults::{CONNECTED, each_says, heard_anew, no_clash, tell, times};

/// Nodes whose nearest node of the broker is the first; the others' is the second.
const OF_THE_FIRST: [usize; 2] = [0, 1];
/// What a rack's controller says of nodes that lost their connections without a fault of theirs.
const EXCUSED: &str = "has time to come back";

/// Two racks, of two nodes each or more, which are at the first node of the broker then. `rack-a` and one node of each rack are at the first node of the broker, as are the zone and the check-in
/// service; the other nodes at the second, and `rack-b` at this one.
async fn spread(stage: &Stage, cluster: &Cluster, rack_b: usize, agents: usize) -> Fleet {
    let agent = |index: usize| {
        let node = usize::from(!OF_THE_FIRST.contains(&index) && index < 4);
        cluster.nearest(node, stage.agent(index, ["rack-a", "rack-b"][index % 2])).started()
    };
    let fleet = Fleet {
        zone: cluster.nearest(0, stage.zone_with_security()).started(),
        racks: vec![
            cluster.nearest(0, stage.rack("rack-a")).started(),
            cluster.nearest(rack_b, stage.rack("rack-b")).started(),
        ],
        agents: (0..agents).map(agent).collect(),
        checkin: cluster.nearest(0, stage.checkin()).started(),
    };
    stage.all_in(agents).await;
    fleet
}

/// The daemons that are connected to the first node.
fn of_the_first(fleet: &Fleet) -> impl Iterator<Item = &Daemon> {
    let agents = OF_THE_FIRST.iter().map(|index| &fleet.agents[*index]);
    [&fleet.zone, &fleet.checkin, &fleet.racks[0]].into_iter().chain(agents)
}

/// A node of the broker closes all connections it has, in order. One of the agents that have to move stands still meanwhile, and for twice as
/// long as the rack gives a node whose connection closed of itself.
async fn all_move_and_one_is_late(
    stage: &Stage,
    rack: &Daemon,
    moving: &[&Daemon],
    late: &Daemon,
    closes: impl AsyncFnOnce(),
) {
    let change = stage.api().latest_change().await;
    let count = |daemons: &[&Daemon]| daemons.iter().map(|daemon| times(daemon, CONNECTED)).collect::<Vec<_>>();
    let (before, before_late) = (count(moving), count(&[late]));
    late.pause();
    let halted = Instant::now();
    let others_are_back = each_says(moving.iter().copied(), CONNECTED, &before, halted, PATIENCE);
    let late_is_back = async {
        let back = others_are_back.await;
        sleep(Duration::from_secs(1)).await;
        late.resume();
        (back, each_says([late].into_iter(), CONNECTED, &before_late, halted, PATIENCE).await)
    };
    let ((), (back, back_late)) = tokio::join!(closes(), late_is_back);
    tell("back by another node", &back);
    tell("back late", &back_late);
    heard_anew(stage).await;
    // Longer than any node may be silent.
    sleep(Duration::from_secs(5)).await;
    let blamed = stage.api().blamed_since(change).await;
    println!("    said of anybody meanwhile: {blamed:?}");
    let log = rack.log();
    let excused = log.lines().rfind(|line| line.contains(EXCUSED)).expect("the rack's controller excused somebody");
    println!("    and of all of them: {excused}");
    assert!(blamed.iter().all(|row| row[1] == "suspect"), "blamed for nothing: {blamed:?}");
}

pub async fn nodes_of_the_broker_that_are_drained_and_stopped_in_order_cost_nobody_a_good_name(brokers: &Brokers) {
    let mut cluster = brokers.cluster().await;
    let stage = Stage::on_cluster(&cluster);
    let fleet = spread(&stage, &cluster, 2, 8).await;
    let (epochs, agents) = (stage.api().epochs().await, &fleet.agents);
    let speaker = stage.speaker("rack-a").await;
    let drain = cluster.ready_to_drain(0);
    let moving = [&fleet.zone, &fleet.checkin, &fleet.racks[0], &agents[0]];
    println!("    the first node is drained");
    all_move_and_one_is_late(&stage, &fleet.racks[1], &moving, &agents[1], async || drain.begin()).await;
    cluster.stop(0).await;
    cluster.restart(0).await;
    // All but one rack's controller are at the second node now.
    let moving = [&fleet.zone, &fleet.checkin, &fleet.racks[0], &agents[0], &agents[1], &agents[2]];
    println!("    the second node is stopped");
    all_move_and_one_is_late(&stage, &fleet.racks[1], &moving, &agents[3], async || cluster.stop(1).await).await;
    dies(&stage, &fleet, 3).await;
    cluster.restart(1).await;
    heard_anew(&stage).await;
    as_before(&stage, speaker, &epochs).await;
    fleet.assert_alive_but(1);
}

async fn dies(stage: &Stage, fleet: &Fleet, index: usize) {
    fleet.agents[index].kill().await;
    let killed = Instant::now();
    stage.state_is(&node_name(index), "down").await;
    println!("    a death was told {} ms after kill -9", killed.elapsed().as_millis());
}

pub async fn a_node_of_the_broker_that_is_killed_costs_nobody_a_good_name(brokers: &Brokers) {
    let mut cluster = brokers.cluster().await;
    let stage = Stage::on_cluster(&cluster);
    let fleet = spread(&stage, &cluster, 1, 4).await;
    let (epochs, change) = (stage.api().epochs().await, stage.api().latest_change().await);
    let speaker = stage.speaker("rack-a").await;
    sleep(Duration::from_millis(1_500)).await;
    let before: Vec<usize> = of_the_first(&fleet).map(|daemon| times(daemon, CONNECTED)).collect();
    cluster.kill(0).await;
    let killed = Instant::now();
    tell("back by another node", &each_says(of_the_first(&fleet), CONNECTED, &before, killed, PATIENCE).await);
    heard_anew(&stage).await;
    // Longer than any node may be silent.
    sleep(Duration::from_secs(5)).await;
    stage.api().nobody_blamed_since(change, "").await;
    // Without the node, life goes on: who dies is missed, who comes is let in, what is said is confirmed.
    dies(&stage, &fleet, 0).await;
    let newcomer = cluster.nearest(0, stage.agent(4, "rack-b")).started();
    stage.state_is(&node_name(4), "healthy").await;
    cluster.restart(0).await;
    println!("    the node serves again {} ms after kill -9", killed.elapsed().as_millis());
    heard_anew(&stage).await;
    dies(&stage, &fleet, 3).await;
    let (confirmed, repeated) = speaker.all_there(stage.api()).await;
    println!("    {confirmed} words confirmed, {repeated} of them said more than once, 0 lost, 0 doubled");
    assert!(confirmed > 50, "there was load while the node died");
    let mut now = stage.api().epochs().await;
    now.remove(&node_name(4));
    assert_eq!(now, epochs, "the same sessions");
    no_clash(&stage).await;
    fleet.assert_alive_but(2);
    assert!(newcomer.is_running());
}

/// Less than the guide advises for a cluster, so that the case is short; seconds.
const TICK_TIME: u32 = 8;

pub async fn a_node_of_the_broker_that_is_halted_is_left_and_all_are_well_again(brokers: &Brokers) {
    let cluster = brokers.cluster().await;
    cluster.misses_after(TICK_TIME);
    let stage = Stage::on_cluster(&cluster);
    let fleet = spread(&stage, &cluster, 1, 4).await;
    let (epochs, change) = (stage.api().epochs().await, stage.api().latest_change().await);
    let speaker = stage.speaker("rack-a").await;
    let before: Vec<usize> = of_the_first(&fleet).map(|daemon| times(daemon, CONNECTED)).collect();
    cluster.halt(0);
    let halted = Instant::now();
    // The echo gives up after some 20 s; then the halted node has to be missed by the others, too.
    let patience = PATIENCE + Duration::from_secs(60);
    tell("back by another node", &each_says(of_the_first(&fleet), CONNECTED, &before, halted, patience).await);
    heard_anew(&stage).await;
    all_are_well(&stage).await;
    println!("    all are well {} ms after the halt", halted.elapsed().as_millis());
    println!("    said of anybody meanwhile: {:?}", stage.api().blamed_since(change).await);
    dies(&stage, &fleet, 3).await;
    cluster.resume(0);
    heard_anew(&stage).await;
    as_before(&stage, speaker, &epochs).await;
    fleet.assert_alive_but(1);
}

/// What was said is there, once, in the sessions of before.
async fn as_before(stage: &Stage, speaker: Speaker, epochs: &BTreeMap<String, i64>) {
    let (confirmed, repeated) = speaker.all_there(stage.api()).await;
    println!("    {confirmed} words confirmed, {repeated} of them said more than once, 0 lost, 0 doubled");
    assert_eq!(stage.api().epochs().await, *epochs, "the same sessions");
    no_clash(stage).await;
}

async fn all_are_well(stage: &Stage) {
    let ill = "SELECT name, state FROM v_nodes WHERE state <> 'healthy'";
    until("all to be well", PATIENCE, async || stage.api().sql(ill).await.ok()?.is_empty().then_some(())).await;
}
