//! Once told that a deadline has come, a core names a later one: a driver that waits for the past never waits.

use super::Violations;

/// `next` is the deadline a core names right after it was called at `now`, milliseconds.
#[must_use]
pub fn check(who: &str, now: u64, next: u64) -> Violations {
    if next > now { Vec::new() } else { vec![violated!("{who} was called at {now} and wants to be called at {next}")] }
}
