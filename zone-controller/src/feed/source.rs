//! What is followed: a view with growing ids, and the channel over which its new rows go out.

use std::sync::Arc;

use rollcall_store::{Bind, QueryError, Store, Table};
use serde_json::Value;
use tokio::sync::{broadcast, watch};

use super::Entry;

/// Rows that may wait for a follower before it has to read them from the store instead.
const CHANNEL: usize = 2_048;

/// A view with growing ids.
#[derive(Debug)]
pub(super) struct Source {
    /// The column with the ids.
    id: &'static str,
    /// The column with the kinds, or the one kind there is.
    kind: Kind,
    /// By the index: `MAX` of a view that joins would read all of it in PostgreSQL, after every commit.
    newest: &'static str,
    page: &'static str,
    oldest: &'static str,
}

#[derive(Debug)]
enum Kind {
    Column(&'static str),
    Always(&'static str),
}

/// What happened.
pub(super) static EVENTS: Source = Source {
    id: "event_id",
    kind: Kind::Column("kind"),
    newest: "SELECT event_id FROM v_events ORDER BY event_id DESC LIMIT 1",
    page: "SELECT * FROM v_events WHERE event_id > $1 AND event_id <= $2 ORDER BY event_id LIMIT $3",
    oldest: "SELECT event_id FROM v_events ORDER BY event_id LIMIT 1",
};

/// Changes of nodes' state and health.
pub(super) static HEALTH: Source = Source {
    id: "history_id",
    kind: Kind::Always("health"),
    newest: "SELECT history_id FROM v_health_history ORDER BY history_id DESC LIMIT 1",
    page: "SELECT * FROM v_health_history WHERE history_id > $1 AND history_id <= $2 ORDER BY history_id LIMIT $3",
    // Of each node one row stays that is older than all that is kept: the history begins after those.
    oldest: "SELECT history_id FROM v_health_history WHERE at_ms >= \
             COALESCE((SELECT before_ms FROM prunings WHERE history = 'health_history'), 0) ORDER BY at_ms LIMIT 1",
};

/// A source with those who follow it.
#[derive(Debug)]
pub(super) struct Lane {
    source: &'static Source,
    sender: broadcast::Sender<Arc<Entry>>,
    /// The newest id that was sent. Changed only while the rows are being sent, so that who joins is told of each row
    /// either by the channel or by this.
    newest: watch::Sender<i64>,
}

impl Lane {
    /// Begins after the newest row there is.
    pub(super) async fn open(source: &'static Source, store: &Store) -> Result<Self, QueryError> {
        let newest = number(&store.select(source.newest, &[]).await?).unwrap_or(0);
        Ok(Self { source, sender: broadcast::Sender::new(CHANNEL), newest: watch::Sender::new(newest) })
    }

    /// Rows with greater ids than `after`, up to `through`, oldest first, at most `most`.
    pub(super) async fn page(
        &self,
        store: &Store,
        (after, through): (i64, i64),
        most: usize,
    ) -> Result<Vec<Arc<Entry>>, QueryError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let binds = [Bind::Integer(after), Bind::Integer(through), Bind::Integer(most)];
        let Table { columns, rows, .. } = store.select(self.source.page, &binds).await?;
        let entry = |row: Vec<Value>| {
            let row = columns.iter().cloned().zip(row).collect::<serde_json::Map<_, _>>();
            let id = row.get(self.source.id).and_then(Value::as_i64).unwrap_or(after);
            let kind = match self.source.kind {
                Kind::Column(column) => row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned(),
                Kind::Always(kind) => kind.to_owned(),
            };
            Arc::new(Entry::new(id, &kind, row))
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// The first id of what retention kept without a hole; `None` where nothing is kept.
    pub(super) async fn oldest(&self, store: &Store) -> Result<Option<i64>, QueryError> {
        Ok(number(&store.select(self.source.oldest, &[]).await?))
    }

    /// The newest id of the view.
    pub(super) async fn newest_stored(&self, store: &Store) -> Result<i64, QueryError> {
        Ok(number(&store.select(self.source.newest, &[]).await?).unwrap_or(0))
    }

    /// Hands rows to everybody who follows.
    pub(super) fn send(&self, entries: Vec<Arc<Entry>>) {
        let Some(last) = entries.last().map(|entry| entry.id) else { return };
        self.newest.send_modify(|newest| {
            for entry in entries {
                // Nobody may be there; then nobody misses it.
                let _ = self.sender.send(entry);
            }
            *newest = last;
        });
    }

    /// Counts rows up to this id as sent, where nobody follows; says whether nobody does.
    pub(super) fn skip_to(&self, newest: i64) -> bool {
        let mut is_skipped = false;
        self.newest.send_if_modified(|known| {
            is_skipped = self.sender.receiver_count() == 0;
            let is_news = is_skipped && newest > *known;
            if is_news {
                *known = newest;
            }
            is_news
        });
        is_skipped
    }

    /// A channel with everything that is newer than the id beside it.
    pub(super) fn join(&self) -> (broadcast::Receiver<Arc<Entry>>, i64) {
        let newest = self.newest.borrow();
        (self.sender.subscribe(), *newest)
    }

    pub(super) fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }
}

fn number(table: &Table) -> Option<i64> {
    table.rows.first().and_then(|row| row.first()).and_then(Value::as_i64)
}
