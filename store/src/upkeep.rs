//! The upkeep of a database from outside of a zone controller: looking at it, backing it up, putting a backup back,
//! moving it to another database.
//!
//! Looking and backing up do not disturb a zone controller that goes on. What would hurt one takes the lock that a zone's
//! one writer holds, and is refused while somebody has it.

mod backup;
mod error;
mod held;
mod restore;
mod status;
mod transfer;

use sqlx::SqlSafeStr;

pub use self::backup::{Backup, backup};
pub use self::error::UpkeepError;
pub use self::restore::{LEAP, Restored, restore};
pub use self::status::{DatabaseStatus, HistoryStatus, TableStatus, ZoneStatus, status};
pub use self::transfer::{Compared, Transfer, TransferProgress, transfer};
use crate::sql::Link;
use crate::sql::copy;
use crate::sql::tables::TABLES;

/// The version of the schema; `None` where there is none yet.
async fn version(link: &mut impl Link) -> Result<Option<i64>, sqlx::Error> {
    if !has_table(link, "_sqlx_migrations").await? {
        return Ok(None);
    }
    let sql = "SELECT CAST(max(version) AS TEXT) FROM _sqlx_migrations WHERE version IS NOT NULL HAVING count(*) > 0";
    let found = link.texts(sql.into_sql_str(), vec![]).await?;
    Ok(found.first().and_then(|text| text.parse().ok()))
}

async fn has_table(link: &mut impl Link, name: &str) -> Result<bool, sqlx::Error> {
    let sql = match link.dialect() {
        crate::sql::Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = $1",
        crate::sql::Dialect::Postgres => {
            "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
             AND relkind = 'r' AND relname = $1"
        }
    };
    Ok(!link.texts(sql.into_sql_str(), vec![name.to_owned()]).await?.is_empty())
}

/// The zone a database holds; `None` where none was started with it, or the schema is not there.
async fn zone(link: &mut impl Link) -> Result<Option<ZoneStatus>, sqlx::Error> {
    let zone = &TABLES[0];
    if copy::columns(link, zone).await?.is_empty() {
        return Ok(None);
    }
    let columns = ["zone_id", "name", "generation"].map(str::to_owned);
    let page = copy::page(link, zone, &columns, None, 1).await?;
    let read = |row: &Vec<serde_json::Value>| {
        Some(ZoneStatus {
            zone_id: row.first()?.as_str()?.to_owned(),
            name: row.get(1)?.as_str()?.to_owned(),
            generation: row.get(2)?.as_u64()?,
        })
    };
    Ok(page.rows.first().and_then(read))
}
