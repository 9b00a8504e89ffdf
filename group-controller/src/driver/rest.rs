//! Rests while status packets stream in: waking up for each one costs several times what the packet itself does, since broker
//! client, reactor and this loop are woken one after the other.
//!
//! A rest stops the whole thread, and with it the reactor: nothing on it is woken meanwhile, and what comes is taken
//! together afterwards. It is short beside everything that is judged here, and there is none below [`STREAM`].

use std::time::Duration;

use rollcall_model::{Millis, Tick};

/// How long a rest takes.
pub(super) const REST: Duration = Duration::from_millis(4);
/// So many packets within [`WINDOW`] are a stream: more than one a millisecond.
const STREAM: usize = 100;
const WINDOW: Millis = Millis(100);
/// When more come at once, they come together already, and a broker that empties a queue must not be kept waiting.
const FEW: usize = 128;

/// How fast status packets come.
#[derive(Debug, Default)]
pub(super) struct Stream {
    since: Tick,
    heard: usize,
    is_fast: bool,
}

impl Stream {
    /// So many were taken at once. Whether to rest before the next are looked at.
    pub(super) fn is_time_to_rest(&mut self, now: Tick, taken: usize) -> bool {
        if now.since(self.since) >= WINDOW {
            // One that has just begun, or was silent for a while, is no stream yet.
            self.is_fast = self.heard >= STREAM && now.since(self.since) < Millis(WINDOW.0 * 2);
            (self.since, self.heard) = (now, 0);
        }
        self.heard += taken;
        self.is_fast && taken < FEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it rests at last, when so many packets come every so many milliseconds for a second.
    fn rests(taken: usize, every: u64) -> bool {
        let mut stream = Stream::default();
        (0..1_000).step_by(every as usize).fold(false, |_, at| stream.is_time_to_rest(Tick(at), taken))
    }

    #[test]
    fn only_a_stream_is_rested_from_and_not_while_many_come_at_once() {
        for (taken, every, expected) in [
            (1, 1, true),
            (1, 5, false),
            (50, 5, true),
            (9, 100, false),
            (127, 5, true),
            (128, 5, false),
            (100, 300, false),
        ] {
            assert_eq!(rests(taken, every), expected, "{taken} every {every} ms");
        }
    }
}
