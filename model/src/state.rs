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
    /// Every state, the worst first: what is known to be gone, what nobody can see, what may be gone, what is not well; then
    /// those that are nobody's concern.
    pub const WORST_FIRST: [NodeState; 7] =
        [Self::Down, Self::Unknown, Self::Suspect, Self::Degraded, Self::Joining, Self::Left, Self::Healthy];

    /// Every state, in the order of a node's life.
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

    /// Its place in [`Self::WORST_FIRST`]; 0 is the worst.
    #[must_use]
    pub fn rank(self) -> usize {
        Self::WORST_FIRST.iter().position(|state| *state == self).unwrap_or(Self::WORST_FIRST.len())
    }

    /// How bad it is, as `v_nodes.concern` tells: 1 to 4 for what somebody should look at, 5 for all others.
    #[must_use]
    pub fn concern(self) -> u8 {
        match self {
            Self::Down => 1,
            Self::Unknown => 2,
            Self::Suspect => 3,
            Self::Degraded => 4,
            Self::Joining | Self::Left | Self::Healthy => 5,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_order_from_worst_to_best_and_every_state_stands_in_it_once() {
        let mut ranks = NodeState::ALL.map(NodeState::rank);
        ranks.sort_unstable();
        assert_eq!(ranks, [0, 1, 2, 3, 4, 5, 6]);
        assert!(NodeState::WORST_FIRST.is_sorted_by_key(|state| state.concern()));
    }
}
