//! What the handlers ask: the store's views, and the core.

use axum::Json;
use axum::response::Response;
use rollcall_store::{Bind, Sql, Table};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::errors::Problem;
use super::{Shared, reads};
use crate::core::{Command, Expected, Overview, PolicyProgress};
use crate::driver::Ask;

/// What a handler answers.
pub type Answer = Result<Json<Value>, Problem>;

/// The same where the answer has headers of its own.
pub type Told = Result<Response, Problem>;

/// Runs one of our own statements and makes an object of each row.
pub async fn rows(shared: &Shared, sql: &'static str, binds: &[Bind]) -> Result<Vec<Value>, Problem> {
    let Table { columns, rows, .. } = selected(shared, sql, binds).await?;
    let object = |row: Vec<Value>| Value::Object(columns.iter().cloned().zip(row).collect::<Map<_, _>>());
    Ok(rows.into_iter().map(object).collect())
}

/// What the store answers to one of our own statements, in turn with what else whoever is answered reads.
///
/// # Errors
/// 429 where they read too much at once, 503 where the store does not answer in time.
pub async fn selected(shared: &Shared, sql: &'static str, binds: &[Bind]) -> Result<Table, Problem> {
    let _turn = reads::turn().await?;
    shared.store.select(sql, binds).await.map_err(|error| Problem::unread(&error))
}

/// The same for a statement that was put together.
///
/// # Errors
/// As [`selected`].
pub async fn built(shared: &Shared, sql: &Sql) -> Result<Table, Problem> {
    let _turn = reads::turn().await?;
    shared.store.select_built(sql).await.map_err(|error| Problem::unread(&error))
}

/// Replaces columns that hold JSON as text by what the text says.
pub fn unfold(rows: &mut [Value], columns: &[&str]) {
    for row in rows {
        for column in columns {
            if let Some(folded) = row[*column].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
                row[*column] = folded;
            }
        }
    }
}

/// Has the core carry out a command; its answer comes once everything it caused is saved.
pub async fn command(shared: &Shared, command: Command) -> Answer {
    let (asker, answer) = oneshot::channel();
    let ask = Ask::Command(Box::new(command), asker);
    shared.ask.send(ask).await.map_err(|_| Problem::stopping())?;
    Ok(Json(answer.await.map_err(|_| Problem::stopping())??))
}

/// The same, if things are still as whoever asks saw them, where they want them to be.
pub async fn command_if(shared: &Shared, expected: Option<Expected>, given: Command) -> Answer {
    let given = match expected {
        Some(expected) => Command::If(expected, Box::new(given)),
        None => given,
    };
    command(shared, given).await
}

/// Counters and latest reports.
pub async fn overview(shared: &Shared) -> Result<Overview, Problem> {
    let (asker, answer) = oneshot::channel();
    shared.ask.send(Ask::Overview(asker)).await.map_err(|_| Problem::stopping())?;
    answer.await.map_err(|_| Problem::stopping())
}

/// How far the groups have come with the policy in force.
pub async fn progress(shared: &Shared) -> Result<Vec<PolicyProgress>, Problem> {
    let (asker, answer) = oneshot::channel();
    shared.ask.send(Ask::Progress(asker)).await.map_err(|_| Problem::stopping())?;
    answer.await.map_err(|_| Problem::stopping())
}
