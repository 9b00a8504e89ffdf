//! A copy of a database as of one moment, while a zone controller goes on with it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::SqliteConnection;

use super::held::{Held, Place};
use super::{UpkeepError, ZoneStatus, version, zone};
use crate::postgres::tools::{Target, run};
use crate::sqlite::offline::Owner;
use crate::{postgres, sqlite};

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Of what, without a password.
    pub database: String,
    /// The file. Only its owner may read it.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// `sqlite`, or `postgres`: the custom format of `pg_dump`.
    pub kind: &'static str,
    /// The version of the schema in it.
    pub schema_version: Option<i64>,
    /// Whose topology it is.
    pub zone: Option<ZoneStatus>,
}

/// Makes a backup. Of an SQLite file it is another one, whole and checked; of PostgreSQL what `pg_dump` writes.
///
/// # Errors
/// See [`UpkeepError`]; nothing is left of a backup that failed, and a file that is there is never written over.
pub async fn backup(url: &str, to: &Path) -> Result<Backup, UpkeepError> {
    let place = Place::parse(url)?;
    let shown = place.shown();
    let says = UpkeepError::says(&shown, "backing it up");
    let mut held = Held::look(&place).await?;
    let (schema_version, zone) = (version(&mut held).await.map_err(&says)?, zone(&mut held).await.map_err(&says)?);
    if schema_version.is_none() {
        return Err(UpkeepError::Nothing { place: shown });
    }
    let reserved = Reserved::at(to)?;
    let written = match (&place, &mut held) {
        (Place::Postgres(place), Held::Postgres(connection)) => {
            let schema = postgres::offline::schema(connection).await.map_err(&says)?.0;
            dump(&Target::of(url, place), &schema, &reserved.partial).await
        }
        (_, Held::Sqlite(connection, _)) => copy(connection, &shown, &reserved.partial).await,
        _ => Ok(()),
    };
    held.close().await;
    let bytes = reserved.settle(written)?;
    let kind = if matches!(place, Place::Sqlite(_)) { "sqlite" } else { "postgres" };
    Ok(Backup { database: shown, path: to.to_owned(), bytes, kind, schema_version, zone })
}

/// Copies, and looks whether the copy is whole.
async fn copy(connection: &mut SqliteConnection, shown: &str, to: &Path) -> Result<(), UpkeepError> {
    sqlite::offline::copy(connection, to, Owner::Us).await.map_err(|error| UpkeepError::copy(to, shown, error))?;
    let mut copied = sqlite::offline::look(to).await?;
    let problems =
        sqlite::offline::problems(&mut copied).await.map_err(UpkeepError::says(shown, "checking the copy"))?;
    sqlite::offline::close(copied).await;
    match problems.first() {
        None => Ok(()),
        Some(problem) => Err(UpkeepError::Damaged { path: shown.into(), problem: problem.clone() }),
    }
}

async fn dump(target: &Target, schema: &str, to: &Path) -> Result<(), UpkeepError> {
    // Made here, so that only its owner may read it: `pg_dump` writes into what is there.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let made = made.map_err(|source| UpkeepError::File { path: to.to_owned(), verb: "made", source })?;
    let mut file = OsString::from("--file=");
    file.push(to);
    // A pattern in which capitals and dots are letters like others.
    let schema = format!("--schema=\"{}\"", schema.replace('"', "\"\""));
    let arguments: [&OsStr; 5] =
        ["--format=custom".as_ref(), "--no-owner".as_ref(), "--no-privileges".as_ref(), schema.as_ref(), &file];
    run("pg_dump", &arguments, Some(target)).await.map_err(|error| UpkeepError::tool("pg_dump", error))?;
    made.sync_all().map_err(|source| UpkeepError::File { path: to.to_owned(), verb: "written", source })
}

/// A place for a file that is not there yet. Until it is whole it has another name, and then it takes no file's place.
struct Reserved {
    path: PathBuf,
    partial: PathBuf,
}

impl Reserved {
    fn at(path: &Path) -> Result<Self, UpkeepError> {
        match path.symlink_metadata() {
            Ok(_) => return Err(is_there(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(UpkeepError::File { path: path.to_owned(), verb: "made", source }),
        }
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let there = std::fs::metadata(folder);
        there.map_err(|source| UpkeepError::File { path: path.to_owned(), verb: "made", source })?;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        Ok(Self { path: path.to_owned(), partial: PathBuf::from(name) })
    }

    /// Gives the file its name, or takes back everything. Says how large it is.
    fn settle(self, written: Result<(), UpkeepError>) -> Result<u64, UpkeepError> {
        let failed = |source| UpkeepError::File { path: self.path.clone(), verb: "written", source };
        let settled = written.and_then(|()| {
            let bytes = self.partial.metadata().map_err(failed)?.len();
            std::fs::hard_link(&self.partial, &self.path).map_err(|source| match source.kind() {
                ErrorKind::AlreadyExists => is_there(&self.path),
                _ => failed(source),
            })?;
            sync_folder_of(&self.path)?;
            Ok(bytes)
        });
        // Its second name, or what is half-written; the error that is told is the first one.
        drop(std::fs::remove_file(&self.partial));
        settled
    }
}

fn is_there(path: &Path) -> UpkeepError {
    let hint = "backups are never written over: choose another name, such as one with the date";
    UpkeepError::Exists { path: path.to_owned(), hint }
}

/// The names in a folder are on the disk before anybody builds on them.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), UpkeepError> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| UpkeepError::File { path: folder.to_owned(), verb: "written", source })
}
