//! One daemon of a simulation, in a process of its own: `rollcall` started again, so that what each costs is seen apart, and
//! so that no other program has to be installed.
//!
//! It does what the daemon's own program does, with one difference: a zone without TLS needs no identity here.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use rollcall_bus::{Connector, RabbitSettings};
use rollcall_discovery::{Discovery, DiscoverySettings};
use rollcall_group_controller::launcher::ProcessLauncher;
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_startup::{Environment, Exit, Failure, LogFormat, Pulse, Shutdown, init_logging, load_with};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

/// Arguments of a daemon.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Which
    #[arg(value_enum)]
    pub kind: Kind,
    /// Its configuration, as its own program takes it
    #[arg(long)]
    pub config: PathBuf,
}

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The zone controller
    Zone,
    /// A group controller
    Rack,
    /// A check-in service
    Checkin,
}

impl Kind {
    /// Its word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Rack => "rack",
            Self::Checkin => "checkin",
        }
    }
}

/// Runs it until standard input ends: whoever started it is gone then.
///
/// # Errors
/// Those of the daemon.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    // On one thread, as the daemon's own program.
    let daemon = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::caused_by(Exit::Failed, &error))?;
        runtime.block_on(daemon(arguments))
    });
    daemon.await.map_err(|error| Failure::other(format!("the daemon broke: {error}")))?
}

async fn daemon(Arguments { kind, config }: Arguments) -> Result<(), Failure> {
    init_logging(None::<LogFormat>, "info,lapin=off,mdns_sd=error")?;
    let shutdown = Shutdown::new();
    shutdown.when_ends(std::io::stdin()).map_err(|error| Failure::caused_by(Exit::Failed, &error))?;
    match kind {
        Kind::Zone => zone(read(&config)?, shutdown).await,
        Kind::Rack => rack(read(&config)?, shutdown).await,
        Kind::Checkin => checkin(read(&config)?, shutdown).await,
    }
}

fn read<T: DeserializeOwned>(path: &std::path::Path) -> Result<T, Failure> {
    Ok(load_with(Some(path), &Environment::default())?)
}

fn discovery(settings: &DiscoverySettings) -> Result<Discovery, Failure> {
    Discovery::start(settings).map_err(|error| Failure::caused_by(Exit::Unreachable, &error))
}

fn way(settings: &RabbitSettings) -> Result<(Connector, BrokerEndpoint), Failure> {
    let endpoint = settings.endpoint().map_err(|error| Failure::caused_by(Exit::Usage, &error))?;
    Ok((Connector::Rabbit(settings.clone()), endpoint))
}

async fn zone(config: rollcall_zone_controller::config::Config, shutdown: Shutdown) -> Result<(), Failure> {
    let store = rollcall_zone_controller::open_store(&config.database).await?;
    let (connector, endpoint) = way(&config.broker)?;
    let discovery = discovery(&config.discovery)?;
    let parts = rollcall_zone_controller::Parts { connector, endpoint, store, discovery, pulse: Pulse::default() };
    // Whoever started it asks the API instead.
    let (running, _) = oneshot::channel();
    Ok(rollcall_zone_controller::run(config, parts, shutdown, running).await?)
}

async fn rack(config: rollcall_group_controller::config::Config, shutdown: Shutdown) -> Result<(), Failure> {
    let (connector, seed) = way(&config.broker)?;
    let (discovery, launcher) = (discovery(&config.discovery)?, Arc::new(ProcessLauncher::of(&config)));
    let parts = rollcall_group_controller::Parts { connector, seed, discovery, launcher, pulse: Pulse::default() };
    Ok(rollcall_group_controller::run(config, parts, shutdown).await?)
}

async fn checkin(config: rollcall_checkin::config::Config, shutdown: Shutdown) -> Result<(), Failure> {
    let (connector, seed) = way(&config.broker)?;
    let parts =
        rollcall_checkin::Parts { connector, seed, discovery: discovery(&config.discovery)?, pulse: Pulse::default() };
    Ok(rollcall_checkin::run(config, parts, shutdown).await?)
}
