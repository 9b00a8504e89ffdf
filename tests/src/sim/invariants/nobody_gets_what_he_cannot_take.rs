//! No daemon is sent a packet it has no use for.

use super::Violations;

/// A message was parked.
#[must_use]
pub fn check(who: &str, kind: &str, reason: &str) -> Violations {
    vec![violated!("{who} was sent a {kind:?} packet and parked it: {reason}")]
}
