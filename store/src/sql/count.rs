//! Counts rows, and looks for the oldest of a history.

use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::link::{Link, row_of};
use super::prune;
use super::tables::Table;
use crate::retention::History;

/// How many rows a table has; goes through all of them.
pub(crate) async fn rows(link: &mut impl Link, table: &Table) -> Result<u64, sqlx::Error> {
    let sql = format!("SELECT CAST(count(*) AS TEXT) FROM {}", table.name);
    // Safe: a name that stands in the code.
    let found = link.texts(AssertSqlSafe(sql).into_sql_str(), vec![]).await?;
    found.first().map_or(Ok(0), |text| row_of(text))
}

/// When the oldest row of a history was over, milliseconds; `None` where none is.
pub(crate) async fn oldest(link: &mut impl Link, history: History) -> Result<Option<u64>, sqlx::Error> {
    let sql = prune::oldest(history);
    // Safe: made of names that stand in the code.
    let found = link.texts(AssertSqlSafe(sql).into_sql_str(), vec![]).await?;
    found.first().map_or(Ok(None), |text| row_of(text).map(Some))
}
