//! One follower of the feed.

use std::collections::VecDeque;
use std::sync::Arc;

use rollcall_store::QueryError;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::cursor::{Cursor, Wanted};
use super::source::Lane;
use super::{Entry, Feed, Inner};

/// Rows that are read from the store at once for one follower; as many may be in memory for each.
const PAGE: usize = 64;

/// What a follower is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A row; ids only grow.
    Entry(Arc<Entry>),
    /// Rows that were asked for are not kept any more; the first there is has this id.
    Gap {
        /// The id; what follows begins there or later.
        first: i64,
    },
}

/// One follower of the feed. Dropped, it costs nothing any more.
#[derive(Debug)]
pub struct Subscription {
    feed: Feed,
    lane: fn(&Inner) -> &Lane,
    cursor: Cursor,
    live: Receiver<Arc<Entry>>,
    /// Read from the store, not told yet.
    read: VecDeque<Arc<Entry>>,
    /// Whether it has to be found out if something is missing after this id.
    resumed: Option<i64>,
    /// An id beyond all that was sent, of which it has to be found out whether it was ever given.
    ahead: Option<i64>,
}

impl Subscription {
    pub(super) fn from_now(feed: &Feed, lane: fn(&Inner) -> &Lane) -> Self {
        let (live, newest) = lane(&feed.0).join();
        let cursor = Cursor::from_now(newest);
        Self { feed: feed.clone(), lane, cursor, live, read: VecDeque::new(), resumed: None, ahead: None }
    }

    /// Begins with the first row whose id is greater than `after`, as far as it is kept. An id greater than any there is
    /// begins with what is new.
    #[must_use]
    pub fn after(mut self, after: i64) -> Self {
        self.ahead = Some(after).filter(|after| *after > self.cursor.at());
        self.cursor.resume(after);
        self.resumed = self.cursor.wanted().map(|wanted| wanted.after);
        self
    }

    /// What comes next; `None` at the end of the zone controller. Waits as long as nothing happens, and may be cancelled and
    /// called again.
    ///
    /// # Errors
    /// When the store does not answer: nothing was told, and it may be called again.
    pub async fn next(&mut self) -> Result<Option<Told>, QueryError> {
        let shutdown = self.feed.0.shutdown.clone();
        tokio::select! {
            told = self.told() => told.map(Some),
            () = shutdown.requested() => Ok(None),
        }
    }

    async fn told(&mut self) -> Result<Told, QueryError> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                return Ok(Told::Entry(entry));
            }
            self.look_ahead().await?;
            if let Some(first) = self.gap().await? {
                return Ok(Told::Gap { first });
            }
            if let Some(wanted) = self.cursor.wanted() {
                self.catch_up(wanted).await?;
                continue;
            }
            match self.live.recv().await {
                Ok(entry) if self.cursor.takes(entry.id) => return Ok(Told::Entry(entry)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.cursor.lagged(*self.lane().newest().borrow()),
                // The feed holds the other end.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Whoever read a list may know rows that are saved and were not sent yet.
    async fn look_ahead(&mut self) -> Result<(), QueryError> {
        let Some(after) = self.ahead else { return Ok(()) };
        let newest = self.lane().newest_stored(&self.feed.0.store).await?;
        self.ahead = None;
        if after <= newest {
            self.cursor.heard(after);
        }
        Ok(())
    }

    /// The first id there is, where something is missing before it.
    async fn gap(&mut self) -> Result<Option<i64>, QueryError> {
        let Some(after) = self.resumed else { return Ok(None) };
        let oldest = self.lane().oldest(&self.feed.0.store).await?;
        self.resumed = None;
        Ok(oldest.filter(|first| after.saturating_add(1) < *first))
    }

    async fn catch_up(&mut self, Wanted { after, through }: Wanted) -> Result<(), QueryError> {
        let page = self.lane().page(&self.feed.0.store, (after, through), PAGE).await?;
        self.cursor.read(page.last().map(|entry| entry.id), page.len() == PAGE);
        self.read = page.into();
        Ok(())
    }

    fn lane(&self) -> &Lane {
        (self.lane)(&self.feed.0)
    }
}
