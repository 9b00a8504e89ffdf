//! Whether this agent was paused: what lies in its inbox then has waited nobody knows how long.

use rollcall_model::{Millis, Tick};

/// Woken this much later than it asked for, it was paused.
const LATE: Millis = Millis(2_000);
/// So long after a pause, what comes in may have waited through it.
const STALE: Millis = Millis(1_000);

/// What is known of pauses.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    /// When it asked to be woken.
    due: Option<Tick>,
    /// When the latest pause was over.
    over: Option<Tick>,
}

impl Pauses {
    /// It is awake.
    pub(super) fn see(&mut self, now: Tick) {
        if self.due.is_some_and(|due| now.since(due) > LATE) {
            self.over = Some(now);
        }
    }

    /// It is to be woken then.
    pub(super) const fn expect(&mut self, due: Option<Tick>) {
        self.due = due;
    }

    /// Whether a pause has just ended.
    pub(super) fn just_over(&self, now: Tick) -> bool {
        self.over.is_some_and(|over| now.since(over) < STALE)
    }
}
