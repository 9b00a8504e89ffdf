use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::ask::client::credential::Credential;

/// A zone that streams three events, one a connection, and refuses each second one.
async fn zone() -> Client {
    let asked = Arc::new(AtomicUsize::new(0));
    let events = async move |RawQuery(query): RawQuery, headers: HeaderMap| -> Response {
        let query = query.unwrap_or_default();
        if !headers[header::ACCEPT].to_str().unwrap().contains("event-stream") {
            return axum::Json(json!([{ "event_id": 9 }])).into_response();
        }
        if asked.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let after: i64 = query.trim_start_matches("after=").parse().unwrap();
        let event = json!({ "event_id": after + 1, "kind": "node_state" });
        let body = format!(": hello\n\nid: {}\nevent: node_state\ndata: {event}\n\n", after + 1);
        ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
    };
    let router = Router::new().route("/v1/events", get(events));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Client::new(&address.to_string(), &Credential::None).unwrap()
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let mut events = Events::after(&zone().await, 4);
    let (mut seen, mut failures) = (Vec::new(), 0);
    while seen.len() < 3 {
        match events.next().await {
            Ok(rows) => seen.extend(rows.iter().filter_map(|row| row["event_id"].as_i64())),
            Err(_) => {
                failures += 1;
                assert!(failures < 20 && events.pause() <= RETRY.1);
            }
        }
    }
    assert_eq!(seen, [5, 6, 7]);
}
