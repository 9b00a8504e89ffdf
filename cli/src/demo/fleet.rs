//! The daemons of the demo, each started through its `lib.rs` as its own binary would start it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollcall_bus::{Connector, RabbitSettings};
use rollcall_discovery::{Discovery, DiscoverySettings};
use rollcall_group_controller::config::CheckinSettings;
use rollcall_group_controller::launcher::{CheckinService, InProcess, Launcher, Life};
use rollcall_model::Name;
use rollcall_node_agent::Body;
use rollcall_node_agent::config::{ActionsConfig, Config as NodeConfig};
use rollcall_node_agent::probes::ProbeConfig;
use rollcall_node_agent::simulated::Machine;
use rollcall_startup::metrics::MetricsConfig;
use rollcall_startup::traces::TracesConfig;
use rollcall_startup::{Exit, Failure, Pulse, Shutdown};
use rollcall_store::{Retention, Store};
use rollcall_zone_controller::config::{
    AdmissionConfig, ApiConfig, BrokerAdminConfig, ChannelsConfig, CheckinConfig, Config as ZoneConfig, IdentityConfig,
    LogicalGroupsConfig, PlaceConfig,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Arguments;
use super::broker::Broker;
use super::trust::{Joiner, Trust};

/// The daemons have this long to end in order.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// All daemons of the demo.
pub struct Fleet {
    arguments: Arguments,
    zone: Name,
    connector: Connector,
    endpoint: rollcall_model::wire::txt::BrokerEndpoint,
    administration: Option<BrokerAdminConfig>,
    trust: Trust,
    directory: PathBuf,
    store: Store,
    shutdown: Shutdown,
    tasks: JoinSet<Result<(), Failure>>,
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::caused_by(Exit::Unreachable, error)
}

/// A name of this run's own, so that two demos on one machine stay apart.
pub fn zone_name() -> Name {
    name(&format!("demo-{:04x}", rand::random::<u16>()))
}

/// A name made of a fixed word and a number always fits.
fn name(text: &str) -> Name {
    Name::nearest(text, "demo")
}

fn rack_name(index: u16) -> Name {
    match u8::try_from(index) {
        Ok(index) if index < 26 => name(&format!("rack-{}", char::from(b'a' + index))),
        _ => name(&format!("rack-{}", index + 1)),
    }
}

impl Fleet {
    /// Nothing started yet.
    pub fn new(
        arguments: &Arguments,
        broker: &Broker,
        (zone, trust): (Name, &Trust),
        directory: &Path,
        store: Store,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            arguments: arguments.clone(),
            zone,
            connector: broker.connector.clone(),
            endpoint: broker.endpoint.clone(),
            administration: broker.administration.clone(),
            trust: trust.clone(),
            directory: directory.to_owned(),
            store,
            shutdown,
            tasks: JoinSet::new(),
        }
    }

    /// Starts everything, the zone first: it gives racks and nodes their tokens. Says where the API listens.
    pub async fn start(&mut self) -> Result<SocketAddr, Failure> {
        let api = self.start_zone().await?;
        let bodies = self.bodies()?;
        let racks = (0..self.arguments.racks).map(|index| Joiner { kind: "group", name: rack_name(index) });
        let nodes = bodies.iter().map(|(_, body)| Joiner { kind: "node", name: body.name.clone() });
        self.trust.hand_out(api, racks.chain(nodes).collect()).await?;
        self.start_racks()?;
        self.start_nodes(bodies)?;
        Ok(api)
    }

    /// The first daemon that failed; pending while all is well.
    pub async fn failed(&mut self) -> Failure {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Err(failure))) => return failure,
                Some(Err(error)) => return Failure::new(Exit::Failed, format!("a daemon of the demo broke: {error}")),
                Some(Ok(Ok(()))) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Ends everything in order.
    pub async fn stop(mut self) -> Result<(), Failure> {
        self.shutdown.request();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.map_err(|error| Failure::new(Exit::Failed, format!("a daemon of the demo broke: {error}")))??;
            }
            Ok(())
        };
        tokio::time::timeout(STOP_PATIENCE, all)
            .await
            .unwrap_or_else(|_| Err(Failure::new(Exit::Failed, "some daemons did not end within 10 s")))
    }

    fn discovery(&self) -> Result<Discovery, Failure> {
        Discovery::start(&self.discovery_settings()).map_err(|error| failed(&error))
    }

    fn discovery_settings(&self) -> DiscoverySettings {
        DiscoverySettings { interfaces: vec![self.arguments.interface.clone()], ..DiscoverySettings::default() }
    }

    /// Only in-process parts use it: the connector is handed over beside.
    fn broker_settings(&self) -> RabbitSettings {
        match &self.connector {
            Connector::Rabbit(settings) | Connector::Secure { settings, .. } => settings.clone(),
            Connector::Local(_) => RabbitSettings::default(),
        }
    }

    async fn start_zone(&mut self) -> Result<SocketAddr, Failure> {
        let secret_file = self.directory.join("zone-secret");
        let secret: [u8; 32] = rand::random();
        let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        rollcall_startup::write_durably(&secret_file, text.as_bytes())?;
        let identifier = rollcall_zone_controller::zone_id::machine_identifier(Path::new("/"));
        let config = ZoneConfig {
            name: self.zone.clone(),
            secret_file,
            machine_identifier: Some(identifier.unwrap_or_else(|_| "a machine that tells nothing".into())),
            database: String::new(),
            addresses: vec![IpAddr::from([127, 0, 0, 1])],
            keep_alive_ms: 1_000,
            broker: self.broker_settings(),
            discovery: self.discovery_settings(),
            identity: Some(IdentityConfig { directory: self.trust.zone.clone() }),
            broker_admin: self.administration.clone(),
            api: ApiConfig { listen: free(self.arguments.listen).await, ..ApiConfig::default() },
            admission: AdmissionConfig { groups: vec!["rack-*".into()] },
            channels: ChannelsConfig {
                extra: ["security", "power"].into_iter().filter_map(|p| p.parse().ok()).collect(),
            },
            logical_groups: LogicalGroupsConfig::default(),
            checkin: CheckinConfig { places: vec![self.checkin_place()] },
            replica: rollcall_zone_controller::config::ReplicaConfig::default(),
            retention: Retention::default(),
            traces: TracesConfig::default(),
        };
        let parts = rollcall_zone_controller::Parts {
            connector: self.connector.clone(),
            endpoint: self.endpoint.clone(),
            store: self.store.clone(),
            discovery: self.discovery()?,
            pulse: Pulse::default(),
        };
        let (running, mut up) = oneshot::channel();
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            rollcall_zone_controller::run(config, parts, shutdown, running).await.map_err(|error| failed(&error))
        });
        tokio::select! {
            running = &mut up => running.map(|running| running.api).map_err(|_| Failure::new(Exit::Failed, "the zone did not come up")),
            failure = self.failed() => Err(failure),
        }
    }

    /// The zone has the check-in service run where the first rack is.
    fn checkin_place(&self) -> PlaceConfig {
        PlaceConfig {
            place: rack_name(0),
            name: name(&format!("checkin-{}", self.zone)),
            ranges: ["127.0.0.0/8", "10.0.0.0/8"].iter().filter_map(|range| range.parse().ok()).collect(),
        }
    }

    /// How group controllers run check-in services: in this process, as everything else.
    fn launcher(&self) -> Arc<dyn Launcher> {
        let (connector, seed, directory) = (self.connector.clone(), self.endpoint.clone(), self.directory.clone());
        let (broker, discovery) = (self.broker_settings(), self.discovery_settings());
        Arc::new(InProcess::new(move |service: CheckinService, stop: Shutdown| -> Life {
            let config = rollcall_checkin::config::Config {
                state_dir: Some(directory.join(service.name.as_str())),
                name: service.name,
                zone: service.zone,
                ranges: service.ranges,
                address: Some(service.address.unwrap_or(IpAddr::from([127, 0, 0, 1]))),
                identity: service.identity,
                broker: broker.clone(),
                discovery: discovery.clone(),
                metrics: MetricsConfig::default(),
                traces: TracesConfig::default(),
            };
            let (connector, seed) = (connector.clone(), seed.clone());
            Box::pin(async move {
                let discovery = match Discovery::start(&config.discovery) {
                    Ok(discovery) => discovery,
                    Err(error) => return error.to_string(),
                };
                let parts = rollcall_checkin::Parts { connector, seed, discovery, pulse: Pulse::default() };
                match rollcall_checkin::run(config, parts, stop).await {
                    Ok(()) => "it was asked to end".into(),
                    Err(error) => error.to_string(),
                }
            })
        }))
    }

    fn start_racks(&mut self) -> Result<(), Failure> {
        let launcher = self.launcher();
        for index in 0..self.arguments.racks {
            let rack = rack_name(index);
            let config = rollcall_group_controller::config::Config {
                name: rack.clone(),
                place: None,
                ranges: Vec::new(),
                zones: vec![self.zone.clone()],
                state_dir: self.directory.join(rack.as_str()),
                group_id: rollcall_group_controller::config::GroupIdSource::Random,
                addresses: vec![IpAddr::from([127, 0, 0, 1])],
                checkin: CheckinSettings::default(),
                identity: Some(self.trust.identity(&rack)),
                broker: self.broker_settings(),
                discovery: self.discovery_settings(),
                metrics: MetricsConfig::default(),
                traces: TracesConfig::default(),
            };
            let parts = rollcall_group_controller::Parts {
                connector: self.connector.clone(),
                seed: self.endpoint.clone(),
                discovery: self.discovery()?,
                launcher: Arc::clone(&launcher),
                pulse: Pulse::default(),
            };
            let shutdown = self.shutdown.clone();
            self.tasks.spawn(async move {
                rollcall_group_controller::run(config, parts, shutdown).await.map_err(|error| failed(&error))
            });
        }
        Ok(())
    }

    /// Who the nodes are. The first is this machine; if it tells nothing to identify it by, that is said and it is
    /// simulated too.
    fn bodies(&self) -> Result<Vec<(NodeConfig, Body)>, Failure> {
        let mut bodies = Vec::new();
        for index in 0..self.arguments.nodes {
            let config = self.node(index);
            let simulated = || Body::simulated(Machine::generate(self.arguments.seed, u32::from(index)));
            let body = if index == 0 {
                Body::of_this_machine(&config).unwrap_or_else(|error| {
                    tracing::warn!("this machine cannot be a node, a simulated one takes its place: {error}");
                    simulated()
                })
            } else {
                simulated()
            };
            let identity = Some(self.trust.identity(&body.name));
            bodies.push((NodeConfig { identity, ..config }, body));
        }
        Ok(bodies)
    }

    fn node(&self, index: u16) -> NodeConfig {
        let [high, low] = (index + 1).to_be_bytes();
        NodeConfig {
            zone: self.zone.clone(),
            name: None,
            place: Some(rack_name(index % self.arguments.racks)),
            place_from: None,
            state_dir: Some(self.directory.join(format!("node-{}", index + 1))),
            address: Some(if index == 0 { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([10, 0, high, low]) }),
            checkin: None,
            sample_period_ms: 2_000,
            probes: ProbeConfig::default(),
            // Nothing is ever done to the real machine.
            actions: if index == 0 { ActionsConfig::default() } else { simulated_actions() },
            simulate: None,
            identity: None,
            broker: self.broker_settings(),
            discovery: self.discovery_settings(),
            metrics: MetricsConfig::default(),
            traces: TracesConfig::default(),
        }
    }

    fn start_nodes(&mut self, bodies: Vec<(NodeConfig, Body)>) -> Result<(), Failure> {
        let discovery = self.discovery()?;
        for (config, body) in bodies {
            let parts = rollcall_node_agent::Parts {
                connector: self.connector.clone(),
                seed: self.endpoint.clone(),
                checkin: None,
                discovery: discovery.clone(),
                pulse: Pulse::default(),
            };
            let shutdown = self.shutdown.clone();
            self.tasks.spawn(async move {
                rollcall_node_agent::run(config, body, parts, shutdown).await.map_err(|error| failed(&error))
            });
        }
        Ok(())
    }
}

/// What may be done to machines that do not exist; nothing runs.
fn simulated_actions() -> ActionsConfig {
    ActionsConfig { identify: true, drain_command: vec!["/bin/true".into()], ..ActionsConfig::default() }
}

/// The wanted address, or one with a free port.
async fn free(wanted: SocketAddr) -> SocketAddr {
    match TcpListener::bind(wanted).await {
        Ok(_) => wanted,
        Err(_) => SocketAddr::new(wanted.ip(), 0),
    }
}
