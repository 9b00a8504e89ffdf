//! Rows of what was pruned.

use rollcall_model::UnixMillis;
use serde::{Deserialize, Serialize};

/// Table `prunings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PruningRow {
    pub history: String,
    pub before_ms: UnixMillis,
    pub removed: u64,
    pub ended_ms: UnixMillis,
    pub next_ms: Option<UnixMillis>,
}
