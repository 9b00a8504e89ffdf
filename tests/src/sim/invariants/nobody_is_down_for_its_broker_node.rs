//! Whose connection ended with a node of the broker has time to come back by another: it is not dead. Who was overdue before is judged by its
//! silence.

use rollcall_group_controller::core::RECONNECT_GRACE;
use rollcall_model::NodeState;

use super::{Blame, Violations};

/// A closing may be heard so much later than it is, milliseconds.
const HEARD_LATE: u64 = 500;

/// A node's state turned, in the roster of its group controller.
#[must_use]
pub fn check(name: &str, blame: &Blame) -> Violations {
    let Some(parted) = blame.parted_for.filter(|parted| *parted < RECONNECT_GRACE.0) else { return Vec::new() };
    let silent_before = blame.silent_for.unwrap_or(parted).saturating_sub(parted);
    if blame.state != NodeState::Down || (silent_before + HEARD_LATE) * 2 > blame.span {
        return Vec::new();
    }
    vec![violated!("{name} is down {parted} ms after its node of the broker ended; {} ms were due", RECONNECT_GRACE.0)]
}
