//! Channels between groups and the zone, and what arrives on those made by configuration.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rollcall_model::Purpose;
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Shared;
use super::asking::{Answer, command, rows, unfold};
use super::caller::Author;
use super::errors::Problem;
use super::receiving::{Body, InPath, Params, one_line};
use super::waiting::wait_for;
use crate::core::Command;

/// Longest word and subject of a message, characters.
const LONGEST_WORD: usize = 200;
/// Longest message, characters.
const LONGEST_MESSAGE: usize = 2_000;

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
    InPath(channel): InPath<String>,
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
#[derive(Deserialize, ToSchema)]
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
    InPath(channel): InPath<String>,
    Body(sent): Body<Message>,
) -> Answer {
    let channel: Purpose = channel.parse().map_err(|error| Problem::at("channel", format!("{error}")))?;
    let Message { what, subject, message } = sent;
    one_line("what", &what, LONGEST_WORD)?;
    one_line("subject", &subject, LONGEST_WORD)?;
    one_line("message", &message, LONGEST_MESSAGE)?;
    command(&shared, Command::Send { channel, what, subject, message, by }).await
}
