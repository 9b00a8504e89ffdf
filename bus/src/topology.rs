//! What is declared on the broker: exchanges, queues with their bounds, bindings.

use rollcall_model::{Principal, route};

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Key equals key.
    Direct,
    /// Dotted patterns with `*` and `#`.
    Topic,
    /// To every bound queue.
    Fanout,
}

/// A durable exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Name.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeKind,
}

/// What a full queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Drops its oldest message: newest wins.
    DropHead,
    /// Refuses the publisher.
    RejectPublish,
}

/// What kind of queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueClass {
    /// Exclusive classic queue: a process's own, gone with its connection, and made anew on whatever node of the broker the next one comes
    /// to. For inboxes, and for what says nothing any more once its process was away.
    Exclusive,
    /// Durable classic queue: lossy, and kept. In a RabbitMQ of several nodes it is away as long as the node is that it was made on.
    Classic,
    /// Durable quorum queue: what must not be lost; a message delivered more often than the limit goes to the dead letters.
    Quorum {
        /// Deliveries beyond the first before a message is dead.
        delivery_limit: u32,
    },
}

/// A queue. Every queue is bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Name, derived from ids; never chosen by the server.
    pub name: String,
    /// What kind.
    pub class: QueueClass,
    /// Most messages.
    pub max_length: u32,
    /// What happens beyond.
    pub overflow: Overflow,
    /// Messages older than this are dropped, milliseconds.
    pub max_age_ms: Option<u32>,
    /// Exchange for dead letters.
    pub dead_letter: Option<String>,
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// From this exchange.
    pub exchange: String,
    /// To this queue.
    pub queue: String,
    /// For this key or pattern.
    pub key: String,
    /// Whether the exchange may be missing (the broker's event exchange is a plugin).
    pub optional: bool,
}

/// All that one process declares. Declared again after each reconnect; declaring twice changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Exchanges.
    pub exchanges: Vec<Exchange>,
    /// Names of exchanges that somebody else declares; this process may use them but not configure them.
    pub expected: Vec<String>,
    /// Queues.
    pub queues: Vec<Queue>,
    /// Bindings.
    pub bindings: Vec<Binding>,
}

/// The exchange on which the broker tells what happens to its connections and queues (plugin
/// `rabbitmq_event_exchange`); the in-process bus has it always. What an event `queue.deleted` says, [`QueueGone`] reads.
pub const EVENT_EXCHANGE: &str = "amq.rabbitmq.event";
/// Routing key of the event that a queue is gone.
pub const QUEUE_DELETED: &str = "queue.deleted";

impl Topology {
    /// Adds an exchange.
    #[must_use]
    pub fn exchange(mut self, name: &str, kind: ExchangeKind) -> Self {
        self.exchanges.push(Exchange { name: name.into(), kind });
        self
    }

    /// Adds an exchange that the zone declares and that this process only uses. Until it is there the declaration waits.
    #[must_use]
    pub fn expect_exchange(mut self, name: &str) -> Self {
        self.expected.push(name.into());
        self
    }

    /// Adds a queue.
    #[must_use]
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queues.push(queue);
        self
    }

    /// Adds another topology; what is there already is not repeated. A queue or exchange of the same name is
    /// replaced.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.exchanges.retain(|have| other.exchanges.iter().all(|new| new.name != have.name));
        self.exchanges.extend(other.exchanges);
        self.expected.retain(|have| !other.expected.contains(have));
        self.expected.extend(other.expected);
        self.queues.retain(|have| other.queues.iter().all(|new| new.name != have.name));
        self.queues.extend(other.queues);
        self.bindings.retain(|have| !other.bindings.contains(have));
        self.bindings.extend(other.bindings);
        self
    }

    /// The names of the queues that go with the process's connection.
    pub fn own_queues(&self) -> impl Iterator<Item = &str> {
        let own = self.queues.iter().filter(|queue| queue.class == QueueClass::Exclusive);
        own.map(|queue| queue.name.as_str())
    }

    /// Adds a binding.
    #[must_use]
    pub fn bind(mut self, exchange: &str, queue: &str, key: &str) -> Self {
        self.bindings.push(Binding {
            exchange: exchange.into(),
            queue: queue.into(),
            key: key.into(),
            optional: false,
        });
        self
    }

    /// Adds a binding whose exchange may be missing.
    #[must_use]
    pub fn bind_if_present(mut self, exchange: &str, queue: &str, key: &str) -> Self {
        self.bindings.push(Binding { exchange: exchange.into(), queue: queue.into(), key: key.into(), optional: true });
        self
    }
}

/// Most messages an inbox holds before it refuses more; senders keep what they sent until it is answered.
const INBOX_LENGTH: u32 = 1024;

/// What every process has: its inbox, bound under its own name. The zone, whose exchanges they are, declares the one it
/// hangs on; everybody else waits for it.
pub(crate) fn inbox_topology(inbox: &str, principal: &Principal) -> Topology {
    let exchange = match principal {
        Principal::Zone(_) => Topology::default().exchange(route::DIRECT, ExchangeKind::Topic),
        _ => Topology::default().expect_exchange(route::DIRECT),
    };
    exchange
        .queue(Queue {
            name: inbox.into(),
            class: QueueClass::Exclusive,
            max_length: INBOX_LENGTH,
            overflow: Overflow::RejectPublish,
            max_age_ms: None,
            dead_letter: None,
        })
        .bind(route::DIRECT, inbox, inbox)
}
