//! SQLite carries the program's own statements.

use futures::TryStreamExt;
use sqlx::{SqlStr, SqliteConnection};

use crate::sql::{Dialect, Link};

impl Link for SqliteConnection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn each(
        &mut self,
        sql: SqlStr,
        binds: Vec<String>,
        take: impl FnMut(String) + Send,
    ) -> Result<(), sqlx::Error> {
        let query = binds.into_iter().fold(sqlx::query_scalar::<_, String>(sql), |query, text| query.bind(text));
        query.fetch(self).map_ok(take).try_collect().await
    }

    async fn run(&mut self, sql: SqlStr, binds: Vec<String>) -> Result<u64, sqlx::Error> {
        let query = binds.into_iter().fold(sqlx::query(sql), |query, text| query.bind(text));
        Ok(query.execute(self).await?.rows_affected())
    }
}
