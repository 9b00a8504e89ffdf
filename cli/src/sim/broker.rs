//! The broker of a simulation: a private RabbitMQ, or one that was given.

use std::path::Path;
use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use rollcall_bus::RabbitSettings;
use rollcall_bus::private_broker::{Management, PrivateBroker, StartError};
use rollcall_model::route;
use rollcall_startup::{Exit, Failure};

use super::arguments::Arguments;
use crate::demo::trust::Trust;

/// A given broker is asked for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The broker.
pub struct Broker {
    /// How it is reached.
    pub settings: RabbitSettings,
    /// Its process, where it is ours.
    pub pid: Option<u32>,
    /// How it is administered, where users are made.
    pub management: Option<Management>,
    /// For people.
    pub name: String,
    private: Option<PrivateBroker>,
}

impl Broker {
    /// Starts a private one in the directory, or looks at the one given.
    ///
    /// # Errors
    /// Exit code 3 where there is none to be had, or the one given is in use by a zone.
    pub async fn get_ready(arguments: &Arguments, directory: &Path, trust: Option<&Trust>) -> Result<Self, Failure> {
        if let Some(url) = &arguments.broker {
            return given(url).await;
        }
        let directory = directory.join("rabbitmq");
        let started = match trust {
            Some(trust) => PrivateBroker::start_secured(&directory, trust.broker_certificate()?).await,
            None => PrivateBroker::start(&directory).await,
        };
        let private = started.map_err(|error| {
            let failure = Failure::caused_by(Exit::Unreachable, &error);
            match error {
                StartError::NotInstalled { package, .. } => failure.hint(format!(
                    "`apt-get install {package}`, or give a broker: --broker amqp://user:password@host/vhost"
                )),
                _ => failure,
            }
        })?;
        Ok(Self {
            settings: RabbitSettings { url: private.url(), ..RabbitSettings::default() },
            pid: Some(private.pid()),
            management: private.management(),
            name: format!("a private RabbitMQ{}", version()),
            private: Some(private),
        })
    }

    /// Stops what was started, and takes away what the zone left in a virtual host that was given.
    pub async fn stop(self, queues: &[String]) {
        match self.private {
            Some(private) => private.stop().await,
            // What cannot be taken away is named by its ids, and hurts nobody.
            None => drop(tokio::time::timeout(PATIENCE, tidy(&self.settings.url, queues)).await),
        }
    }
}

/// The version of Debian's package, if it can be told.
fn version() -> String {
    let asked = std::process::Command::new("dpkg-query").args(["-W", "-f", "${Version}", "rabbitmq-server"]).output();
    let told = asked.ok().filter(|asked| asked.status.success()).and_then(|asked| String::from_utf8(asked.stdout).ok());
    told.map(|version| format!(" {version}")).unwrap_or_default()
}

async fn given(url: &str) -> Result<Broker, Failure> {
    let settings = RabbitSettings { url: url.to_owned(), ..RabbitSettings::default() };
    let endpoint = settings.endpoint().map_err(|error| Failure::caused_by(Exit::Usage, &error))?;
    let shown = format!("{}:{}", endpoint.host, endpoint.port);
    let unreachable = |why: String| {
        Failure::unreachable(format!("there is no RabbitMQ to be used at {shown}: {why}")).hint(
            "is it running, and are user, password and virtual host right? Without --broker a private one is started",
        )
    };
    let connecting = Connection::connect(url, ConnectionProperties::default());
    let connection = tokio::time::timeout(PATIENCE, connecting)
        .await
        .map_err(|_| unreachable(format!("it does not answer within {} s", PATIENCE.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    let channel = connection.create_channel().await.map_err(|error| unreachable(error.to_string()))?;
    let passively = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let there = channel
        .exchange_declare(route::DIRECT.into(), ExchangeKind::Topic, passively, FieldTable::default())
        .await
        .is_ok();
    // The connection has done what it was for.
    let _ = connection.close(200, "done".into()).await;
    if there {
        return Err(Failure::unreachable(format!(
            "the virtual host {:?} at {shown} is a zone's already",
            endpoint.vhost
        ))
        .hint("give an empty one: `rabbitmqctl add_vhost rollcall-sim`, and permissions for the user in it"));
    }
    Ok(Broker { settings, pid: None, management: None, name: format!("RabbitMQ at {shown}"), private: None })
}

/// Deletes the queues and exchanges of a zone that has ended.
async fn tidy(url: &str, queues: &[String]) -> Result<(), lapin::Error> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for queue in queues {
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await?;
    }
    for rack in queues.iter().filter_map(|queue| queue.strip_suffix(".health")) {
        channel.exchange_delete(format!("{rack}.status").into(), ExchangeDeleteOptions::default()).await?;
    }
    for exchange in [route::DIRECT, route::PRESENCE, route::GROUP, route::ZONE, route::PARKED, route::EVENTS] {
        channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
    }
    connection.close(200, "done".into()).await
}
