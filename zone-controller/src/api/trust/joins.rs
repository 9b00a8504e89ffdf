//! Joining: with a token at once, without one once somebody has approved it; renewing; being thrown out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rollcall_identity::{Token, TokenUse};
use rollcall_model::{JoinId, Name, Principal, Serial, Sha256};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{certificate, draw_serial, hand_out, identity, key_of, order, order_if, read, users};
use crate::api::Shared;
use crate::api::asking::{Answer, Told};
use crate::api::caller::{Author, Caller};
use crate::api::conditions::{Conditions, Tag};
use crate::api::credentials::Proof;
use crate::api::errors::Problem;
use crate::api::lists::catalogue::{CERTIFICATES, JOINS};
use crate::api::lists::one as one_of;
use crate::api::receiving::{Body, InPath, one_line};
use crate::api::routes::Access;
use crate::core::{Applicant, By, Expected, JoinAnswer, Trust as Order};
use crate::trust::UsersError;

/// Longest body of a request to join, bytes: a request for a certificate and a few names.
pub const MAX_JOIN: usize = 16 * 1024;
/// Longest reason, characters.
const LONGEST_REASON: usize = 500;
/// How long an answer waits for the broker to let go of somebody who was thrown out.
const CUT: Duration = Duration::from_secs(5);

/// A code beside the body.
type Coded = Result<(StatusCode, Json<Value>), Problem>;

/// Body of `POST /v1/join`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    csr: String,
    #[schema(value_type = String)]
    principal: Principal,
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    name: Name,
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    place: Option<Name>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    #[serde(default)]
    token: Option<String>,
}

/// `POST /v1/join {csr, principal, name, place, address, token}`: 201 with a certificate, or 202 to wait for.
pub async fn join(State(shared): State<Arc<Shared>>, caller: Caller, Body(joining): Body<Joining>) -> Coded {
    identity(&shared)?;
    let Joining { csr, principal, name, place, address, token } = joining;
    let key = key_of(&csr, Some((&principal, shared.zone)))?;
    let token = token.map(|token| digest(&token)).transpose()?;
    let (origin, serial) = (caller.origin.to_string(), draw_serial()?);
    let applicant = Applicant { principal, name, place, address, origin, key, csr: csr.clone(), token, serial };
    answer_join(&shared, order(&shared, Order::Join(applicant)).await?, &csr).await
}

fn digest(token: &str) -> Result<Sha256, Problem> {
    let token = Token::parse(TokenUse::Join, token)
        .map_err(|error| Problem::forbidden(error.to_string()).because("token_malformed"))?;
    Ok(token.hash())
}

async fn answer_join(shared: &Shared, answer: Value, csr: &str) -> Coded {
    match read(answer)? {
        JoinAnswer::Issued(grant) => {
            let csr = grant.csr.clone().unwrap_or_else(|| csr.to_owned());
            let given = hand_out(shared, &grant, &csr).await?;
            let code = if grant.repeated { StatusCode::OK } else { StatusCode::CREATED };
            Ok((code, Json(given)))
        }
        JoinAnswer::Pending { join } => Ok((StatusCode::ACCEPTED, Json(json!({ "state": "pending", "join": join })))),
        JoinAnswer::Denied { join, why } => {
            let why = if why.is_empty() { "somebody denied it".to_owned() } else { why };
            Err(Problem::forbidden(format!("join {join} was denied: {why}")).because("denied"))
        }
    }
}

/// `GET /v1/join/{join}`: how a join stands that waited; its certificate once it is approved.
pub async fn collect(State(shared): State<Arc<Shared>>, InPath(join): InPath<JoinId>) -> Coded {
    identity(&shared)?;
    let collect = Order::Collect { join, serial: draw_serial()? };
    answer_join(&shared, order(&shared, collect).await?, "").await
}

/// `GET /v1/joins/{join}`
pub async fn one(State(shared): State<Arc<Shared>>, conditions: Conditions, InPath(join): InPath<JoinId>) -> Told {
    let row = find(&shared, join).await?;
    Ok(conditions.answer(&Tag::of_row(&row, &["state"]), row))
}

async fn find(shared: &Shared, join: JoinId) -> Result<Value, Problem> {
    let missing = || format!("nobody asked to join as {join}; /v1/joins lists those who wait");
    one_of(shared, &JOINS, ("r.join_id = ?", join.to_string()), missing).await
}

/// Whether a join may be decided on, and how it has to stand where that matters.
async fn allow(shared: &Shared, conditions: &Conditions, join: JoinId) -> Result<Option<Expected>, Problem> {
    if conditions.are_none() {
        return Ok(None);
    }
    let row = find(shared, join).await?;
    conditions.allow(Some(&Tag::of_row(&row, &["state"])))?;
    let state = serde_json::from_value(row["state"].clone()).map_err(Problem::store)?;
    Ok(Some(Expected::Join(join, state)))
}

/// `POST /v1/joins/{join}/approve`
pub async fn approve(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    InPath(join): InPath<JoinId>,
) -> Answer {
    let _one_at_a_time = shared.writes.turn().await;
    let expected = allow(&shared, &conditions, join).await?;
    order_if(&shared, expected, Order::ApproveJoin { join, by }).await.map(Json)
}

/// Body of `POST /v1/joins/{join}/deny`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    #[serde(default)]
    reason: String,
}

/// `POST /v1/joins/{join}/deny {reason}`
pub async fn deny(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    InPath(join): InPath<JoinId>,
    Body(denial): Body<Denial>,
) -> Answer {
    one_line("reason", &denial.reason, LONGEST_REASON)?;
    let _one_at_a_time = shared.writes.turn().await;
    let expected = allow(&shared, &conditions, join).await?;
    order_if(&shared, expected, Order::DenyJoin { join, reason: denial.reason, by }).await.map(Json)
}

/// Body of `POST /v1/renew`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    csr: String,
}

/// `POST /v1/renew {csr}`: the next certificate of whoever shows one.
pub async fn renew(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    proof: Proof,
    Body(renewal): Body<Renewal>,
) -> Answer {
    let trust = identity(&shared)?;
    let (principal, presented) = certified(&caller)?;
    let key = key_of(&renewal.csr, Some((&principal, shared.zone)))?;
    if let Principal::User(name) = &principal {
        let signed = users::certify((&shared, trust), name, &renewal.csr, caller.by()).await?;
        // Whoever has the name by now is perhaps not who asked.
        proof.entitles(&shared, Access::Certified).await?;
        let mut given = certificate(trust, &signed);
        given["principal"] = json!(principal);
        return Ok(Json(given));
    }
    let (origin, serial) = (caller.origin.to_string(), draw_serial()?);
    let grant = read(order(&shared, Order::Renew { principal, presented, key, serial, origin }).await?)?;
    hand_out(&shared, &grant, &renewal.csr).await.map(Json)
}

/// Who showed a certificate, and which; the gate let nobody else in.
fn certified(caller: &Caller) -> Result<(Principal, Serial), Problem> {
    let shown = caller.principal.clone().zip(caller.serial.clone());
    shown.ok_or_else(|| Problem::forbidden("this takes a client certificate").because("no_certificate"))
}

/// Body of `POST /v1/checkin-certificate`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckinRequest {
    csr: String,
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    name: Name,
}

/// `POST /v1/checkin-certificate {csr, name}`: for a check-in service the group was ordered to run.
pub async fn checkin(State(shared): State<Arc<Shared>>, caller: Caller, Body(asked): Body<CheckinRequest>) -> Answer {
    identity(&shared)?;
    let (principal, presented) = certified(&caller)?;
    let Principal::Group(group) = principal else {
        return Err(Problem::forbidden("only a group controller may ask this").because("no_group"));
    };
    // Which service it is the core decides; a request that names another is refused when it is signed.
    let key = key_of(&asked.csr, None)?;
    let (origin, serial, name) = (caller.origin.to_string(), draw_serial()?, asked.name);
    let wanted = Order::CheckinCertificate { group, presented, name, key, serial, origin };
    let grant = read(order(&shared, wanted).await?)?;
    hand_out(&shared, &grant, &asked.csr).await.map(Json)
}

/// `GET /v1/certificates/{serial}`
pub async fn certificate_of(
    State(shared): State<Arc<Shared>>,
    conditions: Conditions,
    InPath(serial): InPath<String>,
) -> Told {
    let missing = || format!("there is no certificate {serial:?}; /v1/certificates lists them");
    let row = one_of(&shared, &CERTIFICATES, ("r.serial = ?", serial.to_ascii_lowercase()), missing).await?;
    Ok(conditions.answer(&Tag::of_row(&row, &["state"]), row))
}

/// Body of `POST /v1/revoke`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    principal: String,
    #[serde(default)]
    reason: String,
}

/// `POST /v1/revoke {principal, reason}`: refused everywhere from now on; `cut` says whether the broker has let go of it
/// already, which is tried until it is done.
pub async fn revoke(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    Body(revocation): Body<Revocation>,
) -> Answer {
    let Revocation { principal: whom, reason } = revocation;
    one_line("reason", &reason, LONGEST_REASON)?;
    let mut answer = order(&shared, Order::Revoke { whom, reason, by: by.clone() }).await?;
    let also = answer["also"].as_array().cloned().unwrap_or_default();
    let users = also.iter().chain([&answer["user"]]).filter_map(Value::as_str).map(str::to_owned);
    let dismissed = timeout(CUT, dismiss(&shared, users.collect())).await;
    answer["cut"] = json!(matches!(dismissed, Ok(Ok(()))));
    if let Ok(Err(error)) = dismissed {
        answer["problem"] = json!(error.to_string());
        tell_uncut(&shared, by, &answer).await;
    }
    Ok(Json(answer))
}

/// All at once; the first that cannot be dismissed yet is told.
async fn dismiss(shared: &Shared, users: Vec<String>) -> Result<(), UsersError> {
    let mut under_way = JoinSet::new();
    for user in users {
        let broker = shared.users.clone();
        under_way.spawn(async move { broker.dismiss(user).await });
    }
    let mut all = Ok(());
    while let Some(dismissed) = under_way.join_next().await {
        all = all.and(dismissed.unwrap_or(Err(UsersError::Stopping)));
    }
    all
}

/// The audit log tells what did not work, too.
async fn tell_uncut(shared: &Shared, by: By, answer: &Value) {
    let subject = answer["principal"].as_str().unwrap_or_default().to_owned();
    let (action, after) = ("broker_unreachable".to_owned(), json!({ "problem": answer["problem"] }));
    let line = Order::Audit { by, action, subject, before: Value::Null, after };
    if let Err(problem) = order(shared, line).await {
        tracing::warn!("not in the audit log: {problem:?}");
    }
}
