//! Whose connection ended with a node of the broker has time to come back by another: it is not dead.

use rollcall_group_controller::core::RECONNECT_GRACE;
use rollcall_model::NodeState;

use super::{Blame, Violations};

/// A node's state turned, in the roster of its group controller.
#[must_use]
pub fn check(name: &str, blame: &Blame) -> Violations {
    match blame.parted_for {
        Some(parted) if blame.state == NodeState::Down && parted < RECONNECT_GRACE.0 => vec![violated!(
            "{name} is down {parted} ms after its node of the broker ended; {} ms were due",
            RECONNECT_GRACE.0
        )],
        _ => Vec::new(),
    }
}
