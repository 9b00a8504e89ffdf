//! Status packets per second through a real RabbitMQ into the roster, two sides turn and turn about.
//!
//! [`beside_bare`]: the group controller's real session (connection, decoding, routing-key check, roster, judgement of
//! silence, alerts, acknowledgement) beside a bare `lapin` consumer that drops what it gets and acknowledges the same way,
//! on one broker. [`secured`]: the same session with certificates, TLS 1.3, user ids that the broker validates and sealed
//! tags, beside the session without any of them, on two brokers.
//!
//! Each side has a queue with the same arguments, and a publisher, a process of its own, that speaks for a thousand
//! nodes. They take turns within one run, so that what else the machine does falls on both.

mod bare;
pub mod beside_bare;
mod brake;
mod callers;
pub(crate) mod lane;
mod place;
mod publisher;
pub mod secured;
pub(crate) mod session;
mod trial;
pub(crate) mod trust;
pub(crate) mod way;

pub use publisher::{ROLE, publish};
pub use trial::Extent;

/// What takes the status packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Session,
    Bare,
}

impl std::str::FromStr for Side {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let sides = [Self::Session, Self::Bare];
        sides.into_iter().find(|side| format!("{side:?}") == text).ok_or_else(|| anyhow::anyhow!("{text} is no side"))
    }
}

/// What both programs do with their arguments: the process that publishes is the same program.
///
/// # Errors
/// When an argument is no number.
pub fn extent(arguments: &[String]) -> anyhow::Result<Extent> {
    let mut extent = Extent::default();
    if let Some(pairs) = arguments.first() {
        extent.pairs = pairs.parse()?;
    }
    if let Some(statuses) = arguments.get(1) {
        extent.statuses = statuses.parse()?;
    }
    Ok(extent)
}
