//! PostgreSQL goes away in the middle of joins, and its disk is full: it is said aloud, nothing is half written, and all goes on by itself.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::time::Duration;

use rollcall_tests::stage::{Brokers, Daemon, Fleet, PATIENCE, Postgres, Stage, Tmpfs, ZONE, rack_name, until};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::monitoring::value;

const HALF: &str = "SELECT n.name FROM v_nodes n WHERE n.epoch > 0 AND (n.physical_group IS NULL OR n.logical_group IS NULL \
                    OR NOT EXISTS (SELECT 1 FROM v_hardware h WHERE h.node_id = n.node_id))";
const TWICE: &str = "SELECT node_id, kind FROM v_assignments WHERE current GROUP BY node_id, kind HAVING COUNT(*) > 1";

fn zone_on(stage: &Stage, database: &Postgres) -> Daemon {
    let sqlite = format!("sqlite:{}/zone.db", stage.directory().display());
    let config = stage.zone_config(ZONE).replace(&sqlite, &database.url());
    Daemon::new(stage.directory(), "zone", "rollcall-zone-controller", &config)
}

/// The zone says everywhere that it takes no changes, and why.
async fn read_only_is_said_aloud(stage: &Stage) {
    let api = stage.api();
    let why = until("the zone to say that it is read-only", PATIENCE, async || {
        let (code, body) = api.get("/readyz").await.ok()?;
        (code == 503 && body.contains("read-only")).then_some(body)
    })
    .await;
    println!("    /readyz: {}", why.trim());
    let order = json!({ "for": "node", "name": "not-now", "ttl_s": 600 });
    let (code, problem) = until("a command to be answered", PATIENCE, async || {
        api.try_command("POST", "/v1/tokens", order.clone()).await.ok()
    })
    .await;
    println!("    a command: {code} {}", problem["detail"]);
    assert!(code == 503 && problem["detail"].is_string(), "{code} {problem}");
    // A monitor that asked before is told so, too.
    let (code, page) = api.get("/metrics").await.expect("figures");
    assert!(code == 200 && value(&page, "rollcall_database_writable") == Some(0.0), "{code} {page}");
}

async fn nothing_is_half(stage: &Stage, agents: usize) {
    stage.all_in(agents).await;
    assert_eq!(stage.api().rows(HALF).await, Vec::<Vec<Value>>::new(), "half a node");
    assert_eq!(stage.api().rows(TWICE).await, Vec::<Vec<Value>>::new(), "in two groups of one kind");
}

pub async fn a_database_restarted_in_the_middle_of_joins_leaves_no_half_topology(brokers: &Brokers) {
    const AGENTS: usize = 6;
    let (stage, database) = (Stage::new(brokers.main().await).await, Postgres::start());
    let zone = zone_on(&stage, &database).started();
    let racks = (0..2).map(|index| stage.rack(&rack_name(index)).started()).collect();
    let mut fleet = Fleet { racks, agents: vec![], checkin: stage.checkin().started(), zone };
    for index in 0..AGENTS {
        fleet.agents.push(stage.agent(index, &rack_name(index % 2)).started());
        // The first are in the middle of it.
        if index % 2 == 1 {
            database.stop_at_once();
            sleep(Duration::from_millis(300)).await;
            database.start_again();
        }
    }
    nothing_is_half(&stage, AGENTS).await;
    let change = stage.api().latest_change().await;
    assert_eq!(stage.api().get("/metrics").await.expect("figures").0, 200, "a monitor");
    // Away for longer: it is said, and it goes on by itself.
    database.stop_at_once();
    fleet.agents[0].kill().await;
    read_only_is_said_aloud(&stage).await;
    database.start_again();
    let back = Instant::now();
    stage.is_up().await;
    println!("    takes changes {} ms after PostgreSQL was started", back.elapsed().as_millis());
    stage.state_is("sim-0000", "down").await;
    stage.api().nobody_blamed_since(change, "sim-0000").await;
    fleet.agents[0].start();
    nothing_is_half(&stage, AGENTS).await;
    fleet.assert_alive();
}

/// The id of an order to a node, which differs from others by how long it lasts.
async fn ordered(stage: &Stage, seconds: u32) -> String {
    let body = json!({ "node": "sim-0000", "action": { "kind": "identify", "seconds": seconds }, "deadline_s": 30 });
    let (code, order) = stage.api().try_command("POST", "/v1/actions", body).await.expect("the zone answers");
    order["action_id"].as_str().unwrap_or_else(|| panic!("{code} {order}")).to_owned()
}

pub async fn a_database_whose_disk_is_full_is_read_only_until_there_is_room(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let disk = Tmpfs::mounted(&stage.directory().join("postgres"), 192);
    let database = Postgres::start_in(&disk.path().join("data"));
    let mut fleet = stage.fleet_of(zone_on(&stage, &database).started(), 1, 2).await;
    let change = stage.api().latest_change().await;
    assert_eq!(stage.api().get("/metrics").await.expect("figures").0, 200, "a monitor");
    let (code, answer) = stage.api().set_policy("[actions]\nallowed = [\"identify\"]\n").await;
    assert_eq!(code, 200, "{answer}");
    let first = ordered(&stage, 1).await;
    disk.fill_but(0);
    let mut confirmed = Vec::new();
    let refusal = until("the database to have no room", PATIENCE, async || {
        let name = format!("load-{:05}", confirmed.len());
        let body = json!({ "for": "node", "name": name, "ttl_s": 600 });
        match stage.api().try_command("POST", "/v1/tokens", body).await {
            Ok((201, token)) => confirmed.push(token["token"].as_str().expect("its public id").to_owned()),
            Ok((503, problem)) => return Some(problem),
            _ => {}
        }
        None
    })
    .await;
    println!("    full after {} tokens: {}", confirmed.len(), refusal["detail"]);
    // Somebody comes meanwhile, with a token from before.
    read_only_is_said_aloud(&stage).await;
    let (code, _) = stage.api().get("/v1/nodes").await.expect("an answer");
    println!("    a question meanwhile: {code}");
    disk.empty();
    let room = Instant::now();
    database.start_again();
    stage.is_up().await;
    println!("    takes changes {} ms after there was room", room.elapsed().as_millis());
    fleet.agents.push(stage.agent(2, "rack-a").started());
    nothing_is_half(&stage, 3).await;
    let saved = stage.api().rows("SELECT token FROM v_tokens").await;
    let lost: Vec<_> = confirmed.iter().filter(|token| !saved.iter().any(|row| row[0] == ***token)).collect();
    assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
    stage.api().nobody_blamed_since(change, "").await;
    // If a command was the first to meet the full disk; a change of a node's may have been, after which commands are refused at once.
    println!("    started anew: {}", fleet.zone.log().contains("starts anew from what is saved"));
    assert_ne!(ordered(&stage, 2).await, first, "ids do not come again, also where the zone started anew");
    fleet.assert_alive();
}
