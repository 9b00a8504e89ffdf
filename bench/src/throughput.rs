//! Status packets per second through a real RabbitMQ into the roster, as a ratio to a bare client that does nothing.
//!
//! Two consumers live side by side, each on a queue of its own with the same arguments: the group controller's real
//! session (connection, decoding, routing-key check, roster, judgement of silence, alerts, acknowledgement), and a
//! bare `lapin` consumer that drops what it gets and acknowledges the same way. One publisher, a process of its own,
//! speaks for a thousand nodes to either. They take turns within one run, so that what else the machine does falls on
//! both.

mod bare;
mod brake;
mod place;
mod publisher;
mod session;
mod trial;

pub use publisher::{ROLE, publish};
pub use trial::{Extent, run};

/// Which of the two consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Rollcall,
    Bare,
}
