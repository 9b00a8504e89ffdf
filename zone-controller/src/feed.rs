//! The live feed: what was committed, told to whoever follows it, in order, nothing lost and nothing doubled.
//!
//! One task ([`Feed::keep_reading`]) is woken by every commit, reads the new rows of `v_events` and `v_health_history`
//! once, renders each once, and hands the same bytes to every [`Subscription`] over a bounded channel. Whoever is too slow
//! for the channel reads what it missed from the store, page by page; whoever comes back after a pause does the same, and
//! goes over to what is live without a seam. Where each follower stands is decided in `cursor`, which is pure.
//!
//! Ids grow in the order of commits, because a zone has one writer; they have holes. A follower that takes nothing costs
//! its place in the channel and no memory of its own.

mod cursor;
mod entry;
mod reader;
mod source;
mod subscription;
mod topic;

use std::sync::Arc;

use rollcall_startup::Shutdown;
use rollcall_store::{QueryError, Store};
use tokio::sync::watch;

pub use self::entry::Entry;
use self::source::{EVENTS, HEALTH, Lane};
pub use self::subscription::{Subscription, Told};
pub use self::topic::keep_publishing;

/// What was committed, as it happens. Clones are the same feed.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// For those who follow, where they read what they missed.
    store: Store,
    /// The same, for the one who reads for all.
    own: Store,
    shutdown: Shutdown,
    events: Lane,
    health: Lane,
    /// Grows when somebody's right to be here may have changed.
    trust: watch::Sender<u64>,
}

impl Feed {
    /// A feed of what is committed from now on; ends with `shutdown`. Nothing is told until [`Self::keep_reading`] runs.
    ///
    /// # Errors
    /// When the store does not say what its newest rows are.
    pub async fn open(store: Store, shutdown: Shutdown) -> Result<Self, QueryError> {
        let (events, health) = (Lane::open(&EVENTS, &store).await?, Lane::open(&HEALTH, &store).await?);
        let own = store.for_zone();
        Ok(Self(Arc::new(Inner { store, own, shutdown, events, health, trust: watch::Sender::new(0) })))
    }

    /// Rows of `v_events` from now on; [`Subscription::after`] begins earlier.
    #[must_use]
    pub fn events(&self) -> Subscription {
        Subscription::from_now(self, |inner| &inner.events)
    }

    /// Rows of `v_health_history`, the changes of nodes' state and health, from now on.
    #[must_use]
    pub fn health(&self) -> Subscription {
        Subscription::from_now(self, |inner| &inner.health)
    }

    /// The newest `event_id` that was told, to wait for a greater one.
    #[must_use]
    pub fn newest_event(&self) -> watch::Receiver<i64> {
        self.0.events.newest()
    }

    /// The newest `history_id` that was told, to wait for a greater one.
    #[must_use]
    pub fn newest_health(&self) -> watch::Receiver<i64> {
        self.0.health.newest()
    }

    /// Changes whenever a principal was revoked, or a user set or removed: what was proved before has to be proved again.
    #[must_use]
    pub fn trust_changes(&self) -> watch::Receiver<u64> {
        self.0.trust.subscribe()
    }

    /// Has everybody who follows prove anew who they are, where that is not told by an event: a session ended, say.
    pub fn prove_again(&self) {
        self.0.trust.send_modify(|changes| *changes += 1);
    }
}

#[cfg(test)]
mod tests;
