//! An action takes effect once at most, whatever is sent again, redelivered or restarted (N7, G6).

use rollcall_model::{ActionId, Name};

use super::Violations;

/// An action takes effect on a node for the so manieth time.
#[must_use]
pub fn check(node: &Name, action: ActionId, times: u32) -> Violations {
    if times > 1 { vec![violated!("action {action} took effect on {node} {times} times")] } else { Vec::new() }
}
