//! What a zone controller says in an older generation than a receiver has heard of is not obeyed.

use super::Violations;

/// A receiver that has heard of `known` took a packet of generation `told`, and `follows` effects of it.
#[must_use]
pub fn check(name: &str, told: u64, known: u64, is_obeyed: bool) -> Violations {
    if told >= known || !is_obeyed {
        return Violations::new();
    }
    vec![violated!("{name} obeys generation {told}, and has heard of {known}")]
}
