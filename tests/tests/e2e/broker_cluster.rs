//! A RabbitMQ of three nodes, one of which fails.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::time::Duration;

use rollcall_tests::stage::{Brokers, Cluster, Daemon, Fleet, PATIENCE, Stage, node_name};
use tokio::time::{Instant, sleep};

use crate::broker_faults::{CONNECTED, each_says, heard_anew, no_clash, tell, times};

/// Nodes whose nearest node of the broker is the first; the others' is the second.
const OF_THE_FIRST: [usize; 2] = [0, 1];

/// Two racks of two nodes each. `rack-a` and one node of each rack are at the first node of the broker, as are the zone and the check-in
/// service; `rack-b` and the other nodes at the second.
async fn spread(stage: &Stage, cluster: &Cluster) -> Fleet {
    let agent = |index: usize| {
        let node = usize::from(!OF_THE_FIRST.contains(&index));
        cluster.nearest(node, stage.agent(index, ["rack-a", "rack-b"][index % 2])).started()
    };
    let fleet = Fleet {
        zone: cluster.nearest(0, stage.zone_with_security()).started(),
        racks: vec![
            cluster.nearest(0, stage.rack("rack-a")).started(),
            cluster.nearest(1, stage.rack("rack-b")).started(),
        ],
        agents: (0..4).map(agent).collect(),
        checkin: cluster.nearest(0, stage.checkin()).started(),
    };
    stage.all_in(4).await;
    fleet
}

/// The daemons that are connected to the first node.
fn of_the_first(fleet: &Fleet) -> impl Iterator<Item = &Daemon> {
    let agents = OF_THE_FIRST.iter().map(|index| &fleet.agents[*index]);
    [&fleet.zone, &fleet.checkin, &fleet.racks[0]].into_iter().chain(agents)
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
    let fleet = spread(&stage, &cluster).await;
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
