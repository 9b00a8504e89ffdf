//! How soon to ask again what was not answered.

use crate::Millis;

/// Nobody waits longer than this before asking again.
const MOST: Millis = Millis(30_000);

/// How long answers take at present, and so how long a question may be on its way before it counts as lost.
///
/// A queue that is served in order answers a repeated question after the first: to repeat what still waits there only makes the queue
/// longer, and at the time it is long already. As with TCP's retransmissions (RFC 6298) the wait follows what answers take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnaround {
    latest: Millis,
}

impl Turnaround {
    /// A question was answered so long after it was first asked: of one that was lost and repeated that is too long, which
    /// the next answer mends, and never too short.
    pub const fn answered(&mut self, after: Millis) {
        self.latest = after;
    }

    /// Nothing that was on its way need be there any more: the broker or whoever answers was away.
    pub const fn reset(&mut self) {
        self.latest = Millis(0);
    }

    /// How long to wait before asking again: at least `least`, at most 30 s, and twice what the latest answer took besides.
    #[must_use]
    pub fn again(self, least: Millis) -> Millis {
        Millis(self.latest.0.saturating_mul(2).saturating_add(least.0).min(MOST.0.max(least.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_the_answers_the_later_the_repetition() {
        let mut turnaround = Turnaround::default();
        let least = Millis(800);
        assert_eq!(turnaround.again(least), least);
        for (after, again) in [(50, 900), (4_000, 8_800), (20_000, 30_000), (u64::MAX, 30_000), (0, 800)] {
            turnaround.answered(Millis(after));
            assert_eq!(turnaround.again(least), Millis(again), "answered after {after} ms");
        }
        turnaround.answered(Millis(9_000));
        turnaround.reset();
        assert_eq!(turnaround.again(least), least);
        assert_eq!(turnaround.again(Millis(60_000)), Millis(60_000), "never sooner than asked for");
    }
}
