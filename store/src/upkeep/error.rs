//! What can go wrong, in words for the person who has to act.

use std::io;
use std::path::{Path, PathBuf};

use crate::postgres::tools::ToolError;
use crate::sqlite::offline::CopyError;
use crate::{CommitError, OpenError};

/// Why a database was not looked at, backed up, restored or moved. What was there before is as it was, unless the variant
/// says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is gone with its process.
    #[error("a database in memory is gone with its process: name a file, sqlite:/path/to/file.db, or a server")]
    InMemory,
    /// A file stands where one is to be made.
    #[error("{} is there already; {hint}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// A file cannot be made, read or moved.
    #[error("{} cannot be {verb}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `made`, `read` …
        verb: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// One of PostgreSQL's own programs is missing.
    #[error("{program} is not installed here: it comes with PostgreSQL's client programs (Debian: postgresql-client)")]
    NoTool {
        /// Which.
        program: &'static str,
    },
    /// One of PostgreSQL's own programs failed.
    #[error("{program} failed: {problem}")]
    Tool {
        /// Which.
        program: &'static str,
        /// What it says.
        problem: String,
    },
    /// There is nothing to back up.
    #[error(
        "database {place} holds no topology: there is nothing to back up; is it the right one, and its search_path?"
    )]
    Nothing {
        /// The database.
        place: String,
    },
    /// A file is no backup of a topology.
    #[error("{} is no backup of a topology: {problem}", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// A backup is damaged.
    #[error("the backup {} is damaged ({problem}); take another one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A backup was written by a newer Rollcall.
    #[error(
        "the backup {} has schema version {version}, this program knows up to {newest}: restore it with the Rollcall that \
         wrote it, or a newer one", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// The newest one known.
        newest: i64,
    },
    /// What is to be moved is not of this program's version.
    #[error(
        "database {place} has schema version {version}, and {newest} is needed: bring it there with `rollcall db migrate`"
    )]
    Older {
        /// The database.
        place: String,
        /// Its version; 0 for none.
        version: i64,
        /// The version needed.
        newest: i64,
    },
    /// The target holds something.
    #[error("database {place} is not empty ({holds}): it is left as it is; {hint}")]
    NotEmpty {
        /// The database.
        place: String,
        /// What it holds.
        holds: String,
        /// What to do.
        hint: &'static str,
    },
    /// The same database twice.
    #[error("{place} cannot be moved to itself")]
    Same {
        /// The database.
        place: String,
    },
    /// A table has other columns at the other end.
    #[error("table {table} has other columns in the source than in the target: was one of them changed by hand?")]
    Columns {
        /// The table.
        table: &'static str,
    },
    /// What was restored could not be noted in it; it is restored all the same.
    #[error("the backup is restored, but the restoration could not be noted in it: {0}")]
    Noting(#[source] CommitError),
    /// What was restored could not be opened, so that it could be noted; it is restored all the same.
    #[error("the backup is restored, do not restore it again; but the restoration could not be noted in it: {0}")]
    Reopening(#[source] OpenError),
    /// A backup is in PostgreSQL, with its old numbers.
    #[error(
        "the backup is in database {place}, but its generation, sessions and epochs could not be moved on ({source}): start no          zone controller on it; drop its schema and restore again"
    )]
    NotMovedOn {
        /// The database.
        place: String,
        /// What the database says.
        source: sqlx::Error,
    },
    /// Anything else the database says.
    #[error("database {place}, {doing}: {source}")]
    Database {
        /// The database.
        place: String,
        /// What was being done.
        doing: &'static str,
        /// What the database says.
        source: sqlx::Error,
    },
}

impl UpkeepError {
    pub(super) fn tool(program: &'static str, error: ToolError) -> Self {
        match error {
            ToolError::Missing => Self::NoTool { program },
            ToolError::Io(source) => Self::File { path: program.into(), verb: "started", source },
            ToolError::Failed(problem) => Self::Tool { program, problem },
        }
    }

    pub(super) fn copy(path: &Path, place: &str, error: CopyError) -> Self {
        match error {
            CopyError::File(source) => Self::File { path: path.to_owned(), verb: "made", source },
            CopyError::Database(source) => Self::Database { place: place.to_owned(), doing: "copying it", source },
        }
    }

    /// What a database says while something is done with it.
    pub(super) fn says(place: &str, doing: &'static str) -> impl Fn(sqlx::Error) -> Self + use<> {
        let place = place.to_owned();
        move |source| Self::Database { place: place.clone(), doing, source }
    }
}
