//! Each daemon killed, and started again.

use rollcall_tests::stage::{Api, Brokers, Fleet, PATIENCE, Stage, node_name, until};

/// How a zone stood before something happened to it.
pub struct Before {
    pub dump: rollcall_tests::stage::Dump,
    pub epochs: std::collections::BTreeMap<String, i64>,
    pub change: i64,
    pub generation: i64,
}

pub const GENERATION: &str = "SELECT generation FROM v_zones";

pub async fn before(api: &Api) -> Before {
    Before {
        dump: api.dump().await,
        epochs: api.epochs().await,
        change: api.latest_change().await,
        generation: api.number(GENERATION).await.expect("a generation"),
    }
}

/// Everything as it was, nobody blamed, and a new node still gets in: the restarted daemon does its work.
async fn as_it_was(stage: &Stage, fleet: &mut Fleet, before: &Before) {
    let api = stage.api();
    assert_eq!(api.dump().await, before.dump);
    assert_eq!(api.epochs().await, before.epochs);
    let newcomer = fleet.agents.len();
    fleet.agents.push(stage.agent(newcomer, "rack-a").started());
    stage.all_in(newcomer + 1).await;
    api.nobody_blamed_since(before.change, "").await;
    fleet.assert_alive();
}

pub async fn a_killed_zone_controller_comes_back_to_what_it_knew(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(2, 3).await;
    let before = before(stage.api()).await;
    fleet.zone.restart().await;
    until("the next generation", PATIENCE, async || {
        (stage.api().number(GENERATION).await.ok()? > before.generation).then_some(())
    })
    .await;
    until("both racks to answer the new generation", PATIENCE, async || {
        let status = stage.api().status().await.ok()?;
        (status["summaries"].as_object()?.len() == 2).then_some(())
    })
    .await;
    assert_eq!(stage.api().number(GENERATION).await, Ok(before.generation + 1));
    as_it_was(&stage, &mut fleet, &before).await;
}

pub async fn a_killed_checkin_service_comes_back_and_lets_nodes_in(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 2).await;
    let before = before(stage.api()).await;
    fleet.checkin.restart().await;
    as_it_was(&stage, &mut fleet, &before).await;
    assert_eq!(stage.api().number("SELECT COUNT(*) FROM v_checkins").await, Ok(1));
}

pub async fn a_killed_group_controller_comes_back_and_blames_nobody(brokers: &Brokers) {
    const SESSION: &str = "SELECT session FROM v_groups WHERE name = 'rack-a'";
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(2, 4).await;
    let before = before(stage.api()).await;
    fleet.racks[0].restart().await;
    until("the rack's second membership", PATIENCE, async || {
        (stage.api().number(SESSION).await == Ok(2)).then_some(())
    })
    .await;
    as_it_was(&stage, &mut fleet, &before).await;
}

pub async fn a_killed_agent_comes_back_as_the_same_node_with_the_next_epoch(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 3).await;
    let before = before(stage.api()).await;
    let api = stage.api();
    fleet.agents[0].restart().await;
    let name = node_name(0);
    until("the node's next epoch, heard", PATIENCE, async || {
        let row = api.sql(&format!("SELECT epoch, state FROM v_nodes WHERE name = '{name}'")).await.ok()?;
        (row[0][0].as_i64()? > before.epochs[&name] && row[0][1] == "healthy").then_some(())
    })
    .await;
    assert_eq!(api.dump().await, before.dump, "the same node, the same groups, no row twice");
    let mut epochs = before.epochs.clone();
    *epochs.get_mut(&name).expect("the node") += 1;
    assert_eq!(api.epochs().await, epochs, "only its own epoch grew, by one");
    // It may have been down for the moment it was away; nobody else was.
    api.nobody_blamed_since(before.change, &name).await;
}
