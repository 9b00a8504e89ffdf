//! Check-in services, and the combinations of hardware that wait for somebody to decide.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rollcall_model::{Capability, Name};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Shared;
use super::asking::{Answer, command, overview, rows};
use super::caller::Author;
use super::receiving::Body;
use crate::core::Command;

/// `GET /v1/checkins`: every service that was heard, and every one that is configured for a place.
pub async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    let mut services = rows(&shared, "SELECT * FROM v_checkins ORDER BY name", &[]).await?;
    for (name, place) in overview(&shared).await?.places {
        match services.iter_mut().find(|row| row["name"] == *name.as_str()) {
            Some(row) => row["configured_place"] = json!(place.place),
            None => services.push(unheard(&name, &place.place, &place.message)),
        }
    }
    Ok(Json(json!(services)))
}

/// A service that waits for the group controller of its place.
fn unheard(name: &Name, place: &Name, message: &str) -> Value {
    json!({
        "checkin_id": null, "name": name, "address": null, "ranges": "[]", "nodes": 0, "first_seen_at": null,
        "last_seen_at": null, "place": null, "running_group": null, "running_group_id": null, "running": 0,
        "message": message, "placed_at": null, "configured_place": place,
    })
}

/// Body of `POST /v1/combinations`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    #[schema(value_type = String)]
    capability: Capability,
    approve: bool,
    /// Name of its group; without it one is made of the capability.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    name: Option<Name>,
}

/// `POST /v1/combinations {capability, approve, name}`
pub async fn decide(State(shared): State<Arc<Shared>>, Author(by): Author, Body(decided): Body<Decision>) -> Answer {
    let Decision { capability, approve, name } = decided;
    command(&shared, Command::DecideCombination { capability, approve, name, by }).await
}
