//! The liveness of a node as its group controller sees it (G5).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// ```text
///            first status                silent > half its span
/// joining ──────────────▶ healthy ⇄ degraded ───────────────▶ suspect ──▶ down
///    ▲                        ▲         ▲      a status             silent > its span
///    └── new epoch            └─────────┴──────────────────────────┘  │
///                                         a status of its epoch ◀─────┘
/// healthy/degraded ── clean shutdown ──▶ left      many silent at once ──▶ unknown
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Assigned or seen, no status packet yet.
    Joining,
    /// Heard from, no bit set.
    Healthy,
    /// Heard from, at least one bit set.
    Degraded,
    /// Silent for longer than half of its longest silence, or its connection closed a moment ago.
    Suspect,
    /// Silent for longer than its longest silence, or its connection closed and did not come back.
    Down,
    /// Nothing can be said: the path to it, not the node, is in doubt; or it measures nothing.
    Unknown,
    /// Said good-bye.
    Left,
}

impl NodeState {
    /// Every state, in the order they are listed to people.
    pub const ALL: [NodeState; 7] =
        [Self::Joining, Self::Healthy, Self::Degraded, Self::Suspect, Self::Down, Self::Unknown, Self::Left];

    /// The word used everywhere: wire, tables, API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Left => "left",
        }
    }

    /// Whether silence of a node in this state means something.
    #[must_use]
    pub const fn is_watched(self) -> bool {
        matches!(self, Self::Joining | Self::Healthy | Self::Degraded | Self::Suspect)
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is not a node state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a node state: expected joining, healthy, degraded, suspect, down, unknown or left")]
pub struct ParseStateError(String);

impl FromStr for NodeState {
    type Err = ParseStateError;
    fn from_str(text: &str) -> Result<Self, ParseStateError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| ParseStateError(text.to_owned()))
    }
}
