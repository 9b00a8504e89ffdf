//! SQL.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use rollcall_store::{AskError, AskLimits};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::asking::Answer;
use super::errors::Problem;
use super::receiving::Body;
use super::{Shared, reads};

/// Body of `/v1/sql`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    query: String,
}

/// `POST /v1/sql {"query": "SELECT …"}`: read-only, limited in rows and time.
pub async fn sql(State(shared): State<Arc<Shared>>, Body(question): Body<Question>) -> Answer {
    let limits = AskLimits { rows: 10_000, timeout: Duration::from_secs(5) };
    let _turn = reads::question().await?;
    let table = shared.store.ask(&question.query, limits).await.map_err(|error| match error {
        AskError::Database(_) => Problem::store(error),
        of_the_question => Problem::bad_request(of_the_question.to_string()).of("query"),
    })?;
    Ok(Json(json!(table)))
}
