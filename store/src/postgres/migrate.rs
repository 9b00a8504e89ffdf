//! The schema is brought up to date, one version at a time, each in a transaction of its own.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr};

use super::place::Place;
use crate::OpenError;

/// Every migration, oldest first. A released one is never edited; a new one gets the next number, the same as in SQLite.
const MIGRATIONS: [(i64, &str, &str); 8] = [
    (5, "topology", include_str!("../../../migrations/postgres/0005_topology.sql")),
    (6, "views", include_str!("../../../migrations/postgres/0006_views.sql")),
    (7, "retention", include_str!("../../../migrations/postgres/0007_retention.sql")),
    (8, "sums", include_str!("../../../migrations/postgres/0008_sums.sql")),
    (9, "questions", include_str!("../../../migrations/postgres/0009_questions.sql")),
    (10, "serials", include_str!("../../../migrations/postgres/0010_serials.sql")),
    (11, "user_entries", include_str!("../../../migrations/postgres/0011_user_entries.sql")),
    (12, "lease", include_str!("../../../migrations/postgres/0012_lease.sql")),
];

pub(super) async fn migrate(connection: &mut PgConnection, place: &Place) -> Result<(), OpenError> {
    let migrations = MIGRATIONS.map(|(version, what, sql)| {
        Migration::new(version, what.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let newest = MIGRATIONS.map(|(version, ..)| version).into_iter().max().unwrap_or_default();
    let place = || place.shown().to_owned();
    // A large table may take its time, and a backup that reads it; the limits are for everyday's statements.
    let unlimited =
        sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = '30min'").execute(&mut *connection).await;
    unlimited.map_err(|source| OpenError::Migration { place: place(), source: source.into() })?;
    let done = Migrator::with_migrations(migrations.into()).run_direct(None, &mut *connection, false).await;
    done.map_err(|error| match error {
        MigrateError::VersionMissing(version) => OpenError::Future { place: place(), version, newest },
        MigrateError::VersionMismatch(version) => OpenError::Altered { place: place(), version },
        source => OpenError::Migration { place: place(), source },
    })?;
    let limited = sqlx::raw_sql("RESET statement_timeout; RESET lock_timeout").execute(connection).await;
    limited.map(drop).map_err(|source| OpenError::Migration { place: place(), source: source.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_file_is_embedded_under_its_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, MIGRATIONS.map(|(version, what, _)| format!("{version:04}_{what}.sql")));
    }
}
