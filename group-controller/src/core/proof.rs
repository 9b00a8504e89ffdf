//! Whether the way to the broker works. Nobody's silence counts beyond the last proof that it does: what stands still may be the
//! broker, or the road to it. Where nobody in the rack speaks any more, a question that the broker has to answer brings the proof.

use rollcall_bus::PublishError;
use rollcall_model::{Millis, Tick};

use super::{Event, Token};

/// Pause between two such questions.
const ASK_AGAIN: Millis = Millis(500);

/// A broker that takes longer to answer stood still.
const PROMPT: Millis = Millis(500);

/// Where nothing comes for so long, of nobody, the broker may have stood still, and be about to hand on what waited. A shorter
/// stop makes nobody late; in a small rack nobody may have had anything to say, and questions bring the proof.
const PAUSE: Millis = Millis(500);

/// For so long there has to be proof after such a pause before it counts: what waited does not come all at once.
const SETTLED: Millis = Millis(500);

/// When the way was last proven, and asked after.
#[derive(Debug, Default)]
pub(super) struct Proof {
    last: Tick,
    /// The first since the latest pause.
    unbroken_from: Tick,
    /// The last before that pause.
    before: Tick,
    /// The first and the latest question since then.
    asked: Option<(Tick, Tick)>,
}

impl Proof {
    /// Something happened, which may prove it. Gives for how long the way stood still before, if it did.
    pub(super) fn see(&mut self, now: Tick, event: &Event) -> Option<Millis> {
        let proves = match event {
            Event::Status(_)
            | Event::Spoken(_)
            | Event::Delivered(_)
            | Event::ConnectionClosed(_)
            | Event::BrokerNodeLost
            | Event::LinkUp => true,
            Event::Published { token, result } => is_answered(token, result),
            _ => false,
        };
        if !proves {
            return None;
        }
        let asked = self.asked.take().filter(|(first, _)| now.since(*first) > PROMPT);
        let stood = asked.map(|_| now.since(self.last));
        if now.since(self.last) > PAUSE {
            (self.before, self.unbroken_from) = (self.last, now);
        }
        self.last = now;
        stood
    }

    /// Up to when silence counts.
    pub(super) fn counts_until(&self) -> Tick {
        if self.last.since(self.unbroken_from) >= SETTLED { self.last } else { self.before }
    }

    /// Whether it is soon too long ago to go on with.
    pub(super) fn ages(&self, now: Tick) -> bool {
        now.since(self.last).0 * 2 > PAUSE.0
    }

    /// Whether to ask now.
    pub(super) fn asks(&mut self, now: Tick) -> bool {
        let is_due = self.asked.is_none_or(|(_, latest)| now.since(latest) >= ASK_AGAIN);
        if is_due {
            self.asked = Some((self.asked.map_or(now, |(first, _)| first), now));
        }
        is_due
    }
}

/// Whether the broker itself said what became of a message. What it does not confirm counts as sent when it was written.
fn is_answered(token: &Token, result: &Result<(), PublishError>) -> bool {
    match result {
        Ok(()) => !matches!(token, Token::None),
        Err(error) => matches!(
            error,
            PublishError::Unroutable { .. } | PublishError::Refused { .. } | PublishError::NoExchange { .. }
        ),
    }
}
