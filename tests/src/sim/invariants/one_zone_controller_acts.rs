//! Of several zone controllers one acts at a time, while their clocks run alike.

use super::Violations;

/// A zone controller is about to act, and so many others believe that they may.
#[must_use]
pub fn check(name: &str, others: usize) -> Violations {
    if others == 0 { Violations::new() } else { vec![violated!("{name} acts, and so may {others} other")] }
}

/// At rest: how many act.
#[must_use]
pub fn check_rest(acting: usize) -> Violations {
    if acting == 1 { Violations::new() } else { vec![violated!("{acting} zone controllers act at rest")] }
}
