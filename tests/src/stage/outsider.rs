//! Somebody on the broker who is none of the daemons: puts anything on any exchange, and looks at what was parked.

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::protocol::BasicProperties;
use lapin::tcp::{AMQPUriTcpExt, RustlsConnector};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Channel, Confirmation, Connection, ConnectionProperties};

use super::site::Login;

/// Queues that outlive their daemons under one name in every zone.
const LASTING: [&str; 7] =
    ["zone.joins", "zone.alerts", "zone.policies", "zone.analytics", "zone.security", "zone.parked", "zone.refusals"];

/// A connection of its own.
pub struct Outsider {
    user: String,
    connection: Connection,
    channel: Channel,
}

impl Outsider {
    /// Connects as somebody.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn attach(url: &str, login: &Login) -> Self {
        Self::try_attach(url, login).await.expect("the broker lets it in")
    }

    /// The same of a broker that may be away.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn try_attach(url: &str, login: &Login) -> lapin::Result<Self> {
        let connection = Self::connect(url, login).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { user: login.user.clone(), connection, channel })
    }

    /// Tries to log in.
    ///
    /// # Errors
    /// When it is not let in.
    pub async fn connect(url: &str, login: &Login) -> lapin::Result<Connection> {
        let mut uri: AMQPUri = url.parse().expect("the broker's URL");
        uri.query.auth_mechanism = Some(SASLMechanism::External);
        let connector = RustlsConnector::from(std::sync::Arc::clone(&login.config));
        let connect = async move |uri: AMQPUri, runtime| {
            let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
            let stream = plain.connect_async(&runtime).await?;
            Ok(stream.into_rustls(&connector, &uri.authority.host).await?)
        };
        Connection::connector(uri, lapin::runtime::default_runtime()?, connect, ConnectionProperties::default()).await
    }

    /// Removes what an earlier zone left on the broker.
    pub async fn sweep(&self) {
        for queue in LASTING {
            // It may not be there; then the broker says nothing either.
            let _ = self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
        }
    }

    /// Publishes bytes, and waits until the broker has them; says whether a queue took them.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn publish(&self, exchange: &str, key: &str, kind: &str, body: &[u8]) -> bool {
        self.try_publish(exchange, key, kind, body).await.expect("it is sent and confirmed")
    }

    /// The same on a broker that may be going away.
    ///
    /// # Errors
    /// When nobody knows whether the broker has it.
    pub async fn try_publish(&self, exchange: &str, key: &str, kind: &str, body: &[u8]) -> lapin::Result<bool> {
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let (kind, user) = (kind.into(), self.user.as_str().into());
        // Persistent, as the daemons' own: of others a classic queue keeps nothing on disk, whatever it confirms.
        let properties = BasicProperties::default().with_type(kind).with_user_id(user).with_delivery_mode(2);
        let sent = self.channel.basic_publish(exchange.into(), key.into(), options, body, properties).await?;
        // What no queue takes is confirmed and comes back; what a queue cannot take for now is refused.
        Ok(matches!(sent.await?, Confirmation::Ack(None)))
    }

    /// Tries to empty a queue.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn purge(&self, queue: &str) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.map(drop)
    }

    /// Tries to have copies of what is sent to somebody come to a queue.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn bind(&self, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        let options = QueueBindOptions::default();
        channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await
    }

    /// Takes what was parked: from which queue, and why.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn parked(&self) -> Vec<(String, String)> {
        let mut parked = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) =
            self.channel.basic_get("zone.parked".into(), options).await.expect("zone.parked is there")
        {
            let headers = message.properties.headers().clone().unwrap_or_default();
            parked.push((text(&headers, "queue"), text(&headers, "reason")));
        }
        parked
    }

    /// Makes a queue of this connection's that takes what an exchange gets with keys like this one.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn listen(&self, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), exclusive, FieldTable::default()).await?;
        self.bind(queue, exchange, key).await
    }

    /// Takes what is in a queue: message id, routing key and body of each.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn take(&self, queue: &str) -> Vec<(String, String, Vec<u8>)> {
        let mut taken = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = self.channel.basic_get(queue.into(), options).await.expect("the queue is there") {
            let id = message.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
            taken.push((id, message.routing_key.to_string(), message.data.clone()));
        }
        taken
    }

    /// How many messages wait in a queue.
    ///
    /// # Panics
    /// When there is no such queue.
    pub async fn waiting(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = self.connection.create_channel().await.expect("a channel");
        let queue =
            channel.queue_declare(queue.into(), options, FieldTable::default()).await.expect("the queue is there");
        queue.message_count()
    }
}

fn text(headers: &FieldTable, name: &str) -> String {
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => format!("{other:?}"),
    }
}
