//! How far something has come, on one line of a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Nobody reads faster.
const PACE: Duration = Duration::from_millis(100);

/// A line on standard error that is written over, where that is a terminal; nothing elsewhere.
pub(super) struct Progress {
    is_shown: bool,
    last: Option<Instant>,
}

impl Progress {
    /// Nothing is said beside an answer in JSON.
    pub(super) fn new(json: bool) -> Self {
        Self { is_shown: !json && io::stderr().is_terminal(), last: None }
    }

    /// Says how far it is.
    pub(super) fn say(&mut self, text: &str) {
        if self.is_shown && self.last.is_none_or(|last| last.elapsed() >= PACE) {
            self.last = Some(Instant::now());
            // Nobody is left to be told when stderr is closed.
            drop(write!(io::stderr(), "\r\u{1b}[K{text}"));
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.last.is_some() {
            drop(write!(io::stderr(), "\r\u{1b}[K"));
        }
    }
}
