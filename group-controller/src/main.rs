//! `rollcall-group-controller`: the rack daemon.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use rollcall_bus::Connector;
use rollcall_discovery::Discovery;
use rollcall_group_controller::Parts;
use rollcall_group_controller::config::Config;
use rollcall_group_controller::launcher::ProcessLauncher;
use rollcall_startup::{Exit, Failure, LogFormat, Pulse, ServiceManager, Shutdown, finish, init_logging, load};

/// Manages the servers of one place: answers the zone, finds nodes, watches their health.
#[derive(Parser)]
#[command(name = "rollcall-group-controller", version)]
struct Arguments {
    /// Configuration file (TOML); every key can also be given as ROLLCALL_SECTION__KEY
    #[arg(short, long, env = "ROLLCALL_CONFIG", default_value = "/etc/rollcall/group-controller.toml")]
    config: PathBuf,
    /// Only check the configuration
    #[arg(long)]
    check: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    finish(daemon(Arguments::parse()).await)
}

async fn daemon(arguments: Arguments) -> Result<(), Failure> {
    init_logging(None::<LogFormat>, "info,lapin=off,mdns_sd=warn")?;
    let config: Config = load(Some(&arguments.config), "ROLLCALL", &[])?;
    config.validate().map_err(|why| Failure::usage(format!("{}: {why}", arguments.config.display())))?;
    if arguments.check {
        return Ok(());
    }
    let shutdown = Shutdown::on_signals()?;
    let discovery =
        Discovery::start(&config.discovery).map_err(|error| Failure::caused_by(Exit::Unreachable, &error))?;
    let seed = config.broker.endpoint().map_err(|error| Failure::caused_by(Exit::Usage, &error))?;
    let launcher = Arc::new(ProcessLauncher::of(&config));
    let (connector, pulse) = (Connector::Rabbit(config.broker.clone()), Pulse::default());
    let parts = Parts { connector, seed, discovery, launcher, pulse: pulse.clone() };
    let (stands, status) = (config.broker.proof_stands(), format!("group {}", config.name));
    let _told = ServiceManager::from_environment().attend_pulse(pulse, stands, status, shutdown.clone());
    Ok(rollcall_group_controller::run(config, parts, shutdown).await?)
}
