//! What a database is, how large, how old, and what was pruned.

use std::collections::BTreeMap;

use rollcall_model::UnixMillis;
use serde::Serialize;
use sqlx::SqlSafeStr;

use super::held::{Held, Place};
use super::{UpkeepError, version, zone};
use crate::retention::History;
use crate::row::PruningRow;
use crate::sql::tables::{Table, every_table};
use crate::sql::{Link, copy, count};
use crate::{postgres, sql, sqlite};

/// A database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatabaseStatus {
    /// Where it is, without a password.
    pub database: String,
    /// `sqlite` or `postgres`.
    pub kind: &'static str,
    /// The version of its schema; `None` where it has none yet.
    pub schema_version: Option<i64>,
    /// The newest version this program knows.
    pub newest_version: i64,
    /// Who has it open as its writer, in words for people.
    pub in_use_by: Option<String>,
    /// Whose topology it is.
    pub zone: Option<ZoneStatus>,
    /// Size of the whole.
    pub bytes: u64,
    /// SQLite: how much of that is free, for rows that are to come.
    pub free_bytes: Option<u64>,
    /// PostgreSQL: rows that are removed and whose room is not yet free, as the server estimates.
    pub dead_rows: Option<u64>,
    /// Its tables, in the order of the schema.
    pub tables: Vec<TableStatus>,
}

/// The zone of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneStatus {
    /// Its id.
    pub zone_id: String,
    /// Its name.
    pub name: String,
    /// The generation of its latest start.
    pub generation: u64,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableStatus {
    /// Its name.
    pub table: &'static str,
    /// Its rows, counted.
    pub rows: u64,
    /// With its indexes.
    pub bytes: Option<u64>,
    /// Where it holds history that is pruned.
    pub history: Option<HistoryStatus>,
}

/// A history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryStatus {
    /// Which.
    pub history: History,
    /// When the oldest row of it was over.
    pub oldest: Option<UnixMillis>,
    /// When it was last looked through for what may go.
    pub pruned: Option<UnixMillis>,
    /// What was over before this went then.
    pub before: Option<UnixMillis>,
    /// How many rows that were.
    pub removed: Option<u64>,
    /// When it is looked through next; `None` where nobody said.
    pub next: Option<UnixMillis>,
}

/// Looks at a database; a zone controller may go on with it meanwhile. Counts every row: that takes a while where there
/// are many millions.
///
/// # Errors
/// See [`UpkeepError`].
pub async fn status(url: &str) -> Result<DatabaseStatus, UpkeepError> {
    let place = Place::parse(url)?;
    let shown = place.shown();
    let says = UpkeepError::says(&shown, "looking at it");
    let mut held = Held::look(&place).await?;
    let in_use_by = match (&place, &mut held) {
        (Place::Sqlite(path), _) => sqlite::offline::held_by(path),
        (_, Held::Postgres(connection)) => postgres::offline::held_by(connection).await.map_err(&says)?,
        _ => None,
    };
    let (kind, bytes, free_bytes, dead_rows) = match &mut held {
        Held::Sqlite(connection, _) => {
            let (bytes, free) = sqlite::offline::sizes(connection).await.map_err(&says)?;
            ("sqlite", bytes, Some(free), None)
        }
        Held::Postgres(connection) => {
            let (bytes, dead) = postgres::offline::sizes(connection).await.map_err(&says)?;
            ("postgres", bytes, None, Some(dead))
        }
    };
    let found = DatabaseStatus {
        schema_version: version(&mut held).await.map_err(&says)?,
        newest_version: sqlite::NEWEST,
        in_use_by,
        zone: zone(&mut held).await.map_err(&says)?,
        kind,
        bytes,
        free_bytes,
        dead_rows,
        tables: tables(&mut held).await.map_err(&says)?,
        database: shown.clone(),
    };
    held.close().await;
    Ok(found)
}

async fn tables(held: &mut Held) -> Result<Vec<TableStatus>, sqlx::Error> {
    let sql = match held {
        Held::Sqlite(..) => sqlite::offline::TABLE_SIZES,
        Held::Postgres(_) => postgres::offline::TABLE_SIZES,
    };
    let sizes = held.texts(sql.into_sql_str(), vec![]).await?;
    let sizes: BTreeMap<String, u64> = sizes.iter().filter_map(|text| sqlite::offline::table_size(text)).collect();
    let mut prunings = BTreeMap::new();
    if sizes.contains_key("prunings") {
        let rows = sql::prunings(held).await?;
        prunings.extend(rows.into_iter().map(|row| (row.history.clone(), row)));
    }
    let mut found = Vec::new();
    for table in every_table() {
        // An older schema has fewer.
        if !copy::columns(held, table).await?.is_empty() {
            let bytes = sizes.get(table.name).copied();
            found.push(look(held, table, bytes, prunings.remove(table.name)).await?);
        }
    }
    Ok(found)
}

async fn look(
    held: &mut Held,
    table: &'static Table,
    bytes: Option<u64>,
    pruning: Option<PruningRow>,
) -> Result<TableStatus, sqlx::Error> {
    let rows = count::rows(held, table).await?;
    let history = match History::ALL.into_iter().find(|history| history.table() == table.name) {
        None => None,
        Some(history) => {
            let oldest = count::oldest(held, history).await?.map(UnixMillis);
            Some(HistoryStatus {
                history,
                oldest,
                pruned: pruning.as_ref().map(|row| row.ended_ms),
                before: pruning.as_ref().map(|row| row.before_ms),
                removed: pruning.as_ref().map(|row| row.removed),
                next: pruning.as_ref().and_then(|row| row.next_ms),
            })
        }
    };
    Ok(TableStatus { table: table.name, rows, bytes, history })
}
