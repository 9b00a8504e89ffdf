//! The bus: exchanges, bounded queues and deliveries, on RabbitMQ or inside one process.
//!
//! A daemon gets a [`Connector`], attaches with the name of its inbox and from then on speaks to a [`Bus`]: it
//! declares its [`Topology`], consumes queues and publishes. Both implementations keep one contract, which
//! `tests/contract.rs` runs on both. The connection's supervisor reconnects for ever; callers see it as a
//! [`Link`] to watch and as publish errors that say what is known about the message.
//!
//! What this crate refuses to do: it knows no packet, no daemon and no store; it never names a queue by
//! itself, declares nothing per message and hides no loss.

pub mod admin;
pub mod audit;
mod bus;
mod connector;
mod consumer;
mod delivery;
mod errors;
mod figures;
mod gone;
mod link;
pub mod local;
pub mod message;
mod nodes;
mod outbox;
mod packet;
pub mod private_broker;
mod rabbit;
pub mod rights;
mod sender;
mod settings;
mod spoken;
mod tls;
pub mod topology;

pub use bus::{Bus, Declared};
pub use connector::{Attachment, Connector};
pub use consumer::Consumer;
pub use delivery::{
    DEATH_EXCHANGE, DEATH_QUEUE, DEATH_REASON, Delivery, PARKED_EXCHANGE, PARKED_KEY, PARKED_KIND, PARKED_QUEUE_NAME,
    PARKED_REASON, PARKED_USER, Receipt,
};
pub use errors::{ConnectError, ConsumeError, DeclareError};
pub use gone::QueueGone;
pub use link::{DownCause, Link};
pub use local::LocalBroker;
pub use message::{Assurance, Outgoing, PublishError};
pub use outbox::Outbox;
pub use packet::{PacketError, packet_of};
pub use rights::{Rights, TopicRight};
pub use sender::Sender;
pub use settings::RabbitSettings;
pub use spoken::{Spoken, SpokenError, Word, names_node, spoken};
pub use tls::{Credentials, CredentialsError, TlsIdentity};
pub use topology::{
    Binding, EVENT_EXCHANGE, Exchange, ExchangeKind, Overflow, QUEUE_DELETED, Queue, QueueClass, Topology,
};
