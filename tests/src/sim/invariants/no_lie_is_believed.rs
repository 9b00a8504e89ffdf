//! Nothing takes effect that a node says of others, or in another's name.

use super::Violations;

/// A process took a packet for true.
#[must_use]
pub fn check(who: &str, kind: &str, is_a_lie: bool) -> Violations {
    if is_a_lie { vec![violated!("{who} believed the liar's {kind:?} packet")] } else { Violations::new() }
}
