//! A zone that does not answer: what people are told of it.

use rollcall_model::{Millis, Name, Tick};

/// A zone that has not answered the ACK by then may never do so.
const UNANSWERED: Millis = Millis(10_000);
/// That is said this often.
const SAID_AGAIN: Millis = Millis(60_000);

/// Says that the zone does not answer.
pub(super) struct Complaint {
    pub(super) zone: Name,
    group: Name,
    due: Tick,
}

impl Complaint {
    /// Nothing has to be said for a while.
    pub(super) fn new(now: Tick, zone: Name, group: Name) -> Self {
        Self { zone, group, due: now + UNANSWERED }
    }

    /// A zone answers whom it admits and nobody else, so this side has to say what is probably wrong.
    pub(super) fn look(&mut self, now: Tick, content: bool) {
        if content {
            self.due = now + UNANSWERED;
        } else if now >= self.due {
            self.due = now + SAID_AGAIN;
            let Self { zone, group, .. } = self;
            tracing::warn!(
                "zone {zone} does not answer the ACK: is its controller up, and does its configuration admit {group} \
                 (admission.groups)? What it ignored, and why, is in its `rollcall status`"
            );
        }
    }
}
