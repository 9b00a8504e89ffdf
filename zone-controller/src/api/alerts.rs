//! Alerts: what is wrong, and who has seen it.

use std::sync::Arc;

use axum::extract::{Path, State};
use rollcall_store::Bind;
use serde::Deserialize;

use super::Shared;
use super::asking::{Answer, command, listed, rows, text};
use super::caller::Author;
use super::errors::Problem;
use super::receiving::{Body, Params};
use crate::core::Command;

/// Longest comment, characters.
const LONGEST_COMMENT: usize = 500;

/// Filters of `/v1/alerts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    state: Option<String>,
    group: Option<String>,
    node: Option<String>,
}

/// `GET /v1/alerts?state=raised|acknowledged|cleared|open&group=&node=`, newest first; open is raised or acknowledged.
/// A group of any kind has the alerts of the nodes that are in it now.
pub async fn list(State(shared): State<Arc<Shared>>, Params(filter): Params<Filter>) -> Answer {
    let state = filter.state.unwrap_or_default();
    if !matches!(state.as_str(), "" | "raised" | "acknowledged" | "cleared" | "open") {
        let why = format!("state: expected raised, acknowledged, cleared or open, not {state:?}");
        return Err(Problem::bad_request(why));
    }
    let sql = "SELECT * FROM v_alerts AS a \
               WHERE ($1 = '' OR state = $1 OR ($1 = 'open' AND state IN ('raised', 'acknowledged'))) \
               AND ($2 = '' OR group_name = $2 OR group_id = $2 OR EXISTS (SELECT 1 FROM v_memberships AS m \
                    WHERE m.node_id = a.node_id AND (m.group_name = $2 OR m.group_id = $2))) \
               AND ($3 = '' OR node = $3 OR node_id = $3) \
               ORDER BY raised_at DESC, alert_id DESC LIMIT 1000";
    listed(&shared, sql, &[Bind::Text(state), text(filter.group), text(filter.node)]).await
}

/// Body of `POST /v1/alerts/{alert}/acknowledge`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    #[serde(default)]
    comment: String,
}

/// `POST /v1/alerts/{alert}/acknowledge {comment}`: somebody has seen it. Once is enough; again changes nothing.
pub async fn acknowledge(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    Path(alert): Path<String>,
    Body(seen): Body<Seen>,
) -> Answer {
    let number: i64 = alert.parse().map_err(|_| Problem::bad_request(format!("{alert:?} is not an alert's number")))?;
    if seen.comment.chars().count() > LONGEST_COMMENT {
        return Err(Problem::bad_request(format!("comment has more than {LONGEST_COMMENT} characters")));
    }
    let found = rows(&shared, "SELECT state FROM v_alerts WHERE alert_id = $1", &[Bind::Integer(number)]).await?;
    match found.first().and_then(|row| row["state"].as_str()) {
        None => Err(Problem::missing(format!("there is no alert {number}; /v1/alerts lists them"))),
        Some("cleared") => Err(Problem::conflict(format!("alert {number} is over already"))),
        Some(_) => command(&shared, Command::AcknowledgeAlert { alert: number, comment: seen.comment, by }).await,
    }
}
