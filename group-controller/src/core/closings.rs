//! Connections that close in a burst were closed by what they had in common: a node of the broker that is drained or stopped in order, or
//! something between it and its clients that was started anew. RabbitMQ tells of each such connection what it tells of one whose owner
//! died, and nothing else; its reason goes to the client alone (`rabbit_maintenance`, `rabbit_amqqueue_process`, 3.10.8).

use std::collections::VecDeque;

use rollcall_model::{Millis, NodeId, Tick};

use super::liveness::RETURN;

/// Fewer closings than this within [`RETURN`] are no burst.
const LEAST: usize = 3;
/// Nor is a smaller share of the nodes that are watched here, in percent: in a large fleet some always come and go.
const LEAST_PERCENT: usize = 5;
/// Nor are fewer than so many times as many as usual.
const TIMES_USUAL: u64 = 10;
/// What is usual is what this long ago brought.
const MEMORY: Millis = Millis(60_000);
/// Most closings that are remembered; of more of them the latest are.
const MOST: usize = 4_096;

/// When connections closed, of anybody in the zone.
#[derive(Debug, Default)]
pub(super) struct Closings {
    /// When, and of which node if of one; the earliest first.
    seen: VecDeque<(Tick, Option<NodeId>)>,
    /// Whether the latest was one of a burst.
    is_burst: bool,
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
    /// One more, heard by a controller that watches so many nodes. A node that connects and closes again and again is one.
    pub fn add(&mut self, now: Tick, node: Option<NodeId>, watched: usize) -> Closing {
        while self.seen.len() >= MOST || self.seen.front().is_some_and(|(at, _)| now.since(*at) > MEMORY) {
            self.seen.pop_front();
        }
        let is_recent = |at: Tick| now.since(at) < RETURN;
        let recent = self.seen.iter().rev().take_while(|(at, _)| is_recent(*at));
        let is_known = node.is_some() && recent.clone().any(|(_, known)| *known == node);
        let recent = recent.count() + usize::from(!is_known);
        if !is_known {
            self.seen.push_back((now, node));
        }
        let before = (self.seen.len() - recent) as u64;
        let least = LEAST.max(watched * LEAST_PERCENT / 100);
        let windows = MEMORY.0 / RETURN.0 - 1;
        let is_burst = recent >= least && recent as u64 * windows > before * TIMES_USUAL;
        match (std::mem::replace(&mut self.is_burst, is_burst), is_burst) {
            (_, false) => Closing::Single,
            (false, true) => Closing::Begins,
            (true, true) => Closing::GoesOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these closings are of a burst.
    fn bursts(times: impl IntoIterator<Item = u64>, watched: usize) -> Vec<u64> {
        let mut closings = Closings::default();
        times.into_iter().filter(|at| closings.add(Tick(*at), None, watched) != Closing::Single).collect()
    }

    #[test]
    fn three_within_half_a_second_are_a_burst_where_nothing_else_happens() {
        assert_eq!(bursts([1_000, 1_250, 1_499], 10), [1_499]);
        assert_eq!(bursts([1_000, 1_250, 1_500], 10), Vec::<u64>::new(), "the first is too long ago");
        assert_eq!(bursts([1_000, 1_001], 2), Vec::<u64>::new(), "two of two");
        assert_eq!(bursts([1_000, 1_000, 1_000, 1_400, 1_800], 10), [1_000, 1_400], "and what comes late of it");
    }

    #[test]
    fn of_many_it_takes_one_in_twenty() {
        assert!(bursts([5; 49], 1_000).is_empty());
        assert_eq!(bursts([5; 60], 1_000), [5; 11]);
    }

    #[test]
    fn what_is_usual_is_no_burst() {
        // Five a second, for two minutes: after the first seconds nothing is said of them.
        let steady = (0..600).map(|number| number * 200);
        assert!(bursts(steady.clone(), 10).iter().all(|at| *at < 8_000));
        // Forty at once are one there, too; the next such burst is none less for the one before.
        let times = |at: u64| std::iter::repeat_n(at, 40);
        let told = bursts((0..300).map(|number| number * 200).chain(times(60_000)).chain(times(80_000)), 10);
        assert!(told.contains(&60_000) && told.contains(&80_000), "{told:?}");
    }

    #[test]
    fn who_closes_again_and_again_makes_no_burst_of_its_own() {
        let mut closings = Closings::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| Some(NodeId::derived_from(name)));
        for at in 0..100 {
            assert_eq!(closings.add(Tick(at), a, 10), Closing::Single, "at {at}");
        }
        assert_eq!([b, b, c, c].map(|node| closings.add(Tick(100), node, 10)), {
            [Closing::Single, Closing::Single, Closing::Begins, Closing::GoesOn]
        });
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut closings = Closings::default();
        for at in 0..20_000 {
            closings.add(Tick(at / 100), None, 10);
        }
        assert_eq!(closings.seen.len(), MOST);
        closings.add(Tick(10_000_000), None, 10);
        assert_eq!(closings.seen.len(), 1);
    }
}
