//! The SQLite backend: one file, or one private database in memory.
//!
//! A file has one writing connection and three small sets of read-only ones, so that neither a commit nor the API waits
//! for somebody's long question, nor the zone itself for the API. A database in memory has one connection for everything, turned read-only while it
//! answers. There are no timers here: waiting is for locks, and a long question is stopped by SQLite's own progress
//! handler, so the store works under a paused test clock as well.

pub(crate) mod answer;
mod link;
pub(crate) mod offline;
mod open;
mod place;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rollcall_model::UnixMillis;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqlStr, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) use self::open::{APPLICATION_ID, NEWEST};
pub(crate) use self::place::Place;
use crate::lease::Fence;
use crate::prune::{Pruned, Step};
use crate::readers::Readers;
use crate::sql::TOUCH;
use crate::topology::Topology;
use crate::{
    AskError, AskLimits, Asker, AuditError, AuditMark, AuditStep, Bind, Change, CommitError, Lease, LoadError,
    OpenError, QueryError, Replica, Snapshot, Table, audit, plan, sql,
};

/// An open database.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    writer: Arc<Mutex<SqliteConnection>>,
    /// How the writer of a file is opened.
    writing: Option<SqliteConnectOptions>,
    fence: Fence,
    /// Whether the writer was last seen in trouble: SQLite itself ends a transaction when the disk is full, which the
    /// driver does not notice. Another connection is made then.
    is_doubtful: AtomicBool,
    /// Who answers; `None` in memory, where the writer does.
    readers: Option<FileReaders>,
    /// Held until the connections above are gone: fields are dropped in order.
    _lock: Option<File>,
}

#[derive(Debug)]
struct FileReaders {
    /// For the program's own statements.
    select: Readers<SqliteConnectOptions>,
    /// The same, where the zone itself waits.
    zone: Readers<SqliteConnectOptions>,
    /// For what people ask.
    ask: Readers<SqliteConnectOptions>,
}

impl FileReaders {
    const fn selecting(&self, asker: Asker) -> &Readers<SqliteConnectOptions> {
        match asker {
            Asker::People => &self.select,
            Asker::Zone => &self.zone,
        }
    }
}

impl SqliteStore {
    /// Opens, checks, migrates.
    pub(crate) async fn open(place: Place) -> Result<Self, OpenError> {
        match place {
            Place::Memory => open::memory().await,
            Place::File(path) => open::file(&path).await,
        }
    }

    /// The one connection of a database in memory, made ready to read or to write whatever a question that was
    /// cancelled half-way left behind.
    async fn sole(&self, query_only: bool) -> Result<MutexGuard<'_, SqliteConnection>, sqlx::Error> {
        let mut connection = self.writer.lock().await;
        connection.lock_handle().await?.remove_progress_handler();
        let sql = if query_only { "PRAGMA query_only = ON" } else { "PRAGMA query_only = OFF" };
        sqlx::query(sql).execute(&mut *connection).await?;
        Ok(connection)
    }

    async fn writer(&self) -> Result<MutexGuard<'_, SqliteConnection>, sqlx::Error> {
        if self.readers.is_none() {
            return self.sole(false).await;
        }
        let mut writer = self.writer.lock().await;
        if let Some(writing) = &self.writing
            && self.is_doubtful.load(Ordering::Relaxed)
        {
            *writer = writing.connect().await?;
            self.is_doubtful.store(false, Ordering::Relaxed);
        }
        Ok(writer)
    }

    /// Plans and writes, all or none.
    async fn write(&self, changes: &[Change]) -> Result<(), CommitError> {
        let subjects = plan::subjects(changes);
        let mut connection = self.writer().await?;
        // Immediate: what is read for the plan is still so when it is written. A transaction that is dropped is
        // rolled back before the connection does anything else.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        // First: what a former holder has to say does not fit any more, which is not what it must hear.
        self.judge(&mut transaction).await?;
        let stored = sql::stored(&mut *transaction, &subjects).await?;
        let writes = plan::plan(stored, changes)?;
        sql::all(&mut *transaction, &writes).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whether this store may still write.
    async fn judge(&self, connection: &mut SqliteConnection) -> Result<(), CommitError> {
        if self.fence.is_up() {
            self.fence.judge(sql::lease::fence(connection).await?)?;
        }
        Ok(())
    }

    /// Another view of a database in memory: the same connection, and a fence of its own.
    pub(crate) fn beside(&self) -> Self {
        Self {
            writer: Arc::clone(&self.writer),
            writing: None,
            fence: Fence::default(),
            is_doubtful: AtomicBool::new(false),
            readers: None,
            _lock: None,
        }
    }

    pub(crate) const fn is_in_memory(&self) -> bool {
        self.readers.is_none()
    }

    pub(crate) const fn fence(&self) -> &Fence {
        &self.fence
    }

    pub(crate) async fn take(&self, me: &Replica, seen: Option<&Lease>) -> Result<Option<u64>, sqlx::Error> {
        let mut connection = self.writer().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let taken = sql::lease::take(&mut *transaction, me, seen).await?;
        transaction.commit().await?;
        Ok(taken)
    }

    pub(crate) async fn lease(&self) -> Result<Option<Lease>, sqlx::Error> {
        sql::lease::lease(&mut *self.writer().await?).await
    }

    pub(crate) async fn renew(&self, generation: u64) -> Result<Option<u64>, sqlx::Error> {
        sql::lease::renew(&mut *self.writer().await?, generation).await
    }

    pub(crate) async fn release(&self, generation: u64) -> Result<(), sqlx::Error> {
        sql::lease::release(&mut *self.writer().await?, generation).await
    }

    fn doubt<T>(&self, done: &Result<T, CommitError>) {
        if matches!(done, Err(CommitError::Database(_))) {
            self.is_doubtful.store(true, Ordering::Relaxed);
        }
    }
}

impl Topology for SqliteStore {
    async fn close(self) {
        let Self { writer, readers, _lock, .. } = self;
        for readers in readers.into_iter().flat_map(|it| [it.select, it.zone, it.ask]) {
            readers.close().await;
        }
        // What is committed is safe: an error here only means that the log stays beside the file.
        if let Some(writer) = Arc::into_inner(writer)
            && let Err(error) = writer.into_inner().close().await
        {
            tracing::warn!(%error, "the database did not close cleanly; nothing is lost");
        }
    }

    async fn commit(&self, changes: &[Change]) -> Result<(), CommitError> {
        let done = self.write(changes).await;
        self.doubt(&done);
        done
    }

    async fn touch(&self) -> Result<(), CommitError> {
        let touched = async {
            let mut connection = self.writer().await?;
            sqlx::query(TOUCH).execute(&mut *connection).await?;
            Ok(())
        };
        let touched = touched.await;
        self.doubt(&touched);
        touched
    }

    async fn prune(&self, step: Step<'_>, now: UnixMillis) -> Result<Pruned, CommitError> {
        let done = async {
            let mut connection = self.writer().await?;
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            let pruned = sql::prune(&mut *transaction, step, now).await?;
            self.judge(&mut transaction).await?;
            transaction.commit().await?;
            Ok(pruned)
        };
        let done = done.await;
        self.doubt(&done);
        done
    }

    async fn load(&self) -> Result<Snapshot, LoadError> {
        let mut connection = self.writer().await?;
        let mut transaction = connection.begin().await?;
        let snapshot = sql::snapshot(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(snapshot)
    }

    async fn verify_audit(&self, from: AuditMark) -> Result<AuditStep, AuditError> {
        let rows = match &self.readers {
            None => sql::audit_after(&mut *self.sole(true).await?, from.seq).await?,
            Some(readers) => {
                let mut lent = readers.select.take().await?;
                let rows = sql::audit_after(lent.connection(), from.seq).await;
                lent.give_back();
                rows?
            }
        };
        Ok(audit::walk(from, &rows, rows.len() < sql::AUDIT_STEP))
    }

    async fn select(&self, asker: Asker, sql: SqlStr, binds: &[Bind]) -> Result<Table, QueryError> {
        let asked = sql.clone();
        let result = match &self.readers {
            None => match self.sole(true).await {
                Ok(mut connection) => answer::selected(&mut connection, sql, binds).await,
                Err(error) => Err(error),
            },
            Some(readers) => match readers.selecting(asker).take().await {
                Ok(mut lent) => {
                    let result = answer::selected(lent.connection(), sql, binds).await;
                    lent.give_back();
                    result
                }
                Err(error) => Err(error),
            },
        };
        result.map_err(|source| QueryError { sql: asked.as_str().to_owned(), source })
    }

    async fn ask(&self, sql: &str, limits: AskLimits) -> Result<Table, AskError> {
        match &self.readers {
            None => {
                let mut connection = self.sole(true).await.map_err(AskError::Database)?;
                answer::asked(&mut connection, sql, limits).await
            }
            Some(readers) => {
                let mut lent = readers.ask.take().await.map_err(AskError::Database)?;
                let result = answer::asked(lent.connection(), sql, limits).await;
                lent.give_back();
                result
            }
        }
    }
}
