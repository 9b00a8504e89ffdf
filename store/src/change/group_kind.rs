//! What a group is made by.

use serde::{Deserialize, Serialize};

/// What a group is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Same place.
    Physical,
    /// Same capability or rule.
    Logical,
    /// Same condition.
    Health,
}

impl GroupKind {
    /// The word in tables and views.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Logical => "logical",
            Self::Health => "health",
        }
    }
}
