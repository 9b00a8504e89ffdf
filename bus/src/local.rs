//! The bus inside one process: a [`Broker`] with RabbitMQ's rules for routing, bounds, acknowledgements and
//! dead letters, and [`LocalBroker`], which lets many daemons of one process share it.
//!
//! The simulation drives [`Broker`] by itself in virtual time; `rollcall demo` uses [`LocalBroker`] where no
//! RabbitMQ can be had. It keeps nothing on disk.

mod broker;
mod bus;
mod declare;
mod queue;
mod routing;
mod sessions;
mod shared;
#[cfg(test)]
mod tests;

pub use broker::{Broker, ConsumerId, SessionId};
pub(crate) use bus::{LocalBus, LocalConsumer};
pub use shared::LocalBroker;
