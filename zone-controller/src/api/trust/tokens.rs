//! Tokens to join with. The text is drawn here and shown once; what is kept is its digest.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rollcall_identity::{Token, TokenUse};
use rollcall_model::{Millis, Name, TokenKind, UnixMillis};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{identity, no_randomness, order};
use crate::api::Shared;
use crate::api::asking::{Answer, listed};
use crate::api::caller::Author;
use crate::api::errors::Problem;
use crate::api::receiving::Body;
use crate::core::Trust as Order;

/// `GET /v1/tokens`, newest first.
pub async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    listed(&shared, "SELECT * FROM v_tokens ORDER BY created_at DESC, token LIMIT 1000", &[]).await
}

/// Body of `POST /v1/tokens`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    #[serde(rename = "for")]
    kind: TokenKind,
    #[serde(default)]
    name: Option<Name>,
    #[serde(default)]
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
pub async fn revoke(State(shared): State<Arc<Shared>>, Author(by): Author, Path(token): Path<String>) -> Answer {
    order(&shared, Order::RevokeToken { token, by }).await.map(Json)
}
