//! The check-in service: maps a node's hardware to a logical group (C1–C6).

pub mod assign;
pub mod config;
pub mod core;
mod driver;

use std::net::{IpAddr, Ipv4Addr};

use rand::random;
use rollcall_bus::{
    Attachment, Bus, ConnectError, Connector, ConsumeError, Consumer, DeclareError, ExchangeKind, Overflow, Queue,
    QueueClass, Topology,
};
use rollcall_discovery::{Discovery, Tag, Watch, host_addresses};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{CheckinId, InstanceId, Name, route};
use rollcall_startup::{Clock, Exit, Failure, Shutdown};

use crate::config::Config;
use crate::core::{Checkin, Settings};
use crate::driver::Driver;

/// Why a check-in service could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The broker cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The broker refused the service's queue.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// The broker refused a consumer.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
}

impl From<RunError> for Failure {
    /// What trying again would not change is a wrong use of the program.
    fn from(error: RunError) -> Self {
        let exit = if matches!(error, RunError::Connect(_)) { Exit::Usage } else { Exit::Unreachable };
        Self::caused_by(exit, &error)
    }
}

/// What a check-in service stands on.
pub struct Parts {
    /// The way to the broker; the hello names the host, this holds the credentials.
    pub connector: Connector,
    /// Where the broker is when mDNS is off.
    pub seed: BrokerEndpoint,
    /// DNS-SD.
    pub discovery: Discovery,
}

/// Runs a check-in service until `shutdown`.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let Parts { connector, seed, discovery } = parts;
    let checkin = CheckinId::of_service(&config.name);
    let mut hellos = discovery.watch(Tag::Zone);
    let broker = tokio::select! {
        broker = locate(&config.zone, seed, &discovery, &mut hellos) => broker,
        () = shutdown.requested() => return Ok(()),
    };
    let inbox = route::checkin_inbox(checkin);
    let attachment = Attachment {
        inbox: inbox.clone(),
        client_name: format!("rollcall checkin {}", config.name),
        endpoint: Some(broker.clone()),
    };
    let bus = connector.attach(attachment).await?;
    let (subscriptions, inbox) = tokio::select! {
        consumers = prepare(&bus, checkin, &inbox) => consumers?,
        () = shutdown.requested() => return Ok(()),
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
        broker,
    };
    let link = bus.link();
    let core = Checkin::new(settings);
    let driver =
        Driver { core, clock: Clock::start(), bus, link, discovery, hellos, subscriptions, inbox, announced: None };
    driver.run(shutdown).await;
    Ok(())
}

/// Where the zone's broker is: told by its hello, or by configuration where there is no multicast.
async fn locate(zone: &Name, seed: BrokerEndpoint, discovery: &Discovery, hellos: &mut Watch) -> BrokerEndpoint {
    if !discovery.is_on() {
        return seed;
    }
    hellos.hello_of(zone).await.map_or(seed, |hello| hello.broker)
}

async fn prepare(bus: &Bus, checkin: CheckinId, inbox: &str) -> Result<(Consumer, Consumer), RunError> {
    let queue = route::checkin_queue(checkin);
    let topology = Topology::default()
        .exchange(route::DIRECT, ExchangeKind::Direct)
        .exchange(route::ZONE, ExchangeKind::Topic)
        .exchange(route::PARKED, ExchangeKind::Fanout)
        .queue(Queue {
            name: queue.clone(),
            class: QueueClass::Classic,
            max_length: 20_000,
            overflow: Overflow::RejectPublish,
            // A node asks again after at most half a minute; an older question is answered already.
            max_age_ms: Some(60_000),
            dead_letter: None,
        })
        .bind(route::DIRECT, &queue, &queue);
    bus.declare(topology).await?;
    Ok((bus.consume(&queue, 512).await?, bus.consume(inbox, 512).await?))
}
