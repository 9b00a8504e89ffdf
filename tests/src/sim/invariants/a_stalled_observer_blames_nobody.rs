//! A group controller that was paused or disconnected gives everybody the full span again.

use rollcall_group_controller::core::liveness::RETURN;
use rollcall_model::NodeState;

use super::{Blame, Violations};

/// A node's state turned, in the roster of its group controller.
#[must_use]
pub fn check(name: &str, blame: &Blame) -> Violations {
    if !matches!(blame.state, NodeState::Down | NodeState::Unknown) {
        return Vec::new();
    }
    let due = if blame.closed { RETURN.0 } else { blame.span };
    if blame.attentive_for >= due {
        return Vec::new();
    }
    vec![violated!(
        "{name} is {} {} ms after its observer came back; {due} ms were due",
        blame.state,
        blame.attentive_for
    )]
}
