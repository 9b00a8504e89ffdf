//! The broker is killed under load, halted with its sockets open, and short of disk and memory. What was measured is printed; what is
//! asserted is what happened.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

use std::time::Duration;

use rollcall_model::Principal;
use rollcall_tests::stage::{
    Broker, Brokers, Daemon, Fleet, Holds, Outsider, PATIENCE, Stage, free_tcp_port, node_name, now, runs, until,
};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use crate::monitoring::{LISTEN, page_at, value};
use crate::trust::distrusted;

pub const CONNECTED: &str = "connected to the broker";
const LOST: &str = "not connected to the broker";
/// An agent's memory as promised, KiB; of the program built for size.
const AGENT_KIB: usize = 32 << 10;

/// When each of these daemons had said a text more often than before; its name with it, soonest first.
pub async fn each_says<'a>(
    daemons: impl Iterator<Item = &'a Daemon>,
    text: &str,
    before: &[usize],
    since: Instant,
    patience: Duration,
) -> Vec<(Duration, String)> {
    let daemons: Vec<&Daemon> = daemons.collect();
    let mut said: Vec<(Duration, String)> = Vec::new();
    until(format!("each of {} daemons to say {text:?}", daemons.len()), patience, async || {
        for (daemon, before) in daemons.iter().zip(before) {
            let is_new = !said.iter().any(|(_, name)| name == daemon.name());
            if is_new && times(daemon, text) > *before {
                said.push((since.elapsed(), daemon.name().to_owned()));
            }
        }
        (said.len() == daemons.len()).then_some(())
    })
    .await;
    said
}

/// How often a line of the log ends with this, or goes on with it after what it is about.
pub fn times(daemon: &Daemon, text: &str) -> usize {
    daemon.log().lines().filter(|line| line.contains(text) && (text == LOST || !line.contains(LOST))).count()
}

fn all_times(fleet: &Fleet, text: &str) -> Vec<usize> {
    fleet.all().map(|daemon| times(daemon, text)).collect()
}

pub fn tell(what: &str, said: &[(Duration, String)]) {
    let each: Vec<String> = said.iter().map(|(after, who)| format!("{who} {} ms", after.as_millis())).collect();
    println!("    {what}: {}", each.join(", "));
}

/// A status packet that is newer than now has gone all the way: agent, rack, zone.
pub async fn heard_anew(stage: &Stage) {
    let statuses = async || {
        let status = stage.api().status().await.ok()?;
        let sums =
            status["summaries"].as_object()?.values().map(|of| of["statuses"].as_u64()).collect::<Option<Vec<_>>>()?;
        Some(sums.into_iter().sum::<u64>())
    };
    let before = until("summaries", PATIENCE, statuses).await;
    until("newer status packets", PATIENCE, async || (statuses().await? > before + 10).then_some(())).await;
}

pub async fn no_clash(stage: &Stage) {
    let ignored = stage.api().status().await.expect("a status")["ignored"].clone();
    assert!(ignored["join.identity_clash"].is_null(), "somebody's own connection was taken for another's: {ignored}");
}

pub async fn a_broker_killed_under_load_loses_no_confirmed_word(brokers: &Brokers) {
    let mut broker = brokers.second().await;
    let stage = Stage::new(&broker).await;
    let fleet = stage.fleet_of(stage.zone_with_security().started(), 2, 6).await;
    let (epochs, change) = (stage.api().epochs().await, stage.api().latest_change().await);
    let speaker = stage.speaker("rack-a").await;
    let mut spread = Vec::new();
    for _ in 0..2 {
        sleep(Duration::from_millis(1_500)).await;
        let before = all_times(&fleet, CONNECTED);
        broker.kill().await;
        let killed = Instant::now();
        broker.restart().await;
        println!("    the broker serves again {} ms after kill -9", killed.elapsed().as_millis());
        spread = each_says(fleet.all(), CONNECTED, &before, Instant::now(), PATIENCE).await;
        tell("back after the broker", &spread);
        heard_anew(&stage).await;
    }
    assert!(spread.windows(2).any(|pair| pair[0].0 != pair[1].0), "all came back in one instant: {spread:?}");
    let (confirmed, repeated) = speaker.all_there(stage.api()).await;
    println!("    {confirmed} words confirmed, {repeated} of them said more than once, 0 lost, 0 doubled");
    assert!(confirmed > 50 && repeated > 0, "there was load while the broker died");
    stage.api().nobody_blamed_since(change, "").await;
    assert_eq!(stage.api().epochs().await, epochs, "the same sessions");
    no_clash(&stage).await;
    fleet.assert_alive();
}

/// What every daemon holds.
fn holds(fleet: &Fleet) -> Vec<(String, Holds)> {
    fleet.all().filter(|daemon| daemon.is_running()).map(|daemon| (daemon.name().to_owned(), daemon.holds())).collect()
}

/// When a process first loses a connection, the client library begins a runtime of its own (a thread and three files), once and
/// for good; and it keeps the connections to its database that the comparison of users needs. Neither is what is counted.
async fn has_lost_a_connection(stage: &Stage, broker: &Broker, fleet: &Fleet) {
    let zone = fleet.all().find(|daemon| daemon.name() == "zone").expect("a fleet has a zone controller");
    zone.says("the broker knows everybody who is entitled to it").await;
    let (id, connected) = (stage.zone_id().await, times(zone, CONNECTED));
    broker.ctl(&["close_all_user_connections", &Principal::Zone(id).user_in(id), "to be made anew"]);
    each_says(std::iter::once(zone), CONNECTED, &[connected], Instant::now(), PATIENCE).await;
}

/// Nobody holds more threads or files than before but for a few that come and go, nor much more memory.
fn nothing_leaked(before: &[(String, Holds)], after: &[(String, Holds)]) {
    for (name, now) in after {
        let (_, had) = before.iter().find(|(of, _)| of == name).expect("it was there before");
        let is_as_before = now.threads <= had.threads + 2
            && now.files <= had.files + 4
            && now.resident_kib <= had.resident_kib + (16 << 10);
        assert!(is_as_before, "{name} held {had:?} and holds {now:?}");
    }
}

pub async fn a_broker_halted_for_a_minute_is_noticed_and_leaves_nothing_behind(brokers: &Brokers) {
    const HALT: Duration = Duration::from_secs(60);
    let broker = brokers.own().await;
    // The heartbeat of daemons that nobody configured.
    let stage = Stage::new(&broker).await.with_heartbeat(10);
    let fleet = stage.fleet(2, 4).await;
    has_lost_a_connection(&stage, &broker, &fleet).await;
    heard_anew(&stage).await;
    let (epochs, change, before) = (stage.api().epochs().await, stage.api().latest_change().await, holds(&fleet));
    let (lost, connected) = (all_times(&fleet, LOST), all_times(&fleet, CONNECTED));
    broker.pause();
    let halted = Instant::now();
    let noticed = each_says(fleet.all(), LOST, &lost, halted, HALT).await;
    tell("noticed", &noticed);
    // Promised for 25 s; a machine that is busy with other things may take some more.
    assert!(noticed.iter().all(|(after, _)| *after < Duration::from_secs(35)), "{noticed:?}");
    // A death that the broker cannot tell of.
    fleet.agents[3].kill().await;
    sleep_until(halted + HALT).await;
    nothing_leaked(&before, &holds(&fleet));
    broker.resume();
    let resumed = Instant::now();
    let alive = fleet.all().filter(|daemon| daemon.is_running());
    let expected: Vec<usize> =
        fleet.all().zip(&connected).filter(|(daemon, _)| daemon.is_running()).map(|(_, times)| *times).collect();
    tell("back after SIGCONT", &each_says(alive, CONNECTED, &expected, resumed, PATIENCE).await);
    heard_anew(&stage).await;
    let dead = node_name(3);
    stage.state_is(&dead, "down").await;
    stage.api().nobody_blamed_since(change, &dead).await;
    assert_eq!(stage.api().epochs().await, epochs, "the same sessions");
    no_clash(&stage).await;
    nothing_leaked(&before, &holds(&fleet));
    fleet.assert_alive_but(1);
}

/// A zone whose rack and whose real node show their figures.
struct Watched {
    /// Before the stage and its directory: a daemon of a case that fails shows the end of its log.
    fleet: Fleet,
    stage: Stage,
    rack: u16,
    drained: std::path::PathBuf,
}

async fn watched(broker: &Broker) -> Watched {
    let (stage, rack) = (Stage::new(broker).await, free_tcp_port());
    let zone = stage.zone_with_security().started();
    let drained = stage.directory().join("drained");
    let command = format!("echo drained >> {}", drained.display());
    let tables = format!("[actions]\ndrain_command = [\"/bin/sh\", \"-c\", {command:?}]");
    let racks = vec![stage.rack("rack-a").with(LISTEN, &format!("127.0.0.1:{rack}")).started()];
    let mut agents: Vec<Daemon> = (0..3).map(|index| stage.agent(index, "rack-a").started()).collect();
    agents.push(stage.real_agent("rack-a", "", &tables).started());
    let fleet = Fleet { racks, agents, checkin: stage.checkin().started(), zone };
    stage.all_in(4).await;
    let (code, answer) = stage.api().set_policy("[actions]\nallowed = [\"drain\"]\n").await;
    assert_eq!(code, 200, "{answer}");
    until("the node to obey", PATIENCE, async || {
        (stage.api().number("SELECT policy_version FROM v_nodes WHERE name = 'real'").await == Ok(1)).then_some(())
    })
    .await;
    Watched { stage, fleet, rack, drained }
}

/// Everybody says that the broker takes nothing, and why.
async fn everybody_is_held(fleet: &Fleet, before: &[usize], since: Instant) {
    let held = each_says(fleet.all(), HELD, before, since, PATIENCE).await;
    tell("publishers that were told to pause", &held);
}

const HELD: &str = "the broker takes no messages for now";

/// An order of the zone's, as a repetition of it would come to the node.
struct Order {
    action: String,
    inbox: String,
    bytes: Vec<u8>,
    outsider: Outsider,
}

impl Order {
    async fn given(watched: &Watched) -> Self {
        let stage = &watched.stage;
        let id = async |query: &str| stage.api().rows(query).await[0][0].as_str().expect("an id").to_owned();
        let node = id("SELECT node_id FROM v_nodes WHERE name = 'real'").await;
        let group = id("SELECT group_id FROM v_groups WHERE kind = 'physical'").await;
        let zone = id("SELECT zone_id FROM v_zones").await;
        let outsider = stage.outsider().await;
        // The zone's own order does not get through: its rack is halted meanwhile.
        watched.fleet.racks[0].pause();
        let order = json!({ "node": "real", "action": { "kind": "drain" }, "deadline_s": 120 });
        let (code, answer) = stage.api().command("POST", "/v1/actions", order).await;
        assert!((200..300).contains(&code), "{code} {answer}");
        let action = answer["action_id"].as_str().expect("an action id").to_owned();
        let envelope = json!({ "v": 1, "id": "00000000-0000-4000-8000-000000000006",
            "from": format!("inbox.zone.{zone}"), "sent": now().0, "kind": "action_order",
            "body": { "action_id": action, "group": group, "node": node, "action": { "kind": "drain" },
                      "automatic": false, "deadline": now().0 + 120_000, "time_limit_ms": 10_000 } });
        let (inbox, bytes) = (format!("inbox.node.{node}"), envelope.to_string().into_bytes());
        Self { action, inbox, bytes, outsider }
    }

    async fn publish(&self) {
        assert!(self.outsider.publish("rollcall.direct", &self.inbox, "action_order", &self.bytes).await);
    }
}

/// The alarm is on: publishers pause, deliveries go on, words wait on the rack's disk, nobody is blamed, nobody grows.
async fn while_alarmed(watched: &Watched, before: &[(String, Holds)]) {
    let Watched { stage, fleet, rack, drained } = watched;
    let (code, body) = stage.api().get("/readyz").await.expect("an answer");
    assert!(code == 503 && body.contains(HELD), "{code} {body}");
    until("the action to be carried out", PATIENCE, async || (runs(drained) == 1).then_some(())).await;
    let spooled = "rollcall_spool_messages{zone=\"zone-1\"}";
    let _stranger = distrusted(stage);
    until("a word of the rack on its disk", PATIENCE, async || {
        value(&page_at(*rack).await, spooled).filter(|words| *words >= 1.0)
    })
    .await;
    // Longer than any node may be silent, and than an echo may take.
    sleep(Duration::from_secs(12)).await;
    let now = holds(fleet);
    nothing_leaked(before, &now);
    let agents = now.iter().filter(|(name, _)| name.starts_with("sim-") || name == "real");
    let largest = agents.map(|(_, holds)| holds.resident_kib).max().unwrap_or(0);
    println!("    largest agent while the broker took nothing: {largest} KiB (debug build), {AGENT_KIB} are promised");
}

/// The alarm is over: all that waited arrives.
async fn drained_after(watched: &Watched, action: &str, change: i64) {
    let Watched { stage, fleet, rack, drained } = watched;
    let over = Instant::now();
    let (state, message) = stage.ended(action).await;
    assert_eq!((state.as_str(), runs(drained)), ("done", 1), "{message}");
    println!("    the outcome was with the zone {} ms after the alarm", over.elapsed().as_millis());
    until("the rack's disk to be empty", PATIENCE, async || {
        (value(&page_at(*rack).await, "rollcall_spool_messages{zone=\"zone-1\"}") == Some(0.0)).then_some(())
    })
    .await;
    let words = "SELECT COUNT(*) FROM v_channel_messages WHERE what = 'hello_refused' AND sender LIKE 'inbox.group.%'";
    until("the rack's word", PATIENCE, async || (stage.api().number(words).await == Ok(1)).then_some(())).await;
    println!("    the rack's words were drained {} ms after the alarm", over.elapsed().as_millis());
    assert_eq!(value(&page_at(*rack).await, "rollcall_spool_lost_total{zone=\"zone-1\"}"), Some(0.0));
    heard_anew(stage).await;
    // The one that was halted for a moment may have been suspected, and nobody else.
    let blamed = stage.api().blamed_since(change).await;
    assert!(blamed.iter().all(|row| row[0] == "real" && row[1] == "suspect"), "blamed for nothing: {blamed:?}");

    no_clash(stage).await;
    fleet.assert_alive();
}

pub async fn a_broker_short_of_disk_stops_publishers_and_nothing_else(brokers: &Brokers) {
    let broker = brokers.on_a_small_disk(160).await;
    let watched = watched(&broker).await;
    heard_anew(&watched.stage).await;
    let (change, before) = (watched.stage.api().latest_change().await, holds(&watched.fleet));
    let held = all_times(&watched.fleet, HELD);
    let order = Order::given(&watched).await;
    // It is there before the broker takes nothing more, and is looked at afterwards.
    watched.fleet.agents[3].pause();
    order.publish().await;
    // RabbitMQ raises its alarm at 50 MB.
    broker.disk().fill_but(30 << 20);
    let alarmed = Instant::now();
    watched.fleet.racks[0].resume();
    watched.fleet.agents[0].says(HELD).await;
    assert_eq!(runs(&watched.drained), 0, "the order is not carried out yet");
    watched.fleet.agents[3].resume();
    everybody_is_held(&watched.fleet, &held, alarmed).await;
    while_alarmed(&watched, &before).await;
    broker.disk().empty();
    drained_after(&watched, &order.action, change).await;
}

pub async fn a_broker_short_of_memory_is_taken_the_same_way(brokers: &Brokers) {
    let broker = brokers.second().await;
    let stage = Stage::new(&broker).await;
    let fleet = stage.fleet(1, 3).await;
    heard_anew(&stage).await;
    let (change, held, epochs) =
        (stage.api().latest_change().await, all_times(&fleet, HELD), stage.api().epochs().await);
    broker.ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    everybody_is_held(&fleet, &held, Instant::now()).await;
    broker.ctl(&["set_vm_memory_high_watermark", "absolute", "2GB"]);
    let over = Instant::now();
    heard_anew(&stage).await;
    println!("    newer status packets {} ms after the alarm", over.elapsed().as_millis());
    stage.api().nobody_blamed_since(change, "").await;
    assert_eq!(stage.api().epochs().await, epochs, "the same sessions");
    fleet.assert_alive();
}
