//! What a person was told is done is in the store at rest, once, whichever process said so and ended afterwards (Z5).

use super::Violations;

/// What was confirmed, and what the store has, as the same words.
#[must_use]
pub fn check(confirmed: &[String], stored: &[String]) -> Violations {
    let mut violations = Violations::new();
    for what in confirmed {
        let promised = confirmed.iter().filter(|other| *other == what).count();
        let found = stored.iter().filter(|other| *other == what).count();
        if (promised, found) != (1, 1) {
            violations.push(violated!("{what} was confirmed {promised} times, and is in the store {found} times"));
        }
    }
    violations
}
