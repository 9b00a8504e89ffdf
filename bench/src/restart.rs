//! A zone controller that starts on a large topology: how long it takes until it is ready, and what it holds then.
//!
//! The fleet is that of the questions, in SQLite; the zone controller is the real program, with its certificates, over a private
//! RabbitMQ with TLS. It is started several times on the same file, and killed in between.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use reqwest::Client;
use rollcall_bus::private_broker::PrivateBroker;
use rollcall_identity::{TrustBundle, tls};
use rollcall_model::UnixMillis;
use rollcall_store::Store;

use crate::footprint::process::Snapshot;
use crate::footprint::zone::{Controller, Daemon, Site};
use crate::machine::{Machine, load};
use crate::questions::file_mib;
use crate::questions::fleet::{Fleet, Size};
use crate::report::{Row, Section, median, publish, say};

/// From the start of the program to its being ready, seconds.
const TARGET_S: f64 = 5.0;
/// What it holds once it is ready, MiB: 300 MB.
const TARGET_MIB: f64 = 286.0;
/// How often it is started.
const STARTS: usize = 5;
/// Whoever is not ready by then never is.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);
/// What it does after it is ready it has done by then.
const SETTLING: Duration = Duration::from_secs(3);

/// What one start came to.
struct Started {
    ready_s: f64,
    /// Once it has settled, MiB.
    held: f64,
    /// The most it ever held, MiB.
    peak: f64,
}

/// Writes the fleet where there is none in this file, starts the zone on a copy of it, prints and writes down.
///
/// # Errors
/// When there is no private RabbitMQ to be had, a program is missing, or the zone does not become ready.
pub async fn run(fleet: &Path, size: Size) -> anyhow::Result<()> {
    let load_before = load();
    let directory = tempfile::tempdir()?;
    write(fleet, size).await?;
    let site = Site::make(directory.path())?;
    // The zone prunes what is too old, and the fleet is kept for others.
    std::fs::copy(fleet, site.database()).context("cannot copy the fleet")?;
    let mib = file_mib(&site.database());
    let broker = PrivateBroker::start_secured(&directory.path().join("rabbitmq"), site.broker()).await?;
    let controller = Controller::new(&site, &broker, "")?;
    let mut starts = Vec::new();
    for number in 1..=STARTS {
        let started = start(&site, &controller).await?;
        say(format_args!(
            "restart {number}/{STARTS}: ready after {:.2} s, holds {:.0} MiB, at most {:.0}",
            started.ready_s, started.held, started.peak
        ));
        starts.push(started);
    }
    broker.stop().await;
    publish("restart", Section { machine: Machine::this(), load_before, rows: rows(&starts, size, mib) })?;
    Ok(())
}

async fn write(file: &Path, size: Size) -> anyhow::Result<()> {
    let store = Store::open(&format!("sqlite:{}", file.display())).await?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let (fleet, is_there) = Fleet::of(&store, size, UnixMillis(u64::try_from(since.as_millis())?)).await?;
    if !is_there {
        fleet.write(&store).await?;
    }
    store.close().await;
    Ok(())
}

async fn start(site: &Site, controller: &Controller) -> anyhow::Result<Started> {
    let bundle = TrustBundle::load(&site.directory().join("site/site.pem"))?;
    let client = Client::builder()
        .tls_backend_preconfigured(tls::client(&bundle, None)?)
        .no_proxy()
        .timeout(Duration::from_secs(1))
        .build()?;
    let url = format!("{}/readyz", controller.api);
    let began = Instant::now();
    let daemon: Daemon = controller.start(site)?;
    while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        ensure!(began.elapsed() < PATIENCE, "the zone is not ready; it said:\n{}", daemon.said());
        tokio::time::sleep(LOOK).await;
    }
    let ready_s = began.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLING).await;
    let used = Snapshot::of(daemon.pid()).context("the zone has ended")?;
    let mib = |kib: u64| kib as f64 / 1_024.0;
    Ok(Started { ready_s, held: mib(used.rss_kib), peak: mib(used.peak_kib) })
}

fn rows(starts: &[Started], size: Size, file: f64) -> Vec<Row> {
    let of = |what: fn(&Started) -> f64| median(&starts.iter().map(what).collect::<Vec<_>>());
    let most = |what: fn(&Started) -> f64| starts.iter().map(what).fold(0.0, f64::max);
    let (nodes, times) = (size.nodes, starts.len());
    vec![
        Row::new(format!("{nodes} nodes: from the start of the zone controller to ready"), of(|it| it.ready_s), "s")
            .beside(format!("target ≤ {TARGET_S}"))
            .note(format!("median of {times}, at most {:.2}; the database has {file:.0} MiB", most(|it| it.ready_s))),
        Row::new(
            format!("{nodes} nodes: memory of the zone controller, {} s after", SETTLING.as_secs()),
            of(|it| it.held),
            "MiB",
        )
        .beside(format!("target ≤ {TARGET_MIB}"))
        .note(format!("VmRSS; at most {:.0} at any time", most(|it| it.peak))),
    ]
}
