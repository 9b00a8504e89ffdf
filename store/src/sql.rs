//! The program's own statements, said once for both databases, and what is done with their rows.
//!
//! Rows cross as JSON, whole lists in one bind, so a statement's text does not depend on how many rows there are: it is
//! prepared once per connection, and any number of rows is one exchange with the server. A [`Dialect`] writes the little
//! that SQLite and PostgreSQL say differently; a [`Link`] carries statements to a connection.

pub(crate) mod copy;
pub(crate) mod count;
mod dialect;
mod fetch;
pub(crate) mod lease;
mod link;
mod prune;
mod restored;
mod shape;
mod snapshot;
pub(crate) mod tables;
mod trust;
mod write;

use std::sync::OnceLock;

use sqlx::{SqlSafeStr, SqlStr};

pub(crate) use self::dialect::Dialect;
pub(crate) use self::fetch::stored;
pub(crate) use self::link::Link;
pub(crate) use self::prune::{prune, prunings};
pub(crate) use self::restored::{move_on, newest_event};
pub(crate) use self::snapshot::snapshot;
pub(crate) use self::trust::{AUDIT_STEP, audit_after};
pub(crate) use self::write::{all, tell_indicators};

/// Writes a row as it is: what is to be found out is whether anything can be written.
pub(crate) const TOUCH: &str = "UPDATE indicators SET name = name WHERE bit = 0";

/// A statement, made for each database when it first needs it.
pub(crate) struct Sql {
    make: fn(Dialect) -> String,
    made: [OnceLock<String>; 2],
}

impl Sql {
    pub(crate) const fn new(make: fn(Dialect) -> String) -> Self {
        Self { make, made: [OnceLock::new(), OnceLock::new()] }
    }

    /// Its text for a database.
    pub(crate) fn text(&'static self, dialect: Dialect) -> SqlStr {
        self.made[dialect as usize].get_or_init(|| (self.make)(dialect)).as_str().into_sql_str()
    }
}
