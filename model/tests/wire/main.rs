//! The wire forms are frozen, survive the way there and back, and strangers' bytes break nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod authority;
mod availability;
mod envelope;
mod examples;
mod hardware;
mod orders;
mod status;
