//! How soon to ask again what was not answered.

use crate::{Millis, Tick};

/// Nobody waits longer than this without any progress before asking again.
const MOST: Millis = Millis(30_000);
/// Questions overtake each other by no more than this.
const OVERTAKES: Millis = Millis(1_000);

/// How somebody answers questions that wait in a queue, and so whether one that is not answered yet is lost or only waits its turn.
///
/// A queue that is served in order answers a repeated question after the first: to repeat what still waits there only makes the queue
/// longer, and at the time it is long already. So a question counts as lost when one that was asked later has been answered; and when
/// nothing at all was answered for longer than answers take (as with TCP's retransmissions, RFC 6298).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnaround {
    /// How long the latest answer took.
    latest: Millis,
    /// When the question was asked first that was asked last of those with an answer.
    reached: Tick,
    /// When the latest answer came.
    progress: Tick,
}

impl Turnaround {
    /// A question that was first asked at `since` has its answer: of one that was lost and repeated that is longer than it
    /// took, which the next answer mends, and never shorter.
    pub fn answered(&mut self, since: Tick, now: Tick) {
        self.latest = now.since(since);
        self.reached = self.reached.max(since);
        self.progress = now;
    }

    /// Something else from the same queue was answered: it moves.
    pub const fn heard(&mut self, now: Tick) {
        self.progress = now;
    }

    /// Nothing that was on its way need be there any more: the broker or whoever answers was away.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether a question that was asked last at `asked` may still wait its turn: at least for `least`.
    #[must_use]
    pub fn may_wait(self, asked: Tick, least: Millis, now: Tick) -> bool {
        if now.since(asked) < least {
            return true;
        }
        let silence = Millis(self.latest.0.saturating_mul(2).saturating_add(least.0).min(MOST.0.max(least.0)));
        asked + OVERTAKES >= self.reached && now.since(asked.max(self.progress)) < silence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Millis = Millis(800);

    #[test]
    fn the_slower_the_answers_the_later_the_repetition() {
        let mut turnaround = Turnaround::default();
        let lost_after = |turnaround: Turnaround, asked: u64| {
            (0..200_000).find(|after| !turnaround.may_wait(Tick(asked), LEAST, Tick(asked + after)))
        };
        assert_eq!(lost_after(turnaround, 0), Some(800));
        for (took, after) in [(50, 900), (4_000, 8_800), (20_000, 30_000), (200_000, 30_000), (0, 800)] {
            turnaround.answered(Tick(1_000_000 - took), Tick(1_000_000));
            assert_eq!(lost_after(turnaround, 1_000_000), Some(after), "answered after {took} ms");
        }
        turnaround.answered(Tick(1_000_000), Tick(1_009_000));
        turnaround.reset();
        assert_eq!(lost_after(turnaround, 1_010_000), Some(800));
        assert!(turnaround.may_wait(Tick(5), Millis(60_000), Tick(60_004)), "never sooner than asked for");
    }

    #[test]
    fn who_waits_in_a_queue_that_moves_waits_on_and_who_was_overtaken_does_not() {
        let mut turnaround = Turnaround::default();
        let asked = Tick(10_000);
        for second in 1..180 {
            let now = Tick(10_000 + second * 1_000);
            turnaround.answered(Tick(9_000 + second * 5), now);
            assert!(turnaround.may_wait(asked, LEAST, now + Millis(500)), "after {second} s");
        }
        // Whoever asked 900 ms later may have been written into the queue before; who asked 1,100 ms later was not.
        turnaround.answered(Tick(10_900), Tick(200_000));
        assert!(turnaround.may_wait(asked, LEAST, Tick(200_001)));
        turnaround.answered(Tick(11_100), Tick(200_000));
        assert!(!turnaround.may_wait(asked, LEAST, Tick(200_001)));
    }
}
