//! The one connection that writes, and what is done when it is lost.

use std::time::Duration;

use rollcall_model::UnixMillis;
use sqlx::{Connection, PgConnection};

use super::place::Place;
use super::{failure, open, within};
use crate::prune::{Pruned, Step};
use crate::{Change, CommitError, plan, sql};

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
    connection: Option<PgConnection>,
    /// The server's process of the last connection: it may hold the lock still.
    process: Option<i32>,
    /// The transaction that is being ended.
    ending: Option<String>,
    unsettled: Option<Unsettled>,
}

impl Writer {
    pub(super) fn new(place: Place, connection: PgConnection) -> Self {
        Self { place, connection: Some(connection), process: None, ending: None, unsettled: None }
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
        let is_lost = matches!(&done, Err(CommitError::Database(error)) if failure::is_lost(error));
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
            transaction.commit().await?;
            Ok(pruned)
        };
        let pruned = within(PATIENCE, tried).await?;
        self.connection = Some(connection);
        Ok(pruned)
    }

    async fn attempt(&mut self, connection: &mut PgConnection, changes: &[Change]) -> Result<(), CommitError> {
        let subjects = plan::subjects(changes);
        let mut transaction = connection.begin().await?;
        let stored = sql::stored(&mut *transaction, &subjects).await?;
        let writes = plan::plan(stored, changes)?;
        sql::all(&mut *transaction, &writes).await?;
        let number = "SELECT pg_current_xact_id()::text, pg_backend_pid()";
        let (number, process) = sqlx::query_as::<_, (String, i32)>(number).fetch_one(&mut *transaction).await?;
        self.process = Some(process);
        // From here on it may be written although nobody says so.
        self.ending = Some(number);
        Ok(transaction.commit().await?)
    }

    /// Another connection, with the lock.
    async fn connect(&mut self) -> Result<PgConnection, sqlx::Error> {
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
