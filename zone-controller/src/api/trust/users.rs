//! Users of the API: people and programs, known by a token or by a certificate.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rollcall_identity::{Token, TokenUse, Validity};
use rollcall_model::{Name, Principal, Role};
use rollcall_startup::Clock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{certificate, identity, key_of, no_randomness, order, unsigned};
use crate::api::Shared;
use crate::api::asking::{Answer, listed};
use crate::api::caller::Author;
use crate::api::errors::Problem;
use crate::api::receiving::Body;
use crate::core::Trust as Order;

/// How long a new user waits for the broker to know them.
const ADMISSION: Duration = Duration::from_secs(2);

/// `GET /v1/users`
pub async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    listed(&shared, "SELECT * FROM v_users WHERE removed_at IS NULL ORDER BY name", &[]).await
}

/// Body of `POST /v1/users`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    name: Name,
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
        let mut answer = order(&shared, Order::SetUser { name, role, token: None, by }).await?;
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
    let mut answer = order(&shared, Order::SetUser { name, role, token: hash, by }).await?;
    answer["secret"] = json!(*token.reveal());
    Ok((StatusCode::CREATED, Json(answer)))
}

fn merge(answer: &mut Value, more: Value) {
    if let (Value::Object(answer), Value::Object(more)) = (answer, more) {
        answer.extend(more);
    }
}

/// `DELETE /v1/users/{name}`
pub async fn remove(State(shared): State<Arc<Shared>>, Author(by): Author, Path(name): Path<Name>) -> Answer {
    let user = Principal::User(name.clone()).user_in(shared.zone);
    let answer = order(&shared, Order::RemoveUser { name, by }).await?;
    // Tried until it is done; nobody has to wait for it.
    let broker = shared.users.clone();
    tokio::spawn(async move { broker.dismiss(user).await });
    Ok(Json(answer))
}
