//! What can go wrong, one type per operation, in words for the person who has to act.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rollcall_model::{GroupId, Serial, ZoneId};

use crate::{GroupKind, postgres, sqlite};

/// Why a database was not opened. It is left as it was, except that a new file may be there, empty.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of a database.
    #[error(
        "database URL {url:?}: {problem}; expected sqlite:/path/to/file.db, sqlite::memory:, or \
         postgres://user:password@host:5432/database"
    )]
    Url {
        /// As given; without what stands before an `@`.
        url: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// The folder is missing or closed.
    #[error("the folder {} of the database cannot be used: {source}; make it, or choose another path", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file cannot be made, opened or locked.
    #[error("database file {} cannot be {verb}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `made`, `locked` …
        verb: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process holds the database.
    #[error(
        "database {} is in use by another zone controller ({holder} holds {}); stop that one, or use another file: \
         a zone has one writer", path.display(), lock.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// Who holds it, as far as it says.
        holder: String,
    },
    /// Not SQLite.
    #[error("{} is not an SQLite database; it is left untouched, choose another path", path.display())]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// SQLite, of another program.
    #[error(
        "{} is an SQLite database of another program (application id {application_id:#010x}, Rollcall's is {:#010x}); \
         it is left untouched, choose another path", path.display(), crate::sqlite::APPLICATION_ID
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its application id; 0 where it has none.
        application_id: i64,
    },
    /// No server answers.
    #[error(
        "the database server of {place} cannot be reached: {source}; does PostgreSQL run there, does it listen on that \
         address (listen_addresses), and do firewalls let this machine through?"
    )]
    Unreachable {
        /// The URL, without its password.
        place: String,
        /// Why not.
        source: sqlx::Error,
    },
    /// The server does not let this user in.
    #[error(
        "the database server of {place} does not let {user} in: {source}; correct user and password in the URL (or \
         PGPASSFILE), or the server's pg_hba.conf"
    )]
    Login {
        /// The URL, without its password.
        place: String,
        /// Who.
        user: String,
        /// What the server says.
        source: sqlx::Error,
    },
    /// The server has no such database.
    #[error(
        "the database server of {place} has no database {database:?}; make it with: \
         CREATE DATABASE \"{database}\" OWNER \"{user}\" ENCODING 'UTF8' TEMPLATE template0;"
    )]
    NoDatabase {
        /// The URL, without its password.
        place: String,
        /// The database.
        database: String,
        /// Who would own it.
        user: String,
    },
    /// No TLS, or none that proves whose server it is.
    #[error(
        "no secure connection to the database server of {place}: {source}; its certificate must be for that name and \
         lead to a known root: sslrootcert=/path/to/root.crt names one, and sslmode=disable does without on a network \
         that nobody else can reach"
    )]
    Insecure {
        /// The URL, without its password.
        place: String,
        /// Why not.
        source: sqlx::Error,
    },
    /// The server or its database will not do.
    #[error("database {place} cannot hold a topology: {problem}")]
    Unfit {
        /// The URL, without its password.
        place: String,
        /// Why not, and what to do.
        problem: String,
    },
    /// Another process holds the writer's lock of a schema.
    #[error(
        "database {place} is in use by another zone controller ({holder}); stop that one, or use another database: a \
         zone has one writer"
    )]
    Held {
        /// The URL, without its password.
        place: String,
        /// Who holds it.
        holder: String,
    },
    /// A schema of another program.
    #[error(
        "schema {schema} of database {place} belongs to another program (it holds {tables}); it is left untouched, \
         choose another database, or an empty schema with options[search_path]=…"
    )]
    ForeignSchema {
        /// The URL, without its password.
        place: String,
        /// The schema.
        schema: String,
        /// Some of what it holds.
        tables: String,
    },
    /// Written by a newer Rollcall.
    #[error(
        "database {place} has schema version {version}, this program knows up to {newest}: a newer Rollcall wrote it; \
         upgrade Rollcall, or go back to a copy made before the upgrade"
    )]
    Future {
        /// The database.
        place: String,
        /// The unknown version.
        version: i64,
        /// The newest one known.
        newest: i64,
    },
    /// A migration of this version was another one when the database was made.
    #[error(
        "schema version {version} of database {place} differs from the one in this program: it was made by an \
         unreleased build; start with a new database"
    )]
    Altered {
        /// The database.
        place: String,
        /// The version.
        version: i64,
    },
    /// There is none, where one must be.
    #[error("there is no database {place}; correct the path, or the zone's `database` key")]
    NoFile {
        /// The file.
        place: String,
    },
    /// Anything else the database says.
    #[error("database {place} cannot be opened, {doing}: {source}")]
    Database {
        /// The database.
        place: String,
        /// What was being done.
        doing: &'static str,
        /// What the database says.
        source: sqlx::Error,
    },
    /// A migration failed; it is rolled back.
    #[error("the schema of database {place} cannot be brought up to date: {source}")]
    Migration {
        /// The database.
        place: String,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
}

/// Why a batch of changes was not written. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A number that must grow did not: somebody else wrote meanwhile, or an old run speaks.
    #[error("{what} of {subject} must grow: stored is {had}, got {got}; nothing was written")]
    Stale {
        /// `generation`, `session` or `epoch`.
        what: &'static str,
        /// Of which zone, group or node.
        subject: String,
        /// What is stored.
        had: u64,
        /// What was to be written.
        got: u64,
    },
    /// Another zone controller acts for the zone by now.
    #[error(
        "another zone controller acts for this zone since generation {stored}; this one is of generation {own}, and nothing was \
         written"
    )]
    Fenced {
        /// The generation of this store.
        own: u64,
        /// The generation that may write.
        stored: u64,
    },
    /// The database belongs to another zone.
    #[error(
        "this database belongs to zone {stored}, not to zone {got}: the zone id follows from the machine and the \
         administrator's secret; restore the secret, or give the new zone a new database; nothing was written"
    )]
    OtherZone {
        /// Whose it is.
        stored: ZoneId,
        /// Who came.
        got: ZoneId,
    },
    /// A change speaks of something that was never saved.
    #[error("{wanted_by} needs {what} {id}, which is not in the store; nothing was written")]
    Missing {
        /// `group` or `node`.
        what: &'static str,
        /// Its id.
        id: String,
        /// The change.
        wanted_by: &'static str,
    },
    /// A group is of another kind.
    #[error("group {group} is {}, where a {} one is needed; nothing was written", is.as_str(), wanted.as_str())]
    WrongKind {
        /// The group.
        group: GroupId,
        /// What it is.
        is: GroupKind,
        /// What was needed.
        wanted: GroupKind,
    },
    /// A group is not made by a rule.
    #[error("group {group} is not made by a rule, so it cannot be entered, changed or dissolved; nothing was written")]
    NotByRule {
        /// The group.
        group: GroupId,
    },
    /// A token lets in once.
    #[error("token {token} was {how} before; nothing was written")]
    TokenSpent {
        /// Its public id.
        token: String,
        /// `used` or `revoked`.
        how: &'static str,
    },
    /// Two certificates never have one serial number.
    #[error("serial number {serial} is another certificate's; nothing was written")]
    SerialTaken {
        /// The number.
        serial: Serial,
    },
    /// A stored row cannot be read.
    #[error("{0}; nothing was written")]
    Damaged(#[from] Damaged),
    /// The database refused or did not answer.
    #[error("the database did not take the changes: {0}; nothing was written")]
    Database(#[from] sqlx::Error),
}

impl CommitError {
    /// Whether another zone controller took over: this one must end.
    #[must_use]
    pub const fn is_fenced(&self) -> bool {
        matches!(self, Self::Fenced { .. })
    }

    /// Whether the same batch may be written later as it is: the disk is full, the server is away. See
    /// [`Writable`](crate::Writable).
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Database(error) if crate::writable::is_passing(error))
    }
}

/// A row that this program cannot have written.
#[derive(Debug, thiserror::Error)]
#[error("a row of table {table} cannot be read: {source}; was the database changed by hand?")]
pub struct Damaged {
    /// The table.
    pub table: &'static str,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

/// Why the topology could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A stored row cannot be read.
    #[error("the saved topology is damaged: {0}")]
    Damaged(#[from] Damaged),
    /// The database did not answer.
    #[error("the saved topology cannot be loaded: {0}")]
    Database(#[from] sqlx::Error),
}

/// Why the audit log could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A stored row cannot be read.
    #[error("the audit log is damaged: {0}")]
    Damaged(#[from] Damaged),
    /// The database did not answer.
    #[error("the audit log cannot be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// Why one of the program's own statements was not answered.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer {sql:?}: {source}")]
pub struct QueryError {
    /// The statement.
    pub sql: String,
    /// What the database says.
    pub source: sqlx::Error,
}

impl QueryError {
    /// Whether it was stopped because its time was over: the same asks for less, or later.
    #[must_use]
    pub fn took_too_long(&self) -> bool {
        let code = self.source.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some(sqlite::answer::INTERRUPTED | postgres::failure::CANCELED))
    }
}

/// Why somebody's question was not answered. Nothing is ever written.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing was asked.
    #[error("there is no SQL statement; try: SELECT name, state FROM v_nodes")]
    Empty,
    /// More than one statement.
    #[error("one statement at a time: a second one begins at character {at}")]
    Several {
        /// 1-based position of the second statement.
        at: usize,
    },
    /// Not a question.
    #[error(
        "{word} is not allowed here: only SELECT, WITH, VALUES, and EXPLAIN of those; the topology is changed through \
         Rollcall itself, never through SQL"
    )]
    NotAQuestion {
        /// The statement's first word.
        word: String,
    },
    /// The time limit.
    #[error(
        "stopped after {:.1} s, the limit; narrow the question with WHERE, or ask a copy of the database",
        after.as_secs_f64()
    )]
    TooLong {
        /// The limit.
        after: Duration,
    },
    /// The database does not understand, or refuses.
    #[error("the database says: {message}")]
    Refused {
        /// In its own words.
        message: String,
    },
    /// The database does not answer.
    #[error("the database did not answer: {0}")]
    Database(sqlx::Error),
}
