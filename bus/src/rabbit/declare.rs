//! Declaring a topology on RabbitMQ.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Error, ExchangeKind as Kind};

use super::classify::{is_home_away, is_locked, is_not_found, is_otherwise, is_refusal, is_without_queue, words};
use crate::{Binding, DeclareError, Exchange, ExchangeKind, Overflow, Queue, QueueClass, Topology};

/// Why a declaration was not finished.
pub(super) enum Failure {
    /// The broker refused; declaring again will not help.
    Refused(DeclareError),
    /// An expected exchange is not there yet, a former connection's queue still is, or one of ours was forgotten; declaring again later
    /// will help.
    NotYet(DeclareError),
    /// The connection failed.
    Lost(Error),
}

/// Declares on a channel of its own, since a refusal closes the channel. Returns the optional bindings whose
/// exchange does not exist. A durable queue whose node of the broker is away is there, with its bindings and all that waits in it, once
/// the node is back: whoever declares it goes on without.
pub(super) async fn declare(
    connection: &Connection,
    topology: &Topology,
    inbox: &str,
) -> Result<Vec<Binding>, Failure> {
    let mut channel = open(connection).await?;
    for exchange in &topology.exchanges {
        let what = || format!("exchange {:?}", exchange.name);
        declare_exchange(&channel, exchange).await.map_err(|error| failure(error, what(), &exchange.name))?;
    }
    for exchange in &topology.expected {
        expect_exchange(&channel, exchange).await?;
    }
    let mut away = Vec::new();
    for queue in &topology.queues {
        if !ensure_queue(connection, &mut channel, queue, inbox).await? {
            away.push(queue.name.as_str());
        }
    }
    let mut missing = Vec::new();
    for binding in topology.bindings.iter().filter(|binding| !away.contains(&binding.queue.as_str())) {
        match bind(&channel, binding).await {
            Ok(()) => {}
            Err(error) if binding.optional && is_not_found(&error) && !is_without_queue(&error, &binding.queue) => {
                missing.push(binding.clone());
                channel = open(connection).await?;
            }
            Err(error) => {
                let Binding { exchange, queue, key, .. } = binding;
                let what = format!("binding {key:?} of queue {queue:?} to exchange {exchange:?}");
                // It was there a moment ago: a node of the broker has just forgotten by name what was on another one.
                let is_own = queue == inbox || topology.own_queues().any(|own| own == queue);
                return Err(if is_own && is_without_queue(&error, queue) {
                    Failure::NotYet(DeclareError::Refused { what, why: words(&error) })
                } else {
                    failure(error, what, queue)
                });
            }
        }
    }
    // Closed in the background; nothing depends on it.
    drop(channel);
    Ok(missing)
}

async fn open(connection: &Connection) -> Result<Channel, Failure> {
    connection.create_channel().await.map_err(Failure::Lost)
}

/// Sees to it that a queue is there; the channel is another one afterwards if the broker refused something. Tells whether it is: a lasting
/// one may be away with its node.
async fn ensure_queue(
    connection: &Connection,
    channel: &mut Channel,
    queue: &Queue,
    inbox: &str,
) -> Result<bool, Failure> {
    let Err(mut error) = declare_queue(channel, queue).await else { return Ok(true) };
    let is_own = queue.class == QueueClass::Exclusive;
    if was_made_otherwise(&error, queue, inbox) {
        *channel = open(connection).await?;
        let Err(again) = replace_queue(channel, queue).await else { return Ok(true) };
        error = again;
        if !is_own && is_otherwise(&error) {
            *channel = open(connection).await?;
            tracing::warn!(
                queue = queue.name,
                "the queue was made by an older version and is not empty: it stays as it is until the next start; it is \
                 away whenever the node of the broker is that it was made on"
            );
            return Ok(true);
        }
    }
    if !is_own && is_home_away(&error) {
        *channel = open(connection).await?;
        tracing::warn!(queue = queue.name, "the node of the broker that has the queue is away: {}", words(&error));
        return Ok(false);
    }
    let what = format!("queue {:?}", queue.name);
    // Whoever has the inbox is the only one: a former connection is not gone altogether yet, or the node of the broker is away.
    if is_own && queue.name != inbox && (is_locked(&error) || is_home_away(&error)) {
        return Err(Failure::NotYet(DeclareError::Refused { what, why: words(&error) }));
    }
    Err(failure(error, what, &queue.name))
}

fn failure(error: Error, what: String, queue: &str) -> Failure {
    if is_locked(&error) {
        Failure::Refused(DeclareError::Locked { queue: queue.to_owned() })
    } else if is_refusal(&error) {
        Failure::Refused(DeclareError::Refused { what, why: words(&error) })
    } else {
        Failure::Lost(error)
    }
}

async fn declare_exchange(channel: &Channel, exchange: &Exchange) -> Result<(), Error> {
    let kind = match exchange.kind {
        ExchangeKind::Direct => Kind::Direct,
        ExchangeKind::Topic => Kind::Topic,
        ExchangeKind::Fanout => Kind::Fanout,
    };
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(exchange.name.as_str().into(), kind, options, FieldTable::default()).await
}

/// Asks whether an exchange is there; that needs no right to configure it.
async fn expect_exchange(channel: &Channel, exchange: &str) -> Result<(), Failure> {
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    // Asked passively, its kind is not compared.
    let asked = channel.exchange_declare(exchange.into(), Kind::Topic, options, FieldTable::default()).await;
    asked.map_err(|error| match is_not_found(&error) {
        true => Failure::NotYet(DeclareError::NotYet { exchange: exchange.to_owned() }),
        false => failure(error, format!("exchange {exchange:?}"), exchange),
    })
}

async fn declare_queue(channel: &Channel, queue: &Queue) -> Result<(), Error> {
    let exclusive = queue.class == QueueClass::Exclusive;
    let options = QueueDeclareOptions { durable: !exclusive, exclusive, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.name.as_str().into(), options, arguments(queue)).await?;
    Ok(())
}

/// Whether a queue may be there as another version made it. The broker calls one that is not exclusive locked for who wants it to be; an
/// inbox never was anything else, and is locked by whoever has it.
fn was_made_otherwise(error: &Error, queue: &Queue, inbox: &str) -> bool {
    match queue.class {
        QueueClass::Exclusive => queue.name != inbox && (is_otherwise(error) || is_locked(error)),
        QueueClass::Quorum { .. } => is_otherwise(error),
        QueueClass::Classic => false,
    }
}

/// A version before this one made it otherwise. What waits in one that is its process's own says nothing any more; of others none is lost.
async fn replace_queue(channel: &Channel, queue: &Queue) -> Result<(), Error> {
    let if_empty = queue.class != QueueClass::Exclusive;
    let options = QueueDeleteOptions { if_unused: true, if_empty, ..QueueDeleteOptions::default() };
    channel.queue_delete(queue.name.as_str().into(), options).await?;
    tracing::info!(queue = queue.name, "the queue was made by an older version: it is made anew");
    declare_queue(channel, queue).await
}

/// Which of these queues of this connection the broker does not know any more.
///
/// # Errors
/// When the connection fails, or the broker refuses to tell.
pub(super) async fn forgotten<'a>(connection: &Connection, queues: &[&'a str]) -> Result<Option<&'a str>, Error> {
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    for queue in queues {
        match channel.queue_declare((*queue).into(), options, FieldTable::default()).await {
            Ok(_) => {}
            Err(error) if is_not_found(&error) => return Ok(Some(queue)),
            Err(error) => return Err(error),
        }
    }
    // In the background; nothing depends on it.
    drop(channel);
    Ok(None)
}

fn arguments(queue: &Queue) -> FieldTable {
    let mut table = FieldTable::default();
    let text = |value: &str| AMQPValue::LongString(value.into());
    table.insert("x-max-length".into(), AMQPValue::LongLongInt(i64::from(queue.max_length)));
    let overflow = match queue.overflow {
        Overflow::DropHead => "drop-head",
        Overflow::RejectPublish => "reject-publish",
    };
    table.insert("x-overflow".into(), text(overflow));
    if let QueueClass::Quorum { delivery_limit } = queue.class {
        table.insert("x-queue-type".into(), text("quorum"));
        table.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(i64::from(delivery_limit)));
    }
    if let Some(max_age) = queue.max_age_ms {
        table.insert("x-message-ttl".into(), AMQPValue::LongLongInt(i64::from(max_age)));
    }
    if let Some(exchange) = &queue.dead_letter {
        table.insert("x-dead-letter-exchange".into(), text(exchange));
    }
    table
}

async fn bind(channel: &Channel, binding: &Binding) -> Result<(), Error> {
    let Binding { exchange, queue, key, .. } = binding;
    let (queue, exchange, key) = (queue.as_str().into(), exchange.as_str().into(), key.as_str().into());
    channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await
}
