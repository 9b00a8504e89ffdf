//! Once a generation was taken, nothing of an older one is written, however late whoever holds it comes out of a pause.

use super::Violations;

/// A transaction of a zone controller in `own` was committed; `newest` was taken last.
#[must_use]
pub fn check(name: &str, own: u64, newest: u64) -> Violations {
    if own >= newest {
        return Violations::new();
    }
    vec![violated!("{name} saved something in generation {own}, and {newest} was taken before")]
}
