//! When a lease may be taken, and how long one may be acted upon. Pure; times are ticks of the process that asks.
//!
//! ```text
//!   Standby ── released, silent for LEASE, or never taken ──▶ (takes it: compare and set) ──▶ Acting ⇄ Lapsed
//!      ▲                                                                                        │        │
//!      └──────────────── the process ends and is started again ◀── Over ◀── taken by another ───┴────────┘
//! ```

use rollcall_model::{Millis, Name, Tick};
use rollcall_store::{Lease, Sight};

/// Who stands by takes a lease that gave no sign for so long by its own clock.
pub const LEASE: Millis = Millis(3_000);
/// The holder stops to act this much before that, counted from when it *began* its last good renewal. Clocks of two machines
/// may run apart by a twelfth before both act at once.
pub const MARGIN: Millis = Millis(500);
/// The lease is renewed this often.
pub const RENEWED: Millis = Millis(1_000);
/// A renewal that failed is tried again after this.
pub const RETRIED: Millis = Millis(200);
/// Who stands by looks this often.
pub const LOOK: Millis = Millis(200);

/// Why a lease may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody ever held it.
    Unheld,
    /// Its holder gave it back.
    Released,
    /// Its holder had our name, and nothing of it is connected: it was our former run.
    OwnFormerRun,
    /// Its holder gave no sign for the length of a lease.
    Silent,
}

/// What to do about a lease that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again.
    Wait,
    /// Take it as it was seen.
    Take(Reason),
}

/// A replica that stands by.
#[derive(Debug)]
pub struct Standby {
    name: Name,
    /// The sign of the holder that was seen last, and since when there was no other.
    watched: Option<((u64, u64), Tick)>,
}

impl Standby {
    /// The replica of this name, which has seen nothing yet.
    #[must_use]
    pub const fn new(name: Name) -> Self {
        Self { name, watched: None }
    }

    /// The lease was seen; `now` is when the look was over.
    pub fn saw(&mut self, now: Tick, sight: &Sight) -> Verdict {
        let Some(lease) = &sight.lease else {
            // Whoever writes without one is of an older version, and may take its time.
            return if sight.is_locked { Verdict::Wait } else { Verdict::Take(Reason::Unheld) };
        };
        if lease.is_released {
            return Verdict::Take(Reason::Released);
        }
        if lease.name == self.name && !sight.is_locked {
            return Verdict::Take(Reason::OwnFormerRun);
        }
        let sign = sign(lease);
        match self.watched {
            Some((watched, since)) if watched == sign => {
                if now.since(since) >= LEASE {
                    Verdict::Take(Reason::Silent)
                } else {
                    Verdict::Wait
                }
            }
            _ => {
                self.watched = Some((sign, now));
                Verdict::Wait
            }
        }
    }

    /// The database did not answer. Whoever cannot see the holder must not find it silent: it cannot renew either.
    pub const fn was_blind(&mut self) {
        self.watched = None;
    }
}

const fn sign(lease: &Lease) -> (u64, u64) {
    (lease.generation, lease.beats)
}

/// How a holder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It acts.
    Acting,
    /// It could not renew in time, and does nothing until it can: nobody may have taken the lease.
    Lapsed,
    /// Somebody took it.
    Over,
}

/// The holder of a lease.
#[derive(Debug)]
pub struct Holder {
    /// When the last renewal began that was answered.
    renewed: Tick,
    next: Tick,
    is_over: bool,
}

impl Holder {
    /// Of a lease whose taking or last renewal began then.
    #[must_use]
    pub const fn new(began: Tick) -> Self {
        Self { renewed: began, next: began, is_over: false }
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self, now: Tick) -> Standing {
        match () {
            () if self.is_over => Standing::Over,
            () if now < self.acts_until() => Standing::Acting,
            () => Standing::Lapsed,
        }
    }

    /// Until when it acts, if nothing is heard.
    #[must_use]
    pub fn acts_until(&self) -> Tick {
        self.renewed + Millis(LEASE.0 - MARGIN.0)
    }

    /// When the next renewal is due.
    #[must_use]
    pub const fn next_renewal(&self) -> Tick {
        self.next
    }

    /// A renewal that began then was answered: the lease is still its own.
    pub fn kept(&mut self, began: Tick) {
        self.renewed = self.renewed.max(began);
        self.next = began + RENEWED;
    }

    /// A renewal was not answered: nothing is known.
    pub fn unanswered(&mut self, now: Tick) {
        self.next = now + RETRIED;
    }

    /// Somebody else has the lease. There is no way back.
    pub const fn lost(&mut self) {
        self.is_over = true;
    }
}

#[cfg(test)]
mod tests;
