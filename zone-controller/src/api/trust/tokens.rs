//! Tokens to join with. The text is drawn here and shown once; what is kept is its digest.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rollcall_identity::{Token, TokenUse};
use rollcall_model::{Millis, Name, TokenKind, UnixMillis};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{identity, no_randomness, order, order_if};
use crate::api::Shared;
use crate::api::asking::{Answer, Told};
use crate::api::caller::Author;
use crate::api::conditions::{Conditions, Tag};
use crate::api::errors::Problem;
use crate::api::lists::catalogue::TOKENS;
use crate::api::lists::one as one_of;
use crate::api::receiving::{Body, InPath};
use crate::core::{Expected, Trust as Order};

/// `GET /v1/tokens/{token}`
pub async fn one(State(shared): State<Arc<Shared>>, conditions: Conditions, InPath(token): InPath<String>) -> Told {
    let row = find(&shared, &token).await?;
    Ok(conditions.answer(&Tag::of_row(&row, &["state"]), row))
}

async fn find(shared: &Shared, token: &str) -> Result<Value, Problem> {
    let missing = || format!("there is no token {token:?}; /v1/tokens lists them");
    one_of(shared, &TOKENS, ("r.token = ?", token.to_owned()), missing).await
}

/// Body of `POST /v1/tokens`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    #[serde(rename = "for")]
    #[schema(value_type = String, pattern = "^(node|group|checkin)$")]
    kind: TokenKind,
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    name: Option<Name>,
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    place: Option<Name>,
    #[serde(default)]
    not_before_ms: Option<u64>,
    /// Ten minutes unless said.
    #[serde(default = "ttl_s")]
    ttl_s: u64,
}

const fn ttl_s() -> u64 {
    600
}

/// `POST /v1/tokens {for, name, place, not_before_ms, ttl_s}`: the answer's `secret` is the token, and is shown once.
pub async fn create(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    Body(asked): Body<NewToken>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    identity(&shared)?;
    let NewToken { kind, name, place, not_before_ms, ttl_s } = asked;
    let token = Token::random(TokenUse::Join).map_err(no_randomness)?;
    let hash = token.hash();
    let (not_before, life) = (not_before_ms.map(UnixMillis), Millis(ttl_s.saturating_mul(1_000)));
    let mut answer = order(&shared, Order::CreateToken { hash, kind, name, place, not_before, life, by }).await?;
    answer["secret"] = json!(*token.reveal());
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `DELETE /v1/tokens/{token}`
pub async fn revoke(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    InPath(token): InPath<String>,
) -> Answer {
    let _one_at_a_time = shared.writes.turn().await;
    let mut expected = None;
    if !conditions.are_none() {
        let row = find(&shared, &token).await?;
        conditions.allow(Some(&Tag::of_row(&row, &["state"])))?;
        let (used, revoked) = (row["state"] == "used", row["state"] == "revoked");
        expected = Some(Expected::Token { token: token.clone(), used, revoked });
    }
    order_if(&shared, expected, Order::RevokeToken { token, by }).await.map(Json)
}
