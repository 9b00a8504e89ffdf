//! The node agent: the daemon on every server. Knows what its machine is made of, joins its zone, and tells
//! its health in 24 bits.

pub mod checkins;
mod clash;
pub mod config;
pub mod core;
mod driver;
pub mod evidence;
pub mod hardware;
pub mod probes;
pub mod simulated;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rand::random;
use rollcall_bus::{Attachment, ConnectError, Connector, ConsumeError, Outbox};
use rollcall_discovery::{Discovery, Tag, host_addresses};
use rollcall_model::threshold::Evaluator;
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{CheckinId, HardwareTopology, InstanceId, Millis, Name, NodeIdentifier, Tick, route};
use rollcall_startup::{Clock, Exit, Failure, Shutdown};

use crate::checkins::Checkins;
use crate::clash::Clash;
use crate::config::Config;
use crate::core::{Agent, Event, Settings};
use crate::driver::{Driver, Place, Sampling};
use crate::evidence::EvidenceError;
use crate::probes::{ProbeSet, Sampler};
use crate::simulated::Machine;

/// Why an agent could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine tells nothing to identify it by.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The system gives no thread for the probes.
    #[error("cannot start the thread that takes readings: {0}")]
    Sampler(#[from] io::Error),
    /// The broker cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The broker refused the inbox.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Evidence(_) | RunError::Sampler(_) => Exit::Failed,
            // What trying again would not change is a wrong use of the program.
            RunError::Connect(_) => Exit::Usage,
            RunError::Consume(_) => Exit::Unreachable,
        };
        Self::caused_by(exit, &error)
    }
}

/// What an agent stands on.
pub struct Parts {
    /// The way to the broker; the hello names the host, this holds the credentials.
    pub connector: Connector,
    /// Where the broker is when mDNS is off.
    pub seed: BrokerEndpoint,
    /// The check-in service when mDNS is off.
    pub checkin: Option<CheckinId>,
    /// DNS-SD.
    pub discovery: Discovery,
}

/// The machine an agent speaks for: this one, or one that does not exist.
pub struct Body {
    /// Who it is.
    pub identifier: NodeIdentifier,
    /// What it is made of.
    pub hardware: HardwareTopology,
    /// Its host name.
    pub name: Name,
    /// Its readings.
    pub sampler: Sampler,
}

impl Body {
    /// The machine the configuration means: this one, unless it asks for a simulated one.
    ///
    /// # Errors
    /// As [`Body::of_this_machine`].
    pub fn of(config: &Config) -> Result<Self, RunError> {
        let Some(simulate) = config.simulate else { return Self::of_this_machine(config) };
        let machine =
            Machine::generate(simulate.seed, simulate.index).with_faults_per_minute(simulate.faults_per_minute);
        tracing::warn!(node = %machine.identifier.node, name = %machine.name,
            "SIMULATED: this agent does not speak for this server but for a machine that does not exist; \
             take [simulate] out of its configuration to change that");
        Ok(Self::simulated(machine))
    }

    /// This very machine.
    ///
    /// # Errors
    /// When it tells nothing to identify it by, or the system gives no thread.
    pub fn of_this_machine(config: &Config) -> Result<Self, RunError> {
        let root = Path::new("/");
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self {
            identifier: evidence::read(root)?,
            hardware: hardware::read(root),
            name: Name::nearest(&host, "node"),
            sampler: Sampler::start(ProbeSet::new(root, &config.probes))?,
        })
    }

    /// A machine that does not exist.
    #[must_use]
    pub fn simulated(machine: Machine) -> Self {
        Self {
            identifier: machine.identifier.clone(),
            hardware: machine.hardware.clone(),
            name: machine.name.clone(),
            sampler: Sampler::simulated(machine),
        }
    }
}

/// Runs an agent until `shutdown`.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, body: Body, parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let Parts { connector, seed, checkin, discovery } = parts;
    let clock = Clock::start();
    let address =
        config.address.or_else(|| host_addresses().first().copied()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let broker = tokio::select! {
        broker = locate(&config.zone, seed, &discovery) => broker,
        () = shutdown.requested() => return Ok(()),
    };
    let name = config.name.clone().unwrap_or(body.name);
    let node = body.identifier.node;
    let attachment = Attachment {
        inbox: route::node_inbox(node),
        client_name: format!("rollcall node-agent {name}"),
        endpoint: Some(broker.clone()),
    };
    let bus = connector.attach(attachment).await?;
    let settings = Settings {
        identifier: body.identifier,
        name,
        address,
        place: config.place.clone(),
        instance: InstanceId::from_bytes(random()),
        hardware: body.hardware,
        keep_alive: Millis(1_000),
    };
    let clash = Clash::new(connector, broker, settings.instance, config.broker.heartbeat_s);
    let mut core = Agent::new(settings);
    if let Some(checkin) = checkin {
        core.step(clock.now(), Event::CheckinFound(checkin));
    }
    let queue = route::node_inbox(node);
    let inbox = tokio::select! {
        inbox = clash.watched(&bus, bus.consume(&queue, 32), &clock, &mut core) => inbox?,
        () = shutdown.requested() => return Ok(()),
    };
    let complaint = checkin.is_none().then(|| Place::patient_until(clock.now().tick));
    let driver = Driver {
        core,
        clock,
        outbox: Outbox::start(bus.clone(), driver::OUTBOX),
        link: bus.link(),
        bus,
        inbox,
        sightings: discovery.watch(Tag::Checkin),
        sampling: Sampling {
            sampler: body.sampler,
            evaluator: Evaluator::with_defaults(),
            period: Millis(config.sample_period_ms),
            next: Tick::default(),
        },
        place: Place { zone: config.zone, address, checkins: Checkins::default(), complaint, clash },
    };
    driver.run(shutdown).await;
    Ok(())
}

/// Where the zone's broker is: told by its hello, or by configuration where there is no multicast.
async fn locate(zone: &Name, seed: BrokerEndpoint, discovery: &Discovery) -> BrokerEndpoint {
    if !discovery.is_on() {
        return seed;
    }
    discovery.watch(Tag::Zone).hello_of(zone).await.map_or(seed, |hello| hello.broker)
}
