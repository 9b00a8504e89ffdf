//! Alerts: what is wrong, who has seen it, and a way to say so.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use rollcall_model::indicator::by_name;
use rollcall_store::Bind;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::{read, text};
use super::frame::Frame;
use super::moment::{Present, span};
use super::page;
use crate::api::alerts::seen;
use crate::api::caller::Author;
use crate::api::conditions::Conditions;
use crate::api::errors::Problem;
use crate::api::{Caller, Shared};

/// Most alerts on one page.
const MOST: usize = 300;

/// Which alerts are wanted.
#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    state: String,
    /// Those before this one.
    before: Option<i64>,
}

/// An alert.
#[derive(Debug, Deserialize)]
pub(super) struct Alert {
    alert_id: i64,
    pub kind: String,
    severity: String,
    state: String,
    #[serde(deserialize_with = "text")]
    group_name: String,
    #[serde(deserialize_with = "text")]
    group_id: String,
    #[serde(deserialize_with = "text")]
    node: String,
    #[serde(deserialize_with = "text")]
    node_id: String,
    raised_at: String,
    #[serde(deserialize_with = "text")]
    cleared_at: String,
    message: String,
    #[serde(deserialize_with = "text")]
    acknowledged_at: String,
    #[serde(deserialize_with = "text")]
    acknowledged_by: String,
    #[serde(deserialize_with = "text")]
    comment: String,
    pub lasted_ms: i64,
}

impl Alert {
    fn lasted(&self) -> String {
        span(self.lasted_ms)
    }

    /// Whether it lasts.
    pub(super) fn is_open(&self) -> bool {
        self.state != "cleared"
    }

    fn remedy(&self) -> &'static str {
        by_name(&self.kind).map_or("", |indicator| indicator.remedy)
    }

    fn by(&self) -> &str {
        self.acknowledged_by.trim_start_matches("user.")
    }
}

/// The open alerts of a group and its members, or of a node.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn of(shared: &Shared, group: &str, node: &str) -> Result<Vec<Alert>, Problem> {
    let of_node = "SELECT * FROM v_alerts WHERE node_id = $1 ORDER BY alert_id DESC LIMIT 20";
    let of_group = "SELECT * FROM v_alerts AS a WHERE open AND (group_id = $1 OR EXISTS (SELECT 1 FROM v_memberships AS m \
                    WHERE m.node_id = a.node_id AND m.group_id = $1)) ORDER BY severity, raised_ms LIMIT 50";
    match node {
        "" => read(shared, of_group, &[Bind::Text(group.to_owned())]).await,
        node => read(shared, of_node, &[Bind::Text(node.to_owned())]).await,
    }
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    alerts: Vec<Alert>,
    state: &'static str,
    /// Where the next page begins.
    next: Option<i64>,
}

#[derive(Template)]
#[template(path = "part/alert.html")]
struct Row<'a> {
    alert: &'a Alert,
    present: Present,
    may_acknowledge: bool,
    csrf: &'a str,
}

impl AlertsPage {
    fn row(&self, alert: &Alert) -> String {
        row(&self.frame, alert)
    }
}

/// A template that writes into memory cannot fail.
pub(super) fn row(frame: &Frame, alert: &Alert) -> String {
    let may_acknowledge = frame.is_operator && alert.state == "raised";
    Row { alert, present: frame.present(), may_acknowledge, csrf: &frame.csrf }.render().unwrap_or_default()
}

/// `GET /ui/alerts?state=open|cleared|all&before=`
pub(super) async fn page(State(shared): State<Arc<Shared>>, caller: Caller, Query(wish): Query<Wish>) -> Answer {
    let frame = Frame::of(&shared, &caller, "alerts").await?;
    let open = "SELECT * FROM v_alerts WHERE open AND alert_id < $1 ORDER BY severity, raised_ms LIMIT 300";
    let cleared = "SELECT * FROM v_alerts WHERE state = 'cleared' AND alert_id < $1 ORDER BY alert_id DESC LIMIT 300";
    let all = "SELECT * FROM v_alerts WHERE alert_id < $1 ORDER BY alert_id DESC LIMIT 300";
    let (state, sql) = match wish.state.as_str() {
        "cleared" => ("cleared", cleared),
        "all" => ("all", all),
        _ => ("open", open),
    };
    let alerts: Vec<Alert> = read(&shared, sql, &[Bind::Integer(wish.before.unwrap_or(i64::MAX))]).await?;
    let next = alerts.last().filter(|_| alerts.len() == MOST && state != "open").map(|alert| alert.alert_id);
    page::html(&AlertsPage { frame, alerts, state, next })
}

/// What is said to an alert.
#[derive(Deserialize)]
pub(super) struct Comment {
    #[serde(default)]
    comment: String,
}

/// `POST /ui/alerts/{alert}/acknowledge`: its row as it is now, or the page where no part was asked for.
pub(super) async fn acknowledge(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Author(by): Author,
    Path(alert): Path<String>,
    headers: HeaderMap,
    Form(said): Form<Comment>,
) -> Answer {
    let seen = seen(&shared, &alert, &Conditions::default(), said.comment, by).await?;
    let alert = seen["alert"].as_i64().unwrap_or_default();
    if !headers.contains_key("hx-request") {
        let back = [(header::LOCATION, HeaderValue::from_static("/ui/alerts"))];
        return Ok((StatusCode::SEE_OTHER, back).into_response());
    }
    let frame = Frame::of(&shared, &caller, "alerts").await?;
    let now: Vec<Alert> = read(&shared, "SELECT * FROM v_alerts WHERE alert_id = $1", &[Bind::Integer(alert)]).await?;
    let row = now.first().map(|alert| row(&frame, alert)).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], row).into_response())
}
