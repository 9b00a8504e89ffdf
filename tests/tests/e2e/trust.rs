//! Who may join, who is thrown out, who is not believed, and what a listener on the wire learns.

use std::path::Path;
use std::process::{Command, Stdio};

use rollcall_identity::{Announcer, Validity};
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, Hello};
use rollcall_model::{Name, UnixMillis, ZoneId};
use rollcall_tests::stage::{Brokers, Outsider, PATIENCE, Site, Stage, Stranger, now, until};
use serde_json::json;
use tokio::time::Instant;

#[allow(clippy::print_stdout, reason = "this is a test's output")]
fn tell(text: &str) {
    println!("    {text}");
}

async fn is_said(stage: &Stage, what: &str) {
    let told = async || {
        let events = stage.api().sql("SELECT message FROM v_events").await.ok()?;
        events.iter().any(|row| row[0].as_str().is_some_and(|message| message.contains(what))).then_some(())
    };
    until(format!("{what:?} among the events"), PATIENCE, told).await;
}

pub async fn a_revoked_node_is_cut_off_and_kept_out(brokers: &Brokers) {
    let broker = brokers.main().await;
    let stage = Stage::new(broker).await;
    let mut fleet = stage.fleet(1, 2).await;
    let id = stage.api().rows("SELECT node_id FROM v_nodes WHERE name = 'sim-0000'").await[0][0].to_string();
    let user = format!("node.{}@{}", id.trim_matches('"'), stage.zone_id().await.short());
    assert!(!broker.admin().connections_of(&user).await.expect("the broker answers").is_empty());
    let began = Instant::now();
    let (code, answer) =
        stage.api().command("POST", "/v1/revoke", json!({ "principal": "sim-0000", "reason": "stolen" })).await;
    assert_eq!(code, 200, "{answer}");
    until("its connections to be closed", PATIENCE, async || {
        broker.admin().connections_of(&user).await.ok()?.is_empty().then_some(())
    })
    .await;
    let took = began.elapsed();
    tell(&format!("revoked, and off the broker {} ms later", took.as_millis()));
    stage.state_is("sim-0000", "down").await;
    // A new run with the old certificate is not let in, and says so; the other node is unharmed.
    fleet.agents[0].restart().await;
    fleet.agents[0].says("not connected to the broker").await;
    stage.state_is("sim-0001", "healthy").await;
    let audited = "SELECT COUNT(*) FROM v_audit WHERE action = 'principal_revoked'";
    assert_eq!(stage.api().number(audited).await, Ok(1));
    // Let in again by a new token; whoever has a copy of its former certificate stays out.
    let copy = stage.directory().join("stolen");
    std::fs::create_dir(&copy).expect("a directory");
    for file in ["key.pem", "cert.pem"] {
        std::fs::copy(stage.identity_of("sim-0000").join(file), copy.join(file)).expect("a copy");
    }
    fleet.agents[0].terminate().await;
    std::fs::remove_dir_all(stage.identity_of("sim-0000")).expect("its identity is removed");
    stage.let_in_again("sim-0000");
    fleet.agents[0].restart().await;
    stage.state_is("sim-0000", "healthy").await;
    let refused = Outsider::connect(stage.url(), &stage.site().thief(&copy)).await.expect_err("it is refused");
    tell(&format!("in again; its former certificate: {refused}"));
    let users = "SELECT COUNT(DISTINCT user_name) FROM v_certificates WHERE name = 'sim-0000'";
    assert_eq!(stage.api().number(users).await, Ok(2));
    stage.state_is("sim-0000", "healthy").await;
    let (code, answer) = stage.api().get("/v1/audit/verify").await.expect("an answer");
    assert_eq!(code, 200, "{answer}");
}

pub async fn a_token_works_once_and_its_second_use_alarms(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 1).await;
    // Another machine, with the token that sim-0000 has used.
    let mut thief = stage.agent(5, "rack-a").without_token();
    std::fs::copy(stage.directory().join("sim-0000.token"), stage.directory().join("sim-0005.token")).expect("a copy");
    thief.start();
    thief.says("token_used").await;
    is_said(&stage, "was used by").await;
    assert_eq!(thief.ended().await.code(), Some(2), "trying again changes nothing: {}", thief.log());
    // And one without any.
    let mut beggar = stage.agent(6, "rack-a").without_token();
    beggar.start();
    beggar.says("no_token").await;
    assert!(beggar.log().contains("rollcall token create --for node"), "{}", beggar.log());
    assert_eq!(stage.api().number("SELECT COUNT(*) FROM v_nodes").await, Ok(1));
    fleet.assert_alive();
}

pub async fn who_comes_without_a_token_waits_for_approval_where_the_policy_says_so(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 1).await;
    let (code, answer) = stage.api().set_policy("[join]\nunknown = \"hold\"\n").await;
    assert_eq!(code, 200, "{answer}");
    let mut waiting = stage.agent(7, "rack-a").without_token();
    waiting.start();
    waiting.says("rollcall join approve").await;
    let pending = "SELECT join_id FROM v_joins WHERE state = 'pending'";
    let join = until("it to be on the list", PATIENCE, async || {
        Some(stage.api().sql(pending).await.ok()?.first()?[0].as_str()?.to_owned())
    })
    .await;
    let (code, answer) = stage.api().command("POST", &format!("/v1/joins/{join}/approve"), json!({})).await;
    assert_eq!(code, 200, "{answer}");
    stage.all_in(2).await;
    fleet.assert_alive();
}

pub async fn what_the_broker_refuses_is_in_the_audit_log(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 2).await;
    let (user, intruder) = stage.intruder("sim-0000").await;
    let began = Instant::now();
    let neighbour = stage.api().rows("SELECT node_id FROM v_nodes WHERE name = 'sim-0001'").await;
    let neighbour = format!("inbox.node.{}", neighbour[0][0].as_str().expect("a node id"));
    for tried in [
        intruder.purge("zone.joins").await,
        intruder.purge(&neighbour).await,
        intruder.bind("zone.refusals", "rollcall.zone", "#").await,
    ] {
        tried.expect_err("it is refused");
    }
    let line = format!("SELECT subject, \"after\" FROM v_audit WHERE action = 'broker_refused' AND who = '{user}'");
    let lines = until("three refusals in the audit log", PATIENCE, async || {
        stage.api().sql(&line).await.ok().filter(|lines| lines.len() >= 3)
    })
    .await;
    tell(&format!("refused, and in the audit log {} ms later", began.elapsed().as_millis()));
    let text = serde_json::to_string(&lines).expect("JSON");
    for word in ["queue.purge", "queue.bind", "zone.joins", "zone.refusals", &neighbour] {
        assert!(text.contains(word), "{word} in {text}");
    }
    is_said(&stage, "ignored (queue.purge)").await;
    let (code, answer) = stage.api().get("/v1/audit/verify").await.expect("an answer");
    assert_eq!(code, 200, "{answer}");
    fleet.assert_alive();
}

pub async fn an_old_certificate_is_renewed_and_one_that_does_not_count_lets_nobody_in(brokers: &Brokers) {
    const HOUR: u64 = 3_600_000;
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 3).await;
    let at = |hours: i64| UnixMillis(now().0.saturating_add_signed(hours * i64::try_from(HOUR).expect("an hour")));
    let from_to = |from, to| Validity { not_before: at(from), not_after: at(to) };
    let certificates = async |node: &str| {
        stage.api().number(&format!("SELECT COUNT(*) FROM v_certificates WHERE name = '{node}'")).await
    };
    // Twenty of its twenty-four hours are over; one has ended; one is of tomorrow.
    fleet.zone.terminate().await;
    stage.in_the_database("UPDATE certificates SET issued_ms = issued_ms - 72000000");
    fleet.zone.restart().await;
    stage.is_up().await;
    for (agent, validity) in fleet.agents.iter_mut().zip([from_to(-20, 4), from_to(-30, -6), from_to(20, 44)]) {
        let node = agent.name().to_owned();
        agent.terminate().await;
        stage.state_is(&node, "left").await;
        stage.age(&node, validity).await;
        agent.restart().await;
    }
    fleet.agents[0].says("the certificate is renewed").await;
    stage.state_is("sim-0000", "healthy").await;
    assert_eq!(certificates("sim-0000").await, Ok(2));
    // The second asks to be let in again, and has no token any more; the third is told what is probably wrong.
    fleet.agents[1].says("no_token").await;
    fleet.agents[2].says("is this machine's clock wrong?").await;
    fleet.agents[2].says("begins later; is a clock wrong?").await;
    for node in ["sim-0001", "sim-0002"] {
        stage.state_is(node, "left").await;
        assert_eq!(certificates(node).await, Ok(1), "{node}");
    }
}

/// A hello of a zone of our name that leads to a broker of somebody else.
fn bait(zone: ZoneId, generation: u64) -> Hello {
    Hello {
        zone,
        name: Name::new("zone-1").expect("a name"),
        generation,
        broker: BrokerEndpoint { host: "127.0.0.1".into(), port: 9, vhost: "rollcall".into() },
        api: "127.0.0.1:9".into(),
        addresses: vec![[127, 0, 0, 1].into()],
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    }
}

fn announce(stage: &Stage, hello: Hello) -> Stranger {
    let pairs = Announcement::Hello(hello).to_txt();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Stranger::announce(stage.mdns_port(), "zone", &pairs)
}

pub async fn hellos_the_site_does_not_vouch_for_move_nobody(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 2).await;
    let (api, zone) = (stage.api(), stage.zone_id().await);
    let (dump, change) = (api.dump().await, api.latest_change().await);
    let foreign = Site::new();
    let directory = foreign.fresh_directory().join("zone");
    foreign.make_zone("zone-1", &directory);
    let foreign = Announcer::load(&directory).expect("another site's announcer");
    let own = Announcer::load(&stage.trust()).expect("this zone's announcer");
    let signed = |announcer: &Announcer, hello| announcer.sign(hello, now()).expect("it is signed");
    let stranger = ZoneId::derived_from("a stranger");
    let tampered = Hello { api: "127.0.0.1:10".into(), ..signed(&own, bait(zone, 99)) };
    let _announced = [
        announce(&stage, bait(stranger, 1)),
        announce(&stage, signed(&foreign, bait(ZoneId::derived_from("another"), 7))),
        announce(&stage, tampered),
    ];
    for reason in ["hello.unsigned", "hello.unknown_ca", "hello.bad_signature"] {
        assert!(api.ignored(reason).await >= 1, "{reason}");
    }
    fleet.racks[0].says("is not believed").await;
    // A newcomer hears all of them, and goes where the site says.
    let newcomer = stage.agent(2, "rack-a").started();
    stage.all_in(3).await;
    newcomer.says("is not believed").await;
    api.nobody_blamed_since(change, "").await;
    let mut after = api.dump().await;
    after.nodes.retain(|row| row[1] != "sim-0002");
    assert_eq!(after.nodes, dump.nodes, "nobody moved");
    fleet.assert_alive();
}

/// Listens to all that goes to or from the broker, its management and the zone's API.
struct Listener(std::process::Child);

impl Listener {
    fn start(file: &Path, ports: [u16; 3]) -> Self {
        let [broker, management, api] = ports;
        let filter = format!("tcp port {broker} or tcp port {management} or tcp port {api}");
        let child = Command::new("tcpdump")
            .args(["-i", "lo", "-U", "-s", "0", "-B", "65536", "-Z", "root", "-w"])
            .arg(file)
            .arg(filter)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tcpdump runs; it is in the package tcpdump");
        Self(child)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub async fn whoever_listens_on_the_wire_learns_no_secret_and_no_topology(brokers: &Brokers) {
    let broker = brokers.main().await;
    let stage = Stage::new(broker).await;
    let file = stage.directory().join("wire.pcap");
    let management = broker.management().url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let listener = Listener::start(&file, [broker.port(), management, stage.api().address().port()]);
    until("the listener to listen", PATIENCE, async || std::fs::metadata(&file).ok().map(drop)).await;
    let fleet = stage.fleet(1, 2).await;
    let (code, answer) = stage.api().set_policy("sample_period_ms = 900\n").await;
    assert!(code == 200 || code == 422, "{answer}");
    fleet.agents[0].terminate().await;
    stage.state_is("sim-0000", "left").await;
    let caught = until("the capture to be written", PATIENCE, async || {
        std::fs::read(&file).ok().filter(|bytes| bytes.len() > 100_000)
    })
    .await;
    drop(listener);
    tell(&format!("{} bytes caught", caught.len()));
    let text = |name: &str| std::fs::read_to_string(stage.directory().join(name)).expect("a file");
    let ids = stage.api().rows("SELECT node_id FROM v_nodes").await;
    let capability = stage.api().rows("SELECT capability FROM v_nodes WHERE capability IS NOT NULL").await;
    let mut secrets: Vec<String> = vec![
        text("sim-0000.token").trim().to_owned(),
        text("rack-a.token").trim().to_owned(),
        text("broker-password").trim().to_owned(),
        "rct1_".into(),
        "sim-0001".into(),
        "rack-a".into(),
        "inbox.node".into(),
        "hardware".into(),
        "capability".into(),
        "PRIVATE KEY".into(),
    ];
    secrets.extend(ids.iter().chain(&capability).filter_map(|row| row[0].as_str().map(str::to_owned)));
    for secret in secrets.iter().filter(|secret| secret.len() > 3) {
        let found = caught.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret:?} can be read on the wire");
    }
}
