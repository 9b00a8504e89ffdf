//! At rest everybody runs who is to run.

use super::Violations;

/// Whether a process runs, and whether it is to.
#[must_use]
pub fn check(name: &str, runs: bool, wanted: bool) -> Violations {
    if runs || !wanted { Violations::new() } else { vec![violated!("{name} does not run")] }
}
