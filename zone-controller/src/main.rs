//! `rollcall-zone-controller`: the zone daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rollcall_bus::Connector;
use rollcall_discovery::Discovery;
use rollcall_startup::{Exit, Failure, LogFormat, Pulse, ServiceManager, Shutdown, finish, init_logging, load};
use rollcall_zone_controller::config::Config;
use rollcall_zone_controller::{Parts, Running, leadership};
use tokio::sync::{mpsc, oneshot};

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
    let (pulse, stands) = (Pulse::default(), config.broker.proof_stands());
    let (running, up) = oneshot::channel::<Running>();
    let ((told, mut lines), felt, manager) = (mpsc::channel(2), pulse.clone(), ServiceManager::from_environment());
    let (status, is_up) = (manager.clone(), told.clone());
    tokio::spawn(async move {
        // Otherwise it ended before it was up.
        if let Ok(up) = up.await {
            let line = format!("zone {} generation {}, API on {}", up.zone, up.generation, up.api);
            status.status(&line);
            let _ = is_up.try_send(line);
        }
    });
    // Ready is who acts, and who stands by.
    let ready = async move { lines.recv().await.unwrap_or_default() };
    let _told = manager.attend(ready, move || felt.is_felt(stands), shutdown.clone());
    let Some(store) = leadership::open(&config, &pulse, &told, &shutdown).await? else { return Ok(()) };
    let discovery =
        Discovery::start(&config.discovery).map_err(|error| Failure::caused_by(Exit::Unreachable, &error))?;
    let endpoint = config.broker.endpoint().map_err(|error| Failure::caused_by(Exit::Usage, &error))?;
    let parts = Parts { connector: Connector::Rabbit(config.broker.clone()), endpoint, store, discovery, pulse };
    Ok(rollcall_zone_controller::run(config, parts, shutdown, running).await?)
}
