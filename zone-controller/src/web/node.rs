//! One node: what is wrong with it, what it is, what it is made of, where it stands and why, and what changed last.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use rollcall_model::HardwareTopology;
use rollcall_store::Bind;
use serde::Deserialize;

use super::alerts::{self, Alert};
use super::answer::Answer;
use super::ask::{number, read, text, yes};
use super::condition::Condition;
use super::drawing::{Drawing, bytes_of};
use super::frame::Frame;
use super::free::Free;
use super::page;
use super::reading::{self, Wish};
use crate::api::errors::Problem;
use crate::api::nodes;
use crate::api::{Caller, Shared};

/// A node as it is now.
#[derive(Deserialize)]
pub(super) struct Node {
    pub node_id: String,
    name: String,
    #[serde(deserialize_with = "text")]
    address: String,
    #[serde(deserialize_with = "text")]
    place: String,
    #[serde(deserialize_with = "text")]
    since: String,
    #[serde(deserialize_with = "number")]
    epoch: i64,
    #[serde(deserialize_with = "text")]
    physical_group: String,
    #[serde(deserialize_with = "text")]
    physical_group_id: String,
    #[serde(deserialize_with = "text")]
    capability: String,
    #[serde(flatten)]
    condition: Condition,
    #[serde(deserialize_with = "text")]
    cpu: String,
    cores: Option<i64>,
    threads: Option<i64>,
    memory_bytes: Option<i64>,
    #[serde(deserialize_with = "text")]
    nics: String,
    #[serde(deserialize_with = "text")]
    joined_at: String,
    #[serde(deserialize_with = "text")]
    last_seen_at: String,
    #[serde(deserialize_with = "text")]
    first_seen_at: String,
    #[serde(deserialize_with = "number")]
    policy_version: i64,
    #[serde(deserialize_with = "text")]
    policy_problem: String,
}

impl Node {
    fn memory(&self) -> String {
        self.memory_bytes.and_then(|bytes| u64::try_from(bytes).ok()).map_or_else(|| "–".into(), bytes_of)
    }
}

#[derive(Deserialize)]
struct Membership {
    group_id: String,
    group_name: String,
    kind: String,
    #[serde(deserialize_with = "yes")]
    by_rule: bool,
    since: String,
    #[serde(deserialize_with = "text")]
    reason: String,
}

#[derive(Deserialize)]
struct Assignment {
    group_name: String,
    group_id: String,
    kind: String,
    since: String,
    #[serde(deserialize_with = "text")]
    until: String,
    #[serde(deserialize_with = "text")]
    reason: String,
}

#[derive(Deserialize)]
struct Event {
    at: String,
    message: String,
}

#[derive(Deserialize)]
struct Action {
    kind: String,
    state: String,
    #[serde(deserialize_with = "text")]
    message: String,
    ordered_by: String,
    ordered_at: String,
}

#[derive(Template)]
#[template(path = "node.html")]
struct NodePage {
    frame: Frame,
    node: Node,
    bits: String,
    window: &'static str,
    /// How free it is; none where no policy has nodes speak.
    free: Option<String>,
    drawing: Option<String>,
    hardware: HardwareTopology,
    alerts: Vec<Alert>,
    memberships: Vec<Membership>,
    assignments: Vec<Assignment>,
    events: Vec<Event>,
    actions: Vec<Action>,
}

impl NodePage {
    fn row(&self, alert: &Alert) -> String {
        alerts::row(&self.frame, alert)
    }

    fn open(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.is_open())
    }
}

/// `GET /ui/nodes/{node}?window=`, by name, id, or the beginning of the id.
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(wanted): Path<String>,
    Query(wish): Query<Wish>,
) -> Answer {
    let frame = Frame::of(&shared, &caller, "").await?;
    let node = find(&shared, &wanted).await?;
    let id = [Bind::Text(node.node_id.clone())];
    let memberships = "SELECT group_id, group_name, kind, by_rule, since, reason FROM v_memberships WHERE node_id = $1 \
                       ORDER BY kind DESC, group_name";
    let assignments = "SELECT group_name, group_id, kind, since, until, reason FROM v_assignments WHERE node_id = $1 \
                       ORDER BY assignment_id DESC LIMIT 20";
    let events = "SELECT at, message FROM v_events WHERE subject_id = $1 ORDER BY event_id DESC LIMIT 25";
    let actions = "SELECT kind, state, message, ordered_by, ordered_at FROM v_actions WHERE node_id = $1 \
                   ORDER BY ordered_ms DESC LIMIT 10";
    let hardware = hardware(&shared, &id).await?;
    let bits = reading::saved(&shared, &node.node_id, &wish.window).await?;
    let page = NodePage {
        bits: bits.element(),
        window: bits.window(),
        free: Free::element(&shared, &node.node_id),
        alerts: alerts::of(&shared, "", &node.node_id).await?,
        drawing: hardware.as_ref().map(|hardware| Drawing::of(hardware).element()),
        hardware: hardware.unwrap_or_default(),
        memberships: read(&shared, memberships, &id).await?,
        assignments: read(&shared, assignments, &id).await?,
        events: read(&shared, events, &id).await?,
        actions: read(&shared, actions, &id).await?,
        frame,
        node,
    };
    page::html(&page)
}

async fn hardware(shared: &Shared, id: &[Bind]) -> Result<Option<HardwareTopology>, Problem> {
    #[derive(Deserialize)]
    struct Row {
        #[serde(deserialize_with = "text")]
        topology: String,
    }
    let found: Vec<Row> = read(shared, "SELECT topology FROM v_node_hardware WHERE node_id = $1", id).await?;
    Ok(found.first().and_then(|row| serde_json::from_str(&row.topology).ok()))
}

/// The node meant by a name, an id, or the beginning of an id.
///
/// # Errors
/// When there is none, or several.
pub(super) async fn find(shared: &Shared, wanted: &str) -> Result<Node, Problem> {
    serde_json::from_value(nodes::find(shared, wanted).await?).map_err(Problem::store)
}
