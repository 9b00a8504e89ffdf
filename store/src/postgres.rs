//! The PostgreSQL backend: a server of version 15 or later, one schema of one database for a zone.
//!
//! One connection writes. It holds an advisory lock for as long as it lives, so a zone has one writer here too; what is
//! lost with the connection, the lock among it, is taken again with the next one. Three small sets of read-only
//! connections answer, so that neither a commit nor the API waits for somebody's long question, nor the zone itself for the
//! API. Every wait is bounded.

mod answer;
mod contest;
pub(crate) mod failure;
mod link;
mod migrate;
pub(crate) mod offline;
mod open;
mod place;
mod reader;
pub(crate) mod tools;
mod values;
mod writer;

use std::time::Duration;

use rollcall_model::UnixMillis;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, SqlStr};
use tokio::sync::Mutex;

pub(crate) use self::contest::Contest;
pub(crate) use self::place::Place;
use self::writer::Writer;
use crate::lease::Fence;
use crate::prune::{Pruned, Step};
use crate::readers::{Lent, Readers};
use crate::topology::Topology;
use crate::{
    AskError, AskLimits, Asker, AuditError, AuditMark, AuditStep, Bind, Change, CommitError, Lease, LoadError,
    OpenError, QueryError, Replica, Snapshot, Table, audit, sql,
};

/// How many of the program's own questions, and of other people's, are answered at once.
const SELECTING: usize = 4;
const ASKING: usize = 2;
/// And of what the zone itself needs.
const OF_ZONE: usize = 2;

/// How long the server may take to answer one of the program's own questions, a connection's making included.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open database.
#[derive(Debug)]
pub(crate) struct PostgresStore {
    writer: Mutex<Writer>,
    /// For the lease alone, so that it is renewed whatever is being written.
    renewing: Mutex<Option<PgConnection>>,
    place: Place,
    fence: Fence,
    /// For the program's own statements.
    select: Readers<PgConnectOptions>,
    /// The same, where the zone itself waits.
    zone: Readers<PgConnectOptions>,
    /// For what people ask.
    ask: Readers<PgConnectOptions>,
}

impl PostgresStore {
    /// Opens, checks, migrates.
    pub(crate) async fn open(place: Place) -> Result<Self, OpenError> {
        let connection = open::locked(&place).await?;
        Self::with(place, connection).await
    }

    /// With a connection that has the lock.
    async fn with(place: Place, connection: PgConnection) -> Result<Self, OpenError> {
        let opened = open::open(&place, connection).await?;
        let fence = Fence::default();
        Ok(Self {
            writer: Mutex::new(Writer::new(place.clone(), opened.connection, fence.clone())),
            renewing: Mutex::new(None),
            fence,
            select: Readers::new(place.selecting(), SELECTING),
            zone: Readers::new(place.selecting(), OF_ZONE),
            ask: Readers::new(place.reading(opened.reader.as_deref()), ASKING),
            place,
        })
    }

    /// A connection of a set: one that works, as far as can be known.
    async fn lent<'a>(
        &self,
        readers: &'a Readers<PgConnectOptions>,
    ) -> Result<Lent<'a, PgConnectOptions>, sqlx::Error> {
        let mut lent = within(PATIENCE, readers.take()).await?;
        if lent.is_used && within(PATIENCE, lent.connection().ping()).await.is_err() {
            // The server was started anew, say: the others are gone as well.
            readers.forget();
            drop(lent);
            lent = within(PATIENCE, readers.take()).await?;
        }
        Ok(lent)
    }

    /// Has a reading connection do something, and keeps it where it can be used again.
    async fn read<T, E>(
        &self,
        readers: &Readers<PgConnectOptions>,
        patience: Duration,
        what: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<Result<T, E>, sqlx::Error> {
        let mut lent = self.lent(readers).await?;
        let Ok(done) = tokio::time::timeout(patience, what(lent.connection())).await else {
            return Err(failure::silent());
        };
        // One that failed is not trusted again: it costs a moment to make another.
        if done.is_ok() {
            lent.give_back();
        }
        Ok(done)
    }
}

impl PostgresStore {
    pub(crate) const fn fence(&self) -> &Fence {
        &self.fence
    }

    pub(crate) async fn take(&self, me: &Replica, seen: Option<&Lease>) -> Result<Option<u64>, sqlx::Error> {
        self.writer.lock().await.take(me, seen).await
    }

    pub(crate) async fn lease(&self) -> Result<Option<Lease>, sqlx::Error> {
        let read =
            self.read(&self.zone, PATIENCE, async |connection: &mut PgConnection| sql::lease::lease(connection).await);
        read.await?
    }

    pub(crate) async fn renew(&self, generation: u64, patience: Duration) -> Result<Option<u64>, sqlx::Error> {
        self.renewing(patience, async |connection| sql::lease::renew(connection, generation).await).await
    }

    pub(crate) async fn release(&self, generation: u64, patience: Duration) -> Result<(), sqlx::Error> {
        self.renewing(patience, async |connection| sql::lease::release(connection, generation).await).await
    }

    /// Whoever fails, or is cancelled half-way, leaves no connection behind.
    async fn renewing<T>(
        &self,
        patience: Duration,
        what: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        within(patience, async {
            let mut place = self.renewing.lock().await;
            let mut connection = match place.take() {
                Some(connection) => connection,
                None => open::connect(&self.place).await?,
            };
            let done = what(&mut connection).await?;
            *place = Some(connection);
            Ok(done)
        })
        .await
    }
}

/// Ends in an error when it takes too long.
async fn within<T>(patience: Duration, what: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(patience, what).await.unwrap_or_else(|_| Err(failure::silent()))
}

impl Topology for PostgresStore {
    async fn close(self) {
        let Self { writer, select, zone, ask, .. } = self;
        for readers in [select, zone, ask] {
            readers.close().await;
        }
        writer.into_inner().close().await;
    }

    async fn commit(&self, changes: &[Change]) -> Result<(), CommitError> {
        self.writer.lock().await.commit(changes).await
    }

    async fn touch(&self) -> Result<(), CommitError> {
        self.writer.lock().await.touch().await
    }

    async fn prune(&self, step: Step<'_>, now: UnixMillis) -> Result<Pruned, CommitError> {
        self.writer.lock().await.prune(step, now).await
    }

    async fn load(&self) -> Result<Snapshot, LoadError> {
        // A large zone takes its time; it is loaded once.
        let loaded = self.read(&self.select, 6 * PATIENCE, async |connection: &mut PgConnection| {
            let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            sqlx::raw_sql("SET LOCAL statement_timeout = '60s'").execute(&mut *transaction).await?;
            let snapshot = sql::snapshot(&mut *transaction).await?;
            transaction.commit().await?;
            Ok::<_, LoadError>(snapshot)
        });
        loaded.await.map_err(LoadError::Database)?
    }

    async fn verify_audit(&self, from: AuditMark) -> Result<AuditStep, AuditError> {
        let seq = from.seq;
        let rows = self.read(&self.select, PATIENCE, async |connection: &mut PgConnection| {
            sql::audit_after(connection, seq).await
        });
        let rows = rows.await.map_err(AuditError::Database)??;
        Ok(audit::walk(from, &rows, rows.len() < sql::AUDIT_STEP))
    }

    async fn select(&self, asker: Asker, sql: SqlStr, binds: &[Bind]) -> Result<Table, QueryError> {
        let readers = match asker {
            Asker::People => &self.select,
            Asker::Zone => &self.zone,
        };
        let answered = self.read(readers, PATIENCE, async |connection: &mut PgConnection| {
            answer::table(connection, sql.clone(), binds).await
        });
        let answered = match answered.await {
            Ok(answered) => answered,
            Err(error) => Err(error),
        };
        answered.map_err(|source| QueryError { sql: sql.as_str().to_owned(), source })
    }

    async fn ask(&self, sql: &str, limits: AskLimits) -> Result<Table, AskError> {
        let patience = limits.timeout + Duration::from_secs(2);
        let answered = self.read(&self.ask, patience, async |connection: &mut PgConnection| {
            answer::asked(connection, sql, limits).await
        });
        answered.await.map_err(AskError::Database)?
    }
}
