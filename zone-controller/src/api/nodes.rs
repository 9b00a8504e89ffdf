//! Nodes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use rollcall_model::NodeState;
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::asking::{Answer, MOST_ROWS, command, listed, rows, text};
use super::errors::Problem;
use super::receiving::Params;
use crate::core::Command;

/// Filters of `/v1/nodes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    state: Option<String>,
    group: Option<String>,
    bit: Option<String>,
}

/// `GET /v1/nodes?state=&group=&bit=`: a group of any kind, by name or id.
pub async fn list(State(shared): State<Arc<Shared>>, Params(filter): Params<Filter>) -> Answer {
    if let Some(state) = &filter.state {
        state.parse::<NodeState>().map_err(|error| Problem::bad_request(format!("state: {error}")))?;
    }
    if let Some(bit) = &filter.bit
        && rollcall_model::indicator::by_name(bit).is_none()
    {
        return Err(Problem::bad_request(format!("bit: there is no indicator {bit:?}")));
    }
    let sql = "SELECT * FROM v_nodes AS n WHERE ($1 = '' OR state = $1) \
               AND ($2 = '' OR EXISTS (SELECT 1 FROM v_memberships AS m \
                    WHERE m.node_id = n.node_id AND (m.group_name = $2 OR m.group_id = $2))) \
               AND ($3 = '' OR EXISTS (SELECT 1 FROM v_node_health_bits AS b \
                    WHERE b.node_id = n.node_id AND b.indicator = $3 AND b.state = 'set')) \
               ORDER BY physical_group, name, node_id LIMIT $4";
    let binds = [text(filter.state), text(filter.group), text(filter.bit), Bind::Integer(MOST_ROWS)];
    listed(&shared, sql, &binds).await
}

/// `GET /v1/nodes/{id or name}`: facts, hardware, bits, groups, history.
pub async fn one(State(shared): State<Arc<Shared>>, Path(wanted): Path<String>) -> Answer {
    let node = find(&shared, &wanted).await?;
    let id = [Bind::Text(node["node_id"].as_str().unwrap_or_default().to_owned())];
    let bits = "SELECT bit, indicator, state, since FROM v_node_health_bits WHERE node_id = $1 ORDER BY bit";
    let bits = rows(&shared, bits, &id).await?;
    let memberships = "SELECT group_id, group_name, kind, by_rule, since, reason FROM v_memberships \
                       WHERE node_id = $1 ORDER BY kind DESC, group_name";
    let memberships = rows(&shared, memberships, &id).await?;
    let assignments = "SELECT * FROM v_assignments WHERE node_id = $1 ORDER BY since DESC LIMIT 20";
    let assignments = rows(&shared, assignments, &id).await?;
    let events = "SELECT * FROM v_events WHERE subject_id = $1 ORDER BY event_id DESC LIMIT 20";
    let events = rows(&shared, events, &id).await?;
    let hardware = rows(&shared, "SELECT topology FROM v_hardware WHERE node_id = $1 AND current", &id).await?;
    let hardware = hardware
        .first()
        .and_then(|row| row["topology"].as_str())
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let policy_version = node["policy_version"].clone();
    Ok(Json(json!({
        "node": node,
        "bits": bits,
        "memberships": memberships,
        "policy_version": policy_version,
        "assignments": assignments,
        "events": events,
        "hardware": hardware,
    })))
}

async fn find(shared: &Shared, wanted: &str) -> Result<Value, Problem> {
    let found = rows(
        shared,
        "SELECT * FROM v_nodes WHERE node_id = $1 OR name = $1 OR substr(node_id, 1, length($1)) = $1 ORDER BY node_id LIMIT 3",
        &[Bind::Text(wanted.to_owned())],
    )
    .await?;
    let exact: Vec<&Value> = found.iter().filter(|row| row["node_id"] == *wanted || row["name"] == *wanted).collect();
    match (exact.as_slice(), found.as_slice()) {
        ([one], _) => Ok(Value::clone(one)),
        ([], [one]) => Ok(one.clone()),
        ([], []) => Err(Problem::missing(format!("there is no node {wanted:?} in this zone"))),
        _ => Err(Problem::bad_request(format!("{wanted:?} means more than one node; give more of its id"))),
    }
}

/// `GET /v1/nodes/{id or name}/readings`: what the node measures right now, asked of the node itself; waits at most 2 s.
pub async fn readings(State(shared): State<Arc<Shared>>, Path(node): Path<String>) -> Answer {
    command(&shared, Command::Readings { node }).await
}
