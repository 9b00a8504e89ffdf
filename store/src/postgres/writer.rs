//! The one connection that writes, and what is done when it is lost.

use std::time::Duration;

use rollcall_model::UnixMillis;
use sqlx::{Connection, PgConnection};

use super::place::Place;
use super::{failure, open, within};
use crate::lease::Fence;
use crate::prune::{Pruned, Step};
use crate::{Change, CommitError, Lease, Replica, plan, sql};

/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A batch whose end is not known: the connection was lost after `COMMIT` was sent.
#[derive(Debug)]
struct Unsettled {
    transaction: String,
    changes: Vec<Change>,
}

#[derive(Debug)]
pub(super) struct Writer {
    place: Place,
    fence: Fence,
    connection: Option<PgConnection>,
    /// The server's process of the last connection: it may hold the lock still.
    process: Option<i32>,
    /// The transaction that is being ended.
    ending: Option<String>,
    unsettled: Option<Unsettled>,
}

impl Writer {
    pub(super) fn new(place: Place, connection: PgConnection, fence: Fence) -> Self {
        Self { place, connection: Some(connection), fence, process: None, ending: None, unsettled: None }
    }

    /// Takes the lease; what is written from now on is written in its generation.
    pub(super) async fn take(&mut self, me: &Replica, seen: Option<&Lease>) -> Result<Option<u64>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.relocked().await?,
        };
        let taken = within(PATIENCE, async {
            let mut transaction = connection.begin().await?;
            let taken = sql::lease::take(&mut *transaction, me, seen).await?;
            transaction.commit().await?;
            Ok(taken)
        });
        let taken = taken.await?;
        self.connection = Some(connection);
        Ok(taken)
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection
            && let Err(error) = within(Duration::from_secs(5), connection.close()).await
        {
            tracing::debug!(%error, "the writing connection did not close cleanly; nothing is lost");
        }
    }

    /// Writes the changes, all or none. Where the last try ended in the dark, what became of it is found out first.
    pub(super) async fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        // Taken out, and put back only when all is well: whoever is cancelled half-way leaves no connection behind.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        if let Some(unsettled) = &self.unsettled {
            let sql = "SELECT coalesce(pg_xact_status($1::text::xid8), 'aborted')";
            let query = sqlx::query_scalar::<_, String>(sql).bind(&unsettled.transaction);
            let status = within(PATIENCE, query.fetch_one(&mut connection)).await?;
            let is_the_same = unsettled.changes == changes;
            match status.as_str() {
                "in progress" => return Err(failure::silent().into()),
                "committed" if is_the_same => {
                    self.unsettled = None;
                    self.connection = Some(connection);
                    return Ok(());
                }
                _ => self.unsettled = None,
            }
        }
        self.ending = None;
        let tried = tokio::time::timeout(PATIENCE, self.attempt(&mut connection, changes)).await;
        let done = tried.unwrap_or_else(|_| Err(failure::silent().into()));
        // Whoever is fenced off gives up its connection, and the lock with it.
        let is_lost = match &done {
            Err(CommitError::Database(error)) => failure::is_lost(error),
            Err(error) => error.is_fenced(),
            Ok(()) => false,
        };
        if !is_lost {
            self.connection = Some(connection);
        } else if let Some(transaction) = self.ending.take() {
            self.unsettled = Some(Unsettled { transaction, changes: changes.to_vec() });
        }
        done
    }

    /// Writes what changes nothing.
    pub(super) async fn touch(&mut self) -> Result<(), CommitError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        within(PATIENCE, sqlx::query(sql::TOUCH).execute(&mut connection)).await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// One step of a pruning. Whatever becomes of it, the next one goes on where it must.
    pub(super) async fn prune(&mut self, step: Step<'_>, now: UnixMillis) -> Result<Pruned, CommitError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let tried = async {
            let mut transaction = connection.begin().await?;
            let pruned = sql::prune(&mut *transaction, step, now).await?;
            let stored = sql::lease::fence(&mut *transaction).await?;
            if self.fence.judge(stored).is_err() {
                return Ok((pruned, stored));
            }
            transaction.commit().await?;
            Ok((pruned, stored))
        };
        let (pruned, stored) = within(PATIENCE, tried).await?;
        self.fence.judge(stored)?;
        self.connection = Some(connection);
        Ok(pruned)
    }

    async fn attempt(&mut self, connection: &mut PgConnection, changes: &[Change]) -> Result<(), CommitError> {
        let subjects = plan::subjects(changes);
        let mut transaction = connection.begin().await?;
        let stored = sql::stored(&mut *transaction, &subjects).await?;
        let writes = plan::plan(stored, changes)?;
        sql::all(&mut *transaction, &writes).await?;
        let number = "SELECT pg_current_xact_id()::text, pg_backend_pid(), (SELECT generation FROM zone_lease)";
        let row = sqlx::query_as::<_, (String, i32, Option<i64>)>(number).fetch_one(&mut *transaction).await?;
        let (number, process, generation) = row;
        self.process = Some(process);
        // The lock is ours, and nobody takes the lease without it: what stands there now stands there at the end, too.
        self.fence.judge(generation.and_then(|generation| u64::try_from(generation).ok()))?;
        // From here on it may be written although nobody says so.
        self.ending = Some(number);
        Ok(transaction.commit().await?)
    }

    /// Another connection, with the lock; none for who is fenced off, so that the lock is left to the one who may write.
    async fn connect(&mut self) -> Result<PgConnection, CommitError> {
        let mut connection = self.relocked().await?;
        if self.fence.is_up() {
            self.fence.judge(within(PATIENCE, sql::lease::fence(&mut connection)).await?)?;
        }
        Ok(connection)
    }

    async fn relocked(&mut self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = open::connect(&self.place).await?;
        let Some(holder) = within(PATIENCE, open::lock(&mut connection)).await? else {
            tracing::info!("connected to the database again");
            return Ok(connection);
        };
        // Most likely ourselves: the server has not noticed yet that the last connection is gone.
        if let Some(process) = self.process {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE pid = $1 AND application_name = 'rollcall zone-controller' AND usename = current_user \
                       AND state <> 'active'";
            let ended = sqlx::query(sql).bind(process).execute(&mut connection);
            within(PATIENCE, ended).await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            if within(PATIENCE, open::lock(&mut connection)).await?.is_none() {
                return Ok(connection);
            }
        }
        Err(failure::held(&holder))
    }
}
