//! The group controller: the rack's daemon. Answers hellos, finds the nodes at its place, keeps their
//! roster, judges silence, tells the zone what changed, hands its policy and orders down, and runs check-in services
//! for it. May serve several zones at once.

pub mod config;
pub mod core;
pub mod driver;
mod figures;
pub mod launcher;
mod service;
pub mod spool;
pub mod topology;
mod way;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rand::random;
use rollcall_bus::{Attachment, Connector};
use rollcall_discovery::{Discovery, Distrust, Patience, Sighting, Tag, host_addresses};
pub use rollcall_enrolment::RunError;
use rollcall_enrolment::{Applicant, IdentityConfig, believing};
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, Hello};
use rollcall_model::{GroupId, InstanceId, Name, Principal, route};
use rollcall_startup::metrics::{self, About, Desk};
use rollcall_startup::traces::Tracer;
use rollcall_startup::{Pulse, Shutdown, lock_state_dir, read_or_create_id, state_dir};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::core::Settings;
use crate::driver::Heard;
use crate::figures::Figures;
use crate::launcher::Launcher;
use crate::service::Service;
use crate::way::Way;

/// What a group controller stands on.
pub struct Parts {
    /// The way to brokers; the hello names the host, this holds the credentials.
    pub connector: Connector,
    /// Where the broker is when mDNS is off.
    pub seed: BrokerEndpoint,
    /// DNS-SD.
    pub discovery: Discovery,
    /// Told of each proof that the way to the broker works.
    pub pulse: Pulse,
    /// How check-in services are run where the zone wants them (Z7).
    pub launcher: Arc<dyn Launcher>,
}

/// Runs a group controller until `shutdown`.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, mut parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let directory = state_dir(&config.state_dir)?;
    let tracer = Tracer::of_process(&config.traces, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))?;
    let ways = (config.zones.len(), &parts.pulse, config.broker.proof_stands());
    let about = About::of((env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")), ways, &tracer);
    let desk = metrics::open(config.metrics, about, shutdown.clone()).await?;
    let identity = match &config.identity {
        Some(identity) => {
            let place = identity.directory(Some(&directory)).map_err(RunError::Identity)?;
            parts.discovery = believing(identity, &place, parts.discovery, &config.zones)?;
            Some((identity.clone(), place))
        }
        None => None,
    };
    let _lock = lock_state_dir(&directory)?;
    let addresses = if config.addresses.is_empty() { host_addresses() } else { config.addresses.clone() };
    let group = read_or_create_id(&directory.join("group-id"), || config.make_group_id(&addresses, random()))?;
    tracing::info!(%group, name = %config.name, "group controller of {}", config.place());

    let mut rack = Rack {
        config,
        parts,
        identity,
        addresses,
        directory,
        group,
        desk,
        tracer,
        shutdown: shutdown.clone(),
        sessions: JoinSet::new(),
        hellos: HashMap::new(),
    };
    if !rack.config.discovery.mdns && !rack.parts.discovery.is_on() {
        let seed = rack.parts.seed.clone();
        for zone in rack.config.zones.clone() {
            rack.open(zone, seed.clone());
        }
    }
    let mut zones = rack.parts.discovery.watch(Tag::Zone);
    let mut patience = Patience::default();
    let ended = loop {
        tokio::select! {
            () = shutdown.requested() => break Ok(()),
            Some(sighting) = zones.next() => {
                match sighting {
                    Sighting::Seen { announcement: Announcement::Hello(hello), .. } => rack.hear(hello),
                    Sighting::Distrusted { hello, distrust, .. } => rack.distrust(&hello, &distrust),
                    _ => {}
                }
            }
            () = patience.ends() => rack.complain(),
            Some(ended) = rack.sessions.join_next() => match ended {
                Ok(Ok(())) if shutdown.is_requested() => {}
                Ok(Ok(())) => {}
                Ok(Err(error)) => break Err(error),
                // A panic of one zone's loop ends the process rather than leave a rack half watched.
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
        }
    };
    shutdown.request();
    while rack.sessions.join_next().await.is_some() {}
    ended
}

struct Rack {
    config: Config,
    parts: Parts,
    /// What this controller proves itself with, and the directory all its zones' certificates lie in.
    identity: Option<(IdentityConfig, PathBuf)>,
    addresses: Vec<IpAddr>,
    /// Where what must outlive this process lies.
    directory: PathBuf,
    group: GroupId,
    desk: Desk<Figures>,
    tracer: Tracer,
    shutdown: Shutdown,
    sessions: JoinSet<Result<(), RunError>>,
    hellos: HashMap<Name, mpsc::Sender<Heard>>,
}

impl Rack {
    fn complain(&self) {
        if self.parts.discovery.is_on() {
            self.config.zones.iter().filter(|zone| !self.hellos.contains_key(zone)).for_each(Patience::complain);
        }
    }

    fn hear(&mut self, hello: Hello) {
        if !self.config.zones.contains(&hello.name) {
            tracing::debug!(zone = %hello.name, "a zone this group is not configured for");
            return;
        }
        if !self.hellos.contains_key(&hello.name) {
            tracing::info!(target: "rollcall::step", step = "hello_heard", group = %self.config.name, zone = %hello.name,
                "{} heard zone {} (generation {})", self.config.name, hello.name, hello.generation);
            self.open(hello.name.clone(), hello.broker.clone());
        }
        if let Some(session) = self.hellos.get(&hello.name) {
            // Full: the session is busy and will ask for the hello itself.
            let _ = session.try_send(Heard::Hello(hello));
        }
    }

    /// Every zone the group is in is told: whose name is used proves nothing.
    fn distrust(&self, hello: &Hello, distrust: &Distrust) {
        for session in self.hellos.values() {
            // Full: the session has such words enough.
            let _ = session.try_send(Heard::Distrusted(hello.clone(), distrust.clone()));
        }
    }

    fn open(&mut self, zone: Name, broker: BrokerEndpoint) {
        let settings = Settings {
            zone_name: zone.clone(),
            group: self.group,
            name: self.config.name.clone(),
            place: self.config.place(),
            ranges: self.config.ranges.clone(),
            addresses: self.addresses.clone(),
            instance: InstanceId::from_bytes(random()),
            broker: (broker.host.clone(), broker.port),
            seals: None,
            certified: self.identity.is_some(),
        };
        let attachment = Attachment {
            principal: Principal::Group(self.group),
            inbox: route::group_inbox(self.group),
            client_name: format!("rollcall group-controller {}", self.config.name),
            endpoint: Some(broker),
        };
        let service = Service {
            settings,
            attachment,
            way: self.way(&zone),
            directory: self.directory.clone(),
            launcher: Arc::clone(&self.parts.launcher),
            pulse: self.parts.pulse.clone(),
            desk: self.desk.clone(),
            tracer: self.tracer.clone(),
        };
        let (sender, hellos) = mpsc::channel(16);
        self.hellos.insert(zone, sender);
        self.sessions.spawn(service.run(hellos, self.shutdown.clone()));
    }

    /// The way into a zone: each zone has its own authorities, so each gives this group another certificate.
    fn way(&self, zone: &Name) -> Way {
        let (name, place) = (self.config.name.clone(), Some(self.config.place()));
        let address = self.addresses.first().copied();
        let applicant = Applicant {
            principal: Principal::Group(self.group),
            name,
            place,
            address,
            zone: zone.clone(),
            trace: None,
        };
        Way {
            connector: self.parts.connector.clone(),
            discovery: self.parts.discovery.clone(),
            identity: self.identity.clone().map(|(config, directory)| (config, directory.join(zone.as_str()))),
            applicant,
        }
    }
}
