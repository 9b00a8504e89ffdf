//! Actions on nodes.

use std::sync::Arc;

use axum::extract::State;
use rollcall_model::Millis;
use rollcall_model::packet::Action;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};

use super::Shared;
use super::asking::{Answer, Told, command};
use super::caller::Author;
use super::conditions::{Conditions, Tag};
use super::lists::catalogue::ACTIONS;
use super::lists::one as one_of;
use super::receiving::{Body, InPath};
use crate::core::Command;

/// `GET /v1/actions/{action}`
pub async fn one(State(shared): State<Arc<Shared>>, conditions: Conditions, InPath(action): InPath<String>) -> Told {
    let missing = || format!("there is no action {action:?}; /v1/actions lists them");
    let row = one_of(&shared, &ACTIONS, ("r.action_id = ?", action.to_ascii_lowercase()), missing).await?;
    Ok(conditions.answer(&Tag::of_row(&row, &["state"]), row))
}

/// Body of `POST /v1/actions`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Name, id, or beginning of the id.
    #[schema(min_length = 1)]
    node: String,
    /// e.g. `{"kind": "identify", "seconds": 60}`.
    #[schema(schema_with = action)]
    action: Action,
    /// Not begun after so many seconds.
    #[serde(default = "deadline_s")]
    #[schema(minimum = 1)]
    deadline_s: u64,
}

/// What can be done to a node, each with what belongs to it.
fn action() -> OneOfBuilder {
    let of = |kind: &str| {
        let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([kind]));
        ObjectBuilder::new().schema_type(Type::Object).property("kind", word).required("kind")
    };
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(3_600));
    OneOfBuilder::new()
        .item(of("identify").property("seconds", seconds).required("seconds"))
        .item(of("drain"))
        .item(
            of("restart_service")
                .property("service", ObjectBuilder::new().schema_type(Type::String))
                .required("service"),
        )
        .item(of("reboot"))
}

const fn deadline_s() -> u64 {
    60
}

/// `POST /v1/actions {node, action: {kind, …}, deadline_s}`
pub async fn order(State(shared): State<Arc<Shared>>, Author(by): Author, Body(order): Body<Order>) -> Answer {
    let Order { node, action, deadline_s } = order;
    let deadline = Millis(deadline_s.saturating_mul(1_000));
    command(&shared, Command::OrderAction { node, action, deadline, by }).await
}
