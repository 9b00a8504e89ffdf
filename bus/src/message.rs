//! What is published.

use std::borrow::Cow;

use rollcall_model::TraceContext;

/// How much is done for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// Newest wins: neither mandatory nor awaited. For status, metrics and summaries.
    Lossy,
    /// Publisher-confirmed as what is confirmed, but nobody has to take it. For what is told to whoever listens.
    Announced,
    /// Mandatory and publisher-confirmed within the connection's deadline. For what must not be lost on its way.
    Confirmed,
}

/// A message to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Exchange.
    pub exchange: Cow<'static, str>,
    /// Routing key.
    pub routing_key: String,
    /// Body.
    pub body: Vec<u8>,
    /// AMQP `type`.
    pub kind: &'static str,
    /// AMQP `message-id`; the same on every repetition.
    pub message_id: Option<String>,
    /// How much is done for it.
    pub assurance: Assurance,
    /// The step of a trace that sends it; travels as the header `traceparent`. Without one there is no header.
    pub trace: Option<TraceContext>,
}

/// Why a message was not published, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue took it.
    #[error("no queue takes {routing_key:?} from exchange {exchange}")]
    Unroutable {
        /// Exchange.
        exchange: String,
        /// Routing key.
        routing_key: String,
    },
    /// A full queue refused it; other queues may have taken it.
    #[error("a queue behind {exchange} {routing_key:?} is full and refused the message")]
    Refused {
        /// Exchange.
        exchange: String,
        /// Routing key.
        routing_key: String,
    },
    /// The exchange does not exist; this process or another has to declare it first.
    #[error("there is no exchange {exchange:?}")]
    NoExchange {
        /// Exchange.
        exchange: String,
    },
    /// A routing key, kind or id longer than the 255 bytes AMQP carries.
    #[error("{what} has {bytes} bytes, AMQP carries at most 255")]
    TooLong {
        /// Which of them.
        what: &'static str,
        /// How long it is, bytes.
        bytes: usize,
    },
    /// No confirm within the deadline: it may or may not have arrived. Repeat it with the same id.
    #[error("the broker did not confirm within {0} ms; the message may or may not have arrived")]
    Unconfirmed(u64),
    /// The link is down; it was not sent, or was lost with the connection. Repeat it with the same id.
    #[error("not connected to the broker")]
    Disconnected,
}

/// Most bytes of a name, key, kind or id on the wire.
pub const MAX_NAME: usize = 255;

impl Outgoing {
    /// Refuses what AMQP cannot carry.
    pub(crate) fn check(&self) -> Result<(), PublishError> {
        let fields = [
            ("the exchange's name", self.exchange.len()),
            ("the routing key", self.routing_key.len()),
            ("the kind", self.kind.len()),
            ("the message id", self.message_id.as_ref().map_or(0, String::len)),
        ];
        match fields.into_iter().find(|(_, bytes)| *bytes > MAX_NAME) {
            Some((what, bytes)) => Err(PublishError::TooLong { what, bytes }),
            None => Ok(()),
        }
    }
}
