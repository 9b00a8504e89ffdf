//! Who is alive: a pure judgement of one node's silence (design §3.6).
//!
//! ```text
//!                     a status packet
//!        ┌───────────────────────────────────────────────┐
//!        ▼                                               │
//!     heard ──▶ silent > half its span ──▶ suspect ──▶ silent > its span ──▶ down
//!        │                                    ▲              (many at once ──▶ unknown)
//!        └── its connection closed ───────────┘ ── not back within RETURN ──▶ down
//! ```
//!
//! Of many whose connections close together and of whom somebody comes back, the others are excused: [`Voice::excuse`].
//!
//! The broker closes connections that are silent, too: its word of one that was overdue already says no more than the silence did, so
//! that such a node is silent and not closed, and while the rack lies in darkness, who is unknown stays unknown. When the darkness ends,
//! all get time to come back first.
//!
//! A stalled observer blames nobody. [`Floor`] is the moment from which silence counts: it is raised when
//! this process was paused, lost its link, or has just started; a node that is back since then is judged by its
//! own silence again.

use rollcall_model::{Millis, NodeState, Tick};

/// How long a node whose connection closed has to come back before it is down.
pub const RETURN: Millis = Millis(500);
/// Where many close together each has a little longer than one: dead, they are still told within a second.
pub const HELD: Millis = Millis(800);
/// For so long a node has to be heard after silence before it counts as back. What it sent on a former connection comes late, all at
/// once and with the end of that connection, when a way that was cut is mended: not a word of a node that is there.
pub const STEADY: Millis = Millis(800);
/// A node that never sent a status packet has this long.
pub const JOINING_SPAN: Millis = Millis(10_000);
/// Silence of at least this share of the watched nodes, in percent, blames the rack's link.
pub const DARK_PERCENT: usize = 30;
/// Fewer nodes than this never make a dark rack.
pub const DARK_LEAST: usize = 3;

/// From when silence counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Nodes that are back since this are judged by their own silence.
    pub set_at: Tick,
    /// The others' silence counts from here.
    pub until: Tick,
}

impl Floor {
    /// Whether this voice is back since the floor was set: heard, and not only once.
    #[must_use]
    pub fn is_back(self, voice: Voice) -> bool {
        voice.heard.is_some_and(|heard| heard >= self.set_at) && voice.is_steady()
    }

    /// A later floor never gives less time than an earlier one.
    #[must_use]
    pub fn raised(self, now: Tick, grace: Millis) -> Self {
        Self { set_at: now, until: self.until.max(now + grace) }
    }
}

/// What is known of one node's voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// When it was last heard; `None` while it is only known from the zone's roster.
    pub heard: Option<Tick>,
    /// The longest it means to stay silent.
    pub span: Millis,
    /// When the broker said that its connection closed, unless it was heard since.
    pub closed: Option<Tick>,
    /// Since when it was never silent for longer than it meant to be, nor excused.
    pub unbroken_from: Tick,
    /// It lost its connection together with others: that this one or another closes says nothing before, and unless it has been back
    /// for [`STEADY`], its silence counts from here.
    pub excused_until: Tick,
}

impl Voice {
    /// Of a node that begins a session now, and has [`JOINING_SPAN`] to say something. It has asked for that: nothing of a connection
    /// before an outage is mistaken for it.
    #[must_use]
    pub const fn beginning(now: Tick) -> Self {
        Self { heard: Some(now), span: JOINING_SPAN, closed: None, unbroken_from: Tick(0), excused_until: Tick(0) }
    }

    /// Of a node that is only known.
    #[must_use]
    pub const fn unheard(span: Millis) -> Self {
        Self { heard: None, span, closed: None, unbroken_from: Tick(0), excused_until: Tick(0) }
    }

    /// Heard now, and meaning to be silent for at most `span` from here.
    pub fn hear(&mut self, now: Tick, span: Millis) {
        let is_unbroken = self.heard.is_some_and(|heard| now.since(heard) <= self.span);
        let unbroken_from = if is_unbroken { self.unbroken_from } else { now };
        *self = Self { heard: Some(now), span, closed: None, unbroken_from, ..*self };
        if self.is_steady() {
            self.excused_until = Tick(0);
        }
    }

    /// Whether it was heard for a while without a break, and not only once.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        self.heard.is_some_and(|heard| heard.since(self.unbroken_from) >= STEADY)
    }

    /// Its connection closed with others: it has until then to come back. Who was overdue before is judged by its silence, and who has more
    /// than [`HELD`] already is given no more. Tells whether that is news.
    pub fn excuse(&mut self, now: Tick, until: Tick) -> bool {
        let is_news = self.closed_of_itself() && self.excused_until < until && self.excused_until <= now + HELD;
        if is_news {
            (self.unbroken_from, self.excused_until) = (now, until);
        }
        is_news
    }

    /// Whether its connection closed while nothing was overdue: that of a process that died. It does not matter whether the silence
    /// before counts against the node; the broker's clock never stood still.
    #[must_use]
    pub fn closed_of_itself(&self) -> bool {
        let is_overdue = |closed: Tick, heard: Tick| closed.since(heard).0 * 2 > self.span.0;
        self.closed.is_some_and(|closed| self.heard.is_none_or(|heard| !is_overdue(closed, heard)))
    }
}

/// A judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to say against it.
    Alive,
    /// Silent for half its span, or closed a moment ago.
    Suspect,
    /// Silent for longer than its span, or for so long that the broker closed its connection.
    Silent(Millis),
    /// Its connection closed and it did not come back.
    Closed,
}

/// From when its silence counts.
fn since(floor: Floor, voice: Voice) -> Tick {
    let since = match voice.heard {
        Some(heard) if floor.is_back(voice) => heard,
        Some(heard) => heard.max(floor.until),
        None => floor.until,
    };
    since.max(voice.excused_until)
}

/// Until when [`judge`] says nothing against a voice that stays silent and whose connection does not close.
#[must_use]
pub fn alive_until(floor: Floor, voice: Voice) -> Tick {
    since(floor, voice) + Millis(voice.span.0 / 2)
}

/// Judges one voice.
#[must_use]
pub fn judge(now: Tick, floor: Floor, voice: Voice) -> Verdict {
    if let Some(closed) = voice.closed {
        return match voice.heard {
            _ if now.since(closed) < RETURN || now < voice.excused_until => Verdict::Suspect,
            Some(heard) if !voice.closed_of_itself() => Verdict::Silent(now.since(heard)),
            _ => Verdict::Closed,
        };
    }
    let silence = now.since(since(floor, voice));
    if silence > voice.span {
        Verdict::Silent(silence)
    } else if silence.0 * 2 > voice.span.0 {
        Verdict::Suspect
    } else {
        Verdict::Alive
    }
}

/// Whether so many silent nodes of so many watched ones mean that the path to them is broken.
#[must_use]
pub const fn is_dark(silent: usize, watched: usize) -> bool {
    silent >= DARK_LEAST && silent * 100 >= watched * DARK_PERCENT
}

/// What a verdict makes of a state. `None`: it stays.
#[must_use]
pub const fn follow(state: NodeState, verdict: Verdict, dark: bool) -> Option<NodeState> {
    match (state, verdict) {
        // Not watched: it said good-bye, or was judged already.
        (NodeState::Left | NodeState::Down, _) | (_, Verdict::Alive) => None,
        (NodeState::Unknown, Verdict::Silent(_) | Verdict::Closed) => {
            if dark {
                None
            } else {
                Some(NodeState::Down)
            }
        }
        (_, Verdict::Closed) => Some(NodeState::Down),
        (NodeState::Unknown | NodeState::Suspect, Verdict::Suspect) => None,
        (NodeState::Joining | NodeState::Healthy | NodeState::Degraded, Verdict::Suspect) => Some(NodeState::Suspect),
        (NodeState::Joining | NodeState::Healthy | NodeState::Degraded | NodeState::Suspect, Verdict::Silent(_)) => {
            Some(if dark { NodeState::Unknown } else { NodeState::Down })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPAN: Millis = Millis(3_500);

    fn voice(heard: u64) -> Voice {
        Voice { heard: Some(Tick(heard)), ..Voice::unheard(SPAN) }
    }

    #[test]
    fn silence_turns_into_suspicion_and_then_into_a_verdict() {
        let floor = Floor::default();
        for (now, verdict) in [
            (10_000, Verdict::Alive),
            (11_750, Verdict::Alive),
            (11_751, Verdict::Suspect),
            (13_500, Verdict::Suspect),
            (13_501, Verdict::Silent(Millis(3_501))),
        ] {
            assert_eq!(judge(Tick(now), floor, voice(10_000)), verdict, "at {now}");
        }
    }

    proptest! {
        #[test]
        fn a_voice_is_alive_exactly_until_it_is_said_to_be(
            heard in prop::option::of(0..100_000_u64),
            span in 0..10_000_u64,
            (steady, excused) in (0..2_000_u64, 0..140_000_u64),
            (set_at, grace) in (0..100_000_u64, 0..40_000_u64),
            now in 0..200_000_u64,
        ) {
            let unbroken_from = Tick(heard.unwrap_or_default().saturating_sub(steady));
            let excused_until = Tick(excused);
            let voice = Voice { heard: heard.map(Tick), unbroken_from, excused_until, ..Voice::unheard(Millis(span)) };
            let floor = Floor::default().raised(Tick(set_at), Millis(grace));
            let is_alive = judge(Tick(now), floor, voice) == Verdict::Alive;
            prop_assert_eq!(is_alive, Tick(now) <= alive_until(floor, voice));
        }
    }

    #[test]
    fn a_closed_connection_has_a_moment_to_come_back() {
        let voice = Voice { closed: Some(Tick(10_100)), ..voice(10_000) };
        assert_eq!(judge(Tick(10_100), Floor::default(), voice), Verdict::Suspect);
        assert_eq!(judge(Tick(10_600), Floor::default(), voice), Verdict::Closed);
    }

    #[test]
    fn who_was_overdue_when_its_connection_closed_is_silent() {
        for (closed, of_itself) in [(10_000, true), (11_750, true), (11_751, false), (16_000, false)] {
            let voice = Voice { closed: Some(Tick(closed)), ..voice(10_000) };
            assert_eq!(voice.closed_of_itself(), of_itself, "closed at {closed}");
            // A stalled observer's floor changes nothing: it was not the broker that stood still.
            let floor = Floor::default().raised(Tick(closed - 100), Millis(0));
            let verdict = if of_itself { Verdict::Closed } else { Verdict::Silent(Millis(closed - 10_000 + 500)) };
            assert_eq!(judge(Tick(closed + 499), floor, voice), Verdict::Suspect, "closed at {closed}");
            assert_eq!(judge(Tick(closed + 500), floor, voice), verdict, "closed at {closed}");
        }
        assert!(Voice { closed: Some(Tick(90_000)), ..Voice::unheard(SPAN) }.closed_of_itself(), "nobody knows better");
        assert!(!voice(10_000).closed_of_itself(), "it is not closed");
    }

    #[test]
    fn a_raised_floor_excuses_those_not_heard_since() {
        let floor = Floor::default().raised(Tick(50_000), Millis(5_000));
        assert_eq!(judge(Tick(55_000), floor, voice(10_000)), Verdict::Alive);
        assert_eq!(judge(Tick(58_501), floor, voice(10_000)), Verdict::Silent(Millis(3_501)));
        // Heard since the floor was raised: its own silence counts again, at once.
        assert_eq!(judge(Tick(53_601), floor, voice(50_100)), Verdict::Silent(Millis(3_501)));
    }

    #[test]
    fn what_comes_late_of_a_former_connection_ends_no_excuse() {
        let floor = Floor::default().raised(Tick(50_000), Millis(5_000));
        let mut voice = voice(20_000);
        // All at once, after long silence.
        for at in [50_100, 50_100, 50_150] {
            voice.hear(Tick(at), SPAN);
        }
        assert!(!floor.is_back(voice));
        assert_eq!(judge(Tick(55_000), floor, voice), Verdict::Alive);
        assert_eq!(judge(Tick(58_501), floor, voice), Verdict::Silent(Millis(3_501)));
        // A second voice at its pace, and it is back.
        voice.hear(Tick(51_100), SPAN);
        assert!(floor.is_back(voice));
        assert_eq!(judge(Tick(54_601), floor, voice), Verdict::Silent(Millis(3_501)));
    }

    #[test]
    fn who_is_excused_has_until_then_unless_it_is_back() {
        // Not a closure: one that changes its argument changes the caller's with rustc 1.95 (rust-lang/rust#155241).
        fn excused(mut voice: Voice) -> Voice {
            assert_eq!(voice.excuse(Tick(50_050), Tick(50_800)), voice.closed_of_itself());
            assert_eq!(voice.excuse(Tick(50_100), Tick(80_000)), voice.closed_of_itself());
            assert!(!voice.excuse(Tick(50_200), Tick(80_100)), "once");
            voice
        }
        let (floor, lost) = (Floor::default(), Voice { closed: Some(Tick(50_000)), ..voice(49_500) });
        assert_eq!(judge(Tick(79_999), floor, excused(lost)), Verdict::Suspect);
        assert_eq!(judge(Tick(80_000), floor, excused(lost)), Verdict::Closed);
        let overdue = excused(Voice { closed: Some(Tick(51_300)), ..lost });
        assert_eq!(judge(Tick(51_800), floor, overdue), Verdict::Silent(Millis(2_300)), "its silence came first");
        // Words that were on their way end nothing, nor does another connection that closes.
        let mut voice = excused(lost);
        for at in [50_110, 50_120] {
            voice.hear(Tick(at), SPAN);
        }
        assert_eq!(judge(Tick(81_750), floor, voice), Verdict::Alive);
        assert_eq!(judge(Tick(83_501), floor, voice), Verdict::Silent(Millis(3_501)));
        let closed = Voice { closed: Some(Tick(50_200)), ..voice };
        assert_eq!(judge(Tick(79_999), floor, closed), Verdict::Suspect);
        assert_eq!(judge(Tick(80_000), floor, closed), Verdict::Closed);
        // A word at its pace does, for good.
        voice.hear(Tick(51_110), SPAN);
        assert_eq!(judge(Tick(54_611), floor, voice), Verdict::Silent(Millis(3_501)));
        voice.hear(Tick(60_000), SPAN);
        let closed = Voice { closed: Some(Tick(60_100)), ..voice };
        assert_eq!(judge(Tick(60_600), floor, closed), Verdict::Closed);
    }

    #[test]
    fn a_later_floor_never_takes_time_away() {
        let floor = Floor::default().raised(Tick(0), Millis(30_000)).raised(Tick(1_000), Millis(0));
        assert_eq!(floor.until, Tick(30_000));
    }

    #[test]
    fn every_state_follows_every_verdict_as_the_diagram_says() {
        use NodeState::{Degraded, Down, Healthy, Joining, Left, Suspect, Unknown};
        let silent = Verdict::Silent(Millis(9));
        for state in NodeState::ALL {
            // What follows from suspicion, from silence, from silence in the dark, from a closed connection, and from that in the dark.
            let (suspect, lost, dark, closed, closed_in_the_dark) = match state {
                Joining | Healthy | Degraded => (Some(Suspect), Some(Down), Some(Unknown), Some(Down), Some(Down)),
                Suspect => (None, Some(Down), Some(Unknown), Some(Down), Some(Down)),
                Unknown => (None, Some(Down), None, Some(Down), None),
                Down | Left => (None, None, None, None, None),
            };
            for (verdict, is_dark, next) in [
                (Verdict::Alive, false, None),
                (Verdict::Alive, true, None),
                (Verdict::Suspect, false, suspect),
                (Verdict::Suspect, true, suspect),
                (silent, false, lost),
                (silent, true, dark),
                (Verdict::Closed, false, closed),
                (Verdict::Closed, true, closed_in_the_dark),
            ] {
                assert_eq!(follow(state, verdict, is_dark), next, "{state}, {verdict:?}, dark {is_dark}");
            }
        }
    }

    #[test]
    fn in_the_dark_nobody_unknown_goes_down() {
        for verdict in [Verdict::Alive, Verdict::Suspect, Verdict::Silent(Millis(u64::MAX)), Verdict::Closed] {
            assert_eq!(follow(NodeState::Unknown, verdict, true), None, "{verdict:?}");
        }
    }

    #[test]
    fn in_the_dark_silence_alone_never_takes_a_node_down() {
        for state in NodeState::ALL {
            for verdict in [Verdict::Alive, Verdict::Suspect, Verdict::Silent(Millis(u64::MAX))] {
                assert_ne!(follow(state, verdict, true), Some(NodeState::Down), "{state}, {verdict:?}");
            }
        }
    }

    #[test]
    fn a_dark_rack_needs_three_nodes_and_three_in_ten() {
        for (silent, watched, dark) in [
            (0, 0, false),
            (1, 1, false),
            (2, 2, false),
            (3, 3, true),
            (1, 3, false),
            (2, 4, false),
            (3, 10, true),
            (3, 11, false),
            (4, 13, true),
            (29, 100, false),
            (30, 100, true),
            (299, 1_000, false),
            (300, 1_000, true),
        ] {
            assert_eq!(is_dark(silent, watched), dark, "{silent} of {watched}");
        }
    }
}
