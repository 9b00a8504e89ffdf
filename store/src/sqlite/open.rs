//! Opening: the file, its lock, its owner, its schema.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::fs::OFlags;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};
use tokio::sync::Mutex;

use super::{FileReaders, SqliteStore};
use crate::lease::Fence;
use crate::readers::Readers;
use crate::{OpenError, sql};

/// Marks a database as Rollcall's: `Roll`.
pub(crate) const APPLICATION_ID: i64 = 0x526F_6C6C;

/// Every migration, oldest first. A released one is never edited; a new one gets the next number.
const MIGRATIONS: [(i64, &str, &str); 12] = [
    (1, "topology", include_str!("../../../migrations/sqlite/0001_topology.sql")),
    (2, "views", include_str!("../../../migrations/sqlite/0002_views.sql")),
    (3, "health_and_groups", include_str!("../../../migrations/sqlite/0003_health_and_groups.sql")),
    (4, "more_views", include_str!("../../../migrations/sqlite/0004_more_views.sql")),
    (5, "trust", include_str!("../../../migrations/sqlite/0005_trust.sql")),
    (6, "contract", include_str!("../../../migrations/sqlite/0006_contract.sql")),
    (7, "retention", include_str!("../../../migrations/sqlite/0007_retention.sql")),
    (8, "sums", include_str!("../../../migrations/sqlite/0008_sums.sql")),
    (9, "questions", include_str!("../../../migrations/sqlite/0009_questions.sql")),
    (10, "serials", include_str!("../../../migrations/sqlite/0010_serials.sql")),
    (11, "user_entries", include_str!("../../../migrations/sqlite/0011_user_entries.sql")),
    (12, "lease", include_str!("../../../migrations/sqlite/0012_lease.sql")),
];

/// The newest version this program knows.
pub(crate) const NEWEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// How long SQLite waits for a lock somebody with the `sqlite3` program holds.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// How many of the program's own questions, and of other people's, are answered at once.
const SELECTING: usize = 4;
const ASKING: usize = 2;
/// And of what the zone itself needs.
const OF_ZONE: usize = 2;

const SQLITE_NOTADB: &str = "26";

pub(super) async fn memory() -> Result<SqliteStore, OpenError> {
    let place = "in memory";
    let options = SqliteConnectOptions::new().filename(":memory:").disable_statement_logging();
    let mut connection = options.connect().await.map_err(says(place, "making it"))?;
    mark(&mut connection, place).await?;
    migrate(&mut connection, place).await?;
    Ok(SqliteStore {
        writer: Arc::new(Mutex::new(connection)),
        writing: None,
        fence: Fence::default(),
        is_doubtful: AtomicBool::new(false),
        readers: None,
        _lock: None,
    })
}

pub(super) async fn file(path: &Path) -> Result<SqliteStore, OpenError> {
    let path = settled(path)?;
    refuse_what_is_not_sqlite(&path)?;
    refuse_what_is_not_ours(&path).await?;
    let lock = lock(&path)?;
    make(&path)?;
    let place = path.display().to_string();
    let common = SqliteConnectOptions::new()
        .filename(&path)
        .busy_timeout(BUSY)
        .pragma("trusted_schema", "OFF")
        // 32 MiB for each connection: a batch touches pages all over the tables.
        .pragma("cache_size", "-32768")
        .disable_statement_logging();
    let mut plain = common.clone().connect().await.map_err(says(&place, "opening it"))?;
    mark(&mut plain, &place).await?;
    plain.close().await.map_err(says(&place, "marking it as Rollcall's"))?;
    // FULL, not NORMAL: in WAL mode NORMAL may lose the last commits in a power loss. A join that was answered must be
    // there afterwards (Z5), and a generation, session or epoch must never be given out twice. The price is one sync
    // of the log per commit; commits are batches.
    let writing = common
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // A starting zone reads everything: a row that waits for room wakes two threads. Not where people ask: rows can be large.
        .row_buffer_size(1_024)
        .pragma("journal_size_limit", "67108864");
    let mut writer = writing.connect().await.map_err(says(&place, "turning on its write-ahead log"))?;
    migrate(&mut writer, &place).await?;
    // Read through the system's own cache, of which there is one for all connections.
    let reading = common.read_only(true).pragma("query_only", "ON").pragma("mmap_size", "1073741824");
    let readers = FileReaders {
        select: Readers::new(reading.clone(), SELECTING),
        // By an index: a few pages are enough, and what is not mapped is not taken for the zone's memory.
        zone: Readers::new(reading.clone().pragma("cache_size", "-4096").pragma("mmap_size", "0"), OF_ZONE),
        ask: Readers::new(reading, ASKING),
    };
    Ok(SqliteStore {
        writer: Arc::new(Mutex::new(writer)),
        writing: Some(writing),
        fence: Fence::default(),
        is_doubtful: AtomicBool::new(false),
        readers: Some(readers),
        _lock: Some(lock),
    })
}

pub(super) fn says<'a>(place: &'a str, doing: &'static str) -> impl Fn(sqlx::Error) -> OpenError + 'a {
    move |source| OpenError::Database { place: place.to_owned(), doing, source }
}

/// The file's one true path, so that two names of it have one lock.
pub(super) fn settled(path: &Path) -> Result<PathBuf, OpenError> {
    match path.canonicalize() {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(OpenError::File { path: path.to_owned(), verb: "found", source }),
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let settled = folder
        .canonicalize()
        .and_then(|settled| if settled.is_dir() { Ok(settled) } else { Err(io::ErrorKind::NotADirectory.into()) })
        .map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
    Ok(path.file_name().map_or_else(|| settled.clone(), |name| settled.join(name)))
}

/// By its first bytes, before SQLite touches it. A missing or empty file is fine.
pub(super) fn refuse_what_is_not_sqlite(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), verb: "read", source };
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(16).read_to_end(&mut start).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if start.is_empty() || start == b"SQLite format 3\0" {
        Ok(())
    } else {
        Err(OpenError::NotSqlite { path: path.to_owned() })
    }
}

/// Another program's database is recognised without writing to it. The application id may still stand in the
/// write-ahead log only, so SQLite is asked, not the file's header.
pub(super) async fn refuse_what_is_not_ours(path: &Path) -> Result<(), OpenError> {
    if !path.metadata().is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let place = path.display().to_string();
    let options =
        SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY).disable_statement_logging();
    let found = async {
        let mut connection = options.connect().await?;
        let found = owner(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(found)
    };
    match found.await {
        Ok((APPLICATION_ID, _) | (0, 0)) => Ok(()),
        Ok((application_id, _)) => Err(OpenError::Foreign { path: path.to_owned(), application_id }),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(SQLITE_NOTADB) => {
            Err(OpenError::NotSqlite { path: path.to_owned() })
        }
        Err(error) => Err(says(&place, "looking whose it is")(error)),
    }
}

/// Application id and number of tables.
async fn owner(connection: &mut SqliteConnection) -> Result<(i64, i64), sqlx::Error> {
    let id = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await?;
    Ok((id, tables))
}

/// Marks an empty database as Rollcall's.
async fn mark(connection: &mut SqliteConnection, place: &str) -> Result<(), OpenError> {
    let failed = says(place, "marking it as Rollcall's");
    if owner(connection).await.map_err(&failed)?.0 != APPLICATION_ID {
        sqlx::query("PRAGMA application_id = 0x526F6C6C").execute(connection).await.map_err(&failed)?;
    }
    Ok(())
}

/// Takes the lock that a zone's one writer holds. The lock file stays behind: removing it would let two in.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let lock = lock_of(path);
    let failed = |source| OpenError::File { path: lock.clone(), verb: "locked", source };
    let mut file = there_or_new(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = holder_in(&mut file);
            return Err(OpenError::InUse { path: path.to_owned(), lock, holder });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

/// Who holds the lock now, as far as it says; nobody is kept from taking it for longer than a look.
pub(super) fn holder(path: &Path) -> Option<String> {
    let mut file = File::open(lock_of(path)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder_in(&mut file)),
        _ => None,
    }
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    PathBuf::from(name)
}

fn holder_in(file: &mut File) -> String {
    let mut holder = String::new();
    let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
    if known { format!("process {}", holder.trim()) } else { "another process".to_owned() }
}

/// A file of mode 0600: the one that is there, or a new one of the folder's owner. Never what a link leads to: root may keep a
/// database up in a folder of the zone controller's user, who must not choose for root what is written or given away.
fn there_or_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            give_to_the_folders_owner(&file, path);
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

/// Root may keep a database up that belongs to the zone controller's own user, who must be able to open what is new.
pub(super) fn give_to_the_folders_owner(file: &File, path: &Path) {
    let owner = path.parent().and_then(|folder| folder.metadata().ok()).map(|folder| (folder.uid(), folder.gid()));
    if let (Some((user, group)), Ok(found)) = (owner, file.metadata())
        && found.uid() == 0
        && user != 0
        && let Err(error) = std::os::unix::fs::fchown(file, Some(user), Some(group))
    {
        tracing::warn!("{} belongs to root, not to the owner of its folder: {error}", path.display());
    }
}

/// Only the owner may read it; SQLite gives its other files the same mode.
fn make(path: &Path) -> Result<(), OpenError> {
    there_or_new(path).map(drop).map_err(|source| OpenError::File {
        path: path.to_owned(),
        verb: "made or opened",
        source,
    })
}

async fn migrate(connection: &mut SqliteConnection, place: &str) -> Result<(), OpenError> {
    let migrations = MIGRATIONS.map(|(version, what, sql)| {
        Migration::new(version, what.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let place = place.to_owned();
    Migrator::with_migrations(migrations.into()).run_direct(None, &mut *connection, false).await.map_err(|error| {
        match error {
            MigrateError::VersionMissing(version) => {
                OpenError::Future { place: place.clone(), version, newest: NEWEST }
            }
            MigrateError::VersionMismatch(version) => OpenError::Altered { place: place.clone(), version },
            source => OpenError::Migration { place: place.clone(), source },
        }
    })?;
    sql::tell_indicators(connection).await.map_err(says(&place, "writing the dictionary of indicators"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_file_is_embedded_under_its_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, MIGRATIONS.map(|(version, what, _)| format!("{version:04}_{what}.sql")));
    }
}
