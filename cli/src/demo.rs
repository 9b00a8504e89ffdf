//! `rollcall demo`: a whole zone on this machine, with this machine as one of its nodes.
//!
//! Everything runs in this process but the broker; everything it makes lies in one directory of its own,
//! which goes when it ends.

mod broker;
mod fleet;
mod report;
pub(crate) mod trust;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use rollcall_model::Name;
use rollcall_startup::{Exit, Failure, Shutdown};
use rollcall_store::Store;

use self::broker::Broker;
use self::fleet::Fleet;
use self::report::Printer;
use self::trust::Trust;
use crate::arguments::span::span;

/// A zone is expected to stand after this; if it does not, the demo says what is missing and goes on.
const JOIN_PATIENCE: Duration = Duration::from_secs(120);

/// Arguments of `rollcall demo`.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Racks, each with a group controller of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub racks: u16,
    /// Nodes; the first is this very machine, the others are simulated
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub nodes: u16,
    /// End after this time, e.g. 30s, 5m; without it Ctrl-C ends the demo
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    pub lasting: Option<Duration>,
    /// Use the in-process bus even if RabbitMQ can be had
    #[arg(long)]
    pub in_process: bool,
    /// Interface or address for mDNS; loopback keeps the demo to this machine
    #[arg(long, default_value = "lo", value_name = "INTERFACE")]
    pub interface: String,
    /// Where the API listens; if the port is taken, a free one is used
    #[arg(long, default_value = "127.0.0.1:7655", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Seed of the simulated nodes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Runs the demo.
///
/// # Errors
/// When the zone cannot be brought up.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let printer = report::start()?;
    raise_file_limit();
    let shutdown = Shutdown::on_signals()?;
    let directory = tempfile::Builder::new()
        .prefix("rollcall-demo-")
        .tempdir()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot make a directory for the demo: {error}")))?;
    printer.title(&format!("rollcall demo: {} racks, {} nodes", arguments.racks, arguments.nodes));
    let zone_name = fleet::zone_name();
    let trust = Trust::make(directory.path(), &zone_name)?;
    printer.plain(&format!("made a site of its own: root, authorities and announcer of zone {zone_name}"));
    let broker = broker::get_ready(&arguments, directory.path(), &trust, &printer).await?;
    let ended = zone(&arguments, &broker, (zone_name, &trust), directory.path(), &printer, shutdown).await;
    broker.stop(&printer).await;
    let kept = directory.path().to_owned();
    directory
        .close()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot remove {}: {error}", kept.display())))?;
    printer.plain("everything the demo started has ended, everything it made is gone");
    ended
}

async fn zone(
    arguments: &Arguments,
    broker: &Broker,
    (name, trust): (Name, &Trust),
    directory: &Path,
    printer: &Printer,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let started = Instant::now();
    let database = directory.join("zone.db");
    let store = Store::open(&format!("sqlite:{}", database.display()))
        .await
        .map_err(|error| Failure::caused_by(Exit::Failed, &error))?;
    let mut fleet = Fleet::new(arguments, broker, (name, trust), directory, store.clone(), shutdown.clone());
    let api = fleet.start().await?;
    let wanted = i64::from(arguments.nodes);
    let standing = tokio::select! {
        () = report::joined(&store, wanted, &shutdown) => true,
        () = tokio::time::sleep(JOIN_PATIENCE) => false,
        failure = fleet.failed() => return fleet.stop().await.and(Err(failure)),
    };
    if !shutdown.is_requested() {
        report::standing(&store, arguments, broker, printer, started.elapsed(), standing).await;
        let policy = write_policy(directory)?;
        let browser = trust.browser(api).await?;
        printer.how_to_look(api, &browser, &trust.administrator().join("site.pem"));
        printer.how_to_ask(api, &trust.administrator(), &database, &policy, &report::example_node(&store).await);
        let following = tokio::spawn(report::follow(store.clone(), *printer));
        let until = async {
            match arguments.lasting {
                Some(lasting) => tokio::time::sleep(lasting.saturating_sub(started.elapsed())).await,
                None => std::future::pending().await,
            }
        };
        let failure = tokio::select! {
            () = until => None,
            () = shutdown.requested() => None,
            failure = fleet.failed() => Some(failure),
        };
        following.abort();
        if let Some(failure) = failure {
            return fleet.stop().await.and(Err(failure));
        }
    }
    printer.plain("stopping …");
    fleet.stop().await
}

/// A policy to try: quicker samples, a lower limit, and leave to let simulated machines be found and drained.
const POLICY: &str = "\
[settings]
sample_period_ms = 1000
metrics_period_ms = 2000
indicators.disk_space = { limit = 85, clear = 80 }

[actions]
allowed = [\"identify\", \"drain\"]

[analytics]
period_ms = 5000
";

fn write_policy(directory: &Path) -> Result<PathBuf, Failure> {
    let path = directory.join("policy.toml");
    std::fs::write(&path, POLICY)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

/// Two hundred agents in one process need more files than the usual 1,024.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If it may not be raised, a large demo says so when it runs out of files.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

#[cfg(test)]
mod tests {
    use rollcall_model::policy::{Known, PolicyDocument};

    use super::*;

    #[test]
    fn the_policy_to_try_can_be_obeyed() {
        let policy: PolicyDocument = toml::from_str(POLICY).unwrap();
        assert_eq!(policy.problems(Known { groups: &[], nodes: &[] }), []);
    }
}
