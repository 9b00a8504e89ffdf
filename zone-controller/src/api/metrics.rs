//! `GET /metrics`: the zone as Prometheus scrapes it (OpenMetrics 1.0). Series grow with racks, states and indicators, never
//! with nodes: who wants to know of one node asks the API or SQL.

mod page;
mod process;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use rollcall_store::Writable;
use serde_json::Value;

use self::page::{Facts, Rack};
use super::Shared;
use super::asking::{overview, rows};
use super::errors::Problem;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`. What the topology counts is missing while it cannot be read; the rest is there all the same.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let broker_is_up = shared.link.borrow().is_up();
    let database_is_writable = matches!(&*shared.store.writable().borrow(), Writable::Yes);
    let facts = Facts {
        zone: shared.name.to_string(),
        generation: shared.generation,
        is_up: shared.is_up.load(Ordering::Acquire),
        broker_is_up,
        database_is_writable,
        nodes: counts(&shared, "SELECT state, count(*) AS n FROM v_nodes GROUP BY state").await,
        groups: counts(&shared, "SELECT kind, count(*) AS n FROM v_groups GROUP BY kind").await,
        alerts: counts(&shared, "SELECT severity, count(*) AS n FROM v_alerts WHERE open GROUP BY severity").await,
        policy_version: policy_version(&shared).await,
        racks: racks(&shared).await,
        overview: overview(&shared).await?,
        process: process::read(),
    };
    let text = page::render(&facts);
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

/// Of statements with two columns, a text and a number.
async fn counts(shared: &Shared, sql: &'static str) -> Vec<(String, i64)> {
    let rows = rows(shared, sql, &[]).await.unwrap_or_default();
    let pair = |row: Value| {
        let mut columns = row.as_object()?.values();
        let (first, second) = (columns.next()?, columns.next()?);
        match (first.as_str(), second.as_str()) {
            (Some(text), _) => Some((text.to_owned(), second.as_i64()?)),
            (_, Some(text)) => Some((text.to_owned(), first.as_i64()?)),
            _ => None,
        }
    };
    rows.into_iter().filter_map(pair).collect()
}

async fn policy_version(shared: &Shared) -> Option<i64> {
    let rows = rows(shared, "SELECT max(version) AS version FROM v_policies", &[]).await.ok()?;
    rows.first().map(|row| row["version"].as_i64().unwrap_or_default())
}

async fn racks(shared: &Shared) -> Vec<Rack> {
    let rows = rows(shared, "SELECT group_id, name, place FROM v_groups WHERE kind = 'physical'", &[]).await;
    let rack = |row: Value| {
        Some(Rack {
            group: row["group_id"].as_str()?.parse().ok()?,
            name: row["name"].as_str()?.to_owned(),
            place: row["place"].as_str().unwrap_or_default().to_owned(),
        })
    };
    rows.unwrap_or_default().into_iter().filter_map(rack).collect()
}
