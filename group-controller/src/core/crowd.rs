//! More patience while many are late at once: what is slow then is what they share, the broker or this machine, and to suspect
//! thousands one by one is what would keep it slow. Lifeguard (arXiv:1707.00788) does so for a member of a gossip; here the rack
//! does it for everybody whom it watches. From [`liveness::DARK_PERCENT`] on the whole rack is dark, which is told as such.

use rollcall_model::{Millis, Tick};

use super::liveness::{DARK_PERCENT, Voice};

/// Fewer late nodes than this are late each for itself: a rack of machines never is a crowd, a group of hundreds may be.
pub const CROWD_LEAST: usize = 64;
/// A smaller share of the watched nodes, in percent, is no crowd.
pub const CROWD_PERCENT: usize = 2;
/// How much more patience there is at most, in percent of a span.
const MOST: u64 = 300;
/// By how much the patience shrinks in a second, in percent of a span: who was late needs a moment to be heard again.
const SHRINKS: u64 = 20;

/// How long a node may be silent, in percent of its span: 100 as long as no crowd is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    percent: u64,
    since: Tick,
}

impl Default for Patience {
    fn default() -> Self {
        Self { percent: 100, since: Tick(0) }
    }
}

impl Patience {
    /// What it is now that so many of so many watched nodes are late.
    #[must_use]
    pub fn seen(self, now: Tick, late: usize, watched: usize) -> Self {
        let shrunk = now.since(self.since).0.saturating_mul(SHRINKS) / 1_000;
        // Too short a time to shrink by a whole percent is not lost.
        let since = if shrunk == 0 { self.since } else { now };
        let percent = self.percent.saturating_sub(shrunk).max(100);
        let wanted = wanted(late, watched);
        if wanted >= percent { Self { percent: wanted, since: now } } else { Self { percent, since } }
    }

    /// Percent of a node's span.
    #[must_use]
    pub const fn percent(self) -> u64 {
        self.percent
    }

    /// Whether everybody has the span it told, and no longer.
    #[must_use]
    pub const fn is_usual(self) -> bool {
        self.percent == 100
    }

    /// The voice as it is judged now.
    #[must_use]
    pub fn with(self, voice: Voice) -> Voice {
        Voice { span: Millis(voice.span.0.saturating_mul(self.percent) / 100), ..voice }
    }
}

/// Grows evenly from the usual span at [`CROWD_PERCENT`] to the longest where the rack is dark.
fn wanted(late: usize, watched: usize) -> u64 {
    if late < CROWD_LEAST || late * 100 <= watched * CROWD_PERCENT {
        return 100;
    }
    // In tenths of a percent, so that it grows evenly in small crowds too.
    let share = (late * 1_000 / watched).min(DARK_PERCENT * 10) - CROWD_PERCENT * 10;
    100 + share as u64 * (MOST - 100) / ((DARK_PERCENT - CROWD_PERCENT) as u64 * 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patience_grows_with_the_share_of_late_nodes_and_not_in_a_rack_of_machines() {
        for (late, watched, percent) in [
            (0, 0, 100),
            (20, 40, 100),
            (63, 100, 100),
            (64, 10_000, 100),
            (200, 10_000, 100),
            (210, 10_000, 100),
            (500, 10_000, 121),
            (1_600, 10_000, 200),
            (3_000, 10_000, 300),
            (10_000, 10_000, 300),
        ] {
            assert_eq!(wanted(late, watched), percent, "{late} of {watched}");
        }
    }

    #[test]
    fn it_comes_at_once_and_goes_slowly() {
        let mut patience = Patience::default().seen(Tick(1_000), 3_000, 10_000);
        assert_eq!(patience.percent(), 300);
        for ms in (1_100..=6_000).step_by(100) {
            patience = patience.seen(Tick(ms), 0, 10_000);
        }
        assert_eq!(patience.percent(), 200, "a fifth of a span less each second");
        for ms in (6_010..=11_000).step_by(10) {
            patience = patience.seen(Tick(ms), 0, 10_000);
        }
        assert!(patience.is_usual(), "also if it is asked more often: {patience:?}");
    }

    proptest! {
        #[test]
        fn nobody_has_less_than_its_span_nor_more_than_three(
            (late, watched, more) in (0..20_000_usize, 0..20_000_usize, 0..20_000_usize),
            seen in prop::collection::vec((0..5_000_u64, 0..20_000_usize), 0..20),
        ) {
            let watched = watched.max(late);
            prop_assert!((100..=MOST).contains(&wanted(late, watched)));
            prop_assert!(wanted(late, watched) <= wanted((late + more).min(watched), watched), "more late, more patience");
            let (mut now, mut patience) = (Tick(0), Patience::default());
            for (pause, late) in seen {
                now = now + Millis(pause);
                patience = patience.seen(now, late, 20_000);
                prop_assert!(patience.percent() >= wanted(late, 20_000) && patience.percent() <= MOST);
            }
        }
    }
}
