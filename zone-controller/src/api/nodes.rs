//! Nodes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use rollcall_store::Bind;
use serde_json::{Value, json};

use super::Shared;
use super::asking::{Answer, Told, command, rows};
use super::conditions::{Conditions, Tag};
use super::errors::Problem;
use super::lists::catalogue::{ASSIGNMENTS, HARDWARE, NODE_BITS, NODES};
use super::lists::{List, page, rows_of};
use super::receiving::InPath;
use crate::core::Command;

/// Rows that belong to a node.
const OF_IT: &str = "r.node_id = ?";

/// `GET /v1/nodes/{id or name}`: facts, hardware, bits, groups, history.
pub async fn one(State(shared): State<Arc<Shared>>, conditions: Conditions, InPath(wanted): InPath<String>) -> Told {
    let node = find(&shared, &wanted).await?;
    let id = [Bind::Text(id_of(&node))];
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
    let answer = json!({
        "node": node,
        "bits": bits,
        "memberships": memberships,
        "policy_version": policy_version,
        "assignments": assignments,
        "events": events,
        "hardware": hardware,
    });
    // Every sign of life would be another representation.
    let mut lasting = answer.clone();
    if let Some(node) = lasting["node"].as_object_mut() {
        node.remove("last_seen_at");
    }
    Ok(conditions.answer(&Tag::of(&Value::Null, &lasting), answer))
}

fn id_of(node: &Value) -> String {
    node["node_id"].as_str().unwrap_or_default().to_owned()
}

/// The node of a name, an id, or the beginning of one.
///
/// # Errors
/// 404 where there is none, 400 where there are several.
pub(crate) async fn find(shared: &Shared, wanted: &str) -> Result<Value, Problem> {
    let named = "r.node_id IN (SELECT node_id FROM v_nodes WHERE name = ? \
                 UNION SELECT node_id FROM v_nodes WHERE node_id >= ? AND node_id < ? || '\u{10ffff}')";
    let found = rows_of(shared, &NODES, (named, wanted.to_owned()), 3).await?;
    let exact: Vec<&Value> = found.iter().filter(|row| row["node_id"] == *wanted || row["name"] == *wanted).collect();
    match (exact.as_slice(), found.as_slice()) {
        ([one], _) => Ok(Value::clone(one)),
        ([], [one]) => Ok(one.clone()),
        ([], []) => Err(Problem::missing(format!("there is no node {wanted:?} in this zone"))),
        _ => Err(Problem::bad_request(format!("{wanted:?} means more than one node; give more of its id"))),
    }
}

/// A list of what belongs to a node.
async fn of_node(shared: &Shared, list: &'static List, wanted: &str, uri: &Uri) -> Result<Response, Problem> {
    let node = find(shared, wanted).await?;
    page(shared, list, Some((OF_IT, id_of(&node))), uri).await
}

/// `GET /v1/nodes/{node}/health`: its 24 indicators.
pub async fn health(State(shared): State<Arc<Shared>>, InPath(node): InPath<String>, uri: Uri) -> Told {
    of_node(&shared, &NODE_BITS, &node, &uri).await
}

/// `GET /v1/nodes/{node}/hardware`: what it is and was made of.
pub async fn hardware(State(shared): State<Arc<Shared>>, InPath(node): InPath<String>, uri: Uri) -> Told {
    of_node(&shared, &HARDWARE, &node, &uri).await
}

/// `GET /v1/nodes/{node}/assignments`: where it stood, newest first.
pub async fn assignments(State(shared): State<Arc<Shared>>, InPath(node): InPath<String>, uri: Uri) -> Told {
    of_node(&shared, &ASSIGNMENTS, &node, &uri).await
}

/// `GET /v1/nodes/{id or name}/readings`: what the node measures right now, asked of the node itself; waits at most 2 s.
pub async fn readings(State(shared): State<Arc<Shared>>, InPath(node): InPath<String>) -> Answer {
    command(&shared, Command::Readings { node }).await
}
