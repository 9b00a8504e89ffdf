//! A backup becomes the zone's database again.
//!
//! What a database has given out since the backup was made it does not know any more: generations of the zone, sessions
//! of groups, epochs of nodes. None may go back, so all are moved on before the database has its name, by [`LEAP`] and more
//! for an older backup: whoever knows a number from after the backup meets a greater one, also one from after an earlier
//! restoration of the same backup.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

use rollcall_model::UnixMillis;
use serde::Serialize;
use serde_json::json;

use super::backup::sync_folder_of;
use super::held::{Held, Place};
use super::{UpkeepError, ZoneStatus, version, zone};
use crate::postgres::tools::{Target, run};
use crate::sqlite::offline::Owner;
use crate::{Change, CommitError, Store, TrustChange, postgres, sql, sqlite};

/// How far numbers are moved on at least: more than a crash loop gives out in days.
pub const LEAP: u32 = 100_000;
/// One more for so many milliseconds since the backup: faster than anything is started again and again.
const PACE: u64 = 10_000;
/// Most of these. With [`LEAP`] less than the zone believes of a node that tells of an epoch ahead of the stored one.
const FARTHEST: u64 = 900_000;

/// How far the numbers of a backup are moved on, whose newest event happened at this time.
fn leap(newest: Option<UnixMillis>, now: UnixMillis) -> u32 {
    let since = newest.map_or(0, |newest| now.0.saturating_sub(newest.0));
    LEAP + u32::try_from((since / PACE).min(FARTHEST)).unwrap_or(0)
}

/// A backup that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Which.
    pub from: PathBuf,
    /// To where, without a password.
    pub database: String,
    /// The version its schema had; it is this program's now.
    pub backup_version: i64,
    /// Whose topology it is, with the generation it had.
    pub zone: Option<ZoneStatus>,
    /// SQLite: what was there before, under another name.
    pub replaced: Option<PathBuf>,
    /// How far generations, sessions and epochs were moved on.
    pub moved_on_by: u32,
}

/// Puts a backup in the place of a database no zone controller has open. SQLite: a file that is there stays beside it, and
/// only gives way where `replace` says so. PostgreSQL: the schema must be empty. `by` is who does it, for the audit log.
///
/// # Errors
/// See [`UpkeepError`].
pub async fn restore(
    url: &str,
    from: &Path,
    replace: bool,
    by: &str,
    now: UnixMillis,
) -> Result<Restored, UpkeepError> {
    let place = Place::parse(url)?;
    let restored = match &place {
        Place::Sqlite(path) => of_sqlite(path, from, replace, now).await?,
        Place::Postgres(place) => of_postgres(url, place, from, now).await?,
    };
    note(url, &restored, by, now).await?;
    Ok(restored)
}

async fn of_sqlite(path: &Path, from: &Path, replace: bool, now: UnixMillis) -> Result<Restored, UpkeepError> {
    let mut backup = sqlite::offline::look(from).await.map_err(|error| match error {
        crate::OpenError::NotSqlite { path } if is_dump(from) => {
            let problem = "it is one of PostgreSQL, and the database is an SQLite file".into();
            UpkeepError::NotABackup { path, problem }
        }
        error => error.into(),
    })?;
    let shown_backup = from.display().to_string();
    let says = UpkeepError::says(&shown_backup, "reading the backup");
    let backup_version = known(from, version(&mut backup).await.map_err(&says)?)?;
    if let Some(problem) = sqlite::offline::problems(&mut backup).await.map_err(&says)?.first() {
        return Err(UpkeepError::Damaged { path: from.to_owned(), problem: problem.clone() });
    }
    let zone = zone(&mut backup).await.map_err(&says)?;
    let (path, lock) = sqlite::offline::hold_place(path)?;
    let there = path.metadata().is_ok_and(|file| file.len() > 0);
    if there && !replace {
        let hint = "with --replace it is put aside, and kept";
        return Err(UpkeepError::Exists { path, hint });
    }
    let partial = beside(&path, ".restoring");
    drop(std::fs::remove_file(&partial));
    let shown = path.display().to_string();
    let copied = sqlite::offline::copy(&mut backup, &partial, Owner::OfFolder).await;
    copied.map_err(|error| UpkeepError::copy(&partial, &shown, error))?;
    sqlite::offline::close(backup).await;
    let mut held = Held::hold(&Place::Sqlite(partial.clone())).await?;
    let moved = move_on(&mut held, now).await.map_err(UpkeepError::says(&shown, "moving its numbers on"));
    held.close().await;
    drop(std::fs::remove_file(beside(&partial, ".lock")));
    if there && moved.is_ok() {
        sqlite::offline::fold(&path).await;
    }
    let replaced = moved.and_then(|by| Ok((by, swap(&partial, &path, there, now)?)));
    if replaced.is_err() {
        drop(std::fs::remove_file(&partial));
    }
    drop(lock);
    let (moved_on_by, replaced) = replaced?;
    Ok(Restored { from: from.to_owned(), database: shown, backup_version, zone, replaced, moved_on_by })
}

/// Gives the new file its name in one step; what had it has another by then. A log that could not be folded into its file goes
/// with that one, and is gone here before the new file comes, to which it does not belong.
fn swap(partial: &Path, path: &Path, there: bool, now: UnixMillis) -> Result<Option<PathBuf>, UpkeepError> {
    let aside = beside(path, &format!(".replaced-{}", now.0));
    let failed = |path: &Path, verb| {
        let path = path.to_owned();
        move |source| UpkeepError::File { path, verb, source }
    };
    let (log, index) = (beside(path, "-wal"), beside(path, "-shm"));
    if there {
        if log.exists() {
            std::fs::hard_link(&log, beside(&aside, "-wal")).map_err(failed(&log, "put aside"))?;
        }
        std::fs::hard_link(path, &aside).map_err(failed(path, "put aside"))?;
        sync_folder_of(path)?;
    }
    for left in [log, index].iter().filter(|left| left.exists()) {
        std::fs::remove_file(left).map_err(failed(left, "removed"))?;
    }
    std::fs::rename(partial, path).map_err(failed(partial, "moved"))?;
    sync_folder_of(path)?;
    Ok(there.then_some(aside))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// The version of a backup, where this program knows it.
fn known(path: &Path, version: Option<i64>) -> Result<i64, UpkeepError> {
    match version {
        None => Err(UpkeepError::NotABackup { path: path.to_owned(), problem: "it holds no topology".into() }),
        Some(version) if version > sqlite::NEWEST => {
            Err(UpkeepError::Newer { path: path.to_owned(), version, newest: sqlite::NEWEST })
        }
        Some(version) => Ok(version),
    }
}

async fn of_postgres(
    url: &str,
    place: &postgres::Place,
    from: &Path,
    now: UnixMillis,
) -> Result<Restored, UpkeepError> {
    let shown = place.shown().to_owned();
    let says = UpkeepError::says(&shown, "restoring it");
    let backup_version = known(from, dumped_version(from).await?)?;
    let mut held = Held::hold(&Place::Postgres(place.clone())).await?;
    let Held::Postgres(connection) = &mut held else { return Err(UpkeepError::InMemory) };
    let (schema, objects) = postgres::offline::schema(connection).await.map_err(&says)?;
    if objects > 0 {
        return Err(UpkeepError::NotEmpty {
            place: shown,
            holds: format!("schema {schema} has {objects} tables and views"),
            hint: "make a new database for it, and name that one in `database`",
        });
    }
    let only = format!("--schema={schema}");
    let arguments: [&OsStr; 6] = [
        "--no-owner".as_ref(),
        "--no-privileges".as_ref(),
        "--exit-on-error".as_ref(),
        "--single-transaction".as_ref(),
        only.as_ref(),
        from.as_os_str(),
    ];
    let target = Target::of(url, place);
    run("pg_restore", &arguments, Some(&target)).await.map_err(|error| UpkeepError::tool("pg_restore", error))?;
    if version(&mut held).await.map_err(&says)?.is_none() {
        let problem = format!("nothing of it belongs to the schema {schema}, which search_path of the URL names");
        return Err(UpkeepError::NotABackup { path: from.to_owned(), problem });
    }
    let zone = zone(&mut held).await.map_err(&says)?;
    let moved = move_on(&mut held, now).await;
    let moved_on_by = moved.map_err(|source| UpkeepError::NotMovedOn { place: shown.clone(), source })?;
    held.close().await;
    Ok(Restored { from: from.to_owned(), database: shown, backup_version, zone, replaced: None, moved_on_by })
}

/// The version of the schema in a dump, which is not restored for it.
async fn dumped_version(from: &Path) -> Result<Option<i64>, UpkeepError> {
    if !is_dump(from) {
        let read = std::fs::metadata(from);
        read.map_err(|source| UpkeepError::File { path: from.to_owned(), verb: "read", source })?;
        let problem = "it is not in the custom format of pg_dump, which `rollcall db backup` writes".into();
        return Err(UpkeepError::NotABackup { path: from.to_owned(), problem });
    }
    let arguments: [&OsStr; 4] =
        ["--data-only".as_ref(), "--table=_sqlx_migrations".as_ref(), "--file=-".as_ref(), from.as_os_str()];
    let text = run("pg_restore", &arguments, None).await.map_err(|error| UpkeepError::tool("pg_restore", error))?;
    Ok(newest_in(&text))
}

/// The greatest version among the rows of a dump's table of migrations.
fn newest_in(text: &str) -> Option<i64> {
    let rows = text.lines().skip_while(|line| !line.starts_with("COPY ")).skip(1);
    let rows = rows.take_while(|line| *line != "\\.");
    rows.filter_map(|line| line.split('\t').next()?.parse().ok()).max()
}

/// Whether a file begins as the custom format does.
fn is_dump(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 5];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"PGDMP"
}

/// In one transaction; says how far.
async fn move_on(held: &mut Held, now: UnixMillis) -> Result<u32, sqlx::Error> {
    held.tell("BEGIN").await?;
    let by = leap(sql::newest_event(held).await?, now);
    sql::move_on(held, by, now).await?;
    held.tell("COMMIT").await?;
    Ok(by)
}

/// Brings the schema to this program's, and says in events and audit log what was done.
async fn note(url: &str, restored: &Restored, by: &str, now: UnixMillis) -> Result<(), UpkeepError> {
    let store = Store::open(url).await.map_err(UpkeepError::Reopening)?;
    let by_numbers = restored.moved_on_by;
    let message = format!(
        "the database was restored from a backup (schema version {}); generations, sessions and epochs go on {by_numbers} later",
        restored.backup_version
    );
    let subject = restored.zone.as_ref().map_or_else(String::new, |zone| zone.name.clone());
    let line = TrustChange::Audited {
        at: now,
        who: by.to_owned(),
        origin: "rollcall db restore".into(),
        action: "database_restored".into(),
        subject: subject.clone(),
        before: json!({ "generation": restored.zone.as_ref().map(|zone| zone.generation) }),
        after: json!({ "moved_on_by": by_numbers }),
    };
    let changes = [Change::Noted { kind: "database_restored", subject, message, at: now }, line.into()];
    let noted: Result<(), CommitError> = store.commit(&changes).await;
    store.close().await;
    noted.map_err(UpkeepError::Noting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_restores_the_same_backup_again_comes_further_than_before() {
        let newest = Some(UnixMillis(1_000_000_000_000));
        let after = |ms: u64| leap(newest, UnixMillis(1_000_000_000_000 + ms));
        assert_eq!((after(0), leap(None, UnixMillis(5))), (LEAP, LEAP));
        let (first, second) = (after(86_400_000), after(86_400_000 + 600_000));
        assert_eq!((first, second - first), (LEAP + 8_640, 60), "ten minutes of starting anew every ten seconds");
        assert!(after(u64::MAX / 2) < 1 << 20, "what the zone believes of a node");
        assert_eq!(leap(newest, UnixMillis(0)), LEAP, "a clock that was put back");
    }

    #[test]
    fn the_version_of_a_dump_is_read_from_its_rows() {
        let text = "SET x = y;\nCOPY public._sqlx_migrations (version, description) FROM stdin;\n\
                    5\ttopology\n7\tretention\n6\tviews\n\\.\n\n9\tnot a row\n";
        assert_eq!(newest_in(text), Some(7));
        assert_eq!(newest_in("nothing"), None);
    }
}
