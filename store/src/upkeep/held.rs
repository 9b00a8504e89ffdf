//! A database of either kind, to look at or held against a zone controller.

use std::fs::File;
use std::path::PathBuf;

use sqlx::{PgConnection, SqlStr, SqliteConnection};

use super::UpkeepError;
use crate::sql::{Dialect, Link};
use crate::{postgres, sqlite};

/// Where a database is, of either kind.
pub(super) enum Place {
    Sqlite(PathBuf),
    Postgres(postgres::Place),
}

impl Place {
    /// Reads a URL.
    pub(super) fn parse(url: &str) -> Result<Self, UpkeepError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(Self::Postgres(postgres::Place::parse(url)?));
        }
        match sqlite::Place::parse(url)? {
            sqlite::Place::Memory => Err(UpkeepError::InMemory),
            sqlite::Place::File(path) => Ok(Self::Sqlite(path)),
        }
    }

    /// The same for every way to write it, as far as can be seen without asking a server.
    pub(super) fn true_name(&self) -> String {
        match self {
            Self::Sqlite(path) => path.canonicalize().as_ref().unwrap_or(path).display().to_string(),
            Self::Postgres(place) => place.shown().to_owned(),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(place) => place.shown().to_owned(),
        }
    }
}

/// An open database.
pub(super) enum Held {
    /// Its lock is let go of when this is dropped, after the connection.
    Sqlite(SqliteConnection, Option<File>),
    /// The lock is the connection's own.
    Postgres(PgConnection),
}

impl Held {
    /// To look at.
    pub(super) async fn look(place: &Place) -> Result<Self, UpkeepError> {
        Ok(match place {
            Place::Sqlite(path) => Self::Sqlite(sqlite::offline::look(path).await?, None),
            Place::Postgres(place) => Self::Postgres(postgres::offline::look(place).await?),
        })
    }

    /// Held against everybody else who would write.
    pub(super) async fn hold(place: &Place) -> Result<Self, UpkeepError> {
        Ok(match place {
            Place::Sqlite(path) => {
                let (connection, lock) = sqlite::offline::hold(path).await?;
                Self::Sqlite(connection, Some(lock))
            }
            Place::Postgres(place) => Self::Postgres(postgres::offline::hold(place).await?),
        })
    }

    /// A statement without an answer, such as `BEGIN`.
    pub(super) async fn tell(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection, _) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
        }
    }

    /// Closes it; the lock goes last.
    pub(super) async fn close(self) {
        match self {
            Self::Sqlite(connection, lock) => {
                sqlite::offline::close(connection).await;
                drop(lock);
            }
            Self::Postgres(connection) => drop(sqlx::Connection::close(connection).await),
        }
    }
}

impl Link for Held {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(..) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    async fn each(
        &mut self,
        sql: SqlStr,
        binds: Vec<String>,
        take: impl FnMut(String) + Send,
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection, _) => connection.each(sql, binds, take).await,
            Self::Postgres(connection) => connection.each(sql, binds, take).await,
        }
    }

    async fn run(&mut self, sql: SqlStr, binds: Vec<String>) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(connection, _) => connection.run(sql, binds).await,
            Self::Postgres(connection) => connection.run(sql, binds).await,
        }
    }
}
