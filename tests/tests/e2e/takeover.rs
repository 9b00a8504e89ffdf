//! Two zone controllers of one zone on one PostgreSQL: one acts, the other takes over. How long that takes is printed: it is
//! promised for a machine with room (docs/reliability.md), and a test that shares its cores with others can only say that it
//! came about.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::path::Path;
use std::time::{Duration, Instant};

use rollcall_tests::stage::{
    Api, Brokers, Daemon, Fleet, PATIENCE, Postgres, Stage, ZONE, free_tcp_port, program, until,
};
use serde_json::{Value, json};

use crate::restarts::{Before, GENERATION, before};

struct Pair {
    /// Before the stage and its directory: a daemon of a case that fails shows the end of its log.
    fleet: Fleet,
    second: Daemon,
    stage: Stage,
    /// The API of the second.
    other: Api,
    _database: Postgres,
}

/// The first acts, the second stands by, everybody is in.
async fn pair(brokers: &Brokers, agents: usize) -> Pair {
    let (stage, database) = (Stage::new(brokers.main().await).await, Postgres::start());
    let port = free_tcp_port();
    let copied = stage.directory().join("trust-of-the-second");
    copy(&stage.trust(), &copied);
    let config = |name: &str| {
        let sqlite = format!("sqlite:{}/zone.db", stage.directory().display());
        format!("{}[replica]\nname = {name:?}\n", stage.zone_config(ZONE).replace(&sqlite, &database.url()))
    };
    let theirs = config("zc-b")
        .replace(&stage.api().address().to_string(), &format!("127.0.0.1:{port}"))
        .replace(&stage.trust().display().to_string(), &copied.display().to_string());
    let daemon = |name, config: &str| Daemon::new(stage.directory(), name, "rollcall-zone-controller", config);
    let first = daemon("zc-a", &config("zc-a")).started();
    let fleet = stage.fleet_of(first, 2, agents).await;
    let second = daemon("zc-b", &theirs).started();
    second.says("stands by: zc-a").await;
    let other = Api::on(port, stage.trust().join("administrator"));
    Pair { fleet, second, stage, other, _database: database }
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("cp runs").success(), "the zone directory is copied");
}

/// Waits until it acts; how long that took.
async fn acts(api: &Api, since: Instant) -> Duration {
    until("the other zone controller to act", PATIENCE, async || {
        (api.get("/readyz").await.ok()?.0 == 200).then_some(since.elapsed())
    })
    .await
}

/// Everything is as it was, nobody is blamed, both racks answer, and it is told who took over.
async fn as_it_was(pair: &Pair, before: &Before, how: &str) {
    let api = &pair.other;
    until("both racks to answer the new generation", PATIENCE, async || {
        (api.status().await.ok()?["summaries"].as_object()?.len() == 2).then_some(())
    })
    .await;
    assert_eq!(api.dump().await, before.dump);
    assert_eq!(api.epochs().await, before.epochs);
    api.nobody_blamed_since(before.change, "").await;
    // Which rows they are is the first thing to know if there are any. A node that is well may say by itself that its probes have
    // measured by now what they could not before.
    let changed = "SELECT node, state, health_bits, unmeasurable, cause FROM v_health_history \
                   WHERE NOT (state = 'healthy' AND health_bits = 0 AND cause = 'status') AND history_id >";
    let changed = api.rows(&format!("{changed} {} ORDER BY history_id", before.change)).await;
    assert!(changed.is_empty(), "no state changed: {changed:?}");
    assert_eq!(api.number(GENERATION).await, Ok(before.generation + 1));
    let told = api.rows("SELECT message FROM v_events WHERE kind = 'zone_takeover'").await;
    let expected = format!("zone controller zc-b took over from zc-a, {how}: generation {}", before.generation + 1);
    assert_eq!(told, [[expected]]);
    let audited = api.rows("SELECT who, subject FROM v_audit WHERE action = 'zone_takeover'").await;
    assert_eq!((audited.len(), &audited[0][0]), (1, &json!("zc-b")));
    let (_, metrics) = api.get("/metrics").await.expect("figures");
    for line in ["rollcall_zone_active 1", "rollcall_zone_takeovers_total 1"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

/// Somebody new gets in through the zone controller that acts now.
async fn newcomer(pair: &mut Pair) {
    let index = pair.fleet.agents.len();
    let wish = pair.stage.wish_of(&pair.other, "node", &rollcall_tests::stage::node_name(index));
    pair.fleet.agents.push(pair.stage.agent(index, "rack-a").with_token(wish).started());
    let sql = format!("SELECT COUNT(*) FROM v_nodes WHERE name = 'sim-{index:04}' AND state = 'healthy'");
    until("the newcomer to be in", PATIENCE, async || (pair.other.number(&sql).await.ok()? == 1).then_some(())).await;
}

/// `rollcall nodes` finds the one that acts, whichever of these addresses it is.
async fn cli_finds(pair: &Pair, addresses: [&Api; 2]) {
    let api = addresses.map(|api| format!("https://{}", api.address())).join(",");
    let mut command = tokio::process::Command::new(program("rollcall"));
    command.args(["--api", &api, "--identity"]).arg(pair.stage.trust().join("administrator")).args(["nodes", "--json"]);
    let done = command.kill_on_drop(true).output().await.expect("rollcall runs");
    let (said, warned) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("sim-0000"), "{}: {said}{warned}", done.status);
}

pub async fn a_killed_zone_controller_is_taken_over_from(brokers: &Brokers) {
    let mut pair = pair(brokers, 4).await;
    let before = before(pair.stage.api()).await;
    let (code, body) = pair.other.get("/readyz").await.expect("it answers");
    assert!(code == 503 && body.contains("the active zone controller is zc-a at https://127.0.0.1:"), "{code} {body}");
    assert_eq!(pair.other.get("/healthz").await.expect("it lives").0, 200);
    let (code, problem) = pair.other.command("GET", "/v1/nodes", Value::Null).await;
    assert_eq!((code, &problem["reason"]), (503, &json!("standby")), "{problem}");
    assert_eq!(problem["active"], json!(format!("https://{}", pair.stage.api().address())));
    cli_finds(&pair, [&pair.other, pair.stage.api()]).await;
    let since = Instant::now();
    pair.fleet.zone.kill().await;
    let took = acts(&pair.other, since).await;
    println!("takeover after kill -9: {} ms", took.as_millis());
    cli_finds(&pair, [pair.stage.api(), &pair.other]).await;
    as_it_was(&pair, &before, "which gave no sign").await;
    newcomer(&mut pair).await;
    // The one that was killed comes back, and stands by.
    pair.fleet.zone.start();
    pair.fleet.zone.says("stands by: zc-b").await;
    let controllers = "SELECT name, role FROM v_controllers ORDER BY name";
    until("both to be known", PATIENCE, async || {
        (pair.other.sql(controllers).await.ok()? == [["zc-a", "standby"], ["zc-b", "active"]]).then_some(())
    })
    .await;
    pair.fleet.assert_alive();
    assert!(pair.second.is_running());
}

pub async fn a_zone_controller_that_ends_in_order_is_taken_over_from(brokers: &Brokers) {
    let mut pair = pair(brokers, 4).await;
    let before = before(pair.stage.api()).await;
    let since = Instant::now();
    let (ended, took) = tokio::join!(pair.fleet.zone.terminate(), acts(&pair.other, since));
    println!("takeover after SIGTERM: {} ms", took.as_millis());
    assert!(ended.success(), "{ended}");
    as_it_was(&pair, &before, "which ended in order").await;
    newcomer(&mut pair).await;
    pair.fleet.assert_alive_but(1);
}

/// Asks for tokens all the while, of whichever zone controller answers; gives what was confirmed.
async fn ask_all_the_while(apis: [Api; 2], mut stop: tokio::sync::watch::Receiver<bool>) -> Vec<String> {
    let mut confirmed = Vec::new();
    for number in 0_u32.. {
        for api in &apis {
            let body = json!({ "for": "node", "name": format!("load-{number:05}"), "ttl_s": 600 });
            let asked = tokio::time::timeout(Duration::from_millis(500), api.try_command("POST", "/v1/tokens", body));
            if let Ok(Ok((201, answer))) = asked.await {
                confirmed.push(answer["token"].as_str().expect("its public id").to_owned());
                break;
            }
        }
        if tokio::time::timeout(Duration::from_millis(20), stop.wait_for(|stop| *stop)).await.is_ok() {
            break;
        }
    }
    confirmed
}

pub async fn a_zone_controller_that_was_paused_is_refused_everywhere_and_ends(brokers: &Brokers) {
    let mut pair = pair(brokers, 4).await;
    let before = before(pair.stage.api()).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let load = tokio::spawn(ask_all_the_while([pair.stage.api().clone(), pair.other.clone()], stopped));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let since = Instant::now();
    pair.fleet.zone.pause();
    // A death that nobody in the zone hears of, until somebody acts again.
    pair.fleet.agents[3].kill().await;
    let took = acts(&pair.other, since).await;
    println!("takeover after SIGSTOP: {} ms", took.as_millis());
    let dead = "SELECT COUNT(*) FROM v_nodes WHERE name = 'sim-0003' AND state = 'down'";
    until("the death to be told", PATIENCE, async || (pair.other.number(dead).await.ok()? == 1).then_some(())).await;
    println!("death told {} ms after the pause began", since.elapsed().as_millis());
    tokio::time::sleep(Duration::from_secs(10).saturating_sub(since.elapsed())).await;
    let resumed = Instant::now();
    pair.fleet.zone.resume();
    let ended = pair.fleet.zone.ended().await;
    println!("the resumed one ended after {} ms with {:?}", resumed.elapsed().as_millis(), ended.code());
    assert_eq!(ended.code(), Some(5), "{}", pair.fleet.zone.log());
    assert!(pair.fleet.zone.log().contains("another zone controller acts for this zone"), "it says why");
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.send_replace(true);
    let confirmed = load.await.expect("the load ends");
    println!("confirmed meanwhile: {}", confirmed.len());
    let saved = pair.other.rows("SELECT token FROM v_tokens").await;
    let saved: std::collections::BTreeSet<&str> = saved.iter().filter_map(|row| row[0].as_str()).collect();
    let lost: Vec<&String> = confirmed.iter().filter(|token| !saved.contains(token.as_str())).collect();
    assert!(lost.is_empty() && confirmed.len() > 20, "confirmed and lost: {lost:?}");
    assert_eq!(pair.other.number(GENERATION).await, Ok(before.generation + 1), "nobody started after the takeover");
    pair.other.nobody_blamed_since(before.change, "sim-0003").await;
    let told = format!("SELECT COUNT(*) FROM v_health_history WHERE history_id > {} AND state = 'down'", before.change);
    assert_eq!(pair.other.number(&told).await, Ok(1), "the death is told once");
    newcomer(&mut pair).await;
}
