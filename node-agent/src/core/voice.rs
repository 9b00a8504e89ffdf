//! How often a node speaks, and the silence it announces (design §3.6).
//!
//! A rack that was told "at most 3.5 s" holds the node to it until it hears otherwise. A slower pace therefore begins
//! only after several packets at the old pace have told of the longer silence: one of them may be lost.

use rollcall_model::{Health, Millis, Tick};

/// The longest silence a node means to keep, in halves of the keep-alive: 3.5 of them.
const SILENCE_HALVES: u64 = 7;
/// So many packets tell of a longer silence before it is kept.
const ANNOUNCEMENTS: u8 = 3;

/// When the next status packet is due, and what it must say.
#[derive(Debug, Default)]
pub(super) struct Voice {
    told: Option<Health>,
    said_at: Option<Tick>,
    next: Tick,
    sequence: u32,
    /// Packets since the start.
    total: u64,
    /// The pace that is kept; `None` until something was said.
    pace: Option<Millis>,
    announced: u8,
}

impl Voice {
    /// Something is to be said at once.
    pub(super) fn speak_up(&mut self, now: Tick) {
        self.next = now;
    }

    /// A new epoch: the count begins again.
    pub(super) fn restart(&mut self, now: Tick) {
        self.sequence = 0;
        self.speak_up(now);
    }

    /// When something is due unless health changes before.
    pub(super) const fn next(&self) -> Tick {
        self.next
    }

    /// Whether something is to be said.
    pub(super) fn is_due(&self, now: Tick, health: Option<Health>) -> bool {
        now >= self.next || health != self.told
    }

    /// The next packet's number.
    pub(super) fn count(&mut self) -> u32 {
        self.total += 1;
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }

    /// When something was said last.
    pub(super) const fn said_at(&self) -> Option<Tick> {
        self.said_at
    }

    /// How many packets were counted since the start.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// The silence to announce at a pace.
    pub(super) const fn silence(keep_alive: Millis) -> Millis {
        Millis(keep_alive.0 * SILENCE_HALVES / 2)
    }

    /// A packet was said that announces the silence of this pace.
    pub(super) fn said(&mut self, now: Tick, health: Option<Health>, keep_alive: Millis) {
        self.told = health;
        self.said_at = Some(now);
        self.announced = match self.pace {
            Some(pace) if pace < keep_alive => self.announced + 1,
            _ => ANNOUNCEMENTS,
        };
        if self.announced >= ANNOUNCEMENTS {
            (self.pace, self.announced) = (Some(keep_alive), 0);
        }
        self.next = now + self.pace.unwrap_or(keep_alive);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slower_pace_begins_after_it_was_announced_and_a_faster_one_at_once() {
        let mut voice = Voice::default();
        // (wanted keep-alive, pause until the next packet)
        let table = [
            (1_000, 1_000),
            (10_000, 1_000),
            (10_000, 1_000),
            (10_000, 10_000),
            (10_000, 10_000),
            (500, 500),
            (2_000, 500),
            (300, 300),
            (2_000, 300),
            (2_000, 300),
            (2_000, 2_000),
        ];
        let mut now = Tick(0);
        for (number, (wanted, pause)) in table.into_iter().enumerate() {
            assert!(voice.is_due(now, None));
            voice.said(now, None, Millis(wanted));
            assert_eq!(voice.next().since(now), Millis(pause), "after packet {number}");
            now = voice.next();
        }
    }
}
