//! `rollcall-node-agent`: the daemon on every server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rollcall_bus::Connector;
use rollcall_discovery::Discovery;
use rollcall_model::CheckinId;
use rollcall_node_agent::config::Config;
use rollcall_node_agent::{Body, Parts};
use rollcall_startup::{Exit, Failure, LogFormat, Pulse, ServiceManager, Shutdown, finish, init_logging, load};

/// Tells the zone what this server is made of and how it is
#[derive(Parser)]
#[command(name = "rollcall-node-agent", version)]
struct Arguments {
    /// Configuration file (TOML); every key can also be given as ROLLCALL_SECTION__KEY
    #[arg(short, long, env = "ROLLCALL_CONFIG", default_value = "/etc/rollcall/node-agent.toml")]
    config: PathBuf,
    /// Only check the configuration
    #[arg(long)]
    check: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    rollcall_alarm::spare_wakeups();
    // As a task: whoever wakes the outermost future goes through the kernel, even from within the runtime.
    let daemon = tokio::spawn(daemon(Arguments::parse()));
    finish(daemon.await.unwrap_or_else(|error| Err(Failure::caused_by(Exit::Failed, &error))))
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
    let checkin = config.checkin.as_ref().map(CheckinId::of_service);
    let (connector, pulse) = (Connector::Rabbit(config.broker.clone()), Pulse::default());
    let parts = Parts { connector, seed, checkin, discovery, pulse: pulse.clone() };
    let body = Body::of(&config)?;
    let (stands, status) = (config.broker.proof_stands(), format!("node {}", body.identifier.node));
    let _told = ServiceManager::from_environment().attend_pulse(pulse, stands, status, shutdown.clone());
    Ok(rollcall_node_agent::run(config, body, parts, shutdown).await?)
}
