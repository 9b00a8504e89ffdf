//! How much a node may say: nobody who tells the truth speaks faster than k (or l).

use rollcall_model::{Millis, Tick};

/// Messages that may come at once: what a broker held up for a moment.
const BURST: f64 = 3.0;
/// How much faster than its fastest a node may seem, by jitter and by its clock.
const TOLERANCE: f64 = 1.15;
/// So many refused ones within [`WINDOW`] are a flood.
const FLOOD: u32 = 10;
const WINDOW: Millis = Millis(10_000);
/// How long a node that floods stays capped after its last excess.
const HOLD: Millis = Millis(60_000);

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Take,
    /// More than possible: a duplicate, a replay, a lie or a burst after a hold-up. Dropped.
    TooFast,
    /// Again and again: the node is capped. Dropped.
    Flooding,
}

/// A token bucket and a memory of its overflowing.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    tokens: f64,
    at: Tick,
    excess: u32,
    since: Tick,
    capped_until: Option<Tick>,
}

impl Default for Guard {
    fn default() -> Self {
        Self { tokens: BURST, at: Tick(0), excess: 0, since: Tick(0), capped_until: None }
    }
}

impl Guard {
    /// A message came; `fastest` is in messages per second. While `excused` (the receiver itself was held up) an excess is
    /// dropped, but held against nobody.
    pub(crate) fn judge(&mut self, now: Tick, fastest: f64, excused: bool) -> Verdict {
        let gained = now.since(self.at).0 as f64 / 1000.0 * fastest * TOLERANCE;
        self.tokens = (self.tokens + gained).min(BURST);
        self.at = self.at.max(now);
        let excess = self.tokens < 1.0;
        if excess && !excused {
            self.hold_against(now);
        }
        if self.is_capped(now) {
            return Verdict::Flooding;
        }
        self.capped_until = None;
        if excess {
            return Verdict::TooFast;
        }
        self.tokens -= 1.0;
        Verdict::Take
    }

    pub(crate) fn is_capped(&self, now: Tick) -> bool {
        self.capped_until.is_some_and(|until| now < until)
    }

    fn hold_against(&mut self, now: Tick) {
        if now.since(self.since) > WINDOW {
            self.since = now;
            self.excess = 0;
        }
        self.excess = self.excess.saturating_add(1);
        if self.excess >= FLOOD || self.is_capped(now) {
            self.capped_until = Some(now + HOLD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(guard: &mut Guard, from: u64, every: u64, number: u64, excused: bool) -> Vec<Verdict> {
        (0..number).map(|index| guard.judge(Tick(from + index * every), 1.0, excused)).collect()
    }

    #[test]
    fn whoever_keeps_to_the_fastest_frequency_is_always_heard() {
        let mut guard = Guard::default();
        assert!(verdicts(&mut guard, 0, 900, 1000, false).iter().all(|verdict| *verdict == Verdict::Take));
    }

    #[test]
    fn a_flood_is_capped_until_it_has_been_over_for_a_minute() {
        let mut guard = Guard::default();
        let heard = verdicts(&mut guard, 0, 10, 100, false);
        assert_eq!(heard.iter().filter(|verdict| **verdict == Verdict::Take).count(), 3, "{heard:?}");
        assert!(heard.contains(&Verdict::TooFast) && heard.last() == Some(&Verdict::Flooding));
        assert_eq!(guard.judge(Tick(30_000), 1.0, false), Verdict::Flooding);
        assert_eq!(guard.judge(Tick(61_500), 1.0, false), Verdict::Take);
    }

    #[test]
    fn a_burst_after_a_hold_up_is_thinned_and_forgiven() {
        let mut guard = Guard::default();
        let heard = verdicts(&mut guard, 60_000, 0, 100, true);
        assert_eq!(heard.iter().filter(|verdict| **verdict == Verdict::Take).count(), 3);
        assert!(!heard.contains(&Verdict::Flooding));
    }
}
