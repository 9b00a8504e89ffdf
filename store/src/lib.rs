//! The SQL topology of a zone: what is known about it, how it came to be so, and views for people who ask.
//!
//! What is durable: every [`Change`] for which [`Store::commit`] returned `Ok`, through a power loss too. What is
//! derived: the views (`v_nodes`, `v_groups` …), which are the contract for people who write SQL; the tables behind
//! them may change with any version. `docs/sql.md` describes the views and gives examples. What is only kept for a
//! while is history, for as long as [`Retention`] says, and messages on channels, of which the newest 10,000 of each are
//! all there are. What is over leaves in small steps ([`Store::prune`]), which somebody has to ask for.
//!
//! What to write is decided in one pure place, `plan`, from the changes and what is stored about their subjects;
//! a backend only fetches, writes and answers. A backend is a `topology::Topology`: SQLite in a file or in memory, or
//! PostgreSQL; `tests/contract` says what each must do.
//!
//! The store refuses to interpret: it does not decide who may join, which group a node belongs to, or whether a node
//! is down. It refuses numbers that do not grow, and keeps the rest.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that fails says where"))]

mod audit;
mod built;
mod change;
mod committed;
mod error;
mod lease;
mod plan;
mod postgres;
mod prune;
mod readers;
mod record;
mod retention;
mod row;
mod sql;
mod sqlite;
mod statement;
mod table;
mod topology;
mod trust;
pub mod upkeep;
mod writable;

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tokio::sync::watch;

pub use crate::audit::{AuditMark, AuditStep};
pub use crate::built::Sql;
pub use crate::change::{Change, GroupKind, GroupRule, IssuedBy, TrustChange};
pub use crate::error::{AskError, AuditError, CommitError, Damaged, LoadError, OpenError, QueryError};
pub use crate::lease::{Contest, Lease, Renewal, Replica, Sight, Tenure};
pub use crate::prune::{HistoryPruned, Pruning};
pub use crate::record::{
    ActionRecord, AlertState, CertificateRecord, GroupRecord, HeldRecord, JoinRecord, JoinState, NodeRecord,
    PolicyRecord, RevokedRecord, Snapshot, TokenRecord, TrustRecord, UserRecord, ZoneRecord,
};
pub use crate::retention::{Cut, History, Retention};
pub use crate::table::{AskLimits, Bind, Table};
pub use crate::writable::Writable;

use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;
use crate::topology::Topology;

/// A zone's topology in a database. Cheap to clone; all clones are the same store.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    writable: Arc<watch::Sender<Writable>>,
    committed: Arc<watch::Sender<u64>>,
    asker: Asker,
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody who may wait behind others.
    People,
    /// The zone itself, which keeps everybody waiting when it waits.
    Zone,
}

/// No statement of [`Store::select`] takes longer: it is stopped.
pub(crate) const LONGEST_SELECT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Store {
    /// Opens the database of a URL, makes it where there is none, and brings it to this program's schema.
    ///
    /// `sqlite:/path/to/file.db` is a file (mode 0600, and locked against a second zone controller until every clone
    /// of the store is dropped); `sqlite::memory:` is a private database that is gone with the store.
    /// `postgres://user:password@host:5432/database?sslmode=…` is a schema of a database of a PostgreSQL server, locked
    /// in the same way; the database must be there, its schema is made.
    ///
    /// # Errors
    /// See [`OpenError`]. A database that is refused is left as it was.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let place = postgres::Place::parse(url)?;
            return Ok(Self::of(Backend::Postgres(Arc::new(PostgresStore::open(place).await?))));
        }
        let place = sqlite::Place::parse(url)?;
        Ok(Self::of(Backend::Sqlite(Arc::new(SqliteStore::open(place).await?))))
    }

    fn of(backend: Backend) -> Self {
        let (writable, committed) = (watch::Sender::new(Writable::Yes), watch::Sender::new(0));
        Self { backend, writable: Arc::new(writable), committed: Arc::new(committed), asker: Asker::People }
    }

    /// The same store, which answers by connections of its own: for what the zone itself needs to know, so that it never
    /// waits behind what people ask.
    #[must_use]
    pub fn for_zone(&self) -> Self {
        Self { asker: Asker::Zone, ..self.clone() }
    }

    /// A database in memory as another zone controller would have it open, with a tenure of its own: for simulations. `None`
    /// for any other database, which another process can open by itself or must not.
    #[must_use]
    pub fn beside(&self) -> Option<Self> {
        match &self.backend {
            Backend::Sqlite(store) if store.is_in_memory() => Some(Self::of(Backend::Sqlite(Arc::new(store.beside())))),
            _ => None,
        }
    }

    /// Closes the database and waits until it is: one tidy file remains, without a log beside it. Does nothing while
    /// another clone of the store lives. A store that is merely dropped loses nothing; it closes a moment later.
    pub async fn close(self) {
        match self.backend {
            Backend::Sqlite(store) => {
                if let Some(store) = Arc::into_inner(store) {
                    store.close().await;
                }
            }
            Backend::Postgres(store) => {
                if let Some(store) = Arc::into_inner(store) {
                    store.close().await;
                }
            }
        }
    }

    /// Writes the changes, in order, in one transaction: all or none.
    ///
    /// What was written already (a [`Change::NodeChanged`] that is not newer than the last one taken from that group,
    /// a placement or membership that is in force, an order that has come further) is skipped silently, so a batch may
    /// be repeated after a crash as long as it holds no guarded number.
    ///
    /// # Errors
    /// See [`CommitError`]; in every case nothing of the batch is written.
    pub async fn commit(&self, changes: &[Change]) -> Result<(), CommitError> {
        let done = match &self.backend {
            Backend::Sqlite(store) => store.commit(changes).await,
            Backend::Postgres(store) => store.commit(changes).await,
        };
        self.tell(&done);
        self.count(&done);
        done
    }

    async fn backend_touch(&self) -> Result<(), CommitError> {
        match &self.backend {
            Backend::Sqlite(store) => store.touch().await,
            Backend::Postgres(store) => store.touch().await,
        }
    }

    /// Everything a starting zone controller needs, as of one moment.
    ///
    /// # Errors
    /// When the database does not answer, or holds a row that cannot be what this program wrote.
    pub async fn load(&self) -> Result<Snapshot, LoadError> {
        match &self.backend {
            Backend::Sqlite(store) => store.load().await,
            Backend::Postgres(store) => store.load().await,
        }
    }

    /// How an alert stands; `None` when there is none of this number, which [`Change::AlertAcknowledged`] passes over
    /// in silence: whoever is asked to acknowledge one asks here first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn alert_state(&self, alert: i64) -> Result<Option<AlertState>, QueryError> {
        let sql = "SELECT state FROM v_alerts WHERE alert_id = $1";
        let found = self.select(sql, &[Bind::Integer(alert)]).await?;
        let word = found.rows.first().and_then(|row| row.first()).and_then(serde_json::Value::as_str);
        Ok(word.map(|word| match word {
            "cleared" => AlertState::Cleared,
            "acknowledged" => AlertState::Acknowledged,
            _ => AlertState::Raised,
        }))
    }

    /// Answers one of the program's own statements; `$1`, `$2` … are the binds. Never writes. Stopped after 10 s.
    ///
    /// # Errors
    /// When the database does not answer, the time is over ([`QueryError::took_too_long`]), or the statement does not fit the
    /// schema.
    pub async fn select(&self, sql: &'static str, binds: &[Bind]) -> Result<Table, QueryError> {
        self.answer(sql.into_sql_str(), binds).await
    }

    /// Answers a statement that was put together; see [`Sql`]. Never writes.
    ///
    /// # Errors
    /// As [`Self::select`].
    pub async fn select_built(&self, sql: &Sql) -> Result<Table, QueryError> {
        // Safe: a `Sql` is made of the program's own text and of binds, and of nothing else.
        self.answer(AssertSqlSafe(sql.text().to_owned()).into_sql_str(), sql.binds()).await
    }

    async fn answer(&self, sql: SqlStr, binds: &[Bind]) -> Result<Table, QueryError> {
        match &self.backend {
            Backend::Sqlite(store) => store.select(self.asker, sql, binds).await,
            Backend::Postgres(store) => store.select(self.asker, sql, binds).await,
        }
    }

    /// Answers a question somebody wrote in SQL: one `SELECT`, `WITH`, `VALUES` or `EXPLAIN` of those. Never writes.
    ///
    /// Stops at the row limit (and says so in [`Table::truncated`]) and at the time limit.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(&self, sql: &str, limits: AskLimits) -> Result<Table, AskError> {
        statement::check(sql)?;
        match &self.backend {
            Backend::Sqlite(store) => store.ask(sql, limits).await,
            Backend::Postgres(store) => store.ask(sql, limits).await,
        }
    }
}
