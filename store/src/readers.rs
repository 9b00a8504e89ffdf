//! A few read-only connections to a database, opened when first needed.

use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(crate) struct Readers<O: ConnectOptions<Connection: Sized>> {
    options: O,
    free: Semaphore,
    idle: Mutex<Vec<O::Connection>>,
}

/// A connection on loan. Not given back, because its user was cancelled or it is broken, it is closed and its place is
/// free again.
pub(crate) struct Lent<'a, O: ConnectOptions<Connection: Sized>> {
    readers: &'a Readers<O>,
    connection: O::Connection,
    /// Whether it was lent before: somebody may have ended it meanwhile.
    pub(crate) is_used: bool,
    _permit: SemaphorePermit<'a>,
}

impl<O: ConnectOptions<Connection: Sized>> Readers<O> {
    pub(crate) fn new(options: O, at_most: usize) -> Self {
        Self { options, free: Semaphore::new(at_most), idle: Mutex::default() }
    }

    /// Waits for a free place.
    pub(crate) async fn take(&self) -> Result<Lent<'_, O>, sqlx::Error> {
        let permit = self.free.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let is_used = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            // Boxed, for the compiler to see that it may be sent whatever `O` is.
            None => self.options.connect().boxed().await?,
        };
        Ok(Lent { readers: self, connection, is_used, _permit: permit })
    }

    /// Forgets the connections that are not on loan.
    pub(crate) fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Closes the connections that are not on loan.
    pub(crate) async fn close(self) {
        for connection in self.idle.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a reading connection did not close cleanly");
            }
        }
    }
}

impl<O: ConnectOptions<Connection: Sized>> Lent<'_, O> {
    pub(crate) fn connection(&mut self) -> &mut O::Connection {
        &mut self.connection
    }

    pub(crate) fn give_back(self) {
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
    }
}
