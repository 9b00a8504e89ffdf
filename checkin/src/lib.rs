//! The check-in service: maps a node's hardware to a logical group (C1–C7).

pub mod assign;
pub mod config;
pub mod core;
mod driver;
mod figures;
pub mod journal;
pub mod memory;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rand::random;
use rollcall_bus::{Attachment, Bus, Connector, Consumer, Overflow, Queue, QueueClass, Topology};
use rollcall_discovery::{Discovery, Tag, Watch, host_addresses};
pub use rollcall_enrolment::RunError;
use rollcall_enrolment::{Applicant, Entrance, believing};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{CheckinId, InstanceId, Name, Principal, route};
use rollcall_startup::metrics::{self, About, Desk};
use rollcall_startup::traces::Tracer;
use rollcall_startup::{Clock, Pulse, Shutdown};

use crate::config::Config;
use crate::core::{Checkin, Settings};
use crate::driver::{Driver, Ended};
use crate::figures::Figures;
use crate::journal::Journal;

/// A service that remembers where the zone's broker was waits this long for the zone to say so itself.
const HELLO_PATIENCE: Duration = Duration::from_secs(1);

/// What a check-in service stands on.
pub struct Parts {
    /// The way to the broker; the hello names the host, this holds the credentials.
    pub connector: Connector,
    /// Where the broker is when mDNS is off.
    pub seed: BrokerEndpoint,
    /// DNS-SD.
    pub discovery: Discovery,
    /// Told of each proof that the way to the broker works.
    pub pulse: Pulse,
}

/// Runs a check-in service until `shutdown`.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let Parts { mut connector, seed, mut discovery, pulse } = parts;
    let tracer = Tracer::of_process(&config.traces, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))?;
    let ways = (1, &pulse, config.broker.proof_stands());
    let about = About::of((env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")), ways, &tracer);
    let desk = metrics::open(config.metrics, about, shutdown.clone()).await?;
    let place = |identity: &rollcall_enrolment::IdentityConfig| identity.directory(config.state_dir.as_deref());
    let directory = config.identity.as_ref().map(place).transpose().map_err(RunError::Identity)?;
    if let (Some(identity), Some(directory)) = (&config.identity, &directory) {
        discovery = believing(identity, directory, discovery, std::slice::from_ref(&config.zone))?;
    }
    let mut journal = config.state_dir.as_deref().map(Journal::open).transpose()?;
    let mut hellos = discovery.watch(Tag::Zone);
    let kept = journal.as_ref().and_then(|journal| journal.broker().cloned());
    let mut broker = tokio::select! {
        broker = locate(&config.zone, seed, kept, &discovery, &mut hellos) => broker,
        () = shutdown.requested() => return Ok(()),
    };
    let mut _entrance = None;
    if let (Some(identity), Some(directory)) = (&config.identity, directory) {
        let principal = Principal::Checkin(CheckinId::of_service(&config.name));
        let (name, zone) = (config.name.clone(), config.zone.clone());
        let applicant = Applicant { principal, name, place: None, address: config.address, zone, trace: None };
        let entered = tokio::select! {
            entered = Entrance::enter(identity, directory, applicant, connector, &discovery) => entered?,
            () = shutdown.requested() => return Ok(()),
        };
        connector = entered.connector.clone();
        _entrance = Some(entered);
    }
    loop {
        if let Some(journal) = &mut journal {
            journal.found_broker(&broker)?;
        }
        let continuation = driver::Parts { hellos, journal };
        let served =
            serve(&config, (&connector, &discovery, &pulse, &desk, &tracer), &broker, continuation, &shutdown).await?;
        let Ended::Moved(elsewhere, continuation) = served else {
            tracer.flush().await;
            return Ok(());
        };
        tracing::warn!("zone {} is at {}:{} now", config.zone, elsewhere.host, elsewhere.port);
        (broker, hellos, journal) = (elsewhere, continuation.hellos, continuation.journal);
    }
}

/// Serves at one broker.
async fn serve(
    config: &Config,
    (connector, discovery, pulse, desk, tracer): (&Connector, &Discovery, &Pulse, &Desk<Figures>, &Tracer),
    broker: &BrokerEndpoint,
    parts: driver::Parts,
    shutdown: &Shutdown,
) -> Result<Ended, RunError> {
    let checkin = CheckinId::of_service(&config.name);
    let inbox = route::checkin_inbox(checkin);
    let attachment = Attachment {
        principal: Principal::Checkin(checkin),
        inbox: inbox.clone(),
        client_name: format!("rollcall checkin {}", config.name),
        endpoint: Some(broker.clone()),
    };
    let bus = connector.attach(attachment).await?;
    pulse.follow(bus.proven());
    let (subscriptions, inbox) = tokio::select! {
        consumers = prepare(&bus, checkin, &inbox) => consumers?,
        () = shutdown.requested() => return Ok(Ended::Stopped),
    };
    let address =
        config.address.or_else(|| host_addresses().first().copied()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let settings = Settings {
        checkin,
        name: config.name.clone(),
        zone_name: config.zone.clone(),
        instance: InstanceId::from_bytes(random()),
        address,
        ranges: config.ranges.clone(),
        broker: broker.clone(),
    };
    let core = match &parts.journal {
        Some(journal) => Checkin::resumed(settings, journal.memory().clone()),
        None => Checkin::new(settings),
    };
    let driver = Driver {
        core,
        clock: Clock::start(),
        link: bus.link(),
        bus,
        discovery: discovery.clone(),
        hellos: parts.hellos,
        zone: (config.zone.clone(), broker.clone()),
        journal: parts.journal,
        subscriptions,
        inbox,
        announced: None,
        questions: desk.admit(),
        tracer: tracer.clone(),
    };
    Ok(driver.run(shutdown.clone()).await?)
}

/// Where the zone's broker is: told by its hello, or by configuration where there is no multicast. A service that
/// remembers does not wait for a zone that may be away.
async fn locate(
    zone: &Name,
    seed: BrokerEndpoint,
    kept: Option<BrokerEndpoint>,
    discovery: &Discovery,
    hellos: &mut Watch,
) -> BrokerEndpoint {
    if !discovery.is_on() {
        return seed;
    }
    let hello = async { hellos.hello_of(zone).await.map_or(seed, |hello| hello.broker) };
    match kept {
        Some(kept) => tokio::time::timeout(HELLO_PATIENCE, hello).await.unwrap_or(kept),
        None => hello.await,
    }
}

async fn prepare(bus: &Bus, checkin: CheckinId, inbox: &str) -> Result<(Consumer, Consumer), RunError> {
    let queue = route::checkin_queue(checkin);
    let topology = Topology::default()
        .expect_exchange(route::DIRECT)
        .expect_exchange(route::ZONE)
        .expect_exchange(route::PARKED)
        .queue(Queue {
            name: queue.clone(),
            class: QueueClass::Exclusive,
            max_length: 20_000,
            overflow: Overflow::RejectPublish,
            // A node asks again after at most half a minute; an older question is answered already.
            max_age_ms: Some(60_000),
            dead_letter: None,
        })
        .bind(route::DIRECT, &queue, &route::checkin_binding(checkin));
    bus.declare(topology).await?;
    Ok((bus.consume(&queue, 512).await?, bus.consume(inbox, 512).await?))
}
