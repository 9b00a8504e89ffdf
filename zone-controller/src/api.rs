//! The REST API, version 1. What is read comes from the documented views of the store, so that what the API shows and
//! what SQL shows are the same; counters and the policy's progress come from the core. What is written goes to the core
//! as a command and is answered once it is saved. `docs/api.md` lists every path.

mod actions;
mod alerts;
mod analytics;
mod asking;
mod channels;
mod checkins;
mod errors;
mod groups;
mod nodes;
mod policy;
mod receiving;
mod resources;
mod status;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use rollcall_bus::Link;
use rollcall_model::{Name, Purpose, ZoneId};
use rollcall_startup::Shutdown;
use rollcall_store::Store;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::driver::Ask;

/// Longest body taken, bytes.
const MAX_BODY: usize = 64 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub struct Shared {
    /// The topology.
    pub store: Store,
    /// Questions and commands to the core.
    pub ask: mpsc::Sender<Ask>,
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: Name,
    /// Its generation at its start.
    pub generation: u64,
    /// Its channels.
    pub channels: Vec<Purpose>,
    /// The link to the broker.
    pub link: watch::Receiver<Link>,
    /// Asked for when the zone controller ends.
    pub shutdown: Shutdown,
}

/// Serves until `shutdown`.
pub async fn serve(listener: TcpListener, shared: Shared) {
    let shutdown = shared.shutdown.clone();
    let service = router(Arc::new(shared)).into_make_service_with_connect_info::<SocketAddr>();
    let ended = axum::serve(listener, service).with_graceful_shutdown(async move { shutdown.requested().await }).await;
    if let Err(error) = ended {
        tracing::error!("the API stopped: {error}");
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let policy = get(policy::current).put(policy::set).layer(DefaultBodyLimit::max(policy::MAX_DOCUMENT));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(status::ready))
        .route("/v1/status", get(status::status))
        .route("/v1/nodes", get(nodes::list))
        .route("/v1/nodes/{node}", get(nodes::one))
        .route("/v1/nodes/{node}/readings", get(nodes::readings))
        .route("/v1/groups", get(groups::list).post(groups::set))
        .route("/v1/groups/{group}", get(groups::one).delete(groups::dissolve))
        .route("/v1/rules/test", post(groups::test))
        .route("/v1/policy", policy)
        .route("/v1/policy/history", get(policy::history))
        .route("/v1/policy/rollback", post(policy::rollback))
        .route("/v1/policy/{version}", get(policy::version))
        .route("/v1/channels", get(channels::list))
        .route("/v1/channels/{channel}/messages", get(channels::messages).post(channels::send))
        .route("/v1/checkins", get(checkins::list))
        .route("/v1/combinations", get(checkins::combinations).post(checkins::decide))
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/{alert}/acknowledge", post(alerts::acknowledge))
        .route("/v1/actions", get(actions::list).post(actions::order))
        .route("/v1/actions/{action}", get(actions::one))
        .route("/v1/analytics", get(analytics::list))
        .route("/v1/events", get(resources::events))
        .route("/v1/sql", post(resources::sql))
        .fallback(errors::not_found)
        .method_not_allowed_fallback(errors::not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}
