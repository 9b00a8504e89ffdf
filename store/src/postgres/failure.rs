//! What a failure of the server means.

use std::borrow::Cow;
use std::io;

/// SQLSTATE of a statement that was stopped.
pub(crate) const CANCELED: &str = "57014";

/// The server did not answer in time.
pub(super) fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database server does not answer"))
}

/// Somebody else has the lock that a zone's one writer holds.
pub(super) fn held(holder: &str) -> sqlx::Error {
    let text = format!("another zone controller writes to this database meanwhile ({holder})");
    sqlx::Error::Io(io::Error::new(io::ErrorKind::ResourceBusy, text))
}

/// The code of an error the server itself tells.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(Cow::into_owned)
}

/// Whether the connection is good for nothing after this.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_of_connection(&code)),
        _ => false,
    }
}

/// Of the connection, of the server's coming and going, or of a server that became a standby.
pub(super) fn is_of_connection(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P") || code == "25006"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_goes_takes_the_connection_with_it() {
        for code in ["08006", "57P01", "57P03", "25006"] {
            assert!(is_of_connection(code), "{code}");
        }
        for code in ["23505", "53100", "42601", CANCELED] {
            assert!(!is_of_connection(code), "{code}");
        }
        assert!(is_lost(&silent()) && is_lost(&held("process 7")));
        assert!(!is_lost(&sqlx::Error::RowNotFound));
    }
}
