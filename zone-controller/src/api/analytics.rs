//! Analytics: what the groups tell of all their nodes together, period by period.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;

use super::Shared;
use super::asking::Told;
use super::lists::catalogue::{ANALYTICS, METRICS};
use super::lists::page;

/// `GET /v1/analytics`, newest first: nodes by state and set bit, or with `indicator` how its readings were distributed.
pub async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Told {
    let query = uri.query().unwrap_or_default();
    let wants_readings = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "indicator");
    page(&shared, if wants_readings { &METRICS } else { &ANALYTICS }, None, &uri).await
}
