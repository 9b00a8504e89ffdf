//! A map of 5,000 nodes, served by a zone controller within this process, so that changes can be put into its store.

use std::net::SocketAddr;
use std::path::Path;

use rollcall_bus::{Connector, LocalBroker};
use rollcall_discovery::Discovery;
use rollcall_model::hardware::{Cpu, Memory};
use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{
    Capability, CheckinId, GroupId, HardwareTopology, Health, HealthBits, InstanceId, Name, NodeId, NodeIdentifier,
    NodeState, SessionEpoch, UnixMillis,
};
use rollcall_startup::{Pulse, Shutdown};
use rollcall_store::{Change, Store};
use rollcall_tests::browser::{Browser, Scheme};
use rollcall_tests::stage::{Brokers, now};
use rollcall_zone_controller::config::Config;
use rollcall_zone_controller::{Parts, run};
use serde_json::json;
use tokio::sync::oneshot;

use crate::zone::{number, tell};

const NODES: u32 = 5_000;
const RACKS: u32 = 100;
/// Changes that are measured.
const CHANGES: u32 = 40;
/// How often the page is loaded.
const LOADS: usize = 9;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn node(number: u32) -> NodeId {
    NodeId::derived_from(&format!("node {number}"))
}

fn rack(number: u32) -> GroupId {
    GroupId::derived_from(&format!("rack {number}"))
}

fn rack_joined(number: u32, at: UnixMillis) -> Change {
    Change::GroupJoined {
        group: rack(number),
        name: name(&format!("rack-{number:03}")),
        place: name(&format!("row-{}", number / 10)),
        addresses: Vec::new(),
        instance: InstanceId::derived_from(&format!("rack {number}")),
        session: 1,
        channels: Vec::new(),
        at,
    }
}

fn arrival(number: u32, at: UnixMillis) -> [Change; 2] {
    let hardware = HardwareTopology {
        cpu: Cpu { cores: Some(64), threads: Some(128), ..Cpu::default() },
        memory: Memory { total_bytes: Some(512 << 30), ..Memory::default() },
        ..HardwareTopology::default()
    };
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: None,
        board_serial: Some(format!("serial-{number}")),
        cpu: None,
        machine_id: None,
        mac: None,
    };
    let (capability, called) = (Capability::of(&hardware, &[]), name(&format!("node-{number:04}")));
    let address = std::net::Ipv4Addr::from(0x0A00_0000 + number).into();
    let joined = Change::NodeJoined {
        identifier: NodeIdentifier { node: node(number), evidence },
        name: called.clone(),
        address,
        place: None,
        instance: InstanceId::derived_from(&format!("node {number}")),
        epoch: SessionEpoch(1),
        group: capability.group_id(),
        capability,
        hardware: Box::new(hardware),
        reason: "test".into(),
        checkin: CheckinId::derived_from("checkin"),
        at,
    };
    [joined, Change::NodePlaced { node: node(number), name: called, address, group: rack(number % RACKS), at }]
}

fn changed(number: u32, turn: u64, bits: HealthBits, at: UnixMillis) -> Change {
    let state = match (number % 97, bits.is_empty()) {
        (3, _) if turn == 1 => NodeState::Down,
        (4, _) if turn == 1 => NodeState::Unknown,
        (_, true) => NodeState::Healthy,
        (_, false) => NodeState::Degraded,
    };
    Change::NodeChanged {
        node: node(number),
        group: rack(number % RACKS),
        session: 1,
        number: turn * 1_000_000 + u64::from(number),
        epoch: SessionEpoch(1),
        state,
        health: Health::new(bits, HealthBits::NONE.with(19, true)).expect("bits that are measured"),
        cause: "test".into(),
        at,
    }
}

/// What a node of this number has: one in thirty has something.
fn bits(number: u32) -> HealthBits {
    match number % 30 {
        7 => HealthBits::NONE.with((number / 30) as usize % 19, true),
        _ => HealthBits::NONE,
    }
}

async fn write(store: &Store) {
    let at = now();
    let capability = arrival(0, at);
    let Change::NodeJoined { capability, group, .. } = &capability[0] else { unreachable!("it was just made") };
    let kind = Change::GroupCreated {
        group: *group,
        kind: rollcall_store::GroupKind::Logical,
        name: capability.group_name(),
        capability: Some(capability.clone()),
        origin: "check-in",
        at,
    };
    let mut changes: Vec<Change> = (0..RACKS).map(|number| rack_joined(number, at)).collect();
    changes.push(kind);
    changes.extend((0..NODES).flat_map(|number| arrival(number, at)));
    changes.extend((0..NODES).map(|number| changed(number, 1, bits(number), at)));
    for batch in changes.chunks(2_000) {
        store.commit(batch).await.expect("the store takes it");
    }
}

async fn zone(directory: &Path, store: Store, shutdown: Shutdown) -> SocketAddr {
    rollcall_identity::files::write_secret(&directory.join("secret"), "0123456789abcdef0123456789abcdef")
        .expect("a secret");
    let text = format!(
        "name = \"large\"\nsecret_file = {:?}\nmachine_identifier = \"a machine of a test\"\ndatabase = \"sqlite::memory:\"\n\
         addresses = [\"127.0.0.1\"]\n[api]\nlisten = \"127.0.0.1:0\"\n[admission]\ngroups = [\"rack-*\"]\n",
        directory.join("secret")
    );
    let config: Config = toml::from_str(&text).expect("a configuration");
    let parts = Parts {
        connector: Connector::Local(LocalBroker::new()),
        endpoint: BrokerEndpoint { host: "here".into(), port: 5672, vhost: "test".into() },
        store,
        discovery: Discovery::off(),
        pulse: Pulse::default(),
    };
    let (running, up) = oneshot::channel();
    tokio::spawn(run(config, parts, shutdown, running));
    up.await.expect("a zone").api
}

/// Notes how long the page takes: until it is parsed and laid out, and the first paint after that.
const RENDERED: &str = "
    const [page] = performance.getEntriesByType('navigation');
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0;
    return { first: page.responseStart, parsed: page.domInteractive, ready: page.domContentLoadedEventEnd, loaded: page.loadEventEnd, paint, size: page.encodedBodySize };";

pub async fn five_thousand_nodes_are_drawn_and_changed_in_time(_: &Brokers) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(&format!("sqlite:{}", directory.path().join("zone.db").display())).await.expect("a store");
    let shutdown = Shutdown::new();
    let api = zone(directory.path(), store.clone(), shutdown.clone()).await;
    write(&store).await;
    let browser = Browser::start(&format!("http://{api}"), None).await;
    browser.looks(1920, Scheme::Light).await;
    let mut drawn = Vec::new();
    for _ in 0..LOADS {
        browser.go("/ui/").await;
        browser.holds("document.getElementById('live').textContent === 'live'").await;
        browser.holds("performance.getEntriesByName('first-contentful-paint').length").await;
        assert_eq!(browser.value("document.querySelectorAll('#map a.n').length").await, json!(NODES));
        let times = browser.run(RENDERED, vec![]).await;
        let at = |what: &str| number(&times[what]);
        drawn.push(at("paint").max(at("loaded")) - at("first"));
        tell(&format!(
            "{NODES} nodes, {} KB: the zone begins to answer after {} ms; from then on parsed {} ms, scripts {} ms, painted {} ms, done {} ms",
            at("size") / 1_000,
            at("first"),
            at("parsed") - at("first"),
            at("ready") - at("first"),
            at("paint") - at("first"),
            at("loaded") - at("first")
        ));
    }
    drawn.sort_unstable();
    let middle_drawn = drawn[LOADS / 2];
    tell(&format!("drawn: middle {middle_drawn} ms, fastest {} ms, slowest {} ms", drawn[0], drawn[LOADS - 1]));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    for (width, scheme) in [(1920, Scheme::Light), (3840, Scheme::Dark), (390, Scheme::Dark)] {
        browser.looks(width, scheme).await;
        browser.picture(&root.join(format!("target/screenshots/map-5000-{width}-{}.png", scheme.as_str()))).await;
    }
    browser.looks(1920, Scheme::Light).await;
    for number in 0..CHANGES {
        let bits = if bits(number).is_empty() { HealthBits::NONE.with(17, true) } else { HealthBits::NONE };
        store.commit(&[changed(number, 2, bits, now())]).await.expect("the store takes it");
    }
    browser.holds(&format!("performance.getEntriesByType('measure').length >= {CHANGES}")).await;
    let times =
        browser.value("performance.getEntriesByType('measure').map((it) => it.duration).sort((a, b) => a - b)").await;
    let times: Vec<f64> = times.as_array().expect("a list").iter().filter_map(serde_json::Value::as_f64).collect();
    let (middle, worst) = (times[times.len() / 2], times[times.len() - 1]);
    tell(&format!(
        "{CHANGES} changes, each from its arrival to the frame that shows it: middle {middle:.1} ms, worst {worst:.1} ms"
    ));
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "the console is quiet");
    shutdown.request();
    browser.quit().await;
    // A machine that is busy with other tests is given time: the figure is what was printed.
    assert!(middle_drawn <= 1_000, "drawn in {middle_drawn} ms");
    assert!(middle <= 50.0, "a change takes {middle} ms");
}
