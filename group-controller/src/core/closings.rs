//! Connections that close in a burst were closed by what they had in common: a node of the broker that is drained or stopped in order, or
//! something between it and its clients that was started anew. RabbitMQ tells of each such connection what it tells of one whose owner
//! died, and nothing else; its reason goes to the client alone (`rabbit_maintenance`, `rabbit_amqqueue_process`, 3.10.8).

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use rollcall_model::{Millis, Tick};

use super::liveness::RETURN;

/// Fewer closings than this within [`RETURN`] are no burst.
const LEAST: usize = 3;
/// Nor is a smaller share of the nodes that are watched here, in percent: in a large fleet some always come and go.
const LEAST_PERCENT: usize = 5;
/// So many are one however many are watched.
const ENOUGH: usize = 20;
/// To begin one they are so many times as many as usual.
const TIMES_USUAL: u64 = 10;
/// What is usual is what this long ago brought, but for bursts.
const MEMORY: Millis = Millis(60_000);
/// A burst goes on with whoever closes so soon after enough of them did.
const LINGERS: Millis = Millis(1_000);
/// What lasts longer is usual.
const LONGEST: Millis = Millis(60_000);
/// Most closings that are remembered; of more of them the latest are.
const MOST: usize = 4_096;

/// When connections of the rack's nodes closed. What closes elsewhere, perhaps in another zone on the same broker, says nothing here.
#[derive(Debug, Default)]
pub(super) struct Closings {
    /// The earliest first; whoever closes again has its latest only.
    seen: VecDeque<Closed>,
    burst: Option<Burst>,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    at: Tick,
    /// A digest of who.
    who: u64,
    in_burst: bool,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    began: Tick,
    /// When there were enough of them last.
    dense: Tick,
}

/// What a closing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// One of those that always come.
    Single,
    /// The one that makes a burst of those before it.
    Begins,
    /// One more of a burst.
    GoesOn,
}

impl Closings {
    /// One more, heard by a controller that watches so many nodes.
    pub fn add(&mut self, now: Tick, who: impl Hash, watched: usize) -> Closing {
        let mut hasher = DefaultHasher::new();
        who.hash(&mut hasher);
        let who = hasher.finish();
        if let Some(place) = self.seen.iter().position(|closed| closed.who == who) {
            self.seen.remove(place);
        }
        while self.seen.len() >= MOST || self.seen.front().is_some_and(|closed| now.since(closed.at) > MEMORY) {
            self.seen.pop_front();
        }
        let recent = 1 + self.seen.iter().rev().take_while(|closed| now.since(closed.at) < RETURN).count();
        let is_dense = recent >= LEAST.max(watched * LEAST_PERCENT / 100).min(LEAST.max(ENOUGH));
        let closing = match &mut self.burst {
            Some(burst) if now.since(burst.dense) < LINGERS && now.since(burst.began) < LONGEST => {
                if is_dense {
                    burst.dense = now;
                }
                Closing::GoesOn
            }
            // Those of one that lasted too long are what is usual.
            burst => {
                let lasted = burst.take().is_some_and(|burst| now.since(burst.dense) < LINGERS);
                if lasted {
                    self.seen.iter_mut().for_each(|closed| closed.in_burst = false);
                }
                let before = self.seen.len() + 1 - recent;
                let before = self.seen.iter().take(before).filter(|closed| !closed.in_burst).count() as u64;
                let windows = MEMORY.0 / RETURN.0 - 1;
                if is_dense && !lasted && recent as u64 * windows > before * TIMES_USUAL {
                    self.seen.iter_mut().rev().take(recent - 1).for_each(|closed| closed.in_burst = true);
                    self.burst = Some(Burst { began: now, dense: now });
                    Closing::Begins
                } else {
                    Closing::Single
                }
            }
        };
        self.seen.push_back(Closed { at: now, who, in_burst: closing != Closing::Single });
        closing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these closings, each of somebody else, are of a burst.
    fn bursts(times: impl IntoIterator<Item = u64>, watched: usize) -> Vec<u64> {
        let mut closings = Closings::default();
        let is_one = |(who, at): &(usize, u64)| closings.add(Tick(*at), who, watched) != Closing::Single;
        times.into_iter().enumerate().filter(is_one).map(|(_, at)| at).collect()
    }

    #[test]
    fn three_within_half_a_second_are_a_burst_where_nothing_else_happens() {
        assert_eq!(bursts([1_000, 1_250, 1_499], 10), [1_499]);
        assert!(bursts([1_000, 1_250, 1_500], 10).is_empty(), "the first is too long ago");
        assert!(bursts([1_000, 1_001], 2).is_empty(), "two of two");
        assert_eq!(bursts([1_000, 1_000, 1_000, 1_900, 2_800], 10), [1_000, 1_900], "and what comes late of it");
    }

    #[test]
    fn of_many_it_takes_one_in_twenty_and_never_more_than_twenty() {
        assert!(bursts([5; 9], 200).is_empty());
        assert_eq!(bursts([5; 12], 200), [5; 3]);
        assert_eq!(bursts([5; 25], 10_000), [5; 6]);
    }

    #[test]
    fn a_drain_that_takes_long_is_one_burst_and_the_next_is_another() {
        let drain = |from: u64| (0..1_000).map(move |number| from + number * 30);
        let told = bursts(drain(0).chain(drain(40_000)), 300);
        assert!(told.len() > 1_960, "all but the first few of each: {}", told.len());
    }

    #[test]
    fn what_is_usual_is_no_burst() {
        // Ten a second, for three minutes: after a while nothing is said of them, for good.
        let steady = (0..1_800).map(|number| number * 100);
        let told = bursts(steady, 10);
        assert!(told.iter().all(|at| *at < 61_000), "{:?}", told.last());
        // One a second never is; forty at once are one there, too, and the next such burst is none less for it.
        let at_once = |at: u64| std::iter::repeat_n(at, 40);
        let times = (0..60).map(|number| number * 1_000).chain(at_once(60_000)).chain(at_once(80_000));
        let told = bursts(times, 10);
        let of = |at: u64| told.iter().filter(|told| **told == at).count();
        assert!(of(60_000) > 30 && of(80_000) > 30 && told.len() == of(60_000) + of(80_000), "{told:?}");
    }

    #[test]
    fn who_closes_again_and_again_is_one() {
        let mut closings = Closings::default();
        for at in 0..1_000 {
            assert_eq!(closings.add(Tick(at * 50), "a", 10), Closing::Single, "at {at}");
        }
        let at = Tick(50_000);
        assert_eq!(["b", "b", "c", "c"].map(|who| closings.add(at, who, 10)), {
            [Closing::Single, Closing::Single, Closing::Begins, Closing::GoesOn]
        });
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut closings = Closings::default();
        for who in 0..20_000_u64 {
            closings.add(Tick(who / 100), who, 10);
        }
        assert_eq!(closings.seen.len(), MOST);
        closings.add(Tick(10_000_000), 0, 10);
        assert_eq!(closings.seen.len(), 1);
    }
}
