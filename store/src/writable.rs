//! Whether the database takes changes: it does not when its disk is full, its server is away, or the server became a
//! standby. What is stored can often be read all the same.

use tokio::sync::watch;

use crate::{CommitError, LoadError, QueryError, Store};

/// Whether the database takes changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writable {
    /// As far as is known, it does.
    Yes,
    /// It did not when it was last tried. Nothing of that batch is written; it may be tried again as it is.
    No {
        /// Why, for people.
        reason: String,
    },
}

impl Writable {
    /// Whether it does.
    #[must_use]
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// What SQLite's result codes begin with, in their last byte, when trying later is worth it: busy, locked, read-only,
/// input or output failed, disk full, cannot be opened.
const SQLITE: [u32; 6] = [5, 6, 8, 10, 13, 14];

/// What PostgreSQL's codes begin with then: connection, resources (disk full), the operator's doing, the system; a
/// server that became a standby; locks and time limits.
const POSTGRES: [&str; 8] = ["08", "53", "57", "58", "25006", "40001", "40P01", "55P03"];

/// Whether the same may succeed later, without anybody changing what is asked.
pub(crate) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolClosed => true,
        sqlx::Error::WorkerCrashed => false,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing_code(&code)),
        _ => false,
    }
}

/// SQLite's codes are decimal numbers, PostgreSQL's have five characters.
fn is_passing_code(code: &str) -> bool {
    let of_sqlite = code.len() < 5 && code.parse::<u32>().is_ok_and(|code| SQLITE.contains(&(code & 0xff)));
    of_sqlite || (code.len() == 5 && POSTGRES.iter().any(|beginning| code.starts_with(beginning)))
}

impl LoadError {
    /// Whether the same may be loaded later: the server is away for a while.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Database(error) if is_passing(error))
    }
}

impl QueryError {
    /// Whether the same may be answered later: the server is away for a while.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        is_passing(&self.source)
    }
}

impl Store {
    /// Whether the database takes changes, as of the last try; for whoever waits until it does.
    #[must_use]
    pub fn writable(&self) -> watch::Receiver<Writable> {
        self.writable.subscribe()
    }

    /// Tries to write something that changes nothing, to find out whether the database takes changes again.
    ///
    /// # Errors
    /// When it does not.
    pub async fn try_to_write(&self) -> Result<(), CommitError> {
        let tried = self.backend_touch().await;
        self.tell(&tried);
        tried
    }

    /// Keeps how a try ended, and says it aloud when that is news.
    pub(crate) fn tell(&self, tried: &Result<(), CommitError>) {
        let now = match tried {
            Ok(()) => Writable::Yes,
            Err(error) if error.is_passing() => Writable::No { reason: error.to_string() },
            // Refused for what it is: the database itself is well, or was already known not to be.
            Err(_) => return,
        };
        self.writable.send_if_modified(|known| {
            let is_news = known.is_yes() != now.is_yes();
            match (&now, is_news) {
                (Writable::Yes, true) => tracing::info!("the topology takes changes again"),
                (Writable::No { reason }, true) => {
                    tracing::error!("the topology is read-only for now: {reason}; changes wait until it is back");
                }
                _ => {}
            }
            *known = now;
            is_news
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_lost_server_pass_and_a_broken_rule_does_not() {
        for code in ["13", "778", "5", "1032", "53100", "57P01", "57014", "25006", "08006"] {
            assert!(is_passing_code(code), "{code}");
        }
        for code in ["19", "1555", "1", "23505", "42P01", "XX000"] {
            assert!(!is_passing_code(code), "{code}");
        }
    }
}
