//! A file as it is, for its upkeep: nothing is made, nothing is migrated.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::open::{
    BUSY, give_to_the_folders_owner, holder, lock, refuse_what_is_not_ours, refuse_what_is_not_sqlite, says, settled,
};
use crate::OpenError;

/// A file, to look at. A zone controller may go on with it meanwhile.
pub(crate) async fn look(path: &Path) -> Result<SqliteConnection, OpenError> {
    let path = there(path).await?;
    let options = SqliteConnectOptions::new().filename(&path).read_only(true).busy_timeout(BUSY);
    options.disable_statement_logging().connect().await.map_err(says(&path.display().to_string(), "to look at it"))
}

/// A file, and the lock that a zone's one writer holds.
pub(crate) async fn hold(path: &Path) -> Result<(SqliteConnection, File), OpenError> {
    let path = there(path).await?;
    let lock = lock(&path)?;
    let options = SqliteConnectOptions::new().filename(&path).busy_timeout(BUSY).disable_statement_logging();
    let connection = options.connect().await.map_err(says(&path.display().to_string(), "for its upkeep"))?;
    Ok((connection, lock))
}

/// The lock alone, of a file that need not be there.
pub(crate) fn hold_place(path: &Path) -> Result<(PathBuf, File), OpenError> {
    let path = settled(path)?;
    let lock = lock(&path)?;
    Ok((path, lock))
}

/// Who has the file open as its writer.
pub(crate) fn held_by(path: &Path) -> Option<String> {
    settled(path).ok().and_then(|path| holder(&path))
}

/// A file of ours that is there.
async fn there(path: &Path) -> Result<PathBuf, OpenError> {
    let path = settled(path)?;
    refuse_what_is_not_sqlite(&path)?;
    if !path.metadata().is_ok_and(|file| file.len() > 0) {
        return Err(OpenError::NoFile { place: path.display().to_string() });
    }
    refuse_what_is_not_ours(&path).await?;
    Ok(path)
}

/// Who a copy belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Whoever makes it: a backup holds what lets people in.
    Us,
    /// The owner of its folder, who is to open it.
    OfFolder,
}

/// Writes all that is committed into a new file, tidily, whoever goes on writing meanwhile. Only its owner may read it.
pub(crate) async fn copy(connection: &mut SqliteConnection, to: &Path, owner: Owner) -> Result<(), CopyError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(CopyError::File)?;
    if owner == Owner::OfFolder {
        give_to_the_folders_owner(&made, to);
    }
    let sql = format!("VACUUM INTO {}", quoted(to));
    // Safe: the path is quoted.
    let copied = sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map_err(CopyError::Database);
    let copied = copied.and_then(|_| made.sync_all().map_err(CopyError::File));
    if copied.is_err() {
        // What is half-written is of no use; the error that is told is the first one.
        drop(std::fs::remove_file(to));
    }
    copied
}

/// Why a file was not copied. Nothing is left of the copy.
#[derive(Debug)]
pub(crate) enum CopyError {
    File(io::Error),
    Database(sqlx::Error),
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

/// Brings what stands in a file's log into the file itself, as far as the file can be opened at all; the log is gone then. Who
/// calls holds the lock.
pub(crate) async fn fold(path: &Path) {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY).disable_statement_logging();
    if let Ok(mut connection) = options.connect().await {
        // Whoever closes last folds it; a question makes SQLite look at it.
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        close(connection).await;
    }
}

/// SQLite's code for a file that is not whole.
const CORRUPT: &str = "11";

/// What is wrong with a file, as SQLite's own check and the references between tables tell; nothing where it is whole.
pub(crate) async fn problems(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    match looked_for(connection).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(CORRUPT) => {
            Ok(vec![error.message().to_owned()])
        }
        found => found,
    }
}

async fn looked_for(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let check = "PRAGMA integrity_check(10)";
    let mut problems: Vec<String> = sqlx::query_scalar(check).fetch_all(&mut *connection).await?;
    problems.retain(|problem| problem != "ok");
    let references = "SELECT 'a row of ' || \"table\" || ' refers to one of ' || parent || ' that is not there' \
                      FROM pragma_foreign_key_check LIMIT 10";
    problems.extend(sqlx::query_scalar::<_, String>(references).fetch_all(connection).await?);
    Ok(problems)
}

/// Size of the whole, and of what is free in it, bytes.
pub(crate) async fn sizes(connection: &mut SqliteConnection) -> Result<(u64, u64), sqlx::Error> {
    let page: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut *connection).await?;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
    let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(connection).await?;
    let bytes = |pages: i64| u64::try_from(pages.saturating_mul(page)).unwrap_or(0);
    Ok((bytes(pages), bytes(free)))
}

/// Size of each table with its indexes, bytes.
pub(crate) const TABLE_SIZES: &str = "SELECT json_array(coalesce(s.tbl_name, d.name), sum(d.pgsize)) FROM dbstat d \
     LEFT JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY coalesce(s.tbl_name, d.name)";

/// Closes a connection, so that no log stays beside the file.
pub(crate) async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the database did not close cleanly; nothing is lost");
    }
}

/// The row of [`TABLE_SIZES`].
pub(crate) fn table_size(text: &str) -> Option<(String, u64)> {
    let (table, bytes): (String, Value) = serde_json::from_str(text).ok()?;
    Some((table, bytes.as_u64()?))
}
