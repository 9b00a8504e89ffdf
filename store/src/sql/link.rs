//! A connection as the statements see it.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqlStr;

use super::{Dialect, Sql};
use crate::{AuditError, CommitError, Damaged, LoadError};

/// A connection that carries statements and rows of JSON. What implements it decides nothing.
pub(crate) trait Link: Send {
    /// Whose SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// Hands over the one column of text that a statement answers with, row by row as it comes.
    fn each(
        &mut self,
        sql: SqlStr,
        binds: Vec<String>,
        take: impl FnMut(String) + Send,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// The one column of text that a statement answers with.
    fn texts(
        &mut self,
        sql: SqlStr,
        binds: Vec<String>,
    ) -> impl Future<Output = Result<Vec<String>, sqlx::Error>> + Send {
        async {
            let mut texts = Vec::new();
            self.each(sql, binds, |text| texts.push(text)).await?;
            Ok(texts)
        }
    }

    /// Carries out a statement; says how many rows it wrote.
    fn run(&mut self, sql: SqlStr, binds: Vec<String>) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;
}

/// Either of the errors that reading rows can end in.
#[derive(Debug)]
pub(crate) enum RowsError {
    Damaged(Damaged),
    Database(sqlx::Error),
}

impl From<RowsError> for AuditError {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Damaged(damaged) => Self::Damaged(damaged),
            RowsError::Database(error) => Self::Database(error),
        }
    }
}

impl From<RowsError> for CommitError {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Damaged(damaged) => Self::Damaged(damaged),
            RowsError::Database(error) => Self::Database(error),
        }
    }
}

impl From<RowsError> for LoadError {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Damaged(damaged) => Self::Damaged(damaged),
            RowsError::Database(error) => Self::Database(error),
        }
    }
}

/// The rows a statement answers with, each an object in JSON.
pub(super) async fn rows<T: DeserializeOwned + Send>(
    link: &mut impl Link,
    table: &'static str,
    sql: &'static Sql,
    binds: Vec<String>,
) -> Result<Vec<T>, RowsError> {
    rows_as(link, table, sql, binds, |row| row).await
}

/// The same, and what each row becomes: the text of many rows is many times as large as what is kept of them.
pub(super) async fn rows_as<T: DeserializeOwned, U: Send>(
    link: &mut impl Link,
    table: &'static str,
    sql: &'static Sql,
    binds: Vec<String>,
    mut become_of: impl FnMut(T) -> U + Send,
) -> Result<Vec<U>, RowsError> {
    let sql = sql.text(link.dialect());
    let (mut found, mut damaged) = (Vec::new(), None);
    let take = |text: String| match serde_json::from_str(&text) {
        Ok(row) => found.push(become_of(row)),
        Err(source) => {
            damaged.get_or_insert(Damaged { table, source });
        }
    };
    link.each(sql, binds, take).await.map_err(RowsError::Database)?;
    damaged.map_or(Ok(found), |damaged| Err(RowsError::Damaged(damaged)))
}

/// Writes rows with a statement that takes a list of them; nothing where there are none.
pub(super) async fn put<T: Serialize>(link: &mut impl Link, sql: &'static Sql, rows: &[T]) -> Result<(), sqlx::Error> {
    if !rows.is_empty() {
        let binds = vec![json(rows)?];
        let sql = sql.text(link.dialect());
        link.run(sql, binds).await?;
    }
    Ok(())
}

/// Carries out a statement with binds of any kind.
pub(super) async fn run(link: &mut impl Link, sql: &'static Sql, binds: Vec<String>) -> Result<(), sqlx::Error> {
    let sql = sql.text(link.dialect());
    link.run(sql, binds).await.map(drop)
}

/// The JSON of a row.
pub(super) fn row_of<T: DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// As JSON. Zero characters, which only one of the databases can hold, are replaced.
pub(super) fn json<T: Serialize + ?Sized>(rows: &T) -> Result<String, sqlx::Error> {
    let text = serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(crate::row::without_zeros(text))
}
