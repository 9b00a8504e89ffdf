//! A message that arrived.

use std::collections::BTreeMap;

use rollcall_model::{TRACEPARENT, TraceContext};

/// The `type` of the supervisor's own messages through the inbox; daemons never see them.
pub(crate) const ECHO: &str = "echo";

/// Pause after a message could not be parked: it comes again at once.
pub(crate) const PARK_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// A message that arrived; give it back to its [`crate::Consumer`] to settle it.
#[derive(Debug)]
pub struct Delivery {
    /// Exchange it was published to; empty for the default exchange.
    pub exchange: String,
    /// Routing key it was published with.
    pub routing_key: String,
    /// Body.
    pub body: Vec<u8>,
    /// AMQP `type`; empty if the publisher set none.
    pub kind: String,
    /// AMQP `message-id`.
    pub message_id: Option<String>,
    /// AMQP `user-id`: who published it, checked by the broker.
    pub user_id: Option<String>,
    /// AMQP `reply-to`, as programs of other people set it; whoever speaks by this crate says it in the packet.
    pub reply_to: Option<String>,
    /// Whether it was delivered before.
    pub redelivered: bool,
    /// Headers whose values are text.
    pub headers: BTreeMap<String, String>,
    pub(crate) receipt: Receipt,
}

impl Delivery {
    /// The step of a trace that sent it, where it says so. A text that is none counts as none.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.headers.get(TRACEPARENT)?.parse().ok()
    }

    /// What to settle it with on the synchronous [`crate::local::Broker`].
    #[must_use]
    pub const fn receipt(&self) -> Receipt {
        self.receipt
    }
}

/// Where a delivery came from, to settle it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt {
    /// Which opening of a channel (RabbitMQ) or which consumer (in-process).
    pub(crate) lane: u64,
    /// Delivery tag within the lane.
    pub(crate) tag: u64,
}

/// Headers a parked message carries.
pub(crate) fn parked_headers(delivery: &Delivery, queue: &str, reason: &str) -> BTreeMap<String, String> {
    let mut headers = delivery.headers.clone();
    for (name, value) in [
        (PARKED_REASON, reason),
        (PARKED_QUEUE_NAME, queue),
        (PARKED_EXCHANGE, &delivery.exchange),
        (PARKED_KEY, &delivery.routing_key),
        (PARKED_KIND, &delivery.kind),
    ] {
        headers.insert(name.into(), value.into());
    }
    if let Some(user) = &delivery.user_id {
        headers.insert(PARKED_USER.into(), user.clone());
    }
    headers
}

/// Header of a parked message: why it was parked.
pub const PARKED_REASON: &str = "reason";
/// Header of a parked message: the queue it was taken from.
pub const PARKED_QUEUE_NAME: &str = "queue";
/// Header of a parked message: the exchange it was published to.
pub const PARKED_EXCHANGE: &str = "exchange";
/// Header of a parked message: the routing key it was published with.
pub const PARKED_KEY: &str = "routing_key";
/// Header of a parked message: its kind; its `type` stays the same, too.
pub const PARKED_KIND: &str = "kind";
/// Header of a parked message: who had published it, if it said so.
pub const PARKED_USER: &str = "user_id";
/// Header of a dead letter: `delivery_limit`, `expired`, `maxlen` or `rejected`.
pub const DEATH_REASON: &str = "x-first-death-reason";
/// Header of a dead letter: the queue it died in.
pub const DEATH_QUEUE: &str = "x-first-death-queue";
/// Header of a dead letter: the exchange it had been published to.
pub const DEATH_EXCHANGE: &str = "x-first-death-exchange";
