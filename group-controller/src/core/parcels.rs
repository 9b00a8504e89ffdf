//! Messages that must reach the zone whatever happens: each is sent again until the broker has confirmed it.
//!
//! What a crash loses here is asked for again by the zone, or is still in the queue it came from: such a delivery is settled no
//! earlier than its parcel is confirmed. Words on channels nobody asks for again; those go to disk while the broker takes nothing.

use std::collections::BTreeMap;

use rollcall_bus::{Outgoing, PublishError};
use rollcall_model::{Millis, Now, Tick};

use super::reports::RESEND;
use super::{Effect, Group, Token};

/// Most parcels on their way at a time. Beyond, only those are taken of which there are few: a delivery waits for them,
/// or they are one for each membership.
const MOST_OPEN: usize = 4_096;
/// Most that are sent again in one go, and the pause after them: a rack that comes back does not flood its broker.
const BURST: usize = 256;
const PAUSE: Millis = Millis(100);

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
    /// Whether it is on disk.
    spooled: bool,
}

/// All parcels on their way.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    last: u64,
    open: BTreeMap<u64, Parcel>,
    /// Nothing is sent again before.
    paused: Tick,
}

impl Parcels {
    /// When the next one is to be sent again.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        let due = self.open.values().map(|parcel| parcel.sent.map_or(Tick::default(), |sent| sent + RESEND)).min();
        due.map(|due| due.max(self.paused))
    }

    /// What only this process knows goes to disk.
    pub(super) fn spool(&mut self, effects: &mut Vec<Effect>) {
        for (number, parcel) in &mut self.open {
            parcel.spool(*number, effects);
        }
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

impl Parcel {
    fn spool(&mut self, number: u64, effects: &mut Vec<Effect>) {
        if self.care == Care::Event && !self.spooled {
            self.spooled = true;
            effects.push(Effect::Spool(number, self.message.clone()));
        }
    }
}

impl Group {
    /// What a former run left on disk is sent before all else. `messages` are in the order they were spooled in.
    pub fn restore(&mut self, messages: impl IntoIterator<Item = (u64, Outgoing)>) {
        for (number, message) in messages {
            self.parcels.last = self.parcels.last.max(number);
            let parcel = Parcel { message, care: Care::Event, sent: None, spooled: true };
            self.parcels.open.insert(number, parcel);
        }
    }

    pub(super) fn on_link_down(&mut self, effects: &mut Vec<Effect>) {
        self.linked = false;
        self.parcels.spool(effects);
    }

    /// This process ends: what the broker has not taken is left for the next run.
    pub fn leave_behind(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.parcels.spool(&mut effects);
        effects
    }

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
        let mut parcel = Parcel { message, care, sent, spooled: false };
        if !self.linked {
            parcel.spool(number, effects);
        }
        self.parcels.open.insert(number, parcel);
        Some(number)
    }

    pub(super) fn on_parcel_ended(
        &mut self,
        number: u64,
        result: &Result<(), PublishError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Parcel { care, spooled, .. }) = self.parcels.open.get(&number) else { return };
        let (care, spooled) = (*care, *spooled);
        match result {
            Ok(()) => {
                if care == Care::Delivery {
                    effects.push(Effect::Settle(number));
                }
            }
            Err(PublishError::Unroutable { .. } | PublishError::NoExchange { .. }) if care == Care::Event => {
                self.refuse("channel_gone");
            }
            // It is sent again when its time comes.
            Err(_) => return,
        }
        if spooled {
            effects.push(Effect::Unspool(number));
        }
        self.parcels.open.remove(&number);
        self.policy.on_confirmed(number);
    }

    pub(super) fn resend_parcels(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if now.tick < self.parcels.paused {
            return;
        }
        let due = |parcel: &Parcel| parcel.sent.is_none_or(|sent| now.tick.since(sent) >= RESEND);
        let mut count = 0;
        for (number, parcel) in self.parcels.open.iter_mut().filter(|(_, parcel)| due(parcel)).take(BURST) {
            // A link that is up and takes nothing is a broker that is full.
            if parcel.sent.is_some() {
                parcel.spool(*number, effects);
            }
            parcel.sent = Some(now.tick);
            effects.push(Effect::Publish(Token::Parcel(*number), parcel.message.clone()));
            count += 1;
        }
        if count == BURST {
            self.parcels.paused = now.tick + PAUSE;
        }
    }
}
