//! Users of the API: people and programs, known by a token or by a certificate.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rollcall_identity::{Token, TokenUse, Validity};
use rollcall_model::{Name, Principal, Role};
use rollcall_startup::Clock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{certificate, identity, key_of, no_randomness, order, unsigned};
use crate::api::Shared;
use crate::api::asking::{Answer, Told};
use crate::api::caller::Author;
use crate::api::conditions::{Conditions, Tag};
use crate::api::errors::Problem;
use crate::api::lists::catalogue::USERS;
use crate::api::lists::one as one_of;
use crate::api::receiving::{Body, InPath};
use crate::core::Trust as Order;

/// How long a new user waits for the broker to know them.
const ADMISSION: Duration = Duration::from_secs(2);
/// What a write of a user overwrites.
const STATE: [&str; 2] = ["role", "changed_at"];

/// `GET /v1/users/{name}`
pub async fn one(State(shared): State<Arc<Shared>>, conditions: Conditions, InPath(name): InPath<Name>) -> Told {
    let row = find(&shared, &name).await?;
    Ok(conditions.answer(&Tag::of_row(&row, &STATE), row))
}

async fn find(shared: &Shared, name: &Name) -> Result<Value, Problem> {
    let missing = || format!("there is no user {name}; /v1/users lists them");
    one_of(shared, &USERS, ("r.name = ?", name.to_string()), missing).await
}

/// Body of `POST /v1/users`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    name: Name,
    #[schema(value_type = String, pattern = "^(viewer|operator|administrator)$")]
    role: Role,
    /// A request for a certificate (PEM); without one there is a token.
    #[serde(default)]
    csr: Option<String>,
}

/// `POST /v1/users {name, role, csr}`: makes a user, or changes one. With a `csr` the answer has a `certificate`, else a
/// new `secret`, the user's token, which is shown once.
pub async fn set(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    Body(asked): Body<NewUser>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let trust = identity(&shared)?;
    let NewUser { name, role, csr } = asked;
    if let Some(csr) = csr {
        // Looked at first: a user who is made and then gets no certificate helps nobody.
        key_of(&csr, Some((&Principal::User(name.clone()), shared.zone)))?;
        let user = name.clone();
        let mut answer = set_to(&shared, Order::SetUser { name, role, token: None, by }).await?;
        let validity = Validity::leaf(Clock::start().now().wall);
        let signed = trust.sign_user(&user, &csr, validity).map_err(|error| unsigned(&error))?;
        // Where the broker is away it gets the user with all others who are missing; the API is open at once.
        let principal = Principal::User(user);
        let _ = timeout(ADMISSION, shared.users.admit(&principal, &signed.user)).await;
        merge(&mut answer, certificate(trust, &signed));
        return Ok((StatusCode::CREATED, Json(answer)));
    }
    let token = Token::random(TokenUse::Api).map_err(no_randomness)?;
    let hash = Some(token.hash());
    let mut answer = set_to(&shared, Order::SetUser { name, role, token: hash, by }).await?;
    answer["secret"] = json!(*token.reveal());
    Ok((StatusCode::CREATED, Json(answer)))
}

/// In turn with those who look before they change.
async fn set_to(shared: &Shared, wanted: Order) -> Result<Value, Problem> {
    let _one_at_a_time = shared.writes.turn().await;
    order(shared, wanted).await
}

fn merge(answer: &mut Value, more: Value) {
    if let (Value::Object(answer), Value::Object(more)) = (answer, more) {
        answer.extend(more);
    }
}

/// `DELETE /v1/users/{name}`
pub async fn remove(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    InPath(name): InPath<Name>,
) -> Answer {
    let _one_at_a_time = shared.writes.turn().await;
    if !conditions.are_none() {
        conditions.allow(Some(&Tag::of_row(&find(&shared, &name).await?, &STATE)))?;
    }
    let user = Principal::User(name.clone()).user_in(shared.zone);
    let answer = order(&shared, Order::RemoveUser { name, by }).await?;
    // Tried until it is done; nobody has to wait for it.
    let broker = shared.users.clone();
    tokio::spawn(async move { broker.dismiss(user).await });
    Ok(Json(answer))
}
