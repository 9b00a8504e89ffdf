//! `rollcall-checkin`: the check-in daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rollcall_bus::Connector;
use rollcall_checkin::Parts;
use rollcall_checkin::config::Config;
use rollcall_discovery::Discovery;
use rollcall_startup::{Exit, Failure, LogFormat, Pulse, ServiceManager, Shutdown, finish, init_logging, load};

/// Maps nodes to logical groups by what they are made of
#[derive(Parser)]
#[command(name = "rollcall-checkin", version)]
struct Arguments {
    /// Configuration file (TOML); every key can also be given as ROLLCALL_SECTION__KEY
    #[arg(short, long, env = "ROLLCALL_CONFIG", default_value = "/etc/rollcall/checkin.toml")]
    config: PathBuf,
    /// Only check the configuration
    #[arg(long)]
    check: bool,
    /// End, in order, when standard input ends: whoever started this and holds its other end is gone
    #[arg(long)]
    with_parent: bool,
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
    if arguments.with_parent {
        shutdown.when_ends(std::io::stdin()).map_err(|error| Failure::caused_by(Exit::Failed, &error))?;
    }
    let discovery =
        Discovery::start(&config.discovery).map_err(|error| Failure::caused_by(Exit::Unreachable, &error))?;
    let seed = config.broker.endpoint().map_err(|error| Failure::caused_by(Exit::Usage, &error))?;
    let (connector, pulse) = (Connector::Rabbit(config.broker.clone()), Pulse::default());
    let parts = Parts { connector, seed, discovery, pulse: pulse.clone() };
    let (stands, status) = (config.broker.proof_stands(), format!("check-in {}", config.name));
    let _told = ServiceManager::from_environment().attend_pulse(pulse, stands, status, shutdown.clone());
    Ok(rollcall_checkin::run(config, parts, shutdown).await?)
}
