//! Events, and SQL.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use rollcall_store::{AskError, AskLimits, Bind};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Shared;
use super::asking::{Answer, listed, rows};
use super::errors::Problem;
use super::receiving::{Body, Params};

/// Longest a client may wait for something to come.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often waiting clients look.
const LOOK: Duration = Duration::from_millis(200);

/// Looks until there is something, the wait is over, or the zone controller ends.
pub async fn wait_for<F>(shared: &Shared, wait_ms: Option<u64>, look: impl Fn() -> F) -> Result<Vec<Value>, Problem>
where
    F: Future<Output = Result<Vec<Value>, Problem>>,
{
    let wait = Duration::from_millis(wait_ms.unwrap_or(0)).min(LONGEST_WAIT);
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        let found = look().await?;
        if !found.is_empty() || tokio::time::Instant::now() >= deadline {
            return Ok(found);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            // Whoever waits asks again elsewhere, or later: an orderly end waits for nobody.
            () = shared.shutdown.requested() => return Ok(Vec::new()),
        }
    }
}

/// Filters of `/v1/events`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// Only events after this id; without it the last ones.
    after: Option<i64>,
    /// At most this many.
    limit: Option<i64>,
    /// Wait this long for the first one, milliseconds.
    wait_ms: Option<u64>,
}

/// `GET /v1/events?after=&limit=&wait_ms=`, oldest first.
pub async fn events(State(shared): State<Arc<Shared>>, Params(filter): Params<EventFilter>) -> Answer {
    let limit = filter.limit.unwrap_or(100).clamp(1, 1_000);
    let Some(after) = filter.after else {
        let sql = "SELECT * FROM (SELECT * FROM v_events ORDER BY event_id DESC LIMIT $1) AS latest ORDER BY event_id";
        return listed(&shared, sql, &[Bind::Integer(limit)]).await;
    };
    let sql = "SELECT * FROM v_events WHERE event_id > $1 ORDER BY event_id LIMIT $2";
    let binds = [Bind::Integer(after), Bind::Integer(limit)];
    wait_for(&shared, filter.wait_ms, || rows(&shared, sql, &binds)).await.map(|rows| Json(json!(rows)))
}

/// Body of `/v1/sql`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    query: String,
}

/// `POST /v1/sql {"query": "SELECT …"}`: read-only, limited in rows and time.
pub async fn sql(State(shared): State<Arc<Shared>>, Body(question): Body<Question>) -> Answer {
    let limits = AskLimits { rows: 10_000, timeout: Duration::from_secs(5) };
    let table = shared.store.ask(&question.query, limits).await.map_err(|error| match error {
        AskError::Database(_) => Problem::store(error),
        of_the_question => Problem::bad_request(of_the_question.to_string()).of("query"),
    })?;
    Ok(Json(json!(table)))
}
