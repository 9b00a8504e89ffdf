//! Channels between groups and the zone, and what arrives on those made by configuration.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use rollcall_model::Purpose;
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::asking::{Answer, command, listed, rows, unfold};
use super::caller::Author;
use super::errors::Problem;
use super::receiving::{Body, Params};
use super::waiting::wait_for;
use crate::core::Command;

/// `GET /v1/channels`
pub async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    listed(&shared, "SELECT * FROM v_channels ORDER BY group_name, purpose", &[]).await
}

/// Filters of `/v1/channels/{channel}/messages`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only messages after this number; without it the last ones.
    after: Option<i64>,
    /// At most this many.
    limit: Option<i64>,
    /// Wait this long for the first one, milliseconds.
    #[serde(alias = "wait")]
    wait_ms: Option<u64>,
}

/// `GET /v1/channels/{channel}/messages?after=&limit=&wait_ms=`, oldest first.
pub async fn messages(
    State(shared): State<Arc<Shared>>,
    Path(channel): Path<String>,
    Params(filter): Params<Filter>,
) -> Answer {
    let channel = Bind::Text(known(&shared, &channel)?.as_str().to_owned());
    let limit = Bind::Integer(filter.limit.unwrap_or(100).clamp(1, 1_000));
    let mut found = match filter.after {
        None => {
            let sql = "SELECT * FROM (SELECT * FROM v_channel_messages WHERE channel = $1 ORDER BY number DESC LIMIT $2) \
                       AS latest ORDER BY number";
            let binds = [channel, limit];
            wait_for(&shared, filter.wait_ms, || rows(&shared, sql, &binds)).await?
        }
        Some(after) => {
            let sql = "SELECT * FROM v_channel_messages WHERE channel = $1 AND number > $2 ORDER BY number LIMIT $3";
            let binds = [channel, Bind::Integer(after), limit];
            wait_for(&shared, filter.wait_ms, || rows(&shared, sql, &binds)).await?
        }
    };
    unfold(&mut found, &["detail"]);
    Ok(Json(json!(found)))
}

/// One of the channels made by configuration.
fn known(shared: &Shared, channel: &str) -> Result<Purpose, Problem> {
    let standard = Purpose::standard();
    if standard.iter().any(|known| known.as_str() == channel) {
        let why =
            format!("what arrives on {channel} is not kept as messages: see /v1/alerts, /v1/policy, /v1/analytics");
        return Err(Problem::missing(why));
    }
    let extra = || shared.channels.iter().filter(|known| !standard.contains(known));
    extra().find(|known| known.as_str() == channel).cloned().ok_or_else(|| {
        let there: Vec<&str> = extra().map(Purpose::as_str).collect();
        Problem::missing(format!(
            "there is no channel {channel:?}; channels.extra of the zone's configuration has [{}]",
            there.join(", ")
        ))
    })
}

/// Body of `POST /v1/channels/{channel}/messages`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Short word for what it is.
    #[serde(default = "note")]
    what: String,
    /// What it is about.
    #[serde(default)]
    subject: String,
    message: String,
}

fn note() -> String {
    "note".into()
}

/// `POST /v1/channels/{channel}/messages {what, subject, message}`
pub async fn send(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    Path(channel): Path<String>,
    Body(sent): Body<Message>,
) -> Answer {
    let channel: Purpose = channel.parse().map_err(|error| Problem::bad_request(format!("{error}")))?;
    let Message { what, subject, message } = sent;
    command(&shared, Command::Send { channel, what, subject, message, by }).await
}
