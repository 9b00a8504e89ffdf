//! All nodes of a rack together send no more about how free they are in any second than the policy allows.

use super::Violations;

/// `sent` messages left a rack's nodes within the last second.
#[must_use]
pub fn check(rack: &str, sent: usize, allowed: usize) -> Violations {
    if sent <= allowed {
        return Violations::new();
    }
    vec![violated!(
        "the nodes of rack {rack} sent {sent} messages about their availability in a second; {allowed} are allowed"
    )]
}
