//! The fault bench: hosts in network namespaces of their own, real daemons on them, a real RabbitMQ and a real PostgreSQL,
//! cables that pass through this process and fail as ordered, and a record of all that was confirmed to anybody, which is
//! compared with the store when everything is healed. `docs/reliability.md` says how to use it.

pub mod alone;
pub mod bench;
pub mod checker;
pub mod diary;
pub mod ear;
pub mod emulator;
pub mod fabric;
pub mod hand;
pub mod holdings;
pub mod host;
pub mod impairment;
pub mod pipe;
pub mod run;
pub mod schedule;
pub mod sight;
pub mod timeline;
pub mod truth;
