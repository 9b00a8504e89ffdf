//! The zone controller: gives the zone its id, calls the racks, admits groups, saves every join before it
//! is answered, keeps the topology, and serves it over REST.

pub mod api;
pub mod availability;
pub mod config;
pub mod core;
mod driver;
mod error;
pub mod feed;
pub mod leadership;
pub mod topology;
pub mod trust;
mod web;
pub mod zone_id;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::random;
use rollcall_bus::admin::{Admin, AdminSettings};
use rollcall_bus::{Attachment, Bus, Connector, Consumer};
use rollcall_discovery::{Discovery, Tag, host_addresses};
use rollcall_identity::files::read_secret;
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{GroupId, InstanceId, Name, Principal, ZoneId, route};
use rollcall_startup::traces::Tracer;
use rollcall_startup::{Clock, Failure, Pulse, Shutdown};
use rollcall_store::{QueryError, Store};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

pub use crate::error::RunError;

use crate::config::Config;
use crate::core::{Admission, Settings, Succession, TablePolicy, Zone};
use crate::driver::{Driver, Inputs, Waiting};
use crate::feed::Feed;
use crate::leadership::core::Standing;
use crate::leadership::{Keeper, Office};
use crate::trust::{Administrator, BrokerUsers, Trust, TrustError};

/// How long the zone waits for its own user at the broker before it tries to log in all the same.
const ADMISSION: Duration = Duration::from_secs(1);

/// Opens the topology for a zone that has one controller; see [`leadership::open`] for one that has several.
///
/// # Errors
/// When it cannot be had, and when it is not this program's: the latter is a wrong configuration.
pub async fn open_store(url: &str) -> Result<Store, Failure> {
    Store::open(url).await.map_err(|error| RunError::Open(error).into())
}

/// What a running zone controller tells whoever started it in-process.
#[derive(Clone, Debug)]
pub struct Running {
    /// The zone.
    pub zone: ZoneId,
    /// Its generation.
    pub generation: u64,
    /// Where the API listens.
    pub api: SocketAddr,
}

/// What a zone controller stands on.
pub struct Parts {
    /// The way to the broker.
    pub connector: Connector,
    /// Where the zone's broker is, as others reach it.
    pub endpoint: BrokerEndpoint,
    /// The topology.
    pub store: Store,
    /// DNS-SD.
    pub discovery: Discovery,
    /// Told of each proof that the way to the broker works.
    pub pulse: Pulse,
}

/// Runs a zone controller until `shutdown`; tells `running` once the zone is up.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    config: Config,
    parts: Parts,
    shutdown: Shutdown,
    running: oneshot::Sender<Running>,
) -> Result<(), RunError> {
    let Parts { connector, endpoint, store, mut discovery, pulse } = parts;
    let (zone, clock) = (identify(&config)?, Clock::start());
    // Renewed from the first moment on.
    let office = Office::of(&store, clock);
    let keeper = Keeper::start(&office, &store, &shutdown).map_err(RunError::Keeper)?;
    let tracer = Tracer::of_process(&config.traces, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))?;
    let listen = config.api.listen;
    let listener = TcpListener::bind(listen).await.map_err(|source| RunError::Listen { address: listen, source })?;
    let api = listener.local_addr().map_err(|source| RunError::Listen { address: listen, source })?;
    let (trust, administrator) = open_trust(&config, zone, &store, clock).await?.unzip();
    let saved = store.load().await?;
    if let Some(known) = &saved.zone
        && known.zone != zone
    {
        return Err(RunError::OtherZone { stored: known.zone, derived: zone });
    }
    if let Some(trust) = &trust {
        discovery = discovery.trusting(trust.belief(clock));
    }
    let connector = secured(connector, trust.as_deref());
    let users = broker_users(&config, &connector, trust.as_deref(), &store, &shutdown)?;

    // Its own user first, or its first login is refused. A broker that does not answer must not keep the API away.
    let own = Principal::Zone(zone);
    let _ = tokio::time::timeout(ADMISSION, users.admit(&own, &own.user_in(zone))).await;
    let from = store.tenure().filter(|_| store.is_shared()).and_then(|tenure| tenure.from);
    if from.is_some_and(|from| !from.is_released) {
        // Of one that was paused the broker would wait for heartbeats; it holds the zone's inbox and messages meanwhile.
        let _ = tokio::time::timeout(ADMISSION, users.cut_off(&own.user_in(zone))).await;
    }
    let inbox = route::zone_inbox(zone);
    let client_name = format!("rollcall zone-controller {}", config.name);
    let attachment = Attachment { principal: Principal::Zone(zone), inbox: inbox.clone(), client_name, endpoint: None };
    let bus = connector.attach(attachment).await?;
    pulse.follow(bus.proven());
    let succession = succession(&config, &store)?;
    let settings = Settings { succession, ..settings(&config, zone, endpoint, api) };
    let (ear, availability, committed) = availability::open(zone, clock, (bus.clone(), store.for_zone()), &saved);
    let (mut core, first) = Zone::start(clock.now(), settings.clone(), saved);
    core.recall_places(placed(&store).await?);
    let generation = core.generation();
    let feed = Feed::open(store.clone(), shutdown.clone()).await?;

    let receiving = tokio::spawn(ear.listen(shutdown.clone()));

    // The API answers before the broker does: somebody may want to know why nothing happens.
    let (ask, asks) = mpsc::channel(64);
    let is_up = Arc::new(AtomicBool::new(false));
    let shared = api::Shared {
        store: store.clone(),
        ask,
        zone,
        name: config.name.clone(),
        generation,
        channels: config.purposes(),
        bus: bus.clone(),
        tracer: tracer.clone(),
        link: bus.link(),
        feed: feed.clone(),
        streams: api::Places::new(config.api.streams(), config.api.streams_of_one()),
        trust: trust.clone(),
        users: users.clone(),
        credentials: trust.clone().map_or_else(|| own_machine(&config), api::Credentials::Site),
        vouched: Arc::default(),
        writes: Arc::default(),
        reads: Arc::default(),
        notices: Arc::default(),
        availability,
        is_up: Arc::clone(&is_up),
        took_over: settings.succession.as_ref().is_some_and(Succession::is_takeover),
        sessions: trust::session_key(trust.as_deref())?,
        ended: Arc::default(),
        paced: Arc::new(api::Paced::new(config.api.paces())),
        shutdown: shutdown.clone(),
    };
    let tls = trust.as_ref().map(|trust| trust.server()).transpose().map_err(TrustError::from)?;
    let server = tokio::spawn(api::serve(listener, tls, config.api.bounds(), shared));
    let signing = trust.clone();
    let keepers = trust.zip(administrator).map(|(trust, administrator)| {
        tokio::spawn(keep_fresh(trust, administrator, store.clone(), clock, shutdown.clone()))
    });
    tracing::info!(%api, "the API listens");
    let reading = tokio::spawn({
        let feed = feed.clone();
        async move { feed.keep_reading().await }
    });
    let trying = tokio::spawn(driver::keep_trying(store.clone(), shutdown.clone()));
    let pruning = tokio::spawn(driver::keep_pruning(store.clone(), config.retention.clone(), clock, shutdown.clone()));
    let (waiting, shutdown_of) = (Waiting::default(), shutdown.clone());
    let (leaving, held, leased) = (bus.clone(), office.clone(), store.clone());
    let driver = Driver {
        office,
        zone: core,
        settings,
        bus,
        store,
        committed,
        clock,
        waiting,
        trust: signing,
        asks,
        tracer,
        shutdown: shutdown_of,
    };
    let opening = Opening { driver, first, discovery, inbox, events: feed.events() };
    let running = |driver: &Driver| {
        let ms = driver.clock.now().tick.0;
        tracing::info!(target: "rollcall::step", step = "zone_up", zone = %config.name, generation, ms,
            "zone {} is up: {zone}, generation {generation}", config.name);
        is_up.store(true, Ordering::Release);
        users.zone_is_up();
        // Nobody may be waiting; then nobody misses the word.
        let _ = running.send(Running { zone, generation, api });
    };
    let ended = opening.run(&config, &shutdown, running).await;
    shutdown.request();
    // From here on nothing is said or done in the zone's name: another may begin.
    leaving.close().await;
    keeper.leave().await;
    // A panic of the server was logged; the zone's own end is what counts.
    let _ = server.await;
    let _ = reading.await;
    let _ = trying.await;
    let _ = pruning.await;
    let _ = receiving.await;
    if let Some(keepers) = keepers {
        let _ = keepers.await;
    }
    match held.standing() {
        Standing::Over => Err(leadership::superseded(&leased).await),
        _ => ended,
    }
}

/// A zone controller that waits for its broker.
struct Opening {
    driver: Driver,
    first: Vec<core::Effect>,
    discovery: Discovery,
    inbox: String,
    events: feed::Subscription,
}

impl Opening {
    /// The new generation is saved before it is announced.
    async fn run(self, config: &Config, shutdown: &Shutdown, running: impl FnOnce(&Driver)) -> Result<(), RunError> {
        let Self { mut driver, first, discovery, inbox, events } = self;
        let bus = driver.bus.clone();
        let consumers = tokio::select! {
            consumers = prepare(&bus, config, &inbox) => consumers?,
            () = driver.answer() => return Ok(()),
            // The broker never came: an orderly end all the same.
            () = shutdown.requested() => return Ok(()),
        };
        // Ends with the zone controller, like all that follows the feed.
        tokio::spawn(feed::keep_publishing(events, bus.clone(), shutdown.clone()));
        driver.carry_out(first).await?;
        let hello = discovery.announce(driver.announcement()).await?;
        if driver.trust.is_some() {
            // Ends with the bus.
            tokio::spawn(driver::hear_refusals(bus));
        }
        running(&driver);
        let (acks, hellos) = (discovery.watch(Tag::Group), discovery.watch(Tag::Zone));
        let inputs = Inputs::of(consumers, acks, hellos);
        driver.run(inputs, hello).await
    }
}

fn identify(config: &Config) -> Result<ZoneId, RunError> {
    let secret = zone_id::read_secret(&config.secret_file)?;
    let machine = match &config.machine_identifier {
        Some(text) => text.clone(),
        None => zone_id::machine_identifier(Path::new("/"))?,
    };
    Ok(zone_id::zone_id(&machine, &secret))
}

/// The zone's identity, where it has one; makes the first administrator.
async fn open_trust(
    config: &Config,
    zone: ZoneId,
    store: &Store,
    clock: Clock,
) -> Result<Option<(Arc<Trust>, Administrator)>, RunError> {
    let Some(identity) = &config.identity else { return Ok(None) };
    let (addresses, now) = (addresses(config), clock.now().wall);
    let names = trust::names(config.api.listen.ip(), &addresses, &config.api.names());
    let opened = Trust::open(&identity.directory, &config.name, zone, names, now)?;
    trust::make_first(store, now).await?;
    // Whoever starts a zone wants to ask it something as soon as it answers.
    let mut administrator = Administrator::of(&identity.directory);
    if let Err(error) = administrator.write(&opened, store, now).await {
        // A database that takes nothing is no reason not to say so over the API; it is tried again from then on.
        tracing::warn!("the administrator of this machine has no fresh certificate: {error}");
    }
    Ok(Some((opened, administrator)))
}

/// A zone with an identity logs in by its certificate.
fn secured(connector: Connector, trust: Option<&Trust>) -> Connector {
    match (connector, trust) {
        (Connector::Rabbit(settings), Some(trust)) => Connector::Secure { settings, identity: trust.login() },
        (connector, _) => connector,
    }
}

fn broker_users(
    config: &Config,
    connector: &Connector,
    trust: Option<&Trust>,
    store: &Store,
    shutdown: &Shutdown,
) -> Result<BrokerUsers, RunError> {
    let (Connector::Secure { settings, .. }, Some(trust), Some(admin)) = (connector, trust, &config.broker_admin)
    else {
        return Ok(BrokerUsers::InProcess);
    };
    let password = read_secret(&admin.password_file)?.trim().to_owned();
    let admin = Admin::new(AdminSettings {
        url: admin.url.clone(),
        vhost: settings.endpoint()?.vhost,
        user: admin.user.clone(),
        password,
        roots: trust.roots(),
    })?;
    Ok(BrokerUsers::rabbit_mq(admin, trust.zone(), store.clone(), shutdown.clone()))
}

/// Renews the zone's own certificate and that of the administrator of this machine.
async fn keep_fresh(trust: Arc<Trust>, administrator: Administrator, store: Store, clock: Clock, shutdown: Shutdown) {
    tokio::join!(trust.keep_fresh(clock, &shutdown), administrator.keep_fresh(&trust, &store, clock, &shutdown));
}

async fn prepare(bus: &Bus, config: &Config, inbox: &str) -> Result<Vec<Consumer>, RunError> {
    let channels = config.purposes();
    bus.declare(topology::topology(inbox, &channels)).await?;
    let mut consumers = Vec::new();
    for (queue, under_way) in driver::queues(inbox, &channels) {
        consumers.push(bus.consume(&queue, under_way).await?);
    }
    Ok(consumers)
}

/// Which groups ran the check-in services of places when the zone ended.
async fn placed(store: &Store) -> Result<Vec<(Name, GroupId)>, QueryError> {
    let table = store.select("SELECT name, running_group_id FROM v_checkins WHERE running", &[]).await?;
    let read = |row: &Vec<serde_json::Value>| Some((row[0].as_str()?.parse().ok()?, row[1].as_str()?.parse().ok()?));
    Ok(table.rows.iter().filter_map(read).collect())
}

fn addresses(config: &Config) -> Vec<IpAddr> {
    if config.addresses.is_empty() { host_addresses() } else { config.addresses.clone() }
}

/// How callers are known where there is no identity.
fn own_machine(config: &Config) -> api::Credentials {
    let names = trust::names(config.api.listen.ip(), &[], &config.api.names());
    api::Credentials::OwnMachine(api::OwnMachine::called(names.dns))
}

/// Where others reach the API.
fn api_address(config: &Config, listening: SocketAddr) -> String {
    match (&config.api.announce, listening.ip().is_unspecified(), addresses(config).first()) {
        (Some(announced), ..) => announced.clone(),
        (None, true, Some(address)) => SocketAddr::new(*address, listening.port()).to_string(),
        _ => listening.to_string(),
    }
}

/// The lease that a store was opened under.
fn succession(config: &Config, store: &Store) -> Result<Option<Succession>, RunError> {
    let Some(tenure) = store.tenure() else { return Ok(None) };
    Ok(Some(Succession { tenure, name: config.replica.name()? }))
}

fn settings(config: &Config, zone: ZoneId, broker: BrokerEndpoint, api: SocketAddr) -> Settings {
    let (addresses, api) = (addresses(config), api_address(config, api));
    let groups = &config.logical_groups;
    Settings {
        zone,
        name: config.name.clone(),
        instance: InstanceId::from_bytes(random()),
        addresses,
        broker,
        api,
        channels: config.purposes(),
        admission: Admission { groups: config.admission.groups.clone() },
        table: TablePolicy {
            attributes: groups.attributes.clone(),
            groups: groups.known.iter().map(|known| (known.capability.clone(), known.name.clone())).collect(),
            create_unknown: groups.create_unknown,
        },
        keep_alive: config.keep_alive(),
        places: config.checkin.places.iter().map(config::PlaceConfig::place).collect(),
        succession: None,
        trust: core::TrustSettings { required: config.identity.is_some(), ..core::TrustSettings::default() },
    }
}
