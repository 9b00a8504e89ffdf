//! `GET /metrics`: the zone as Prometheus scrapes it (OpenMetrics 1.0 or text, as `Accept` asks). Series grow with racks, states and indicators, never
//! with nodes: who wants to know of one node asks the API or SQL.

mod page;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use rollcall_startup::metrics::{Format, Process};
use rollcall_store::Writable;
use serde_json::Value;
use tokio::time::timeout;

use self::page::{Counted, Facts, Rack};
use super::asking::{overview, rows};
use super::{Shared, counted};

/// Whoever scrapes waits some seconds; what is not there by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /metrics`. What the topology counts, and what the zone's loop knows, is missing where it cannot be had at once; the rest
/// is there all the same.
pub async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let format = Format::accepted(headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()));
    let database_is_writable = matches!(&*shared.store.writable().borrow(), Writable::Yes);
    let counted = async {
        // One that takes no changes may keep questions waiting as well.
        if database_is_writable { timeout(PATIENCE, count(&shared)).await.ok().flatten() } else { None }
    };
    let (counted, known) = tokio::join!(counted, timeout(PATIENCE, overview(&shared)));
    let facts = Facts {
        zone: shared.name.to_string(),
        generation: shared.generation,
        is_up: shared.is_up.load(Ordering::Acquire),
        took_over: shared.took_over,
        link: shared.bus.figures(),
        database_is_writable,
        counted,
        overview: known.ok().and_then(Result::ok),
        availability: shared.availability.figures(),
        streams: (shared.streams.taken(), shared.streams.most),
        spans: shared.tracer.figures(),
        process: Process::read(),
    };
    ([(header::CONTENT_TYPE, format.content_type())], page::render(&facts, format)).into_response()
}

/// What the topology counts; nothing where one of the questions has no answer.
async fn count(shared: &Shared) -> Option<Counted> {
    let nodes = counted::nodes(shared).await.ok()?.into_iter();
    let alerts = counted::alerts(shared).await.ok()?.into_iter();
    Some(Counted {
        nodes: nodes.map(|(state, count)| (state.as_str().to_owned(), count)).collect(),
        groups: counted::groups(shared).await.ok()?,
        alerts: alerts.map(|of| (of.severity, of.alerts)).collect(),
        policy_version: counted::policy_version(shared).await.ok()?,
        racks: racks(shared).await?,
    })
}

async fn racks(shared: &Shared) -> Option<Vec<Rack>> {
    let rows = rows(shared, "SELECT group_id, name, place FROM v_groups WHERE kind = 'physical'", &[]).await;
    let rack = |row: Value| {
        Some(Rack {
            group: row["group_id"].as_str()?.parse().ok()?,
            name: row["name"].as_str()?.to_owned(),
            place: row["place"].as_str().unwrap_or_default().to_owned(),
        })
    };
    Some(rows.ok()?.into_iter().filter_map(rack).collect())
}
