//! Streams of server-sent events over real sockets, as in production with TLS 1.3: how long one event takes from the
//! request that causes it until the last of a thousand clients has it, and how much memory the zone controller holds for
//! ten thousand clients that listen while nothing happens. Beside it, in the same run and in turn, a bare server that has
//! neither store nor rights. Server and clients share the machine.

mod listeners;
mod peer;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Client;
use rollcall_bus::private_broker::PrivateBroker;
use rollcall_identity::tls::Certified;
use rollcall_identity::{Key, TrustBundle, tls};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use self::listeners::{Listeners, Target};
use self::peer::{Certificate, Peer};
use crate::footprint::process::Snapshot;
use crate::footprint::zone::{Site, Zone};
use crate::machine::{Machine, load};
use crate::report::{Row, Section, median, publish, say};

/// First argument of the process that plays the peer.
pub const ROLE: &str = "peer";
/// What an event of ours is known by, a number after it.
const MARK: &str = "bench-";
/// Events, one after the other.
const ROUNDS: u64 = 25;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);
/// Idle clients are looked at after so long: past their first sign of life.
const IDLE: Duration = Duration::from_secs(20);
/// Everybody has the event within this, ms.
const TARGET_MS: f64 = 100.0;
/// Most memory of the zone controller with all that listen, MB.
const TARGET_MB: f64 = 500.0;
/// Users that open streams: each may ask so often, all of them together ten times that.
const USERS: usize = 10;
const API: &str = "max_connections = 16384\nmax_connections_per_origin = 16384\nmax_streams = 16000\nmax_streams_per_caller = 16000\n";

/// What the peer's process does.
///
/// # Errors
/// When it cannot listen.
pub async fn peer(certificate: &str) -> anyhow::Result<()> {
    peer::serve(certificate).await
}

/// One of the two servers.
struct Side {
    target: Target,
    pid: u32,
    client: Client,
    /// Where an event is caused.
    cause: String,
    is_zone: bool,
}

/// What came of one side.
#[derive(Default)]
struct Measured {
    /// From the request that caused it until the last client had the event, ms.
    last_ms: Vec<f64>,
    /// From the first client that had it to the last, ms.
    spread_ms: Vec<f64>,
    empty_kib: u64,
    idle_kib: u64,
    /// Processor time with all that listen, percent of a core.
    idle_percent: f64,
    opened_s: f64,
}

/// Measures, prints and writes down.
///
/// # Errors
/// When a program is missing, a client is not let in or not told, or a target is missed.
pub async fn run(clients: usize, idle: usize) -> anyhow::Result<()> {
    let load_before = load();
    // Each connection is a file, here and at the other end, which inherits it.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let directory = tempfile::tempdir()?;
    say("streams: starting a private RabbitMQ, a zone and the peer");
    let site = Site::make(directory.path())?;
    let certificate = site.broker();
    let broker = PrivateBroker::start_secured(&directory.path().join("rabbitmq"), site.broker()).await?;
    let bundle = directory.path().join("site/site.pem");
    let certificate = Certificate { chain: certificate.chain, key: certificate.key, bundle: bundle.clone() };
    let (peer, zone) = (Peer::start(&certificate).await?, Zone::start(site, &broker, &[], API)?);
    let sides = [zone_side(&zone, &bundle)?, peer_side(&peer, &bundle)?];
    let mut measured = [Measured::default(), Measured::default()];
    for (side, measured) in sides.iter().zip(&mut measured) {
        measured.empty_kib = Snapshot::of(side.pid)?.rss_kib;
    }
    tell(&sides, &mut measured, clients).await?;
    for (side, measured) in sides.iter().zip(&mut measured) {
        listen_idly(side, measured, idle).await?;
    }
    drop((zone, peer));
    broker.stop().await;
    let rows = rows(&measured, clients, idle);
    publish("streams", Section { machine: Machine::this(), load_before, rows })?;
    let [zone, _] = &measured;
    let (last, held) = (median(&zone.last_ms), mb(zone.idle_kib));
    ensure!(last <= TARGET_MS, "{clients} clients had the event after {last:.0} ms");
    ensure!(held <= TARGET_MB, "the zone controller holds {held:.0} MB for {idle} clients");
    Ok(())
}

fn zone_side(zone: &Zone, bundle: &std::path::Path) -> anyhow::Result<Side> {
    let mut tokens = Vec::new();
    for number in 0..USERS {
        let made = zone.ask(&["user", "add", &format!("listener-{number}"), "--role", "administrator"])?;
        tokens.push(made["secret"].as_str().context("no token")?.to_owned());
    }
    let address = zone.api.trim_start_matches("https://").parse()?;
    let target = Target::new(address, "/v1/events", tokens, &TrustBundle::load(bundle)?)?;
    let pid = zone.daemons.first().context("no zone")?.pid();
    let client = client(bundle, Some(&zone.administrator()))?;
    Ok(Side { target, pid, client, cause: format!("{}/v1/tokens", zone.api), is_zone: true })
}

fn peer_side(peer: &Peer, bundle: &std::path::Path) -> anyhow::Result<Side> {
    let target = Target::new(peer.address, "/events", Vec::new(), &TrustBundle::load(bundle)?)?;
    let cause = format!("https://{}/tell", peer.address);
    Ok(Side { target, pid: peer.pid(), client: client(bundle, None)?, cause, is_zone: false })
}

fn client(bundle: &std::path::Path, identity: Option<&std::path::Path>) -> anyhow::Result<Client> {
    let own = match identity {
        None => None,
        Some(identity) => {
            let chain = std::fs::read_to_string(identity.join("cert.pem"))?;
            Some(Certified::new(&chain, &Key::load(&identity.join("key.pem"))?)?)
        }
    };
    let config = tls::client(&TrustBundle::load(bundle)?, own)?;
    Ok(Client::builder().tls_backend_preconfigured(config).no_proxy().timeout(Duration::from_secs(30)).build()?)
}

impl Side {
    /// Causes an event with this mark.
    async fn cause(&self, mark: u64) -> anyhow::Result<()> {
        let asked = self.client.post(&self.cause);
        let asked = match self.is_zone {
            true => asked.json(&json!({ "for": "node", "name": format!("{MARK}{mark}") })),
            // About as long as the row is.
            false => asked.body(format!("{{\"name\":\"{MARK}{mark}\",\"rest\":\"{}\"}}", "x".repeat(330))),
        };
        asked.send().await?.error_for_status()?;
        Ok(())
    }
}

/// Events to all clients of both sides, in turn.
async fn tell(sides: &[Side; 2], measured: &mut [Measured; 2], clients: usize) -> anyhow::Result<()> {
    let [zone, peer] = sides;
    let mut listeners = [zone.target.listen(clients).await?, peer.target.listen(clients).await?];
    say(format_args!("  {clients} clients listen to each; {ROUNDS} events, in turn"));
    // The first of each opens its connection.
    for mark in 0..=ROUNDS {
        for ((side, listeners), measured) in sides.iter().zip(&mut listeners).zip(measured.iter_mut()) {
            tokio::time::sleep(PAUSE).await;
            let (last, spread) = round(side, listeners, mark, clients).await?;
            if mark > 0 {
                measured.last_ms.push(last);
                measured.spread_ms.push(spread);
            }
        }
    }
    Ok(())
}

async fn round(side: &Side, listeners: &mut Listeners, mark: u64, clients: usize) -> anyhow::Result<(f64, f64)> {
    let from = Instant::now();
    let (caused, heard) = tokio::join!(side.cause(mark), listeners.hear(mark, clients));
    caused?;
    let (first, last) = heard?;
    let ms = |span: Duration| span.as_secs_f64() * 1_000.0;
    Ok((ms(last - from), ms(last - first)))
}

async fn listen_idly(side: &Side, measured: &mut Measured, idle: usize) -> anyhow::Result<()> {
    let from = Instant::now();
    let listeners = side.target.listen(idle).await?;
    measured.opened_s = from.elapsed().as_secs_f64();
    say(format_args!("  {idle} clients let in after {:.1} s", measured.opened_s));
    let before = Snapshot::of(side.pid)?;
    tokio::time::sleep(IDLE).await;
    let after = Snapshot::of(side.pid)?;
    (measured.idle_kib, measured.idle_percent) = (after.rss_kib, after.since(&before).percent());
    ensure!(listeners.ended() == 0, "{} of {idle} idle streams ended", listeners.ended());
    Ok(())
}

fn mb(kib: u64) -> f64 {
    kib as f64 * 1_024.0 / 1e6
}

fn rows([zone, peer]: &[Measured; 2], clients: usize, idle: usize) -> Vec<Row> {
    let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let each = |side: &Measured| (side.idle_kib.saturating_sub(side.empty_kib)) as f64 / idle as f64;
    let bare = |value: f64| format!("bare server {value:.1}");
    vec![
        Row::new(format!("one event to {clients} clients: median"), median(&zone.last_ms), "ms")
            .beside(format!("target ≤ {TARGET_MS}; {}", bare(median(&peer.last_ms))))
            .note(format!("from the request that causes it to the last client, commit included; {ROUNDS} events")),
        Row::new(format!("one event to {clients} clients: worst"), worst(&zone.last_ms), "ms")
            .beside(bare(worst(&peer.last_ms))),
        Row::new("from the first client to the last: median", median(&zone.spread_ms), "ms")
            .beside(bare(median(&peer.spread_ms))),
        Row::new(format!("{idle} idle clients: memory of the zone controller"), mb(zone.idle_kib), "MB")
            .beside(format!("target ≤ {TARGET_MB}; {}", bare(mb(peer.idle_kib))))
            .note(format!("VmRSS over TLS; without clients {:.1}", mb(zone.empty_kib))),
        Row::new("memory for each idle client", each(zone), "KiB").beside(bare(each(peer))),
        Row::new(format!("{idle} idle clients: processor time"), zone.idle_percent, "% of a core")
            .beside(bare(peer.idle_percent))
            .note(format!("a sign of life every 15 s; over {} s", IDLE.as_secs())),
        Row::new(format!("{idle} clients let in, 32 at once"), zone.opened_s, "s")
            .beside(bare(peer.opened_s))
            .note("TLS handshakes; the zone lets each user ask 100 times a second"),
    ]
}
