//! The read-only REST API, version 1. Every answer comes from the documented views of the store, so that
//! what the API shows and what SQL shows are the same; the overview of counters comes from the core.

mod errors;
mod resources;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, http::StatusCode};
use rollcall_bus::Link;
use rollcall_model::{Name, ZoneId};
use rollcall_startup::Shutdown;
use rollcall_store::Store;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use self::errors::Problem;
use crate::driver::Ask;

/// Longest body taken, bytes.
const MAX_BODY: usize = 64 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub struct Shared {
    /// The topology.
    pub store: Store,
    /// Questions to the core.
    pub ask: mpsc::Sender<Ask>,
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: Name,
    /// Its generation.
    pub generation: u64,
    /// The link to the broker.
    pub link: watch::Receiver<Link>,
    /// Asked for when the zone controller ends.
    pub shutdown: Shutdown,
}

/// Serves until `shutdown`.
pub async fn serve(listener: TcpListener, shared: Shared) {
    let shutdown = shared.shutdown.clone();
    let router = router(Arc::new(shared));
    let ended = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.requested().await }).await;
    if let Err(error) = ended {
        tracing::error!("the API stopped: {error}");
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/v1/status", get(status))
        .route("/v1/nodes", get(resources::nodes))
        .route("/v1/nodes/{node}", get(resources::node))
        .route("/v1/groups", get(resources::groups))
        .route("/v1/channels", get(resources::channels))
        .route("/v1/checkins", get(resources::checkins))
        .route("/v1/alerts", get(resources::alerts))
        .route("/v1/events", get(resources::events))
        .route("/v1/sql", post(resources::sql))
        .fallback(errors::not_found)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    match &*shared.link.borrow() {
        Link::Up { .. } => (StatusCode::OK, "ready\n".into()),
        Link::Connecting => (StatusCode::SERVICE_UNAVAILABLE, "connecting to the broker\n".into()),
        Link::Down { reason, .. } => (StatusCode::SERVICE_UNAVAILABLE, format!("broker out of reach: {reason}\n")),
    }
}

/// The zone at a glance: who is in which state, and what was ignored, by reason.
async fn status(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Problem> {
    let (answer, overview) = oneshot::channel();
    shared.ask.send(answer).await.map_err(|_| Problem::stopping())?;
    let overview = overview.await.map_err(|_| Problem::stopping())?;
    let broker = match &*shared.link.borrow() {
        Link::Up { .. } => "up".to_owned(),
        Link::Connecting => "connecting".to_owned(),
        Link::Down { reason, .. } => format!("down: {reason}"),
    };
    let states =
        resources::rows(&shared, "SELECT state, COUNT(*) AS nodes FROM v_nodes GROUP BY state ORDER BY state", &[])
            .await?;
    let groups =
        resources::rows(&shared, "SELECT kind, COUNT(*) AS \"groups\" FROM v_groups GROUP BY kind ORDER BY kind", &[])
            .await?;
    let alerts = resources::rows(
        &shared,
        "SELECT severity, COUNT(*) AS alerts FROM v_alerts WHERE state = 'raised' GROUP BY severity ORDER BY severity",
        &[],
    )
    .await?;
    Ok(Json(json!({
        "zone": { "id": shared.zone, "name": shared.name, "generation": shared.generation },
        "broker": broker,
        "nodes": states,
        "groups": groups,
        "alerts": alerts,
        "ignored": overview.ignored,
        "checkins": overview.checkins,
        "summaries": overview.summaries,
        "neighbours": overview.neighbours,
    })))
}
