//! How free a node is, told by how often it speaks; and a target node in constant time (A1 to A8; US 9,049,193).
//!
//! A [`Sender`] turns [`usage`] into a [`metric`], the metric into a [`frequency`] within the group's [`budget`] (mixed over the
//! day by a [`schedule`]), and speaks on its [`beat`]; now and then it says how large it is ([`capacity`]). The message
//! itself says only who speaks and of which kind it is.
//!
//! What a policy says of it becomes a [`Plan`], the same for senders and receivers, so that no message need carry a constant.
//!
//! A [`Receiver`] is told of each message. Whoever needs a target asks [`Targets`], from any thread: an entry of a two-entry
//! [`ring`], without a lock, a scan or a question to anybody; or a better one within a tenth of a microsecond. Anybody may be a
//! receiver: a group controller, the zone, a node, a program of somebody else.
//!
//! Pure: `now`, the time of day and random numbers are handed in; nothing is opened or read. `docs/placement.md` explains
//! it to people, with what it reaches and what it does not.

pub mod beat;
pub mod budget;
pub mod capacity;
mod counts;
mod day;
#[cfg(test)]
mod draws;
mod entry;
pub mod frequency;
mod guard;
pub mod metric;
pub mod plan;
pub mod receiver;
pub mod ring;
pub mod schedule;
pub mod sender;
mod slots;
mod sync;
pub mod targets;
mod timing;
pub mod usage;

pub use entry::Entry;
pub use frequency::{Kind, Rates, Recovered};
pub use plan::{Plan, PlanError, plan};
pub use receiver::{Config, Eligibility, Receiver};
pub use sender::{Sender, SendingPolicy, Sent};
pub use slots::{Barrier, Barriers};
pub use targets::{Target, Targets, Want};
pub use timing::{Estimate, TimingQueue};
