//! A whole zone in virtual time: the real cores, the real in-process broker and the real store, driven by one seed.
//!
//! A [`World`] holds one zone controller, check-in services, group controllers and nodes, an [`agenda::Agenda`] of
//! what happens when, and one random number generator; nothing else is left to chance, so a seed is a whole history.
//! First comes a phase of faults, then a calm one, then rest. Invariants are checked after every event where they
//! can be, and at rest where they must be.
//!
//! The adapters in `daemons` do what the daemons' drivers do, in the same order (save, publish, ack), and may be cut
//! short between any two of these.

pub mod agenda;
mod broker;
mod chance;
mod commands;
pub mod crowd;
mod daemons;
mod dns;
mod faults;
pub mod invariants;
mod journal;
mod liar;
mod life;
mod machines;
mod network;
pub mod planted;
mod process;
mod rest;
mod scene;
mod signals;
mod speech;
mod tally;
mod truth;
mod watch;
mod wire;
mod world;

pub use journal::Keep;
use planted::Bug;

pub use tally::Tally;
pub use world::{Outcome, World};

/// Faults are drawn from the start until here, milliseconds.
pub const FAULTS_END: u64 = 60_000;
/// How long the calm phase lasts, milliseconds.
pub const CALM: u64 = 90_000;
/// From here on everything has had time to settle: nobody alive may be blamed any more, milliseconds.
pub const SETTLED: u64 = FAULTS_END + 60_000;
/// When everything is at rest, milliseconds.
pub const REST: u64 = FAULTS_END + CALM;

/// Plays the history of one seed.
#[must_use]
pub fn play(seed: u64, keep: Keep) -> Outcome {
    World::new(seed, keep, None).play()
}

/// The same, with a bug planted.
#[must_use]
pub fn play_with(bug: Bug, seed: u64, keep: Keep) -> Outcome {
    World::new(seed, keep, Some(bug)).play()
}
