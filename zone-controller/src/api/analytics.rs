//! Analytics: what the groups tell of all their nodes together, period by period.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::asking::{Answer, listed, rows, text, unfold};
use super::errors::Problem;
use super::receiving::Params;

/// Filters of `/v1/analytics`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    group: Option<String>,
    indicator: Option<String>,
    limit: Option<i64>,
}

/// `GET /v1/analytics?group=&indicator=&limit=`, newest first: nodes by state and set bit, or with an indicator how its
/// readings were distributed.
pub async fn list(State(shared): State<Arc<Shared>>, Params(filter): Params<Filter>) -> Answer {
    let limit = Bind::Integer(filter.limit.unwrap_or(100).clamp(1, 10_000));
    let group = text(filter.group);
    if let Some(indicator) = filter.indicator {
        if rollcall_model::indicator::by_name(&indicator).is_none() {
            return Err(Problem::bad_request(format!("indicator: there is no indicator {indicator:?}")));
        }
        let sql = "SELECT * FROM v_group_metrics WHERE ($1 = '' OR group_name = $1 OR group_id = $1) AND indicator = $2 \
                   ORDER BY at DESC, group_name LIMIT $3";
        return listed(&shared, sql, &[group, Bind::Text(indicator), limit]).await;
    }
    let sql = "SELECT * FROM v_analytics WHERE ($1 = '' OR group_name = $1 OR group_id = $1) \
               ORDER BY at DESC, group_name LIMIT $2";
    let mut found = rows(&shared, sql, &[group, limit]).await?;
    unfold(&mut found, &["bits", "refused"]);
    Ok(Json(json!(found)))
}
