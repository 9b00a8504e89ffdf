//! What the zone decides fits what is stored: its memory and the store are never of two minds.

use rollcall_store::{Change, CommitError};

use super::Violations;

/// How a transaction ended.
#[must_use]
pub fn check(ended: &Result<(), CommitError>, changes: &[Change]) -> Violations {
    match ended {
        Ok(()) => Vec::new(),
        Err(error) => vec![violated!("the store refused {} changes: {error}", changes.len())],
    }
}
