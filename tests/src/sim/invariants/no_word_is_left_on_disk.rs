//! A word that a rack wrote to disk because the broker was away has arrived once all is well again, whatever became of the process
//! that wrote it.

use super::Violations;

/// Each rack's name, and how many words lie on its disk at rest.
#[must_use]
pub fn check(spools: &[(String, usize)]) -> Violations {
    let left = spools.iter().filter(|(_, count)| *count > 0);
    left.map(|(rack, count)| violated!("{count} words of {rack} still lie on its disk at rest")).collect()
}
