//! Connections that close together, of which somebody comes back: a node of the broker was drained or stopped in order, or something
//! between it and its clients was started anew. RabbitMQ tells of each such connection what it tells of one whose owner died, and
//! its reason goes to the client alone (`rabbit_maintenance`, `rabbit_amqqueue_process`, 3.10.8). So those that closed are asked whether they have an
//! inbox again: of many killed at once nobody has.

use std::collections::VecDeque;

use rollcall_model::{Millis, NodeId, Tick};

use super::RECONNECT_GRACE;
use super::liveness::{HELD, RETURN};

/// Fewer are each their own matter.
const LEAST: usize = 3;
/// For so long a closing counts for others.
const COUNTS: Millis = Millis(RETURN.0 * 2);
/// How often one that closed is asked.
const ASK_PERIOD: Millis = Millis(200);

/// The connections that closed a moment ago, while nothing was overdue.
#[derive(Debug, Default)]
pub(super) struct Burst {
    /// The earliest first.
    closed: VecDeque<Closed>,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    at: Tick,
    node: NodeId,
    asked: Tick,
    is_back: bool,
}

impl Burst {
    /// One more; it is being asked. Of a node its latest counts.
    pub fn add(&mut self, now: Tick, node: NodeId) {
        self.closed.retain(|closed| closed.node != node);
        self.closed.push_back(Closed { at: now, node, asked: now, is_back: false });
    }

    /// A node was found to have an inbox.
    pub fn found(&mut self, node: NodeId) {
        self.closed.iter_mut().filter(|closed| closed.node == node).for_each(|closed| closed.is_back = true);
    }

    /// Forgets what is long past.
    pub fn forget(&mut self, now: Tick) {
        while self.closed.front().is_some_and(|closed| now.since(closed.at) >= COUNTS) {
            self.closed.pop_front();
        }
    }

    /// Who of many is to be given time, and until when: longer once others of them are back.
    pub fn excused(&self, now: Tick) -> impl Iterator<Item = (NodeId, Tick)> {
        let (is_one, grace) = (self.closed.len() >= LEAST, self.closed.iter().any(|closed| closed.is_back));
        let until = move |closed: &Closed| if grace { now + RECONNECT_GRACE } else { closed.at + HELD };
        self.closed
            .iter()
            .filter(move |closed| is_one && !closed.is_back)
            .map(move |closed| (closed.node, until(closed)))
    }

    /// Whom to ask now whether it is back, so many at most: as long as nobody is, any one of them tells of all.
    pub fn due(&mut self, now: Tick, most: usize) -> Vec<NodeId> {
        if self.closed.len() < LEAST || self.closed.iter().any(|closed| closed.is_back) {
            return Vec::new();
        }
        let mut waiting: Vec<&mut Closed> =
            self.closed.iter_mut().filter(|closed| now.since(closed.asked) >= ASK_PERIOD).collect();
        waiting.sort_by_key(|closed| closed.asked);
        let ask = |closed: &mut Closed| {
            closed.asked = now;
            closed.node
        };
        waiting.into_iter().take(most).map(ask).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u64) -> NodeId {
        NodeId::derived_from(&format!("n{number}"))
    }

    fn of(times: &[u64]) -> Burst {
        let mut burst = Burst::default();
        for (number, at) in (0..).zip(times) {
            burst.add(Tick(*at), node(number));
        }
        burst
    }

    #[test]
    fn of_three_the_others_are_excused_once_one_is_back() {
        let mut burst = of(&[1_000, 1_100, 1_900]);
        let now = Tick(1_950);
        burst.forget(now);
        let held = [(node(0), Tick(1_800)), (node(1), Tick(1_900)), (node(2), Tick(2_700))];
        assert_eq!(burst.excused(now).collect::<Vec<_>>(), held, "nobody is back");
        burst.found(node(9));
        assert_eq!(burst.excused(now).collect::<Vec<_>>(), held, "somebody else");
        burst.found(node(1));
        assert_eq!(burst.excused(now).collect::<Vec<_>>(), [(node(0), Tick(31_950)), (node(2), Tick(31_950))]);
        burst.forget(Tick(2_000));
        assert_eq!(burst.excused(now).count(), 0, "the first is long past, and two are none");
    }

    #[test]
    fn of_two_each_is_its_own_matter() {
        let mut burst = of(&[1_000, 1_000]);
        burst.found(node(0));
        assert_eq!(burst.excused(Tick(1_300)).count(), 0);
        assert!(burst.due(Tick(1_300), 9).is_empty());
    }

    #[test]
    fn who_closes_twice_is_one() {
        let mut burst = of(&[1_000, 1_000]);
        burst.add(Tick(1_100), node(0));
        burst.found(node(0));
        assert_eq!(burst.excused(Tick(1_200)).count(), 0);
    }

    #[test]
    fn they_are_asked_in_turn_until_one_is_back() {
        let mut burst = of(&[1_000, 1_000, 1_000, 1_000]);
        assert!(burst.due(Tick(1_100), 9).is_empty(), "asked a moment ago");
        assert_eq!(burst.due(Tick(1_200), 3), [node(0), node(1), node(2)]);
        assert_eq!(burst.due(Tick(1_300), 3), [node(3)]);
        assert_eq!(burst.due(Tick(1_500), 2), [node(0), node(1)]);
        assert_eq!(burst.due(Tick(1_500), 2), [node(2), node(3)], "who was asked longest ago");
        burst.found(node(3));
        assert!(burst.due(Tick(1_900), 3).is_empty());
    }
}
