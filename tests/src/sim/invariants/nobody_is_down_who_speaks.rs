//! A node whose status packets are taken is not blamed for silence; and once all is well, nobody alive is blamed at all.

use rollcall_model::NodeState;

use super::{Blame, Violations};

/// A node's state turned, in the roster of its group controller.
#[must_use]
pub fn check(name: &str, blame: &Blame) -> Violations {
    let lost = matches!(blame.state, NodeState::Down | NodeState::Unknown);
    let Blame { silent_for, span, closed, .. } = *blame;
    if lost && !closed && silent_for.is_some_and(|silent| silent <= span) {
        return vec![violated!(
            "{name} is {} though it was heard {silent_for:?} ms ago, its span is {span} ms",
            blame.state
        )];
    }
    if blame.well && (lost || blame.state == NodeState::Suspect) {
        return vec![violated!("{name} is {} though all has been well for long", blame.state)];
    }
    Vec::new()
}
