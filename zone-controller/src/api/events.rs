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

/// The statements for a page of a view whose rows are numbered: `$1` is the number it begins after, `$2` the most rows.
#[derive(Clone, Copy)]
struct Pages {
    latest: &'static str,
    following: &'static str,
}

macro_rules! pages {
    ($view:literal, $id:literal, $which:literal) => {
        Pages {
            latest: concat!(
                "SELECT * FROM (SELECT * FROM ",
                $view,
                " WHERE ",
                $id,
                " > $1 AND ",
                $which,
                " ORDER BY ",
                $id,
                " DESC LIMIT $2) AS latest ORDER BY ",
                $id
            ),
            following: concat!(
                "SELECT * FROM ",
                $view,
                " WHERE ",
                $id,
                " > $1 AND ",
                $which,
                " ORDER BY ",
                $id,
                " LIMIT $2"
            ),
        }
    };
}

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

impl Filter for EventFilter {
    fn takes(&self, entry: &Entry) -> bool {
        (self.kind.is_empty() || self.kind.split(',').any(|kind| kind == entry.kind))
            && (self.subject.is_empty() || self.subject == entry.text("subject_id"))
    }

    fn binds(&self) -> Vec<Bind> {
        let mut kinds = self.kind.split(',').map(str::to_owned);
        let mut binds: Vec<_> = (0..MOST_KINDS).map(|_| Bind::Text(kinds.next().unwrap_or_default())).collect();
        binds.push(Bind::Text(self.subject.clone()));
        binds
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
    const PAGES: Pages = pages!(
        "v_events",
        "event_id",
        "($3 = '' OR kind IN ($3, $4, $5, $6, $7, $8, $9, $10)) AND ($11 = '' OR subject_id = $11)"
    );
    let bounds = Bounds { after: begin(&headers, filter.after)?, limit: filter.limit, wait_ms: filter.wait_ms };
    told(&shared, (&headers, proof), (shared.feed.events(), PAGES), bounds, filter).await
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

impl Filter for HealthFilter {
    fn takes(&self, entry: &Entry) -> bool {
        let is_any_of = |wanted: &str, columns: [&str; 2]| {
            wanted.is_empty() || columns.iter().any(|column| entry.text(column) == wanted)
        };
        is_any_of(&self.node, ["node", "node_id"]) && is_any_of(&self.group, ["group_name", "group_id"])
    }

    fn binds(&self) -> Vec<Bind> {
        vec![Bind::Text(self.node.clone()), Bind::Text(self.group.clone())]
    }
}

/// `GET /v1/health/changes?after=&node=&group=&limit=&wait_ms=`, oldest first; live where `text/event-stream` is accepted.
pub async fn health_changes(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    proof: Proof,
    Params(filter): Params<HealthFilter>,
) -> Result<Response, Problem> {
    const PAGES: Pages = pages!(
        "v_health_history",
        "history_id",
        "($3 = '' OR node = $3 OR node_id = $3) AND ($4 = '' OR group_name = $4 OR group_id = $4)"
    );
    let bounds = Bounds { after: begin(&headers, filter.after)?, limit: filter.limit, wait_ms: filter.wait_ms };
    told(&shared, (&headers, proof), (shared.feed.health(), PAGES), bounds, filter).await
}

/// Which rows a client wants.
trait Filter {
    /// Whether a row that was told is one of them.
    fn takes(&self, entry: &Entry) -> bool;

    /// What the statements need to find them.
    fn binds(&self) -> Vec<Bind>;
}

/// Where a list begins and how long it is.
struct Bounds {
    after: Option<i64>,
    limit: Option<i64>,
    wait_ms: Option<u64>,
}

/// Live where the client wants that, else a list: the latest rows, or those after an id, for the first of which it may wait.
async fn told<F: Filter + Send + Sync + 'static>(
    shared: &Arc<Shared>,
    (headers, proof): (&HeaderMap, Proof),
    (begun, pages): (Subscription, Pages),
    Bounds { after, limit, wait_ms }: Bounds,
    filter: F,
) -> Result<Response, Problem> {
    if is_wanted(headers) {
        let follows = match after {
            Some(after) => begun.after(after),
            None => begun,
        };
        return follow(shared, Wanted::rows(follows, move |entry| filter.takes(entry)), proof);
    }
    let limit = limit.unwrap_or(ROWS.0).clamp(1, ROWS.1);
    let mut binds = vec![Bind::Integer(after.unwrap_or(-1)), Bind::Integer(limit)];
    binds.extend(filter.binds());
    let sql = if after.is_some() { pages.following } else { pages.latest };
    let mut found = rows(shared, sql, &binds).await?;
    // Without an id to wait after, what there is is the answer.
    if let (true, Some(after), Some(_)) = (found.is_empty(), after, wait_ms) {
        let deadline = deadline(wait_ms);
        tokio::select! {
            came = comes(begun, after, &filter) => came?,
            () = sleep_until(deadline) => {}
        }
        found = rows(shared, sql, &binds).await?;
    }
    Ok(Json(json!(found)).into_response())
}

/// Ends as soon as there is something to list, or the zone controller ends. The subscription was begun before the first look.
async fn comes(mut begun: Subscription, after: i64, filter: &impl Filter) -> Result<(), Problem> {
    while let Some(told) = begun.next().await.map_err(Problem::store)? {
        if matches!(told, Told::Entry(entry) if entry.id > after && filter.takes(&entry)) {
            break;
        }
    }
    Ok(())
}
