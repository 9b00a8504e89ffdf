//! Questions and answers.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{
    AssertSqlSafe, Column, Decode, Executor, Row, SqlSafeStr, SqlStr, Sqlite, SqliteConnection, Statement, TypeInfo,
    ValueRef,
};

use crate::{AskError, AskLimits, Bind, LONGEST_SELECT, Table};

/// An answer larger than this is cut, whatever the row limit.
const MAX_BYTES: usize = 32 << 20;

/// How many of SQLite's instructions pass between two looks at the clock; well under a millisecond.
const INSTRUCTIONS: i32 = 10_000;

/// SQLite's code for a statement that was stopped.
pub(crate) const INTERRUPTED: &str = "9";

/// The rows of a statement, at most `limit` of them.
async fn table(
    connection: &mut SqliteConnection,
    sql: SqlStr,
    binds: &[Bind],
    limit: usize,
) -> Result<Table, sqlx::Error> {
    let statement = Executor::prepare(&mut *connection, sql).await?;
    let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut answer = Table { columns, ..Table::default() };
    let query = binds.iter().fold(statement.query(), bind);
    let mut rows = query.fetch(connection);
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        if answer.rows.len() >= limit || bytes >= MAX_BYTES {
            answer.truncated = true;
            break;
        }
        let values = values(&row)?;
        bytes += values.iter().map(size).sum::<usize>();
        answer.rows.push(values);
    }
    Ok(answer)
}

/// The rows of one of the program's own statements, all of them, while it lasts no longer than it may.
pub(super) async fn selected(
    connection: &mut SqliteConnection,
    sql: SqlStr,
    binds: &[Bind],
) -> Result<Table, sqlx::Error> {
    within(LONGEST_SELECT, connection, sql, binds, usize::MAX).await
}

/// The same, stopped after a while by SQLite itself.
async fn within(
    longest: Duration,
    connection: &mut SqliteConnection,
    sql: SqlStr,
    binds: &[Bind],
    limit: usize,
) -> Result<Table, sqlx::Error> {
    let deadline = Instant::now() + longest;
    connection.lock_handle().await?.set_progress_handler(INSTRUCTIONS, move || Instant::now() < deadline);
    let result = table(connection, sql, binds, limit).await;
    connection.lock_handle().await?.remove_progress_handler();
    result
}

/// Somebody's question, within its limits.
pub(super) async fn asked(connection: &mut SqliteConnection, sql: &str, limits: AskLimits) -> Result<Table, AskError> {
    // Safe: checked to be one question, on a connection that cannot write.
    let question = AssertSqlSafe(sql).into_sql_str();
    let result = within(limits.timeout, connection, question, &[], limits.rows).await;
    result.map_err(|error| match error {
        sqlx::Error::Database(error) if error.code().as_deref() == Some(INTERRUPTED) => {
            AskError::TooLong { after: limits.timeout }
        }
        sqlx::Error::Database(error) => AskError::Refused { message: error.message().to_owned() },
        other => AskError::Database(other),
    })
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

fn bind<'q>(query: Query<'q>, value: &Bind) -> Query<'q> {
    match value {
        Bind::Text(text) => query.bind(text.clone()),
        Bind::Integer(number) => query.bind(*number),
        Bind::Real(number) => query.bind(*number),
        Bind::Null => query.bind(None::<i64>),
    }
}

fn values(row: &SqliteRow) -> Result<Vec<Value>, sqlx::Error> {
    (0..row.len()).map(|at| value(row.try_get_raw(at)?).map_err(sqlx::Error::Decode)).collect()
}

/// By what the value is, not by what the column was declared as: SQL's expressions have no declaration.
fn value(raw: SqliteValueRef<'_>) -> Result<Value, sqlx::error::BoxDynError> {
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" => <i64 as Decode<'_, Sqlite>>::decode(raw)?.into(),
        "REAL" => {
            let number = <f64 as Decode<'_, Sqlite>>::decode(raw)?;
            serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        "BLOB" => <&[u8] as Decode<'_, Sqlite>>::decode(raw)?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into(),
        _ => String::from_utf8_lossy(<&[u8] as Decode<'_, Sqlite>>::decode(raw)?).into(),
    })
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 8,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;
    use crate::QueryError;

    #[tokio::test]
    async fn a_statement_that_lasts_too_long_is_stopped_and_the_connection_goes_on() {
        let mut connection = SqliteConnectOptions::new().filename(":memory:").connect().await.unwrap();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let (longest, sql) = (Duration::from_millis(50), endless.into_sql_str());
        let source = within(longest, &mut connection, sql, &[], usize::MAX).await.unwrap_err();
        let error = QueryError { sql: endless.into(), source };
        assert!(error.took_too_long(), "{error}");
        let table = selected(&mut connection, "SELECT 7".into_sql_str(), &[]).await.unwrap();
        assert_eq!(table.rows, [[7]]);
    }
}
