//! Benchmarks of Rollcall, each beside the peer it has to stand comparison with.
//!
//! `benches/wire.rs` and `benches/health.rs` time single operations, `benches/rules.rs` rules over a fleet, `throughput` the
//! whole path of a status packet against a bare client of the same broker, `secured` the same path with all that trust costs
//! against the path without, `peers` lets oslo.messaging, etcd and collectd do what our status packets do, `joins` times a
//! thousand nodes that come in at once, `footprint` what one agent costs its server; `steady` counts what a zone hears of a
//! fleet in which nothing happens, `policy` times a change of policy until 200 nodes have acknowledged it, `questions` asks
//! everything `docs/sql.md` asks about 100,000 nodes on both databases, `streams` tells a thousand clients of one event and
//! lets ten thousand listen, `availability` recovers how free 200 nodes are from their timing, `restart` starts a zone on 100,000 nodes. Each leaves its figures in
//! `bench/results`, its own section only, so that they can be run one by one. `compare` tells what got worse between two files of
//! figures. `docs/performance.md` says what the figures mean.

pub mod availability;
pub mod compare;
pub mod estimates;
pub mod footprint;
pub mod joins;
pub mod listing;
pub mod machine;
pub mod peers;
pub mod policy;
pub mod questions;
pub mod report;
pub mod restart;
pub mod statuses;
pub mod steady;
pub mod streams;
pub mod throughput;
