//! What is said again until it is answered or confirmed.

use rand::RngExt;
use rand::rngs::SmallRng;
use rollcall_model::{Millis, Tick};

/// First pause before something is said again.
pub(super) const FIRST_PAUSE: Millis = Millis(1_000);
/// Longest pause.
pub(super) const LAST_PAUSE: Millis = Millis(30_000);

/// When something is to be said again, with growing pauses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) at: Tick,
    pub(super) pause: Millis,
}

impl Question {
    pub(super) const fn now(now: Tick) -> Self {
        Self { at: now, pause: FIRST_PAUSE }
    }

    /// The next time: after the pause, of which up to half is left out by chance, so that a fleet does not ask in step.
    pub(super) fn again(self, now: Tick, chance: &mut SmallRng) -> Self {
        let at = now + Millis(chance.random_range(self.pause.0 / 2..=self.pause.0));
        Self { at, pause: Millis((self.pause.0 * 2).min(LAST_PAUSE.0)) }
    }
}
