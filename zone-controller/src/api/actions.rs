//! Actions on nodes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use rollcall_model::Millis;
use rollcall_model::packet::Action;
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::asking::{Answer, command, rows, text, unfold};
use super::caller::Author;
use super::errors::Problem;
use super::receiving::{Body, Params};
use crate::core::Command;

/// States of an order.
const STATES: [&str; 6] = ["ordered", "running", "done", "failed", "refused", "expired"];

/// Filters of `/v1/actions`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    node: Option<String>,
    state: Option<String>,
}

/// `GET /v1/actions?node=&state=`, newest first.
pub async fn list(State(shared): State<Arc<Shared>>, Params(filter): Params<Filter>) -> Answer {
    if let Some(state) = filter.state.as_deref().filter(|state| !STATES.contains(state)) {
        return Err(Problem::bad_request(format!("state: expected one of {}, not {state:?}", STATES.join(", "))));
    }
    let sql = "SELECT * FROM v_actions WHERE ($1 = '' OR node = $1 OR node_id = $1) AND ($2 = '' OR state = $2) \
               ORDER BY ordered_at DESC, action_id LIMIT 1000";
    let mut found = rows(&shared, sql, &[text(filter.node), text(filter.state)]).await?;
    unfold(&mut found, &["action"]);
    Ok(Json(json!(found)))
}

/// `GET /v1/actions/{action}`
pub async fn one(State(shared): State<Arc<Shared>>, Path(action): Path<String>) -> Answer {
    let id = Bind::Text(action.to_ascii_lowercase());
    let mut found = rows(&shared, "SELECT * FROM v_actions WHERE action_id = $1", &[id]).await?;
    unfold(&mut found, &["action"]);
    found
        .pop()
        .map(Json)
        .ok_or_else(|| Problem::missing(format!("there is no action {action:?}; /v1/actions lists them")))
}

/// Body of `POST /v1/actions`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Name, id, or beginning of the id.
    node: String,
    /// e.g. `{"kind": "identify", "seconds": 60}`.
    action: Action,
    /// Not begun after so many seconds.
    #[serde(default = "deadline_s")]
    deadline_s: u64,
}

const fn deadline_s() -> u64 {
    60
}

/// `POST /v1/actions {node, action: {kind, …}, deadline_s}`
pub async fn order(State(shared): State<Arc<Shared>>, Author(by): Author, Body(order): Body<Order>) -> Answer {
    let Order { node, action, deadline_s } = order;
    let deadline = Millis(deadline_s.saturating_mul(1_000));
    command(&shared, Command::OrderAction { node, action, deadline, by }).await
}
