//! SQLite carries the program's own statements.

use sqlx::{SqlStr, SqliteConnection};

use crate::sql::{Dialect, Link};

impl Link for SqliteConnection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn texts(&mut self, sql: SqlStr, binds: Vec<String>) -> Result<Vec<String>, sqlx::Error> {
        let query = binds.into_iter().fold(sqlx::query_scalar::<_, String>(sql), |query, text| query.bind(text));
        query.fetch_all(self).await
    }

    async fn run(&mut self, sql: SqlStr, binds: Vec<String>) -> Result<u64, sqlx::Error> {
        let query = binds.into_iter().fold(sqlx::query(sql), |query, text| query.bind(text));
        Ok(query.execute(self).await?.rows_affected())
    }
}
