//! What happened, and how the health of nodes changed: as lists, and live as server-sent events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep_until;

use super::Shared;
use super::asking::rows;
use super::credentials::Proof;
use super::errors::Problem;
use super::receiving::Params;
use super::streams::{Wanted, begin, follow, is_wanted};
use super::waiting::deadline;
use crate::feed::{Entry, Subscription, Told};

/// Rows of a list unless its client says otherwise, and at most.
const ROWS: (i64, i64) = (100, 1_000);

/// Most kinds of events that are asked for at once.
const MOST_KINDS: usize = 8;

/// Filters of `/v1/events`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// Only events after this id; without it the last ones, or live the next ones.
    after: Option<i64>,
    /// Only of these kinds, with commas between them.
    #[serde(default)]
    kind: String,
    /// Only about this subject, by its id.
    #[serde(default)]
    subject: String,
    /// At most this many.
    limit: Option<i64>,
    /// Wait this long for the first one, milliseconds.
    wait_ms: Option<u64>,
}

impl EventFilter {
    fn takes(&self, entry: &Entry) -> bool {
        (self.kind.is_empty() || self.kind.split(',').any(|kind| kind == entry.kind))
            && (self.subject.is_empty() || self.subject == entry.text("subject_id"))
    }
}

/// `GET /v1/events?after=&kind=&subject=&limit=&wait_ms=`, oldest first; live where `text/event-stream` is accepted.
pub async fn events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    proof: Proof,
    Params(filter): Params<EventFilter>,
) -> Result<Response, Problem> {
    if filter.kind.split(',').count() > MOST_KINDS {
        return Err(Problem::at("kind", format!("takes at most {MOST_KINDS} kinds, with commas between")));
    }
    let (begun, after) = (shared.feed.events(), begin(&headers, filter.after)?);
    if is_wanted(&headers) {
        let takes = move |entry: &Entry| filter.takes(entry);
        return follow(&shared, Wanted::rows(resumed(begun, after), takes), proof);
    }
    let sql = match after {
        None => {
            "SELECT * FROM (SELECT * FROM v_events \
             WHERE event_id > $1 AND ($2 = '' OR kind IN ($2, $3, $4, $5, $6, $7, $8, $9)) \
             AND ($10 = '' OR subject_id = $10) ORDER BY event_id DESC LIMIT $11) AS latest ORDER BY event_id"
        }
        Some(_) => {
            "SELECT * FROM v_events \
             WHERE event_id > $1 AND ($2 = '' OR kind IN ($2, $3, $4, $5, $6, $7, $8, $9)) \
             AND ($10 = '' OR subject_id = $10) ORDER BY event_id LIMIT $11"
        }
    };
    let List { after, limit, wait_ms } = List::of(after, filter.limit, filter.wait_ms);
    let mut kinds = filter.kind.split(',').map(str::to_owned);
    let mut binds = vec![Bind::Integer(after.unwrap_or(-1))];
    binds.extend((0..MOST_KINDS).map(|_| Bind::Text(kinds.next().unwrap_or_default())));
    binds.extend([Bind::Text(filter.subject.clone()), Bind::Integer(limit)]);
    let waited = Waited { after, wait_ms, begun, takes: |entry: &Entry| filter.takes(entry) };
    waited.list(&shared, sql, &binds).await
}

/// Filters of `/v1/health/changes`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthFilter {
    /// Only changes after this id; without it the last ones, or live the next ones.
    after: Option<i64>,
    /// Only of this node, by name or id.
    #[serde(default)]
    node: String,
    /// Only seen by this physical group, by name or id.
    #[serde(default)]
    group: String,
    /// At most this many.
    limit: Option<i64>,
    /// Wait this long for the first one, milliseconds.
    wait_ms: Option<u64>,
}

impl HealthFilter {
    fn takes(&self, entry: &Entry) -> bool {
        let is_any_of = |wanted: &str, columns: [&str; 2]| {
            wanted.is_empty() || columns.iter().any(|column| entry.text(column) == wanted)
        };
        is_any_of(&self.node, ["node", "node_id"]) && is_any_of(&self.group, ["group_name", "group_id"])
    }
}

/// `GET /v1/health/changes?after=&node=&group=&limit=&wait_ms=`, oldest first; live where `text/event-stream` is accepted.
pub async fn health_changes(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    proof: Proof,
    Params(filter): Params<HealthFilter>,
) -> Result<Response, Problem> {
    let (begun, after) = (shared.feed.health(), begin(&headers, filter.after)?);
    if is_wanted(&headers) {
        let takes = move |entry: &Entry| filter.takes(entry);
        return follow(&shared, Wanted::rows(resumed(begun, after), takes), proof);
    }
    let sql = match after {
        None => {
            "SELECT * FROM (SELECT * FROM v_health_history WHERE history_id > $1 AND ($2 = '' OR node = $2 OR node_id = $2) \
             AND ($3 = '' OR group_name = $3 OR group_id = $3) ORDER BY history_id DESC LIMIT $4) AS latest \
             ORDER BY history_id"
        }
        Some(_) => {
            "SELECT * FROM v_health_history WHERE history_id > $1 AND ($2 = '' OR node = $2 OR node_id = $2) \
             AND ($3 = '' OR group_name = $3 OR group_id = $3) ORDER BY history_id LIMIT $4"
        }
    };
    let List { after, limit, wait_ms } = List::of(after, filter.limit, filter.wait_ms);
    let (node, group) = (Bind::Text(filter.node.clone()), Bind::Text(filter.group.clone()));
    let binds = [Bind::Integer(after.unwrap_or(-1)), node, group, Bind::Integer(limit)];
    let waited = Waited { after, wait_ms, begun, takes: |entry: &Entry| filter.takes(entry) };
    waited.list(&shared, sql, &binds).await
}

fn resumed(begun: Subscription, after: Option<i64>) -> Subscription {
    match after {
        Some(after) => begun.after(after),
        None => begun,
    }
}

/// Bounds of a list.
struct List {
    after: Option<i64>,
    limit: i64,
    wait_ms: Option<u64>,
}

impl List {
    fn of(after: Option<i64>, limit: Option<i64>, wait_ms: Option<u64>) -> Self {
        // Without an id to wait after, what there is is the answer.
        let wait_ms = wait_ms.filter(|_| after.is_some());
        Self { after, limit: limit.unwrap_or(ROWS.0).clamp(1, ROWS.1), wait_ms }
    }
}

/// A list whose client waits for its first row.
struct Waited<F> {
    after: Option<i64>,
    wait_ms: Option<u64>,
    /// A subscription that was begun before the first look.
    begun: Subscription,
    takes: F,
}

impl<F: Fn(&Entry) -> bool> Waited<F> {
    async fn list(self, shared: &Shared, sql: &'static str, binds: &[Bind]) -> Result<Response, Problem> {
        let deadline = deadline(self.wait_ms);
        let mut found = rows(shared, sql, binds).await?;
        if found.is_empty() && self.wait_ms.is_some() {
            tokio::select! {
                came = self.comes() => came?,
                () = sleep_until(deadline) => {}
            }
            found = rows(shared, sql, binds).await?;
        }
        Ok(Json(json!(found)).into_response())
    }

    /// Ends as soon as there is something to list, or the zone controller ends.
    async fn comes(mut self) -> Result<(), Problem> {
        while let Some(told) = self.begun.next().await.map_err(Problem::store)? {
            if matches!(told, Told::Entry(entry) if entry.id > self.after.unwrap_or(0) && (self.takes)(&entry)) {
                break;
            }
        }
        Ok(())
    }
}
