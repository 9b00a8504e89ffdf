//! Nobody is handed out as a target whom his rack does not know to be well.

use rollcall_model::{NodeId, NodeState};

use super::Violations;

/// A rack would hand a node out that is in this state by its roster.
#[must_use]
pub fn check(rack: &str, node: NodeId, state: Option<NodeState>) -> Violations {
    match state {
        Some(NodeState::Healthy | NodeState::Degraded) => Violations::new(),
        Some(state) => vec![violated!("{rack} hands out {}, which is {state}", node.short())],
        None => vec![violated!("{rack} hands out {}, which it does not know", node.short())],
    }
}

/// At rest: `well` nodes of the rack could be handed out.
#[must_use]
pub fn check_rest(rack: &str, well: usize, found: Option<NodeId>) -> Violations {
    if well > 0 && found.is_none() {
        return vec![violated!("{rack} has {well} nodes that are well, and no target")];
    }
    Violations::new()
}
