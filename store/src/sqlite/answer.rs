//! Questions and answers.

use std::time::Instant;

use futures::TryStreamExt;
use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{
    AssertSqlSafe, Column, Decode, Executor, Row, SqlSafeStr, SqlStr, Sqlite, SqliteConnection, Statement, TypeInfo,
    ValueRef,
};

use crate::{AskError, AskLimits, Bind, Table};

/// An answer larger than this is cut, whatever the row limit.
const MAX_BYTES: usize = 32 << 20;

/// How many of SQLite's instructions pass between two looks at the clock; well under a millisecond.
const INSTRUCTIONS: i32 = 10_000;

/// SQLite's code for a statement that was stopped.
const INTERRUPTED: &str = "9";

/// The rows of a statement, at most `limit` of them.
pub(super) async fn table(
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

/// Somebody's question, within its limits.
pub(super) async fn asked(connection: &mut SqliteConnection, sql: &str, limits: AskLimits) -> Result<Table, AskError> {
    let deadline = Instant::now() + limits.timeout;
    connection
        .lock_handle()
        .await
        .map_err(AskError::Database)?
        .set_progress_handler(INSTRUCTIONS, move || Instant::now() < deadline);
    // Safe: checked to be one question, on a connection that cannot write.
    let result = table(connection, AssertSqlSafe(sql).into_sql_str(), &[], limits.rows).await;
    connection.lock_handle().await.map_err(AskError::Database)?.remove_progress_handler();
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
