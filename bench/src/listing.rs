//! Lists of a large fleet, asked over HTTP of an API that stands on the store alone: what they take is planning, database,
//! JSON and loopback.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use reqwest::Client;
use rollcall_bus::{Attachment, Connector, LocalBroker};
use rollcall_identity::SessionKey;
use rollcall_model::{Name, Principal, ZoneId, route};
use rollcall_startup::Shutdown;
use rollcall_startup::traces::Tracer;
use rollcall_store::Store;
use rollcall_zone_controller::api::listener::Bounds;
use rollcall_zone_controller::api::{Credentials, OwnMachine, Pace, Paced, Paces, Places, Shared, serve};
use rollcall_zone_controller::availability::Availability;
use rollcall_zone_controller::feed::Feed;
use rollcall_zone_controller::trust::BrokerUsers;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::report::Row;

/// A list of a hundred nodes with two filters takes no longer, median.
const LIST_MS: f64 = 20.0;
/// How often each is asked.
const TIMES: usize = 31;

/// What is asked, and in how few words.
const LISTS: [(&str, &str, bool); 12] = [
    ("100 nodes by state and rack", "/v1/nodes?state=healthy&group=rack-7&limit=100", true),
    ("100 nodes by state and beginning of the name", "/v1/nodes?state=healthy&q=node-12&limit=100", true),
    ("100 nodes by two states and a bit", "/v1/nodes?state=degraded,down&bit=disk_space&limit=100", true),
    (
        "100 nodes by state and combination of hardware",
        "/v1/nodes?state=healthy&capability={capability}&limit=100",
        true,
    ),
    (
        "100 nodes by state, worst and longest first",
        "/v1/nodes?state=down,degraded&refusing=false&sort=concern,since&limit=100",
        true,
    ),
    (
        "100 nodes, in the middle of all, by state and policy",
        "/v1/nodes?state=healthy&refusing=false&limit=100{cursor}",
        true,
    ),
    ("100 nodes of the fleet, four fields", "/v1/nodes?fields=name,state,since,physical_group&limit=100", false),
    ("100 open alerts by severity and rack", "/v1/alerts?state=open&severity=critical&limit=100", false),
    ("100 changes of health of a node", "/v1/health/history?node=node-77&limit=100", false),
    ("100 latest changes of health", "/v1/health/history?limit=100", false),
    ("every rack", "/v1/groups?kind=physical", false),
    ("100 nodes by rack and name, all of them sorted", "/v1/nodes?sort=physical_group,name&limit=100", false),
];

/// Asks everything of the fleet in a store.
///
/// # Errors
/// When an answer is none.
pub async fn measure(store: &Store, database: &str) -> anyhow::Result<Vec<Row>> {
    let shutdown = Shutdown::new();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = listener.local_addr()?;
    let bounds = Bounds { connections: 16, of_one_origin: 16 };
    let serving = tokio::spawn(serve(listener, None, bounds, shared(store, &shutdown).await?));
    let rows = ask_all(api, database).await;
    shutdown.request();
    serving.await?;
    rows
}

async fn ask_all(api: SocketAddr, database: &str) -> anyhow::Result<Vec<Row>> {
    let client = Client::builder().no_proxy().build()?;
    let get = async |path: &str| -> anyhow::Result<(Option<String>, Value)> {
        let answer = client.get(format!("http://{api}{path}")).send().await?.error_for_status()?;
        let link = answer.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
        Ok((link, answer.json().await?))
    };
    let (_, one) = get("/v1/nodes/node-77").await?;
    let capability =
        one["node"]["capability"].as_str().context("a combination")?.replace(';', "%3B").replace('=', "%3D");
    // Half-way: ten thousand at a time.
    let mut path = "/v1/nodes?state=healthy&refusing=false&limit=10000&fields=name".to_owned();
    let mut cursor = String::new();
    for _ in 0..5 {
        let Some(link) = get(&path).await?.0 else { break };
        let next = link.split(['<', '>']).nth(1).context("a link")?.to_owned();
        cursor = format!("&cursor={}", next.split("cursor=").nth(1).context("a cursor")?);
        path = next;
    }
    let mut rows = Vec::new();
    for (what, path, is_bounded) in LISTS {
        let path = path.replace("{capability}", &capability).replace("{cursor}", &cursor);
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..TIMES {
            let began = Instant::now();
            found = get(&path).await?.1.as_array().context("a list")?.len();
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        took.sort_by(f64::total_cmp);
        ensure!(found > 0, "{what}: nothing was found by {path}");
        let (median, worst) = (took[TIMES / 2], took[TIMES * 95 / 100]);
        let mark = if is_bounded && median > LIST_MS { " <-- slow" } else { "" };
        writeln!(std::io::stderr(), "{database:10} {median:9.1} ms {found:6} rows  {what}{mark}")?;
        let row = Row::new(format!("{database}: {what}"), median, "ms");
        let row = if is_bounded { row.beside(format!("≤ {LIST_MS} ms")) } else { row };
        rows.push(row.note(format!("{found} rows; 95 % within {worst:.1} ms")));
    }
    Ok(rows)
}

/// What the handlers of lists need; there is no zone behind it.
async fn shared(store: &Store, shutdown: &Shutdown) -> anyhow::Result<Shared> {
    let zone = ZoneId::derived_from("bench");
    let client_name = "listing".to_owned();
    let attachment =
        Attachment { principal: Principal::Zone(zone), inbox: route::zone_inbox(zone), client_name, endpoint: None };
    let bus = Connector::Local(LocalBroker::new()).attach(attachment).await?;
    Ok(Shared {
        store: store.clone(),
        ask: mpsc::channel(1).0,
        zone,
        name: Name::new("bench")?,
        generation: 1,
        channels: Vec::new(),
        link: bus.link(),
        bus,
        tracer: Tracer::off(),
        feed: Feed::open(store.clone(), shutdown.clone()).await?,
        streams: Places::new(1, 1),
        sessions: SessionKey::random()?,
        availability: Availability::off(),
        ended: Arc::default(),
        vouched: Arc::default(),
        trust: None,
        users: BrokerUsers::InProcess,
        credentials: Credentials::OwnMachine(OwnMachine::default()),
        paced: Arc::new(Paced::new(Paces { open: Pace { per_second: 1, burst: 1 } })),
        writes: Arc::default(),
        reads: Arc::default(),
        notices: Arc::default(),
        is_up: Arc::default(),
        took_over: false,
        shutdown: shutdown.clone(),
    })
}
