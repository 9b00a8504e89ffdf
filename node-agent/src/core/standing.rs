//! How a node stands, as data for its metrics.

use rollcall_model::{Millis, Now, SessionEpoch};

use super::{Agent, Spoken};

/// How a node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its session, and how long ago it was given; `None` before the first.
    pub session: Option<(SessionEpoch, Millis)>,
    /// Whether it stands in a rack.
    pub placed: bool,
    /// Indicators that are set, and those that are not measured; `None` before the first readings.
    pub indicators: Option<(u32, u32)>,
    /// Status packets since the start.
    pub statuses: u64,
    /// Version of the policy it obeys; 0 for none.
    pub policy: u64,
    /// What it has said about its availability.
    pub spoken: Spoken,
}

impl Agent {
    /// How it stands.
    #[must_use]
    pub fn standing(&self, now: Now) -> Standing {
        let health = self.judge.health();
        Standing {
            session: self.assigned.as_ref().map(|known| (known.epoch, now.tick.since(self.assigned_at))),
            placed: self.membership.is_some(),
            indicators: health.map(|health| (health.bits().count(), health.mask().count())),
            statuses: self.voice.total(),
            policy: self.judge.version(),
            spoken: self.spoken,
        }
    }
}
