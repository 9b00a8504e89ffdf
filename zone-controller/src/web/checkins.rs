//! How nodes come in, and the paths between racks and zone: check-in services, channels, and what was said on them.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use rollcall_model::Purpose;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::{number, read, text, yes};
use super::frame::Frame;
use super::page;
use crate::api::errors::Problem;
use crate::api::{Caller, Shared, checkins};

#[derive(Deserialize)]
struct Service {
    name: String,
    #[serde(deserialize_with = "text")]
    address: String,
    #[serde(deserialize_with = "text")]
    ranges: String,
    #[serde(deserialize_with = "number")]
    nodes: i64,
    #[serde(deserialize_with = "text")]
    last_seen_at: String,
    #[serde(deserialize_with = "text")]
    place: String,
    #[serde(deserialize_with = "text", default)]
    configured_place: String,
    #[serde(deserialize_with = "text")]
    running_group: String,
    #[serde(deserialize_with = "yes")]
    running: bool,
    #[serde(deserialize_with = "text")]
    message: String,
}

impl Service {
    fn where_to(&self) -> &str {
        if self.configured_place.is_empty() { &self.place } else { &self.configured_place }
    }

    fn ranges(&self) -> String {
        serde_json::from_str::<Vec<String>>(&self.ranges).map_or_else(|_| self.ranges.clone(), |list| list.join(", "))
    }
}

#[derive(Deserialize)]
struct Channel {
    group_id: String,
    group_name: String,
    purpose: String,
    address: String,
    port: i64,
    exchange: String,
    queue: String,
    routing_key: String,
    since: String,
}

#[derive(Deserialize)]
struct Message {
    channel: String,
    at: String,
    what: String,
    #[serde(deserialize_with = "text")]
    subject: String,
    severity: String,
    message: String,
}

#[derive(Deserialize)]
struct Waiting {
    capability: String,
    #[serde(deserialize_with = "text")]
    node: String,
    held_at: String,
}

#[derive(Template)]
#[template(path = "checkins.html")]
struct CheckinsPage {
    frame: Frame,
    services: Vec<Service>,
    waiting: Vec<Waiting>,
    purposes: String,
    channels: Vec<Channel>,
    messages: Vec<Message>,
}

/// `GET /ui/checkins`
pub(super) async fn page(State(shared): State<Arc<Shared>>, caller: Caller) -> Answer {
    let frame = Frame::of(&shared, &caller, "checkins").await?;
    let Json(services) = checkins::list(State(Arc::clone(&shared))).await?;
    let waiting =
        "SELECT capability, node, held_at FROM v_combinations WHERE state = 'waiting' ORDER BY held_at LIMIT 100";
    let channels = "SELECT * FROM v_channels ORDER BY group_name, purpose LIMIT 1000";
    let messages = "SELECT channel, at, what, subject, severity, message FROM v_channel_messages \
                    ORDER BY at DESC, number DESC LIMIT 30";
    let page = CheckinsPage {
        frame,
        services: serde_json::from_value(services).map_err(Problem::store)?,
        waiting: read(&shared, waiting, &[]).await?,
        purposes: shared.channels.iter().map(Purpose::as_str).collect::<Vec<_>>().join(", "),
        channels: read(&shared, channels, &[]).await?,
        messages: read(&shared, messages, &[]).await?,
    };
    page::html(&page)
}
