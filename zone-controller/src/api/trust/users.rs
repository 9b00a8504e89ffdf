//! Users of the API: people and programs, known by a token or by a certificate.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rollcall_identity::{Token, TokenUse};
use rollcall_model::{Name, Principal, Role};
use rollcall_startup::Clock;
use rollcall_store::UserRecord;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{certificate, draw_serial, identity, key_of, no_randomness, order, order_if, unsigned};
use crate::api::Shared;
use crate::api::asking::{Answer, Told};
use crate::api::caller::Author;
use crate::api::conditions::{Conditions, Tag};
use crate::api::errors::Problem;
use crate::api::lists::catalogue::USERS;
use crate::api::lists::one as one_of;
use crate::api::receiving::{Body, InPath};
use crate::core::{By, CERTIFICATE_ISSUED, Expected, Trust as Order};
use crate::trust::{Signed, Trust};

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
        let (principal, serial) = (Principal::User(name.clone()), draw_serial()?);
        let wanted = Order::SetUser { name: name.clone(), role, token: None, serial, by: by.clone() };
        let mut answer = set_to(&shared, wanted).await?;
        let signed = certify((&shared, trust), &name, &csr, by).await?;
        // Where the broker is away it gets the user with all others who are missing; the API is open at once.
        let _ = timeout(ADMISSION, shared.users.admit(&principal, &signed.user)).await;
        merge(&mut answer, certificate(trust, &signed));
        return Ok((StatusCode::CREATED, Json(answer)));
    }
    let token = Token::random(TokenUse::Api).map_err(no_randomness)?;
    let (hash, serial) = (Some(token.hash()), draw_serial()?);
    let mut answer = set_to(&shared, Order::SetUser { name, role, token: hash, serial, by }).await?;
    answer["secret"] = json!(*token.reveal());
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Signs a certificate for a user who is there, and has that written into the audit log before anybody gets it.
pub(super) async fn certify(
    (shared, trust): (&Shared, &Trust),
    name: &Name,
    csr: &str,
    by: By,
) -> Result<Signed, Problem> {
    let user = shared.store.user_named(name).await.map_err(Problem::store)?;
    let gone = || Problem::conflict(format!("user {name} was removed meanwhile")).because("no_user");
    let signed = trust.sign_user(&user.ok_or_else(gone)?, csr, Clock::start().now().wall);
    let signed = signed.map_err(|error| unsigned(&error))?;
    let (action, subject, before) = (CERTIFICATE_ISSUED.to_owned(), format!("user.{name}"), Value::Null);
    order(shared, Order::Audit { by, action, subject, before, after: signed.noted() }).await?;
    Ok(signed)
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
    let user = shared.store.user_named(&name).await.map_err(Problem::store)?;
    let mut expected = None;
    if !conditions.are_none() {
        conditions.allow(Some(&Tag::of_row(&find(&shared, &name).await?, &STATE)))?;
        let seen = |user: &UserRecord| Expected::User { name: name.clone(), role: user.role, changed: user.changed };
        expected = user.as_ref().map(seen);
    }
    let answer = order_if(&shared, expected, Order::RemoveUser { name, by }).await?;
    if let Some(user) = user {
        // Tried until it is done; nobody has to wait for it.
        let (broker, user) = (shared.users.clone(), user.user_in(shared.zone));
        tokio::spawn(async move { broker.dismiss(user).await });
    }
    Ok(Json(answer))
}
