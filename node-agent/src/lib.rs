//! The node agent: the daemon on every server. Knows what its machine is made of, joins its zone, and tells
//! its health in 24 bits.

pub mod actions;
pub mod availability;
pub mod checkins;
mod clash;
pub mod config;
pub mod core;
mod driver;
pub mod evidence;
mod figures;
pub mod hardware;
mod intake;
mod journey;
pub mod place;
pub mod probes;
mod programs;
mod rereading;
pub mod simulated;
mod state;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::random;
use rollcall_alarm::Alarm;
use rollcall_bus::{Attachment, ConnectError, Connector, ConsumeError, Outbox};
use rollcall_discovery::{Discovery, Sighting, Tag, Watch, host_addresses};
use rollcall_enrolment::{Applicant, EnrolError, Entrance, believing};
use rollcall_model::policy::Resolved;
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint};
use rollcall_model::{CheckinId, HardwareTopology, InstanceId, Millis, Name, NodeIdentifier, Principal, Tick, route};
use rollcall_startup::metrics::{self, About, MetricsError};
use rollcall_startup::traces::{Kind, Stretch, Tracer, TracesError};
use rollcall_startup::{Clock, Exit, Failure, Pulse, Shutdown, StateError};
use tracing::Instrument;

use crate::actions::{Hands, Runner};
use crate::availability::{Measuring, Meter};
use crate::checkins::Checkins;
use crate::clash::Clash;
use crate::config::Config;
use crate::core::{Agent, Event, Settings};
use crate::driver::{Driver, Place, Sampling};
use crate::evidence::EvidenceError;
use crate::intake::Dropped;
use crate::journey::Journey;
use crate::place::PlaceFrom;
use crate::probes::{ProbeSet, Sampler};
use crate::rereading::Rereading;
use crate::simulated::Machine;
use crate::state::State;

/// A switch is asked for its name so often, with so long in between.
const PLACE_TRIES: u32 = 8;
const PLACE_PAUSE: Duration = Duration::from_secs(5);

/// Why an agent could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine tells nothing to identify it by.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The system gives no thread for the probes, or for looking at the hardware.
    #[error("cannot start the threads that look at this machine: {0}")]
    Sampler(#[from] io::Error),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The variables that say where traces go say what cannot be.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The address for metrics is not to be had.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// There is no place for key and certificate.
    #[error("{0}")]
    Identity(String),
    /// The zone does not let this node in.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
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
            RunError::Evidence(_) | RunError::Sampler(_) | RunError::State(_) => Exit::Failed,
            RunError::Enrol(error) if error.is_passing() => Exit::Unreachable,
            // What trying again would not change is a wrong use of the program.
            RunError::Connect(_) | RunError::Enrol(_) | RunError::Identity(_) | RunError::Traces(_) => Exit::Usage,
            RunError::Consume(_) | RunError::Metrics(_) => Exit::Unreachable,
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
    /// Told of each proof that the way to the broker works.
    pub pulse: Pulse,
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
    /// How much of it is in use.
    pub meter: Meter,
    /// How long looking at it took; nothing for a machine that does not exist.
    pub looked: Option<Stretch>,
    /// Who carries out actions on it; a machine with real hands is also watched for hot-plugs.
    pub hands: Hands,
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
        let (looked, stretch) = Stretch::of(|| evidence::read(root).map(|it| (it, hardware::read(root))));
        let (identifier, hardware) = looked?;
        Ok(Self {
            identifier,
            hardware,
            looked: Some(stretch),
            name: Name::nearest(&host, "node"),
            sampler: Sampler::start(ProbeSet::new(root, &config.probes))?,
            meter: Meter::of_this_machine(root, &config.probes),
            hands: Hands::Real(root.to_owned()),
        })
    }

    /// A machine that does not exist.
    #[must_use]
    pub fn simulated(machine: Machine) -> Self {
        Self {
            identifier: machine.identifier.clone(),
            hardware: machine.hardware.clone(),
            name: machine.name.clone(),
            looked: None,
            meter: Meter::simulated(machine.clone()),
            sampler: Sampler::simulated(machine),
            hands: Hands::Simulated,
        }
    }
}

/// Runs an agent until `shutdown`.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, body: Body, parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let Parts { mut connector, seed, checkin, mut discovery, pulse } = parts;
    let clock = Clock::start();
    let tracer = Tracer::of_process(&config.traces, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))?;
    let ways = (1, &pulse, config.broker.proof_stands());
    let about = About::of((env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")), ways, &tracer);
    let desk = metrics::open(config.metrics, about, shutdown.clone()).await?;
    let directory = identity_directory(&config)?;
    if let (Some(identity), Some(directory)) = (&config.identity, &directory) {
        discovery = believing(identity, directory, discovery, std::slice::from_ref(&config.zone))?;
    }
    let address =
        config.address.or_else(|| host_addresses().first().copied()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let node = body.identifier.node;
    let journey = Journey::begin(tracer.clone(), node, config.zone.clone(), body.looked);
    let step = journey.step("discover zone", Kind::Internal);
    let broker = tokio::select! {
        broker = locate(&config.zone, seed, &discovery) => broker,
        () = shutdown.requested() => return Ok(()),
    };
    drop(step);
    let place = tokio::select! {
        place = place_of(&config, &body.hands) => place,
        () = shutdown.requested() => return Ok(()),
    };
    let name = config.name.clone().unwrap_or(body.name);
    let mut _entrance = None;
    if let (Some(identity), Some(directory)) = (&config.identity, directory) {
        let (principal, zone) = (Principal::Node(node), config.zone.clone());
        let step = journey.step("certificate", Kind::Client);
        let trace = step.context();
        let applicant =
            Applicant { principal, name: name.clone(), place: place.clone(), address: Some(address), zone, trace };
        let entering = Entrance::enter(identity, directory, applicant, connector, &discovery).instrument(step.log());
        let entered = tokio::select! {
            entered = entering => entered?,
            () = shutdown.requested() => return Ok(()),
        };
        connector = entered.connector.clone();
        _entrance = Some(entered);
    }
    let attachment = Attachment {
        principal: Principal::Node(node),
        inbox: route::node_inbox(node),
        client_name: format!("rollcall node-agent {name}"),
        endpoint: Some(broker.clone()),
    };
    let state = config.state_dir.as_deref().map(|directory| State::open(directory, &config.zone, clock.now().wall));
    let state = state.transpose()?;
    let rereading = match &body.hands {
        Hands::Real(root) => Some(Rereading::start(root, body.hardware.clone())?),
        Hands::Simulated => None,
    };
    let step = journey.step("connect", Kind::Client);
    let bus = connector.attach(attachment).await?;
    pulse.follow(bus.proven());
    let settings =
        Settings { place, ..settings_of(&config, name, address, body.identifier, body.hardware, state.as_ref()) };
    let (journal, epoch, _lock) = match state {
        Some(State { journal, epoch, lock, .. }) => (Some(journal), Some(epoch), Some(lock)),
        None => (None, None, None),
    };
    let clash = Clash::new(connector, broker, node, config.broker.heartbeat_s);
    let mut core = Agent::new(settings);
    if let Some(checkin) = checkin {
        core.step(clock.now(), Event::CheckinFound(checkin));
    }
    let queue = route::node_inbox(node);
    let inbox = tokio::select! {
        inbox = clash.watched(&bus, bus.consume(&queue, 32), &clock, &mut core) => inbox?,
        () = shutdown.requested() => return Ok(()),
    };
    drop(step);
    discovery.settle();
    let complaint = checkin.is_none().then(|| Place::patient_until(clock.now().tick));
    let driver = Driver {
        core,
        clock,
        outbox: Outbox::start(bus.clone(), driver::OUTBOX),
        link: bus.link(),
        bus,
        inbox,
        dropped: Dropped::default(),
        sightings: discovery.watch(Tag::Checkin),
        alarm: Alarm::new(),
        sampling: Sampling { sampler: body.sampler, period: Millis(config.sample_period_ms), next: Tick::default() },
        measuring: Measuring::new(body.meter),
        runner: Runner::new(body.hands, config.actions, journal, clock),
        rereading,
        epoch,
        questions: desk.admit(),
        journey,
        place: Place { zone: config.zone, address, checkins: Checkins::default(), complaint, clash },
    };
    driver.run(shutdown).await;
    tracer.flush().await;
    Ok(())
}

/// Where key and certificate lie, if this agent has an identity.
fn identity_directory(config: &Config) -> Result<Option<PathBuf>, RunError> {
    let directory = |identity: &rollcall_enrolment::IdentityConfig| identity.directory(config.state_dir.as_deref());
    config.identity.as_ref().map(directory).transpose().map_err(RunError::Identity)
}

/// The place: as configured, or as the machine tells it; `None` leaves it to the node's address.
async fn place_of(config: &Config, hands: &Hands) -> Option<Name> {
    let (Some(how), Hands::Real(root)) = (config.place_from, hands) else { return config.place.clone() };
    for tries in 1.. {
        let root = root.clone();
        // Off the loop: firmware and lldpd take their time.
        let told = tokio::task::spawn_blocking(move || place::read(&root, how)).await;
        let why = match told {
            Ok(Ok(place)) => return Some(place),
            Ok(Err(why)) => why.to_string(),
            Err(error) => error.to_string(),
        };
        // A switch tells its name every 30 s; a case either does or does not.
        if how != PlaceFrom::Lldp || tries == PLACE_TRIES {
            tracing::warn!("the machine does not tell its place, so its address decides: {why}");
            return None;
        }
        tokio::time::sleep(PLACE_PAUSE).await;
    }
    None
}

/// What the core is told at its start.
fn settings_of(
    config: &Config,
    name: Name,
    address: IpAddr,
    identifier: NodeIdentifier,
    hardware: HardwareTopology,
    state: Option<&State>,
) -> Settings {
    let past = state.map(|state| state.past.clone()).unwrap_or_default();
    Settings {
        identifier,
        name,
        address,
        place: None,
        instance: InstanceId::from_bytes(random()),
        hardware,
        epoch: state.map(|state| state.epoch.latest()).unwrap_or_default(),
        keep_alive: Millis(1_000),
        sample_period: Millis(config.sample_period_ms),
        unpoliced: Resolved::default(),
        allowed: config.actions.allowed(),
        remembered: past.remembered,
        untold: past.untold,
    }
}

/// Where the zone's broker is: told by its hello, by one of its check-in services while it is away (C7), or by
/// configuration where there is no multicast.
async fn locate(zone: &Name, seed: BrokerEndpoint, discovery: &Discovery) -> BrokerEndpoint {
    if !discovery.is_on() {
        return seed;
    }
    let (mut hellos, checkins) = (discovery.watch(Tag::Zone), discovery.watch(Tag::Checkin));
    tokio::select! {
        hello = hellos.hello_of(zone) => hello.map_or(seed, |hello| hello.broker),
        broker = broker_of_a_checkin(zone, checkins) => broker,
    }
}

/// The broker that a check-in service of the zone names; waits for ever when none does.
async fn broker_of_a_checkin(zone: &Name, mut checkins: Watch) -> BrokerEndpoint {
    while let Some(sighting) = checkins.next().await {
        if let Sighting::Seen { announcement: Announcement::Checkin(service), .. } = sighting
            && service.namespace == *zone
        {
            return service.broker;
        }
    }
    std::future::pending().await
}
