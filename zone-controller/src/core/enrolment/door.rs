//! How many come in at once: a fleet that is switched on together is let in as fast as the broker takes it, and no faster.
//!
//! A certificate is cheap; the connection that is made with it is not: a TLS handshake, a login and an inbox at the broker. If
//! a thousand make theirs together, each takes longer than anybody waits, and all of it is done in vain. So no more than
//! [`MOST_ENTERING`] nodes are between their certificate and their check-in at a time; the others are told when to come again,
//! spread by the pace at which the ones before them got through.

use std::collections::{BTreeMap, HashMap};

use rollcall_model::{Millis, Principal, Tick};

/// Nodes between certificate and check-in at a time. A bigger broker lets each through sooner, so this need not grow with it.
const MOST_ENTERING: usize = 64;
/// With so many the broker has enough to do.
const BUSY: usize = MOST_ENTERING / 4;
/// Who has not checked in by then holds no place any more: where the broker or a check-in service is away, the others go on.
const LOST: Millis = Millis(15_000);
/// Who has not asked again so long after they were to has lost their turn.
const FORGOTTEN: Millis = Millis(60_000);
/// Nobody is told to wait longer than this: what the pace is later nobody knows.
const LONGEST_WAIT: u64 = 10_000;
const SHORTEST_WAIT: u64 = 100;
/// Most whose turn is remembered; whoever comes beyond is told the longest wait.
const MOST_WAITING: usize = 20_000;
/// Before anybody got through, microseconds for each node.
const FIRST_PACE: u64 = 15_000;
/// Slowest pace that is reckoned with, microseconds for each node.
const SLOWEST_PACE: u64 = 1_000_000;

/// Who is on the way in, and who waits before the door.
#[derive(Debug)]
pub(super) struct Door {
    /// Since when.
    entering: HashMap<Principal, Tick>,
    /// Whose turn it is when, by the order in which they first came.
    turns: HashMap<Principal, u64>,
    /// Until when each of them is waited for.
    waiting: BTreeMap<u64, Tick>,
    next_turn: u64,
    /// Microseconds from one check-in to the next while many are on the way in, smoothed.
    pace: u64,
    /// When somebody last got through, if many were on the way in.
    through: Option<Tick>,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            entering: HashMap::new(),
            turns: HashMap::new(),
            waiting: BTreeMap::new(),
            next_turn: 0,
            pace: FIRST_PACE,
            through: None,
        }
    }
}

impl Door {
    /// Takes somebody in, or says after how long to ask again. Who is on the way in already is not kept.
    pub(super) fn pass(&mut self, now: Tick, who: &Principal) -> Result<(), Millis> {
        if self.is_full() && !self.entering.contains_key(who) {
            self.entering.retain(|_, since| now.0 < since.0.saturating_add(LOST.0));
        }
        if self.is_full() && !self.entering.contains_key(who) {
            return Err(self.put_off(now, who));
        }
        if let Some(turn) = self.turns.remove(who) {
            self.waiting.remove(&turn);
        }
        self.entering.insert(who.clone(), now);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.entering.len() >= MOST_ENTERING
    }

    /// Three quarters of what those who came before need at the present pace: better some ask in vain than nobody is there when
    /// there is room.
    fn put_off(&mut self, now: Tick, who: &Principal) -> Millis {
        if self.turns.len() >= MOST_WAITING {
            self.waiting.retain(|_, until| now < *until);
            self.turns.retain(|_, turn| self.waiting.contains_key(turn));
        }
        if self.turns.len() >= MOST_WAITING && !self.turns.contains_key(who) {
            return Millis(LONGEST_WAIT);
        }
        let turn = *self.turns.entry(who.clone()).or_insert_with(|| {
            self.next_turn += 1;
            self.next_turn
        });
        let before = self.waiting.range(..turn).filter(|(_, until)| now < **until).count() as u64 + 1;
        let wait = (before * self.pace * 3 / 4_000).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        self.waiting.insert(turn, Tick(now.0.saturating_add(wait + FORGOTTEN.0)));
        Millis(wait)
    }

    /// Whether somebody was told to come again, and may still.
    pub(super) fn expects(&self, now: Tick, who: &Principal) -> bool {
        self.turns.get(who).and_then(|turn| self.waiting.get(turn)).is_some_and(|until| now < *until)
    }

    /// Somebody checked in: their connection stands.
    pub(super) fn is_through(&mut self, now: Tick, who: &Principal) {
        let is_busy = self.entering.len() >= BUSY;
        if self.entering.remove(who).is_none() {
            return;
        }
        // Where few are on the way in the pace is that of those who come, not of the broker.
        let since = std::mem::replace(&mut self.through, is_busy.then_some(now)).filter(|_| is_busy);
        if let Some(since) = since {
            let took = (now.0.saturating_sub(since.0) * 1_000).min(SLOWEST_PACE);
            self.pace = (self.pace * 31 + took) / 32;
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::NodeId;

    use super::*;

    fn node(number: u64) -> Principal {
        Principal::Node(NodeId::derived_from(&format!("n{number}")))
    }

    #[test]
    fn so_many_come_in_at_once_and_each_who_is_through_lets_another_in() {
        let mut door = Door::default();
        for number in 0..MOST_ENTERING as u64 {
            assert_eq!(door.pass(Tick(0), &node(number)), Ok(()));
        }
        assert!(door.pass(Tick(1), &node(900)).is_err());
        assert_eq!(door.pass(Tick(1), &node(7)), Ok(()), "who is on the way in asks again");
        door.is_through(Tick(40), &node(7));
        assert_eq!(door.pass(Tick(40), &node(900)), Ok(()));
        assert!(door.pass(Tick(41), &node(901)).is_err());
        door.is_through(Tick(41), &node(902));
        assert!(door.pass(Tick(41), &node(901)).is_err(), "a stranger who checks in frees no place");
    }

    #[test]
    fn who_never_comes_holds_a_place_for_a_while_only() {
        let mut door = Door::default();
        for number in 0..MOST_ENTERING as u64 {
            door.pass(Tick(0), &node(number)).unwrap();
        }
        assert!(door.pass(Tick(LOST.0 - 1), &node(900)).is_err());
        assert_eq!(door.pass(Tick(LOST.0), &node(900)), Ok(()));
    }

    #[test]
    fn those_who_wait_are_told_times_that_follow_each_other_and_none_is_far() {
        let mut door = Door::default();
        for number in 0..MOST_ENTERING as u64 {
            door.pass(Tick(0), &node(number)).unwrap();
        }
        let waits: Vec<u64> = (0..900).map(|number| door.pass(Tick(0), &node(1_000 + number)).unwrap_err().0).collect();
        assert_eq!(waits[..12], [100, 100, 100, 100, 100, 100, 100, 100, 101, 112, 123, 135]);
        assert!(waits.is_sorted() && waits.iter().all(|wait| *wait <= LONGEST_WAIT));
    }

    /// A thousand come at once to a broker that takes `each` milliseconds for a connection: says when the last is through, and
    /// how often somebody was put off.
    fn play(each: u64) -> (u64, u32) {
        let (mut door, mut now, mut free_at, mut through, mut put_off) = (Door::default(), 0, 0, 0, 0);
        // When each asks again.
        let mut outside: Vec<(u64, u64)> = (0..1_000).map(|number| (0, number)).collect();
        let mut inside = std::collections::VecDeque::new();
        while through < 1_000 {
            if now >= free_at
                && let Some(number) = inside.pop_front()
            {
                door.is_through(Tick(now), &node(number));
                through += 1;
                free_at = now + each;
            }
            outside.retain_mut(|(at, number)| {
                if *at > now {
                    return true;
                }
                let Err(wait) = door.pass(Tick(now), &node(*number)) else {
                    inside.push_back(*number);
                    return false;
                };
                put_off += 1;
                // Spread over a quarter more, as those who wait do.
                *at = now + wait.0 + wait.0 / 4 * (*number * 7 % 100) / 100;
                true
            });
            now += 1;
        }
        (now, put_off)
    }

    #[test]
    fn a_thousand_come_in_at_nearly_the_pace_of_the_broker_and_few_ask_often() {
        for each in [2, 10, 25, 80] {
            let (took, put_off) = play(each);
            let least = each * 1_000;
            assert!(took < (least * 21 / 20).max(15_000), "{each} ms for each: {took} ms");
            assert!(put_off < 8_000, "{each} ms for each: asked in vain {put_off} times");
        }
    }
}
