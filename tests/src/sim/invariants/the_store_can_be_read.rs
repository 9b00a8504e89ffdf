//! Whatever was saved can be loaded again, and asked for in SQL.

use std::fmt::Display;

use super::Violations;

/// Something was asked of the store, and what it gave cannot be used.
#[must_use]
pub fn cannot(what: &str, why: impl Display) -> Violations {
    vec![violated!("{what}: {why}")]
}
