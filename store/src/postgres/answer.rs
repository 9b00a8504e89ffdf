//! Questions and answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::TryStreamExt;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgTypeInfo, types::Oid};
use sqlx::{AssertSqlSafe, Column, Connection, Executor, PgConnection, Postgres, Row, SqlSafeStr, SqlStr, Statement};

use super::failure;
use super::values::{binary, size, text};
use crate::{AskError, AskLimits, Bind, Table};

/// An answer larger than this is cut, whatever the row limit.
const MAX_BYTES: usize = 32 << 20;

/// How many rows are fetched at once.
const PORTION: usize = 1_000;

/// Names of cursors: each is used once, so that nothing prepared for one is taken for another.
static CURSOR: AtomicU64 = AtomicU64::new(0);

/// The rows of one of the program's own statements.
pub(super) async fn table(connection: &mut PgConnection, sql: SqlStr, binds: &[Bind]) -> Result<Table, sqlx::Error> {
    let query = binds.iter().fold(sqlx::query(sql.clone()), bind);
    let rows = query.fetch_all(&mut *connection).await?;
    let columns = match rows.first() {
        Some(row) => names(row.columns()),
        None => names(connection.prepare(sql).await?.columns()),
    };
    let rows = rows.iter().map(|row| (0..row.len()).map(|at| binary(row, at)).collect());
    Ok(Table { columns, rows: rows.collect::<Result<_, sqlx::Error>>()?, truncated: false })
}

fn names(columns: &[sqlx::postgres::PgColumn]) -> Vec<String> {
    columns.iter().map(|column| column.name().to_owned()).collect()
}

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

fn bind<'q>(query: Query<'q>, value: &Bind) -> Query<'q> {
    match value {
        // No text of PostgreSQL holds a zero character, so nothing can be found by one.
        Bind::Text(text) => query.bind(text.replace('\0', "\u{fffd}")),
        Bind::Integer(number) => query.bind(*number),
        Bind::Real(number) => query.bind(*number),
        Bind::Null => query.bind(Nothing),
    }
}

/// NULL, of whatever type fits.
struct Nothing;

impl sqlx::Type<Postgres> for Nothing {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl sqlx::Encode<'_, Postgres> for Nothing {
    fn encode_by_ref(
        &self,
        _: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        Ok(sqlx::encode::IsNull::Yes)
    }
}

/// Somebody's question, within its limits: by a cursor in a transaction that cannot write and is rolled back.
pub(super) async fn asked(connection: &mut PgConnection, sql: &str, limits: AskLimits) -> Result<Table, AskError> {
    let mut transaction = connection.begin_with("BEGIN READ ONLY").await.map_err(|error| told(error, limits))?;
    let answered = answered(&mut transaction, sql, limits).await.map_err(|error| told(error, limits));
    transaction.rollback().await.map_err(|error| told(error, limits))?;
    answered
}

async fn answered(connection: &mut PgConnection, sql: &str, limits: AskLimits) -> Result<Table, sqlx::Error> {
    let deadline = Instant::now() + limits.timeout;
    limit(connection, deadline).await?;
    let is_explained = sql.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("explain"));
    if is_explained {
        // Safe: checked to be one question, in a transaction that cannot write; the server takes one statement only.
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false).fetch_all(&mut *connection).await?;
        let columns = rows.first().map_or_else(Vec::new, |row| names(row.columns()));
        let rows = rows.iter().map(|row| (0..row.len()).map(|at| binary(row, at)).collect());
        return Ok(Table { columns, rows: rows.collect::<Result<_, sqlx::Error>>()?, truncated: false });
    }
    let cursor = format!("question_{}", CURSOR.fetch_add(1, Ordering::Relaxed));
    let question = sql.trim_end().trim_end_matches(';');
    // Safe: as above. A line break, for a comment at the end of the question may have none.
    let declared = format!("DECLARE {cursor} NO SCROLL CURSOR FOR {question}\n");
    sqlx::query(AssertSqlSafe(declared)).persistent(false).execute(&mut *connection).await?;
    let fetch = |rows: usize| AssertSqlSafe(format!("FETCH FORWARD {rows} FROM {cursor}"));
    let columns = names(connection.prepare(fetch(1).into_sql_str()).await?.columns());
    let mut answer = Table { columns, ..Table::default() };
    let (mut bytes, wanted) = (0, limits.rows.saturating_add(1));
    while answer.rows.len() < wanted {
        limit(connection, deadline).await?;
        let portion = PORTION.min(wanted - answer.rows.len());
        let mut fetched = 0;
        // In the server's own words: as text, whatever its type.
        let mut rows = sqlx::raw_sql(fetch(portion)).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            fetched += 1;
            let values = (0..row.len()).map(|at| text(&row, at)).collect::<Result<Vec<Value>, _>>()?;
            bytes += values.iter().map(size).sum::<usize>();
            answer.rows.push(values);
        }
        if fetched < portion {
            break;
        }
        if bytes >= MAX_BYTES {
            answer.truncated = true;
            return Ok(answer);
        }
    }
    answer.truncated = answer.rows.len() > limits.rows;
    answer.rows.truncate(limits.rows);
    Ok(answer)
}

/// Has the server stop what is done next when the time is over.
async fn limit(connection: &mut PgConnection, deadline: Instant) -> Result<(), sqlx::Error> {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
    sqlx::raw_sql(AssertSqlSafe(format!("SET LOCAL statement_timeout = {left}"))).execute(connection).await.map(drop)
}

fn told(error: sqlx::Error, limits: AskLimits) -> AskError {
    match error {
        sqlx::Error::Database(error) if error.code().as_deref() == Some(failure::CANCELED) => {
            AskError::TooLong { after: limits.timeout }
        }
        sqlx::Error::Database(error) if !failure::is_of_connection(&error.code().unwrap_or_default()) => {
            AskError::Refused { message: error.message().to_owned() }
        }
        other => AskError::Database(other),
    }
}
