//! Time as the pure cores see it: handed in, never read.
//!
//! Deadlines are kept on the monotonic [`Tick`]; [`UnixMillis`] is only written down. A wall clock
//! that jumps by an hour therefore expires nothing.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// The span as a standard duration.
    #[must_use]
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

/// A monotonic instant: milliseconds since this process started. Never travels on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// The span from `earlier` to `self`; zero when `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Tick) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Millis> for Tick {
    type Output = Tick;
    fn add(self, span: Millis) -> Tick {
        Tick(self.0.saturating_add(span.0))
    }
}

impl Sub<Millis> for Tick {
    type Output = Tick;
    fn sub(self, span: Millis) -> Tick {
        Tick(self.0.saturating_sub(span.0))
    }
}

/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z. For records and people, never for deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The same moment by another clock, which shows `ours` when this one shows `theirs`.
    #[must_use]
    pub const fn by_another_clock(self, theirs: UnixMillis, ours: UnixMillis) -> UnixMillis {
        if self.0 >= theirs.0 {
            UnixMillis(ours.0.saturating_add(self.0 - theirs.0))
        } else {
            UnixMillis(ours.0.saturating_sub(theirs.0 - self.0))
        }
    }
}

/// The present, as given to every `step(now, event)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic: for deadlines.
    pub tick: Tick,
    /// Wall clock: for what is written down.
    pub wall: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_far_away_by_every_clock() {
        let (theirs, ours) = (UnixMillis(10_000), UnixMillis(3_610_000));
        assert_eq!(UnixMillis(10_500).by_another_clock(theirs, ours), UnixMillis(3_610_500));
        assert_eq!(UnixMillis(9_000).by_another_clock(theirs, ours), UnixMillis(3_609_000));
        assert_eq!(UnixMillis(0).by_another_clock(UnixMillis(9), UnixMillis(5)), UnixMillis(0));
    }
}
