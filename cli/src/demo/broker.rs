//! Gets RabbitMQ ready: a private one under the demo's own site, one just installed, or none.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use rollcall_bus::private_broker::{Management, PrivateBroker, StartError};
use rollcall_bus::{Connector, LocalBroker, RabbitSettings};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_startup::{Exit, Failure};
use rollcall_zone_controller::config::BrokerAdminConfig;
use tokio::process::Command;

use super::Arguments;
use super::report::Printer;
use super::trust::Trust;

/// The broker of the demo.
pub struct Broker {
    /// The way to it.
    pub connector: Connector,
    /// Where it is.
    pub endpoint: BrokerEndpoint,
    /// How its users are made; nothing where it has none.
    pub administration: Option<BrokerAdminConfig>,
    /// For people.
    pub name: String,
    private: Option<PrivateBroker>,
}

/// Installs or starts a broker.
///
/// # Errors
/// When a private broker that is installed does not start.
pub async fn get_ready(
    arguments: &Arguments,
    directory: &Path,
    trust: &Trust,
    printer: &Printer,
) -> Result<Broker, Failure> {
    if arguments.in_process {
        return Ok(in_process());
    }
    if std::env::var_os("ROLLCALL_AMQP_URL").is_some() {
        printer.warn(
            "ROLLCALL_AMQP_URL is not used: the demo makes a site of its own, and a broker of another site would take none \
             of its certificates; it starts a private RabbitMQ",
        );
    }
    let began = Instant::now();
    let directory = directory.join("rabbitmq");
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot make {}: {error}", directory.display())))?;
    printer.plain("starting a private RabbitMQ …");
    let certificate = trust.broker_certificate()?;
    let started = match PrivateBroker::start_secured(&directory, certificate.clone()).await {
        Err(StartError::NotInstalled { package, .. }) => {
            if !install(package, printer).await {
                printer.warn(
                    "no RabbitMQ can be had here: the zone runs on the in-process bus, which routes the same but talks \
                     to nobody outside this process; `apt-get install rabbitmq-server` as root gives the real thing",
                );
                return Ok(in_process());
            }
            PrivateBroker::start_secured(&directory, certificate).await
        }
        other => other,
    };
    let private = started.map_err(|error| Failure::caused_by(Exit::Unreachable, &error))?;
    let settings = RabbitSettings { url: private.url(), ..RabbitSettings::default() };
    let endpoint = settings.endpoint().map_err(|error| Failure::caused_by(Exit::Failed, &error))?;
    printer.step("broker", &format!("RabbitMQ is ready on {}:{}", endpoint.host, endpoint.port), Some(began.elapsed()));
    let administration = private.management().map(|management| administration(&directory, management)).transpose()?;
    let (name, connector) = ("RabbitMQ".into(), Connector::Rabbit(settings));
    Ok(Broker { connector, endpoint, administration, name, private: Some(private) })
}

fn administration(directory: &Path, management: Management) -> Result<BrokerAdminConfig, Failure> {
    let Management { url, user, password, .. } = management;
    let password_file = directory.join("administrator-password");
    rollcall_identity::files::write_secret(&password_file, &password)
        .map_err(|error| Failure::caused_by(Exit::Failed, &error))?;
    Ok(BrokerAdminConfig { url, user, password_file })
}

fn in_process() -> Broker {
    let endpoint = BrokerEndpoint { host: "in-process".into(), port: 0, vhost: "rollcall".into() };
    Broker {
        connector: Connector::Local(LocalBroker::new()),
        endpoint,
        administration: None,
        name: "the in-process bus".into(),
        private: None,
    }
}

/// Installs a Debian package where that is allowed; without letting it start a service of its own.
async fn install(package: &str, printer: &Printer) -> bool {
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    printer.plain(&format!("{package} is not installed; installing it with apt-get (a minute or two) …"));
    for arguments in [vec!["update", "-q"], vec!["install", "-y", "-q", "--no-install-recommends", package]] {
        let done = Command::new("apt-get")
            .args(&arguments)
            // Debian's maintainer scripts start no service in run level 1.
            .envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if !done.is_ok_and(|status| status.success()) {
            printer.warn(&format!("`apt-get {}` did not succeed", arguments.join(" ")));
            return false;
        }
    }
    true
}

impl Broker {
    /// Stops what was started.
    pub async fn stop(self, printer: &Printer) {
        if let Some(private) = self.private {
            let began = Instant::now();
            private.stop().await;
            printer.step("broker", "RabbitMQ has stopped", Some(began.elapsed()));
        }
    }
}
