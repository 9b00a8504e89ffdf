//! The zone at a glance.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rollcall_bus::Link;
use rollcall_store::Writable;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::asking::{Answer, overview, rows};
use super::{Shared, counted};
use crate::driver::Ask;

/// A loop that does not answer by then does not turn: longer than the broker has to confirm a message.
const PATIENCE: Duration = Duration::from_secs(8);

/// `GET /healthz`: whether the zone's loop turns.
pub async fn lives(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    let (asker, answer) = oneshot::channel();
    let asked = async {
        shared.ask.send(Ask::Alive(asker)).await.ok()?;
        answer.await.ok()
    };
    match timeout(PATIENCE, asked).await {
        Ok(Some(())) => (StatusCode::OK, "ok\n".into()),
        _ => (StatusCode::SERVICE_UNAVAILABLE, format!("the loop did not answer within {} s\n", PATIENCE.as_secs())),
    }
}

/// `GET /readyz`
pub async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    if let Writable::No { reason } = &*shared.store.writable().borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("the topology is read-only: {reason}\n"));
    }
    match &*shared.link.borrow() {
        Link::Up { .. } if shared.is_up.load(Ordering::Acquire) => (StatusCode::OK, "ready\n".into()),
        Link::Up { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "starting: the broker is reached, the zone is not up yet\n".into())
        }
        Link::Connecting => (StatusCode::SERVICE_UNAVAILABLE, "connecting to the broker\n".into()),
        Link::Down { reason, .. } => (StatusCode::SERVICE_UNAVAILABLE, format!("broker out of reach: {reason}\n")),
    }
}

/// `GET /v1/status`: who is in which state, and what was ignored, by reason.
pub async fn status(State(shared): State<Arc<Shared>>) -> Answer {
    let overview = overview(&shared).await?;
    let broker = match &*shared.link.borrow() {
        Link::Up { .. } => "up".to_owned(),
        Link::Connecting => "connecting".to_owned(),
        Link::Down { reason, .. } => format!("down: {reason}"),
    };
    let database = match &*shared.store.writable().borrow() {
        Writable::Yes => "up".to_owned(),
        Writable::No { reason } => format!("read-only: {reason}"),
    };
    let (states, groups) = (counted::nodes(&shared).await?, counted::groups(&shared).await?);
    let alerts = counted::alerts(&shared).await?;
    let policy_version = counted::policy_version(&shared).await?;
    let waiting = rows(&shared, "SELECT COUNT(*) AS waiting FROM v_combinations WHERE state = 'waiting'", &[]).await?;
    let controllers =
        "SELECT name, address, role, generation, since, last_seen_at FROM v_controllers ORDER BY role, name";
    let controllers = rows(&shared, controllers, &[]).await?;
    Ok(Json(json!({
        "controllers": controllers,
        "zone": { "id": shared.zone, "name": shared.name, "generation": shared.generation },
        "broker": broker,
        "database": database,
        "nodes": states.iter().map(|(state, nodes)| json!({ "state": state, "nodes": nodes })).collect::<Vec<_>>(),
        "groups": groups.iter().map(|(kind, groups)| json!({ "kind": kind, "groups": groups })).collect::<Vec<_>>(),
        "alerts": alerts.iter().map(|of| json!({ "severity": of.severity, "alerts": of.alerts })).collect::<Vec<_>>(),
        "policy_version": policy_version,
        "combinations_waiting": waiting.first().map_or(json!(0), |row| row["waiting"].clone()),
        "ignored": overview.ignored,
        "checkins": overview.checkins,
        "places": overview.places,
        "unplaced": overview.unplaced,
        "summaries": overview.summaries,
        "neighbours": overview.neighbours,
    })))
}
