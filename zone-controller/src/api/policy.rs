//! The zone's policy and its history.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Shared;
use super::asking::{Answer, Told, command_if, progress, rows};
use super::caller::Author;
use super::conditions::{Conditions, Tag};
use super::errors::Problem;
use super::receiving::{Body, InPath, Params, one_line};
use crate::core::{Command, Expected};

/// Longest policy taken, bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;
/// Longest comment, characters.
const LONGEST_COMMENT: usize = 500;

/// `GET /v1/policy`: the policy in force and who obeys it; version 0 where none was ever set.
pub async fn current(State(shared): State<Arc<Shared>>, conditions: Conditions) -> Told {
    let sql =
        "SELECT version, document, set_at, set_by AS \"by\", comment FROM v_policies ORDER BY version DESC LIMIT 1";
    let none = json!({ "version": 0, "document": "", "set_at": null, "by": null, "comment": null });
    let mut policy = rows(&shared, sql, &[]).await?.pop().unwrap_or(none);
    policy["groups"] = json!(progress(&shared).await?);
    Ok(conditions.answer(&Tag::of(&policy["version"], &policy), policy))
}

/// Whether the policy in force may be replaced, and which that is where it matters.
async fn allow(shared: &Shared, conditions: &Conditions) -> Result<Option<Expected>, Problem> {
    if conditions.are_none() {
        return Ok(None);
    }
    let sql = "SELECT coalesce(max(version), 0) AS version FROM v_policies";
    let version = rows(shared, sql, &[]).await?.pop().map_or(json!(0), |row| row["version"].clone());
    conditions.allow(Some(&Tag::of(&version, &Value::Null)))?;
    Ok(Some(Expected::Policy(version.as_u64().unwrap_or_default())))
}

/// `GET /v1/policy/{version}`
pub async fn version(
    State(shared): State<Arc<Shared>>,
    conditions: Conditions,
    InPath(version): InPath<String>,
) -> Told {
    let wanted = version.parse().map_err(|_| Problem::at("version", format!("{version:?} is not a policy version")))?;
    let policy = former(&shared, wanted).await?;
    Ok(conditions.answer(&Tag::of(&policy["version"], &policy), policy))
}

async fn former(shared: &Shared, version: u64) -> Result<Value, Problem> {
    let sql = "SELECT version, document, set_at, set_by AS \"by\", comment FROM v_policies WHERE version = $1";
    // What does not fit was never given.
    let wanted = i64::try_from(version).unwrap_or(-1);
    let found = rows(shared, sql, &[Bind::Integer(wanted)]).await?.pop();
    found.ok_or_else(|| Problem::missing(format!("there is no policy {version}; /v1/policy/history lists them")))
}

/// Query of `PUT /v1/policy`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Why.
    #[serde(default)]
    comment: String,
    /// Only check and compare.
    #[serde(default)]
    dry_run: bool,
}

/// `PUT /v1/policy?comment=&dry_run=`, the policy as TOML in the body.
pub async fn set(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    Params(setting): Params<Setting>,
    Document(document): Document,
) -> Answer {
    let Setting { comment, dry_run } = setting;
    one_line("comment", &comment, LONGEST_COMMENT)?;
    let _one_at_a_time = shared.writes.turn().await;
    let expected = allow(&shared, &conditions).await?;
    command_if(&shared, expected, Command::SetPolicy { document, comment, by, dry_run }).await
}

/// Body of `POST /v1/policy/rollback`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    version: u64,
}

/// `POST /v1/policy/rollback {version}`: a former text as a new version.
pub async fn rollback(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    Body(to): Body<Rollback>,
) -> Answer {
    let _one_at_a_time = shared.writes.turn().await;
    let expected = allow(&shared, &conditions).await?;
    let policy = former(&shared, to.version).await?;
    let document = policy["document"].as_str().unwrap_or_default().to_owned();
    command_if(&shared, expected, Command::RollbackPolicy { version: to.version, document, by }).await
}

/// A body of text.
pub struct Document(String);

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
        match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Ok(Self(text)),
            Err(error) => Err(Problem::bad_request(format!("the policy is not text in UTF-8: {error}"))),
        }
    }
}
