//! Nodes, groups, channels, alerts, events, and SQL.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use rollcall_model::NodeState;
use rollcall_store::{AskLimits, Bind, Table};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::errors::Problem;

/// Most rows of one answer.
const MOST_ROWS: i64 = 100_000;
/// Longest a client may wait for events.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often waiting clients look.
const LOOK: Duration = Duration::from_millis(200);

type Answer = Result<Json<Value>, Problem>;

/// Runs one of our own statements and makes an object of each row.
pub async fn rows(shared: &Shared, sql: &'static str, binds: &[Bind]) -> Result<Vec<Value>, Problem> {
    let table = shared.store.select(sql, binds).await.map_err(Problem::store)?;
    Ok(objects(table))
}

fn objects(table: Table) -> Vec<Value> {
    let Table { columns, rows, .. } = table;
    rows.into_iter().map(|row| Value::Object(columns.iter().cloned().zip(row).collect::<Map<_, _>>())).collect()
}

/// Filters of `/v1/nodes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFilter {
    state: Option<String>,
    group: Option<String>,
    bit: Option<String>,
}

/// `GET /v1/nodes?state=&group=&bit=`
pub async fn nodes(State(shared): State<Arc<Shared>>, Query(filter): Query<NodeFilter>) -> Answer {
    if let Some(state) = &filter.state {
        state.parse::<NodeState>().map_err(|error| Problem::bad_request(format!("state: {error}")))?;
    }
    if let Some(bit) = &filter.bit
        && rollcall_model::indicator::by_name(bit).is_none()
    {
        return Err(Problem::bad_request(format!("bit: there is no indicator {bit:?}")));
    }
    let [state, group, bit] =
        [filter.state, filter.group, filter.bit].map(|value| Bind::Text(value.unwrap_or_default()));
    let sql = "SELECT * FROM v_nodes AS n WHERE ($1 = '' OR state = $1) \
               AND ($2 = '' OR physical_group = $2 OR logical_group = $2 OR physical_group_id = $2 OR logical_group_id = $2) \
               AND ($3 = '' OR EXISTS (SELECT 1 FROM v_node_health_bits AS b \
                    WHERE b.node_id = n.node_id AND b.indicator = $3 AND b.state = 'set')) \
               ORDER BY physical_group, name, node_id LIMIT $4";
    rows(&shared, sql, &[state, group, bit, Bind::Integer(MOST_ROWS)]).await.map(|rows| Json(json!(rows)))
}

/// `GET /v1/nodes/{id or name}`: facts, hardware, bits, history.
pub async fn node(State(shared): State<Arc<Shared>>, Path(wanted): Path<String>) -> Answer {
    let found = rows(
        &shared,
        "SELECT * FROM v_nodes WHERE node_id = $1 OR name = $1 OR substr(node_id, 1, length($1)) = $1 ORDER BY node_id LIMIT 3",
        &[Bind::Text(wanted.clone())],
    )
    .await?;
    let exact: Vec<&Value> = found.iter().filter(|row| row["node_id"] == *wanted || row["name"] == *wanted).collect();
    let node = match (exact.as_slice(), found.as_slice()) {
        ([one], _) => Value::clone(one),
        ([], [one]) => one.clone(),
        ([], []) => return Err(Problem::missing(format!("there is no node {wanted:?} in this zone"))),
        _ => return Err(Problem::bad_request(format!("{wanted:?} means more than one node; give more of its id"))),
    };
    let id = Bind::Text(node["node_id"].as_str().unwrap_or_default().to_owned());
    let bits = rows(
        &shared,
        "SELECT bit, indicator, state, since FROM v_node_health_bits WHERE node_id = $1 ORDER BY bit",
        std::slice::from_ref(&id),
    )
    .await?;
    let assignments = rows(
        &shared,
        "SELECT * FROM v_assignments WHERE node_id = $1 ORDER BY since DESC LIMIT 20",
        std::slice::from_ref(&id),
    )
    .await?;
    let events = rows(
        &shared,
        "SELECT * FROM v_events WHERE subject_id = $1 ORDER BY event_id DESC LIMIT 20",
        std::slice::from_ref(&id),
    )
    .await?;
    let hardware = rows(&shared, "SELECT topology FROM v_hardware WHERE node_id = $1 AND current", &[id]).await?;
    let hardware = hardware
        .first()
        .and_then(|row| row["topology"].as_str())
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    Ok(Json(json!({ "node": node, "bits": bits, "assignments": assignments, "events": events, "hardware": hardware })))
}

/// `GET /v1/groups`
pub async fn groups(State(shared): State<Arc<Shared>>) -> Answer {
    rows(&shared, "SELECT * FROM v_groups ORDER BY kind DESC, name", &[]).await.map(|rows| Json(json!(rows)))
}

/// `GET /v1/channels`
pub async fn channels(State(shared): State<Arc<Shared>>) -> Answer {
    rows(&shared, "SELECT * FROM v_channels ORDER BY group_name, purpose", &[]).await.map(|rows| Json(json!(rows)))
}

/// `GET /v1/checkins`
pub async fn checkins(State(shared): State<Arc<Shared>>) -> Answer {
    rows(&shared, "SELECT * FROM v_checkins ORDER BY name", &[]).await.map(|rows| Json(json!(rows)))
}

/// Filters of `/v1/alerts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFilter {
    state: Option<String>,
}

/// `GET /v1/alerts?state=raised|cleared`
pub async fn alerts(State(shared): State<Arc<Shared>>, Query(filter): Query<AlertFilter>) -> Answer {
    let state = filter.state.unwrap_or_default();
    if !matches!(state.as_str(), "" | "raised" | "cleared") {
        return Err(Problem::bad_request(format!("state: expected raised or cleared, not {state:?}")));
    }
    let sql = "SELECT * FROM v_alerts WHERE ($1 = '' OR state = $1) ORDER BY raised_at DESC, alert_id DESC LIMIT 1000";
    rows(&shared, sql, &[Bind::Text(state)]).await.map(|rows| Json(json!(rows)))
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
pub async fn events(State(shared): State<Arc<Shared>>, Query(filter): Query<EventFilter>) -> Answer {
    let limit = filter.limit.unwrap_or(100).clamp(1, 1_000);
    let Some(after) = filter.after else {
        let sql = "SELECT * FROM (SELECT * FROM v_events ORDER BY event_id DESC LIMIT $1) AS latest ORDER BY event_id";
        return rows(&shared, sql, &[Bind::Integer(limit)]).await.map(|rows| Json(json!(rows)));
    };
    let wait = Duration::from_millis(filter.wait_ms.unwrap_or(0)).min(LONGEST_WAIT);
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        let sql = "SELECT * FROM v_events WHERE event_id > $1 ORDER BY event_id LIMIT $2";
        let found = rows(&shared, sql, &[Bind::Integer(after), Bind::Integer(limit)]).await?;
        if !found.is_empty() || tokio::time::Instant::now() >= deadline {
            return Ok(Json(json!(found)));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            // Whoever waits asks again elsewhere, or later: an orderly end waits for nobody.
            () = shared.shutdown.requested() => return Ok(Json(json!([]))),
        }
    }
}

/// Body of `/v1/sql`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    query: String,
}

/// `POST /v1/sql {"query": "SELECT …"}`: read-only, limited in rows and time.
pub async fn sql(State(shared): State<Arc<Shared>>, Json(question): Json<Question>) -> Answer {
    let limits = AskLimits { rows: 10_000, timeout: Duration::from_secs(5) };
    let table =
        shared.store.ask(&question.query, limits).await.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(json!(table)))
}
