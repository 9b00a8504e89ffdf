//! Messages that must reach the zone whatever happens: each is sent again until the broker has confirmed it.
//!
//! Kept in memory only. What a crash loses here is asked for again by the zone, or is still in the queue it came from:
//! such a delivery is settled no earlier than its parcel is confirmed.

use std::collections::BTreeMap;

use rollcall_bus::{Outgoing, PublishError};
use rollcall_model::{Now, Tick};

use super::reports::RESEND;
use super::{Effect, Group, Token};

/// Most parcels on their way at a time. Beyond, only those are taken of which there are few: a delivery waits for them,
/// or they are one for each membership.
const MOST_OPEN: usize = 4_096;

/// What a parcel is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// A delivery that is settled when this is confirmed.
    Delivery,
    /// A membership: another one makes it void.
    Session,
    /// Nothing; where no queue takes it, nobody wants it.
    Event,
    /// Nothing.
    Answer,
}

#[derive(Clone, Debug)]
struct Parcel {
    message: Outgoing,
    care: Care,
    /// When it was sent last; `None` while that could not be done.
    sent: Option<Tick>,
}

/// All parcels on their way.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    last: u64,
    open: BTreeMap<u64, Parcel>,
}

impl Parcels {
    /// When the next one is to be sent again.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.open.values().map(|parcel| parcel.sent.map_or(Tick::default(), |sent| sent + RESEND)).min()
    }

    /// A parcel that is void.
    pub(super) fn drop_one(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// A new membership has begun.
    pub(super) fn drop_session(&mut self) {
        self.open.retain(|_, parcel| parcel.care != Care::Session);
    }
}

impl Group {
    /// Sends a message until it is confirmed. Gives its number; `None` when too many are on their way.
    pub(super) fn dispatch(
        &mut self,
        now: Now,
        message: Outgoing,
        care: Care,
        effects: &mut Vec<Effect>,
    ) -> Option<u64> {
        if self.parcels.open.len() >= MOST_OPEN && matches!(care, Care::Event | Care::Answer) {
            self.refuse("overloaded");
            return None;
        }
        self.parcels.last += 1;
        let number = self.parcels.last;
        let sent = self.linked.then_some(now.tick);
        if care == Care::Delivery {
            effects.push(Effect::Keep(number));
        }
        if self.linked {
            effects.push(Effect::Publish(Token::Parcel(number), message.clone()));
        }
        self.parcels.open.insert(number, Parcel { message, care, sent });
        Some(number)
    }

    pub(super) fn on_parcel_ended(
        &mut self,
        number: u64,
        result: &Result<(), PublishError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(parcel) = self.parcels.open.get(&number) else { return };
        match result {
            Ok(()) => {
                if parcel.care == Care::Delivery {
                    effects.push(Effect::Settle(number));
                }
            }
            Err(PublishError::Unroutable { .. } | PublishError::NoExchange { .. }) if parcel.care == Care::Event => {
                self.refuse("channel_gone");
            }
            // It is sent again when its time comes.
            Err(_) => return,
        }
        self.parcels.open.remove(&number);
        self.policy.on_confirmed(number);
    }

    pub(super) fn resend_parcels(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for (number, parcel) in &mut self.parcels.open {
            if parcel.sent.is_none_or(|sent| now.tick.since(sent) >= RESEND) {
                parcel.sent = Some(now.tick);
                effects.push(Effect::Publish(Token::Parcel(*number), parcel.message.clone()));
            }
        }
    }
}
