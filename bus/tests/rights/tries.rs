//! Every AMQP operation, tried on a channel of its own, since a refusal closes the channel.

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeBindOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, ExchangeUnbindOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::protocol::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Error, ErrorKind, ExchangeKind};
use regex::Regex;
use rollcall_bus::Rights;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Try {
    Declare { queue: String },
    DeclareBurying { queue: String, exchange: String },
    Bind { queue: String, exchange: String, key: String },
    Unbind { queue: String, exchange: String, key: String },
    Consume { queue: String },
    Get { queue: String },
    Purge { queue: String },
    Delete { queue: String },
    DeclareExchange { exchange: String },
    DeleteExchange { exchange: String },
    Tie { to: String, from: String, key: String },
    Untie { to: String, from: String, key: String },
    Publish { exchange: String, key: String },
    PublishAs { exchange: String, key: String, user: String },
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    /// 403.
    Refused,
    /// Another of the broker's codes.
    Failed(u16),
}

fn fits(pattern: &str, name: &str) -> bool {
    Regex::new(pattern).expect("a regular expression").is_match(name)
}

/// The default exchange's name where rights are concerned.
fn resource(exchange: &str) -> &str {
    if exchange.is_empty() { "amq.default" } else { exchange }
}

impl Try {
    /// What it is called and what it is done to, for the table.
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Self::Declare { queue } => ("queue.declare", queue.clone()),
            Self::DeclareBurying { queue, .. } => ("queue.declare, dead letters", queue.clone()),
            Self::Bind { queue, .. } => ("queue.bind", queue.clone()),
            Self::Unbind { queue, .. } => ("queue.unbind", queue.clone()),
            Self::Consume { queue } => ("basic.consume", queue.clone()),
            Self::Get { queue } => ("basic.get", queue.clone()),
            Self::Purge { queue } => ("queue.purge", queue.clone()),
            Self::Delete { queue } => ("queue.delete", queue.clone()),
            Self::DeclareExchange { exchange } => ("exchange.declare", exchange.clone()),
            Self::DeleteExchange { exchange } => ("exchange.delete", exchange.clone()),
            Self::Tie { to, .. } => ("exchange.bind", to.clone()),
            Self::Untie { to, .. } => ("exchange.unbind", to.clone()),
            Self::Publish { exchange, .. } => ("basic.publish", exchange.clone()),
            Self::PublishAs { exchange, .. } => ("basic.publish as another", exchange.clone()),
        }
    }

    /// Whether these rights allow it, by RabbitMQ's rules as `rights.rs` has them.
    pub fn is_allowed(&self, rights: &Rights) -> bool {
        let configure = |name: &str| fits(&rights.configure, name) && !name.starts_with("amq.");
        let write = |name: &str| fits(&rights.write, resource(name));
        let read = |name: &str| fits(&rights.read, name);
        let topic = |exchange: &str| rights.topics.iter().find(|right| right.exchange == exchange);
        let may_write = |exchange: &str, key: &str| topic(exchange).is_none_or(|right| fits(&right.write, key));
        let may_read = |exchange: &str, key: &str| topic(exchange).is_none_or(|right| fits(&right.read, key));
        match self {
            Self::Declare { queue } | Self::Delete { queue } => configure(queue),
            Self::DeclareBurying { queue, exchange } => configure(queue) && read(queue) && write(exchange),
            Self::Bind { queue, exchange, key } | Self::Unbind { queue, exchange, key } => {
                write(queue) && read(exchange) && may_read(exchange, key)
            }
            Self::Consume { queue } | Self::Get { queue } | Self::Purge { queue } => read(queue),
            Self::DeclareExchange { exchange } | Self::DeleteExchange { exchange } => configure(exchange),
            Self::Tie { to, from, key } | Self::Untie { to, from, key } => {
                write(to) && read(from) && may_read(from, key)
            }
            Self::Publish { exchange, key } => write(exchange) && may_write(exchange, key),
            Self::PublishAs { .. } => false,
        }
    }

    /// Tries it.
    pub async fn run(&self, connection: &Connection) -> Outcome {
        let channel = connection.create_channel().await.expect("a channel");
        match self.on(&channel).await {
            Ok(()) => Outcome::Allowed,
            Err(error) => match error.kind() {
                ErrorKind::ProtocolError(error) if error.get_id() == 403 => Outcome::Refused,
                ErrorKind::ProtocolError(error) => Outcome::Failed(error.get_id()),
                _ => panic!("{self:?}: {error}"),
            },
        }
    }

    async fn on(&self, channel: &Channel) -> Result<(), Error> {
        let none = FieldTable::default;
        match self {
            Self::Declare { queue } => declare(channel, queue, none()).await,
            Self::DeclareBurying { queue, exchange } => {
                let mut arguments = none();
                arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(exchange.as_str().into()));
                declare(channel, queue, arguments).await
            }
            Self::Bind { queue, exchange, key } => {
                let (queue, exchange, key) = (queue.as_str().into(), exchange.as_str().into(), key.as_str().into());
                channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), none()).await
            }
            Self::Unbind { queue, exchange, key } => {
                let (queue, exchange, key) = (queue.as_str().into(), exchange.as_str().into(), key.as_str().into());
                channel.queue_unbind(queue, exchange, key, none()).await
            }
            Self::Consume { queue } => {
                let options = BasicConsumeOptions::default();
                channel.basic_consume(queue.as_str().into(), "tries".into(), options, none()).await.map(drop)
            }
            Self::Get { queue } => channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.map(drop),
            Self::Purge { queue } => {
                channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await.map(drop)
            }
            Self::Delete { queue } => {
                channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.map(drop)
            }
            Self::DeclareExchange { exchange } => {
                let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
                channel.exchange_declare(exchange.as_str().into(), ExchangeKind::Topic, options, none()).await
            }
            Self::DeleteExchange { exchange } => {
                channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await
            }
            Self::Tie { to, from, key } => {
                let (to, from, key) = (to.as_str().into(), from.as_str().into(), key.as_str().into());
                channel.exchange_bind(to, from, key, ExchangeBindOptions::default(), none()).await
            }
            Self::Untie { to, from, key } => {
                let (to, from, key) = (to.as_str().into(), from.as_str().into(), key.as_str().into());
                channel.exchange_unbind(to, from, key, ExchangeUnbindOptions::default(), none()).await
            }
            Self::Publish { exchange, key } => publish(channel, exchange, key, BasicProperties::default()).await,
            Self::PublishAs { exchange, key, user } => {
                publish(channel, exchange, key, BasicProperties::default().with_user_id(user.as_str().into())).await
            }
        }
    }
}

async fn declare(channel: &Channel, queue: &str, arguments: FieldTable) -> Result<(), Error> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), options, arguments).await.map(drop)
}

async fn publish(channel: &Channel, exchange: &str, key: &str, properties: BasicProperties) -> Result<(), Error> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions::default();
    channel.basic_publish(exchange.into(), key.into(), options, b"x", properties).await?.await.map(drop)
}
