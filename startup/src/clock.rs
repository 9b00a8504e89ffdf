//! The one place where daemons read clocks; cores are handed [`Now`].

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rollcall_model::{Now, Tick, UnixMillis};

/// This process's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts to count.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Now {
            tick: Tick(millis(self.started.elapsed())),
            // A wall clock before 1970 is written down as 1970.
            wall: UnixMillis(millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())),
        }
    }

    /// The moment of `deadline`, as timers count.
    #[must_use]
    pub fn instant(&self, deadline: Tick) -> Instant {
        self.started + Duration::from_millis(deadline.0)
    }

    /// How long until `deadline`; zero if it has passed.
    #[must_use]
    pub fn until(&self, deadline: Tick) -> Duration {
        deadline.since(self.now().tick).duration()
    }
}
