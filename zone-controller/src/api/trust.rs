//! Who may join, who is who, and who may what. Each handler asks the core, which decides and has it saved; then the
//! certificate is signed, its user made at the broker, and only then is it handed out.

pub mod audit;
pub mod joins;
pub mod tokens;
pub mod users;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rollcall_identity::csr::{check_csr, key_digest};
use rollcall_identity::issuer::IssueError;
use rollcall_model::{Principal, Serial, Sha256, ZoneId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Shared;
use super::asking::{Answer, command_if};
use super::caller::Caller;
use super::errors::Problem;
use crate::core::{Command, Expected, Grant, Trust as Order};
use crate::trust::{Signed, Trust, UsersError};

/// `GET /v1/whoami`
pub async fn whoami(State(shared): State<Arc<Shared>>, caller: Caller) -> Answer {
    Ok(Json(json!({
        "principal": caller.principal,
        "name": caller.who,
        "role": caller.role,
        "means": caller.means.as_str(),
        "origin": caller.origin,
        "zone": { "id": shared.zone, "name": shared.name },
    })))
}

/// The zone's identity.
fn identity(shared: &Shared) -> Result<&Trust, Problem> {
    let why = "this zone has no identity, so it can let nobody in: set identity.directory in its configuration";
    shared.trust.as_deref().ok_or_else(|| Problem::conflict(why).because("no_identity"))
}

/// Has the core decide.
async fn order(shared: &Shared, order: Order) -> Result<Value, Problem> {
    order_if(shared, None, order).await
}

/// The same, if things are still as whoever asks saw them, where they want them to be.
async fn order_if(shared: &Shared, expected: Option<Expected>, order: Order) -> Result<Value, Problem> {
    command_if(shared, expected, Command::Trust(Box::new(order))).await.map(|Json(answer)| answer)
}

/// The core's answer, as the type it is documented to be.
fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Problem> {
    serde_json::from_value(answer)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the zone answered oddly: {error}")))
}

/// A serial number for a certificate that may be issued.
fn draw_serial() -> Result<Serial, Problem> {
    rollcall_identity::serial::draw().map_err(no_randomness)
}

fn no_randomness(error: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("nothing can be drawn: {error}"))
}

/// The key in a request, which has to be signed by it, and to name nobody else than whom it is `asked` for.
fn key_of(csr: &str, asked: Option<(&Principal, ZoneId)>) -> Result<Sha256, Problem> {
    let key = match asked {
        Some((principal, zone)) => check_csr(csr, principal, zone),
        None => key_digest(csr),
    };
    key.map_err(|error| {
        Problem::of_field(StatusCode::UNPROCESSABLE_ENTITY, "csr", error.to_string()).because(error.reason())
    })
}

/// Signs what was granted and makes its user at the broker: nobody gets a certificate that opens nothing.
async fn hand_out(shared: &Shared, grant: &Grant, csr: &str) -> Result<Value, Problem> {
    let trust = identity(shared)?;
    let signed = trust.sign(grant, csr).map_err(|error| unsigned(&error))?;
    shared.users.admit(&grant.principal, &grant.user).await.map_err(|error| not_admitted(&error))?;
    for former in &grant.replaces {
        // Tried until it is done; nobody has to wait for it.
        let (broker, former) = (shared.users.clone(), former.clone());
        tokio::spawn(async move { broker.dismiss(former).await });
    }
    let mut answer = certificate(trust, &signed);
    answer["principal"] = json!(grant.principal);
    answer["name"] = json!(grant.name);
    Ok(answer)
}

fn certificate(trust: &Trust, signed: &Signed) -> Value {
    json!({
        "state": "issued",
        "certificate": signed.chain,
        "bundle": trust.bundle(),
        "zone": trust.zone(),
        "user": signed.user,
        "expires": signed.expires,
    })
}

fn unsigned(error: &IssueError) -> Problem {
    match error {
        IssueError::Csr(_) | IssueError::NameTooLong(_) | IssueError::BadName(_) => {
            Problem::invalid(error.to_string()).because(error.reason())
        }
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).because(error.reason()),
    }
}

fn not_admitted(error: &UsersError) -> Problem {
    let why = format!("there is a certificate, but it would open nothing yet; ask again: {error}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).because("broker_unreachable")
}
