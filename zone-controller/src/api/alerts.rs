//! Alerts: what is wrong, and who has seen it.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Shared;
use super::asking::{Answer, Told, command};
use super::caller::Author;
use super::conditions::{Conditions, Tag};
use super::errors::Problem;
use super::lists::catalogue::ALERTS;
use super::lists::one as one_of;
use super::receiving::{Body, InPath, one_line};
use crate::core::{By, Command};

/// Longest comment, characters.
const LONGEST_COMMENT: usize = 500;

/// `GET /v1/alerts/{alert}`
pub async fn one(State(shared): State<Arc<Shared>>, conditions: Conditions, InPath(alert): InPath<String>) -> Told {
    let row = find(&shared, &alert).await?;
    Ok(conditions.answer(&tag(&row), row))
}

/// By its number, which nobody calculates with here.
async fn find(shared: &Shared, alert: &str) -> Result<Value, Problem> {
    let number: i64 = alert.parse().map_err(|_| Problem::at("alert", format!("{alert:?} is not an alert's number")))?;
    let by_number = ("r.alert_id = CAST(? AS BIGINT)", number.to_string());
    one_of(shared, &ALERTS, by_number, || format!("there is no alert {number}; /v1/alerts lists them")).await
}

fn tag(alert: &Value) -> Tag {
    Tag::of_row(alert, &["state", "acknowledged_at"])
}

/// Body of `POST /v1/alerts/{alert}/acknowledge`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    #[serde(default)]
    #[schema(max_length = 500, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
    comment: String,
}

/// `POST /v1/alerts/{alert}/acknowledge {comment}`: somebody has seen it. Once is enough; again changes nothing.
pub async fn acknowledge(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    InPath(alert): InPath<String>,
    Body(said): Body<Seen>,
) -> Answer {
    seen(&shared, &alert, &conditions, said.comment, by).await
}

/// Has the core note that somebody saw an alert.
///
/// # Errors
/// When there is no such alert, it is over or not as the conditions want it, or the comment is no line or too long.
pub(crate) async fn seen(shared: &Shared, alert: &str, conditions: &Conditions, comment: String, by: By) -> Answer {
    one_line("comment", &comment, LONGEST_COMMENT)?;
    let _one_at_a_time = shared.writes.turn().await;
    let row = find(shared, alert).await?;
    conditions.allow(Some(&tag(&row)))?;
    let number = row["alert_id"].as_i64().unwrap_or_default();
    if row["state"] == "cleared" {
        return Err(Problem::conflict(format!("alert {number} is over already")));
    }
    command(shared, Command::AcknowledgeAlert { alert: number, comment, by }).await
}
