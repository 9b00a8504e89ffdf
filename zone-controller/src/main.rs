//! `rollcall-zone-controller`: the zone daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rollcall_bus::Connector;
use rollcall_discovery::Discovery;
use rollcall_startup::{Exit, Failure, LogFormat, Pulse, ServiceManager, Shutdown, finish, init_logging, load};
use rollcall_zone_controller::config::Config;
use rollcall_zone_controller::{Parts, Running, open_store};
use tokio::sync::oneshot;

/// Manages one zone: announces it, admits groups, keeps its topology, serves its API.
#[derive(Parser)]
#[command(name = "rollcall-zone-controller", version)]
struct Arguments {
    /// Configuration file (TOML); every key can also be given as ROLLCALL_SECTION__KEY
    #[arg(short, long, env = "ROLLCALL_CONFIG", default_value = "/etc/rollcall/zone-controller.toml")]
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
    let store = open_store(&config.database).await?;
    let discovery =
        Discovery::start(&config.discovery).map_err(|error| Failure::caused_by(Exit::Unreachable, &error))?;
    let endpoint = config.broker.endpoint().map_err(|error| Failure::caused_by(Exit::Usage, &error))?;
    let (pulse, stands) = (Pulse::default(), config.broker.proof_stands());
    let connector = Connector::Rabbit(config.broker.clone());
    let parts = Parts { connector, endpoint, store, discovery, pulse: pulse.clone() };
    let (running, up) = oneshot::channel::<Running>();
    let ready = async move {
        match up.await {
            Ok(up) => format!("zone {} generation {}, API on {}", up.zone, up.generation, up.api),
            // It ended before it was up.
            Err(_) => std::future::pending().await,
        }
    };
    let healthy = move || pulse.is_felt(stands);
    let _told = ServiceManager::from_environment().attend(ready, healthy, shutdown.clone());
    Ok(rollcall_zone_controller::run(config, parts, shutdown, running).await?)
}
