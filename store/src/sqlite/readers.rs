//! A few read-only connections to a file, opened when first needed.

use std::sync::{Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    free: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
}

/// A connection on loan. Not given back, because its user was cancelled, it is closed and its place is free again.
pub(super) struct Lent<'a> {
    readers: &'a Readers,
    connection: SqliteConnection,
    _permit: SemaphorePermit<'a>,
}

impl Readers {
    pub(super) fn new(options: SqliteConnectOptions, at_most: usize) -> Self {
        Self { options, free: Semaphore::new(at_most), idle: Mutex::default() }
    }

    /// Waits for a free place.
    pub(super) async fn take(&self) -> Result<Lent<'_>, sqlx::Error> {
        let permit = self.free.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Lent { readers: self, connection, _permit: permit })
    }

    /// Closes the connections that are not on loan.
    pub(super) async fn close(self) {
        for connection in self.idle.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a reading connection did not close cleanly");
            }
        }
    }
}

impl Lent<'_> {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) fn give_back(self) {
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
    }
}
