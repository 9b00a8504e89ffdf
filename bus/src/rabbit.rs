//! The bus on RabbitMQ.
//!
//! One supervisor per connection (`supervisor`) connects, declares, starts the consumers, sends echoes
//! through the inbox and starts over when anything of that fails; nobody else reconnects. What one connection
//! consists of is in `session`; it is thrown away whole with the connection. What outlives connections, and so
//! what callers hold, is in `shared`. The client library's own recovery is not used: it cannot tell a
//! stopped broker from a quiet one, and it would repeat an unconfirmed message without its sender knowing.

mod address;
mod backoff;
mod bus;
mod classify;
mod consumer;
mod declare;
mod ear;
mod echo;
mod feed;
mod hold;
mod lossy;
mod publisher;
mod pump;
mod runtime;
mod session;
mod settle;
mod shared;
mod socket;
mod standby;
mod supervisor;

pub(crate) use address::Address;
pub(crate) use address::hide_password;
pub(crate) use bus::RabbitBus;
pub(crate) use consumer::RabbitConsumer;
