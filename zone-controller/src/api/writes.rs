//! What all writes of people have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_model::Tick;
use rollcall_startup::Clock;

use super::idempotency::Remembered;

/// One at a time where a write may depend on what is there, and the answers of those that have a key.
#[derive(Debug)]
pub struct Writes {
    clock: Clock,
    turn: tokio::sync::Mutex<()>,
    remembered: Mutex<Remembered>,
}

impl Default for Writes {
    fn default() -> Self {
        Self { clock: Clock::start(), turn: tokio::sync::Mutex::default(), remembered: Mutex::default() }
    }
}

impl Writes {
    /// Waits until no other write is between looking at what is there and having changed it.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The answers that are remembered.
    pub fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by which they are forgotten.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.clock.now().tick
    }
}
