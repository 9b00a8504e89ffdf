//! Looking at the lease of a zone without the lock of its writer, and coming to have both.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

use super::open::{connect, connected, lock, refused, says};
use super::place::Place;
use super::{PostgresStore, within};
use crate::{LoadError, OpenError, Replica, Sight, sql};

/// How long one look may take.
const LOOK: Duration = Duration::from_millis(1_500);
/// How long a connection that is told to end may take.
const ENDING: Duration = Duration::from_secs(2);
const ENDING_LOOK: Duration = Duration::from_millis(10);
/// That one stands by is said this often.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Whether there is a lease at all (an older version has none), and whether a connection holds the writer's lock.
const SURVEY: &str = "SELECT to_regclass(quote_ident(current_schema()) || '.zone_lease') IS NOT NULL, \
     EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = 1383033964 \
     AND l.objid::int = hashtext(current_schema()) AND l.granted \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))";

/// Ends the zone controller's connection that holds the lock. Nobody else's: upkeep is left alone.
const END_HOLDER: &str = "SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
     WHERE l.locktype = 'advisory' AND l.classid = 1383033964 AND l.objid::int = hashtext(current_schema()) AND l.granted \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND a.application_name = 'rollcall zone-controller' AND a.usename = current_user";

/// A replica on its way to the database.
#[derive(Debug)]
pub(crate) struct Contest {
    place: Place,
    connection: Option<PgConnection>,
    /// When it was last said that this one stands by.
    said: Option<Instant>,
}

impl Contest {
    pub(crate) const fn new(place: Place) -> Self {
        Self { place, connection: None, said: None }
    }

    pub(crate) fn shown(&self) -> &str {
        self.place.shown()
    }

    /// Looks; a connection that fails is not used again.
    pub(crate) async fn look(&mut self, me: &Replica) -> Result<Sight, OpenError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connected(&self.place).await?,
        };
        let is_to_be_said = self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY);
        let seen = within(LOOK, survey(&mut connection, is_to_be_said.then_some(me))).await;
        let sight = seen.map_err(says(&self.place, "looking at the zone's lease"))?;
        if is_to_be_said {
            self.said = Some(Instant::now());
        }
        self.connection = Some(connection);
        Ok(sight)
    }

    /// Opens the database with the lock of its writer, which is taken from whoever holds the lease that was seen.
    pub(crate) async fn open(&mut self, seen: &Sight) -> Result<Option<PostgresStore>, OpenError> {
        let place = &self.place;
        let mut connection = connect(place).await.map_err(|source| refused(place, source))?;
        let taking = says(place, "taking the writer's lock");
        if let Some(holder) = lock(&mut connection).await.map_err(&taking)? {
            let is_as_seen = sight(&mut connection).await.map_err(&taking)?.lease == seen.lease;
            if seen.lease.is_none() || !is_as_seen {
                tracing::debug!(holder, "the database is in use by another zone controller");
                return Ok(None);
            }
            if !ended(&mut connection).await.map_err(&taking)? {
                tracing::warn!(holder, "the zone's lease is free, but its database is in use");
                return Ok(None);
            }
        }
        Ok(Some(PostgresStore::with(self.place.clone(), connection).await?))
    }
}

/// Ends the connection of the former holder, and takes the lock. Says whether it has it.
async fn ended(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query(END_HOLDER).execute(&mut *connection).await?;
    let until = Instant::now() + ENDING;
    loop {
        if lock(connection).await?.is_none() {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        sleep(ENDING_LOOK).await;
    }
}

async fn survey(connection: &mut PgConnection, me: Option<&Replica>) -> Result<Sight, sqlx::Error> {
    let sight = sight(connection).await?;
    if let (Some(me), Some(_)) = (me, &sight.lease) {
        sql::lease::stand_by(connection, me).await?;
    }
    Ok(sight)
}

async fn sight(connection: &mut PgConnection) -> Result<Sight, sqlx::Error> {
    let (has_lease, is_locked) = sqlx::query_as::<_, (bool, bool)>(SURVEY).fetch_one(&mut *connection).await?;
    if !has_lease {
        return Ok(Sight { is_locked, ..Sight::default() });
    }
    let zone = sql::lease::owner(connection).await.map_err(|error| match error {
        LoadError::Database(error) => error,
        LoadError::Damaged(damaged) => sqlx::Error::Decode(damaged.into()),
    })?;
    Ok(Sight { zone, lease: sql::lease::lease(connection).await?, is_locked })
}
