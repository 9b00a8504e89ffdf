//! Where it happens: groups and queues.

use lapin::Channel;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use rollcall_model::{GroupId, route};

use super::Side;

/// More than any run publishes: the queue has the bounds that real ones have, and nothing ever meets them.
const MAX_LENGTH: i64 = 10_000_000;
const MAX_AGE_MS: i64 = 3_600_000;

impl Side {
    /// The group whose statuses it gets.
    pub fn group(self) -> GroupId {
        GroupId::derived_from(match self {
            Self::Session => "bench: rollcall",
            Self::Bare => "bench: bare",
        })
    }

    /// The queue it consumes; named like one of the group's, for a group may read no others.
    pub fn queue(self) -> String {
        route::group_queue(self.group(), "bench")
    }
}

/// Makes a side's queue, like a group's health queue, and binds it.
pub async fn make_queue(channel: &Channel, side: Side) -> lapin::Result<()> {
    let (fanout, durable) =
        (lapin::ExchangeKind::Fanout, ExchangeDeclareOptions { durable: true, ..Default::default() });
    let exchange = route::status_exchange(side.group());
    channel.exchange_declare(exchange.as_str().into(), fanout, durable, FieldTable::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(MAX_LENGTH));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(MAX_AGE_MS));
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(side.queue().into(), options, arguments).await?;
    let (queue, exchange) = (side.queue().into(), exchange.into());
    channel.queue_bind(queue, exchange, "".into(), QueueBindOptions::default(), FieldTable::default()).await
}

/// How many messages wait in a side's queue, not counting those delivered.
pub async fn waiting(channel: &Channel, side: Side) -> lapin::Result<u32> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(side.queue().into(), options, FieldTable::default()).await?;
    Ok(queue.message_count())
}
