//! Why this target: every node that was looked at, and what became of it.

use rollcall_model::{NodeId, Tick};

use super::{Target, Targets, Want};
use crate::entry::Entry;
use crate::frequency::Kind;
use crate::slots::Barriers;

/// Where a candidate came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Drawn from the last messages.
    Recent,
    /// From the sorted count list.
    Ranked,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It was compared; the highest score is the target.
    Compared {
        /// Higher is better.
        score: f64,
    },
    /// Something bars it.
    Barred(Barriers),
    /// It has been silent for too long.
    Expired,
    /// What is wanted does not seem to fit.
    NoRoom,
    /// The caller did not accept it.
    NotAccepted,
}

/// A node that was looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Considered {
    /// Who holds the entry's slot now.
    pub node: NodeId,
    /// Where it came from.
    pub source: Source,
    /// What became of it.
    pub outcome: Outcome,
}

/// A target, or none, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What `pick_where` would have returned.
    pub target: Option<Target>,
    /// In the order they were looked at; 32 at most.
    pub considered: Vec<Considered>,
}

impl Targets {
    /// What [`Targets::pick_where`] would return for the same `draw`, and why. Places nothing.
    #[must_use]
    pub fn explain(
        &self,
        now: Tick,
        kind: Kind,
        want: Want,
        draw: u64,
        accept: impl Fn(NodeId) -> bool,
    ) -> Explanation {
        let mut considered = Vec::new();
        let mut note = |entry: Entry, source, outcome| {
            if let Some(slot) = self.slots.get(entry.slot()) {
                considered.push(Considered { node: slot.id(), source, outcome });
            }
        };
        let best = self.choose(now, kind, want, draw, accept, &mut note);
        let target = best.map(|best| self.target(&best, now, kind));
        Explanation { target, considered }
    }
}
