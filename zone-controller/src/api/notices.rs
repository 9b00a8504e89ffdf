//! What the log tells of those who were turned away: enough for an operator to see who and why, and never so much that a
//! flood of them fills a disk.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use rollcall_startup::Clock;

use super::limits::{Buckets, Pace, origin};

/// One line a second from one origin.
const PACE: Pace = Pace { per_second: 1, burst: 1 };
/// Most origins that are told of one by one; the rest share a line a second.
const MOST: usize = 256;

/// Lines about those who were turned away.
#[derive(Debug)]
pub struct Notices {
    clock: Clock,
    told: Mutex<Buckets<IpAddr>>,
}

impl Default for Notices {
    fn default() -> Self {
        Self { clock: Clock::start(), told: Mutex::new(Buckets::new(MOST)) }
    }
}

impl Notices {
    /// Says that somebody was turned away, unless that was said of this origin a moment ago.
    pub fn turned_away(&self, address: IpAddr, why: &str) {
        let now = self.clock.now().tick;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).take(now, origin(address), PACE);
        if told.is_ok() {
            tracing::warn!(from = %address, "turned away at the API: {why}");
        }
    }
}
