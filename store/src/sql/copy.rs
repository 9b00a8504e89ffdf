//! Whole tables, read and written a page at a time, whatever their columns are.

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::Dialect;
use super::link::{Link, json, row_of};
use super::tables::Table;

/// A page: rows in the order of the table, and where the next begins.
pub(crate) struct Page {
    pub rows: Vec<Vec<Value>>,
    pub last: Option<Vec<String>>,
}

/// Safe: made of names that stand in the code or in the database's own catalogue, in which only its owner writes.
fn own(sql: String) -> SqlStr {
    AssertSqlSafe(sql).into_sql_str()
}

/// The columns of a table, by name; none where there is no such table. What only one of the databases has is left out.
pub(crate) async fn columns(link: &mut impl Link, table: &Table) -> Result<Vec<String>, sqlx::Error> {
    let sql = match link.dialect() {
        Dialect::Sqlite => "SELECT name FROM pragma_table_info($1)",
        Dialect::Postgres => {
            "SELECT column_name::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1"
        }
    };
    let mut columns = link.texts(sql.into_sql_str(), vec![table.name.to_owned()]).await?;
    columns.retain(|column| column != "certificate_no");
    columns.sort();
    Ok(columns)
}

/// The rows that follow `from`, at most so many.
pub(crate) async fn page(
    link: &mut impl Link,
    table: &Table,
    columns: &[String],
    from: Option<&[String]>,
    rows: usize,
) -> Result<Page, sqlx::Error> {
    let dialect = link.dialect();
    let order = table.order(dialect);
    let names: Vec<&str> = order.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    let values: Vec<String> = columns
        .iter()
        .map(|column| match table.flags.contains(&column.as_str()) {
            true => dialect.flag(&format!("t.{column}")),
            false => format!("t.{column}"),
        })
        .collect();
    let bounds: Vec<String> = order.iter().zip(1..).map(|((_, key), bind)| key.bound(bind)).collect();
    let sql = format!(
        "SELECT {} FROM {} t WHERE ({names}) > ({}) ORDER BY {names} LIMIT {rows}",
        dialect.array(&format!("{names}, {}", values.join(", "))),
        table.name,
        bounds.join(", ")
    );
    let binds = match from {
        Some(from) => from.to_vec(),
        None => order.iter().map(|(_, key)| key.least().to_owned()).collect(),
    };
    let texts = link.texts(own(sql), binds).await?;
    let mut page = Page { rows: Vec::with_capacity(texts.len()), last: None };
    for text in &texts {
        let mut key: Vec<Value> = row_of(text)?;
        page.rows.push(key.split_off(order.len()));
        page.last = Some(key.iter().map(plain).collect());
    }
    Ok(page)
}

/// A value as it is bound.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Appends rows.
pub(crate) async fn append(
    link: &mut impl Link,
    table: &Table,
    columns: &[String],
    rows: Vec<Vec<Value>>,
) -> Result<(), sqlx::Error> {
    let objects: Vec<Map<String, Value>> =
        rows.into_iter().map(|row| columns.iter().cloned().zip(row).collect()).collect();
    let binds = vec![json(&objects)?];
    let sql = link.dialect().append(table.name, columns);
    link.run(own(sql), binds).await.map(drop)
}

/// Removes every row.
pub(crate) async fn clear(link: &mut impl Link, table: &Table) -> Result<(), sqlx::Error> {
    link.run(own(format!("DELETE FROM {}", table.name)), vec![]).await.map(drop)
}

/// The greatest number that was ever given to a row; it may be greater than that of any row there is.
pub(crate) async fn last_number(link: &mut impl Link, table: &Table) -> Result<i64, sqlx::Error> {
    let sql = match link.dialect() {
        Dialect::Sqlite => format!("SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name = '{}'", table.name),
        Dialect::Postgres => format!("SELECT coalesce(pg_sequence_last_value({}), 0)::text", sequence(table)),
    };
    let found = link.texts(own(sql), vec![]).await?;
    found.first().map_or(Ok(0), |text| row_of(text))
}

/// Numbers go on after this one.
pub(crate) async fn number_after(link: &mut impl Link, table: &Table, last: i64) -> Result<(), sqlx::Error> {
    if last < 1 {
        return Ok(());
    }
    match link.dialect() {
        Dialect::Sqlite => {
            link.run(own(format!("DELETE FROM sqlite_sequence WHERE name = '{}'", table.name)), vec![]).await?;
            let sql = format!("INSERT INTO sqlite_sequence (name, seq) VALUES ('{}', {last})", table.name);
            link.run(own(sql), vec![]).await.map(drop)
        }
        Dialect::Postgres => {
            link.texts(own(format!("SELECT setval({}, {last})::text", sequence(table))), vec![]).await.map(drop)
        }
    }
}

/// What numbers the rows of a table in PostgreSQL.
fn sequence(table: &Table) -> String {
    let key = table.key.first().map_or("", |key| key.name());
    format!("pg_get_serial_sequence('{}', '{key}')::regclass", table.name)
}
