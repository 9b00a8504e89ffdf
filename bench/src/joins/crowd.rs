//! Many simulated agents in one process, each run through its `lib.rs` as its own program would run it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context;
use rollcall_bus::{Connector, RabbitSettings};
use rollcall_discovery::{Discovery, DiscoverySettings};
use rollcall_enrolment::IdentityConfig;
use rollcall_model::Name;
use rollcall_node_agent::config::{ActionsConfig, Config};
use rollcall_node_agent::probes::ProbeConfig;
use rollcall_node_agent::simulated::Machine;
use rollcall_node_agent::{Body, Parts};
use rollcall_startup::Shutdown;
use rollcall_startup::metrics::MetricsConfig;
use rollcall_startup::traces::TracesConfig;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::RACKS;
use crate::footprint::zone::Zone;

/// First argument of the process that plays the agents.
pub const ROLE: &str = "agents";
/// Of the machines that do not exist.
const SEED: u64 = 1;

/// Some agents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crowd {
    directory: PathBuf,
    broker: String,
    discovery_port: u16,
    first: u16,
    count: u16,
}

impl Crowd {
    /// The machines with these numbers.
    pub fn of(zone: &Zone, broker: &str, first: u16, count: u16) -> Self {
        let (directory, discovery_port) = (zone.site.directory().to_owned(), zone.discovery_port);
        Self { directory, broker: broker.to_owned(), discovery_port, first, count }
    }

    fn machines(&self) -> impl Iterator<Item = (u16, Machine)> {
        (self.first..self.first + self.count).map(|index| (index, Machine::generate(SEED, u32::from(index))))
    }

    /// What they are called.
    pub fn names(&self) -> Vec<Name> {
        self.machines().map(|(_, machine)| machine.name).collect()
    }

    /// Where a node's token has to lie.
    pub fn token_file(&self, name: &Name) -> PathBuf {
        self.directory.join(format!("{name}.token"))
    }

    /// Where what they say goes.
    pub fn log(&self) -> PathBuf {
        self.directory.join(format!("agents-{}.log", self.first))
    }

    /// Starts their process. They end with it, and it ends when it is dropped.
    pub fn start(&self) -> anyhow::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([ROLE, &serde_json::to_string(self)?]).stdin(Stdio::null()).kill_on_drop(true);
        command.stderr(std::fs::File::create(self.log())?);
        command.spawn().context("cannot start the agents")
    }

    fn config(&self, index: u16, name: &Name, broker: &RabbitSettings, discovery: &DiscoverySettings) -> Config {
        let [high, low] = (index + 1).to_be_bytes();
        let of_node = |what: &str| self.directory.join(format!("{name}.{what}"));
        Config {
            zone: Name::nearest("bench", "bench"),
            name: None,
            place: Some(Name::nearest(RACKS[usize::from(index) % RACKS.len()], "rack")),
            place_from: None,
            address: Some(IpAddr::from([10, 0, high, low])),
            checkin: None,
            sample_period_ms: 2_000,
            state_dir: Some(of_node("state")),
            probes: ProbeConfig::default(),
            actions: ActionsConfig::default(),
            simulate: None,
            identity: Some(IdentityConfig {
                bundle: self.directory.join("site/site.pem"),
                directory: Some(of_node("identity")),
                token_file: Some(self.token_file(name)),
                api: None,
            }),
            broker: broker.clone(),
            discovery: discovery.clone(),
            metrics: MetricsConfig::default(),
            traces: TracesConfig::default(),
        }
    }
}

/// What the process of the agents does; returns when one of them cannot go on.
///
/// # Errors
/// That agent's.
pub async fn agents(crowd: &str) -> anyhow::Result<()> {
    rollcall_startup::init_logging(None, "warn")?;
    let crowd: Crowd = serde_json::from_str(crowd)?;
    let broker = RabbitSettings { url: crowd.broker.clone(), ..RabbitSettings::default() };
    let settings =
        DiscoverySettings { interfaces: vec!["lo".into()], port: crowd.discovery_port, ..DiscoverySettings::default() };
    let (seed, discovery) = (broker.endpoint()?, Discovery::start(&settings)?);
    let mut running = JoinSet::new();
    for (index, machine) in crowd.machines() {
        let config = crowd.config(index, &machine.name, &broker, &settings);
        let (connector, seed, discovery) = (Connector::Rabbit(broker.clone()), seed.clone(), discovery.clone());
        let parts = Parts { connector, seed, checkin: None, discovery, pulse: Default::default() };
        running.spawn(rollcall_node_agent::run(config, Body::simulated(machine), parts, Shutdown::new()));
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}
