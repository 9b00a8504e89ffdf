//! Requests against the API of a whole zone in this process: whatever path and body a stranger sends, the zone answers
//! with a reason, and never with an error of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use reqwest::{Client, Method, Url};
use rollcall_bus::{Connector, LocalBroker};
use rollcall_discovery::Discovery;
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_startup::Shutdown;
use rollcall_store::Store;
use rollcall_zone_controller::api::routes;
use rollcall_zone_controller::config::{AdmissionConfig, ApiConfig, Config};
use rollcall_zone_controller::{Parts, run};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Bodies that some route takes; every route gets every one of them.
const BODIES: [&str; 12] = [
    "",
    "{}",
    r#"{"sql": "SELECT name, state FROM v_nodes WHERE state = 'healthy'", "limit": 5}"#,
    r#"{"csr": "x", "principal": "node.00000000-0000-4000-8000-000000000000", "name": "n", "token": "rct1_x"}"#,
    r#"{"document": "sample_period_ms = 900\n", "comment": "why", "dry_run": true}"#,
    r#"{"rule": "health.fan && memory_mib > 1024", "kind": "health", "enter_dwell_ms": 1, "leave_dwell_ms": 2}"#,
    r#"{"for": "node", "kind": "node", "name": "web-1", "place": "rack-a", "ttl_ms": 600000, "life_ms": 1}"#,
    r#"{"principal": "web-1", "reason": "stolen"}"#,
    r#"{"action": {"kind": "identify", "seconds": 5}, "deadline_ms": 9000}"#,
    r#"{"what": "note", "subject": "door", "message": "open", "comment": "seen"}"#,
    r#"{"approve": true, "name": "big", "role": "viewer", "reason": ""}"#,
    r#"{"version": 1, "role": "administrator", "token": true}"#,
];

struct Served {
    runtime: Runtime,
    api: SocketAddr,
    client: Client,
}

/// Runs until this process ends.
static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let api = runtime.block_on(serve());
    Served { runtime, api, client: Client::builder().no_proxy().build().expect("a client") }
});

async fn serve() -> SocketAddr {
    let directory = tempfile::tempdir().expect("a directory").keep();
    let secret_file = directory.join("secret");
    rollcall_startup::write_durably(&secret_file, b"0123456789abcdef0123456789abcdef").expect("a secret");
    let config = Config {
        name: rollcall_model::Name::new("hall-1").expect("a name"),
        secret_file,
        machine_identifier: Some("a machine of a test".into()),
        database: String::new(),
        addresses: vec![IpAddr::from([127, 0, 0, 1])],
        keep_alive_ms: 1_000,
        broker: Default::default(),
        discovery: Default::default(),
        identity: None,
        broker_admin: None,
        api: ApiConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            open_per_second: 10_000,
            ..ApiConfig::default()
        },
        admission: AdmissionConfig { groups: vec!["rack-*".into()] },
        channels: Default::default(),
        logical_groups: Default::default(),
        checkin: Default::default(),
        replica: Default::default(),
        retention: Default::default(),
        traces: Default::default(),
    };
    let parts = Parts {
        pulse: Default::default(),
        connector: Connector::Local(LocalBroker::new()),
        endpoint: BrokerEndpoint { host: "here".into(), port: 5672, vhost: "test".into() },
        store: Store::open("sqlite::memory:").await.expect("a database"),
        discovery: Discovery::off(),
    };
    let (running, up) = oneshot::channel();
    tokio::spawn(run(config, parts, Shutdown::new(), running));
    let api = up.await.expect("a zone").api;
    // The secret was read; nothing else is in there.
    let _ = std::fs::remove_dir_all(directory);
    api
}

/// `METHOD path`, a line feed, and the body.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for route in routes().iter().filter(|route| route.path != "/ui/live") {
        // Whoever waits for events, or for what a node answers, would keep the others waiting.
        let path = route.path.replace("{node}", "web-1").replace(['{', '}'], "");
        let bodies = if route.method == Method::GET { &BODIES[..1] } else { &BODIES[..] };
        seeds.extend(bodies.iter().map(|body| format!("{} {path}\n{body}", route.method).into_bytes()));
    }
    seeds
}

/// Sends a request, and looks at what comes back.
pub fn ask(input: &[u8]) -> Result<(), String> {
    let (head, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let head = String::from_utf8_lossy(head);
    let (method, path) = head.split_once(' ').unwrap_or(("POST", &head));
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return Ok(()) };
    let Served { runtime, api, client } = &*SERVED;
    // A path that makes this another server's address is not ours to ask.
    let Ok(url) = Url::parse(&format!("http://{api}/{}", path.trim_start_matches('/'))) else { return Ok(()) };
    let body = body.strip_prefix(b"\n").unwrap_or(body).to_vec();
    let is_ours =
        url.port() == Some(api.port()) && !path.contains("wait") && !path.contains("live") && method != Method::CONNECT;
    // What is longer is refused while it is still being sent, which a test of its own looks at.
    if !is_ours || url.as_str().len() > 4_096 || body.len() > 16 * 1_024 {
        return Ok(());
    }
    let asked = client.request(method, url).header("content-type", "application/json").body(body);
    let answer = runtime.block_on(async {
        let answer = asked.send().await.map_err(|error| format!("no answer: {:.300}", format!("{error:?}")))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| format!("half an answer: {:.300}", format!("{error:?}")))?;
        Ok::<_, String>((status, text))
    });
    match answer? {
        (500..=502 | 504..=599, text) => Err(format!("the zone blames itself: {text:.300}")),
        // A head that is too long, or none, is refused before anybody could say why.
        (400 | 414 | 431, text) if text.is_empty() => Ok(()),
        (400..=499, text) if text.trim().is_empty() => Err("refused without a reason".into()),
        _ => Ok(()),
    }
}
