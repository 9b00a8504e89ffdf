//! Every order comes to an end that is recorded: done, failed, refused or expired (N7).

use super::Violations;

/// A row of `v_actions`: id, state, node.
#[must_use]
pub fn check(orders: &[(String, String, String)]) -> Violations {
    let open = orders.iter().filter(|(_, state, _)| matches!(state.as_str(), "ordered" | "running"));
    open.map(|(action, state, node)| violated!("action {action} on {node} is still {state} at rest")).collect()
}
