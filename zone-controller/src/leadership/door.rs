//! What a zone controller answers while another acts: that it lives, that it is not ready, and who is to be asked.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rollcall_model::Name;
use rollcall_startup::Shutdown;
use rollcall_startup::metrics::{Format, Page, Process};
use rollcall_store::Lease;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api::{Notices, listener};

/// When asking here again is worth it, seconds: by then somebody acts.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// What is known of whoever acts.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The zone's name.
    pub zone: Name,
    /// The lease as it was seen last.
    pub lease: watch::Receiver<Option<Lease>>,
}

impl Known {
    fn words(&self) -> String {
        let lease = self.lease.borrow();
        match lease.as_ref().filter(|lease| !lease.is_released) {
            Some(Lease { name, address, generation, .. }) => {
                format!("standby; the active zone controller is {name} at {address}, generation {generation}")
            }
            None => "standby; no zone controller is active at the moment".into(),
        }
    }
}

/// Answers until `shutdown`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: listener::Tls,
    bounds: listener::Bounds,
    known: Known,
    shutdown: Shutdown,
) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(elsewhere)
        .with_state(known);
    listener::serve(listener, (tls, bounds), router, Arc::<Notices>::default(), shutdown).await;
}

/// `GET /readyz`: 503, so that a load balancer asks the active one only.
async fn ready(State(known): State<Known>) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", known.words()))
}

/// Everything else: 503, with the address of the active one.
async fn elsewhere(State(known): State<Known>) -> Response {
    let address = known.lease.borrow().as_ref().filter(|lease| !lease.is_released).map(|lease| lease.address.clone());
    let body = serde_json::json!({
        "type": "about:blank", "title": "Service Unavailable", "status": 503, "reason": "standby",
        "detail": known.words(), "active": address,
    });
    let kind = HeaderValue::from_static("application/problem+json");
    let headers = [(header::RETRY_AFTER, AGAIN), (header::CONTENT_TYPE, kind)];
    (StatusCode::SERVICE_UNAVAILABLE, headers, body.to_string()).into_response()
}

/// `GET /metrics`: little, and open to everybody, for who may read more is known to the active one only.
async fn metrics(State(known): State<Known>, headers: HeaderMap) -> Response {
    let format = Format::accepted(headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()));
    let mut page = Page::default();
    page.program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let info = vec![("zone", known.zone.to_string()), ("version", env!("CARGO_PKG_VERSION").to_owned())];
    page.gauges("rollcall_zone_info", "The zone and its version", [(info, 1)]);
    page.gauge(
        "rollcall_zone_active",
        "Whether this zone controller acts for the zone; 0 for one that stands by",
        0_u64,
    );
    page.gauge("rollcall_zone_up", "Whether the zone takes commands", 0_u64);
    page.gauge("rollcall_ready", "Whether the daemon does its work, as /readyz says", 0_u64);
    page.process(&Process::read());
    ([(header::CONTENT_TYPE, format.content_type())], page.write(format)).into_response()
}
