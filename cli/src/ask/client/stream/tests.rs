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
    serve(Router::new().route("/v1/events", get(events))).await
}

async fn serve(router: Router) -> Client {
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
            Ok(heard) => seen.extend(heard.rows.iter().filter_map(|row| row["event_id"].as_i64())),
            Err(_) => {
                failures += 1;
                assert!(failures < 20 && events.pause() <= RETRY.1);
            }
        }
    }
    assert_eq!(seen, [5, 6, 7]);
}

/// A zone whose newest event is 3, and which forgot those before 2. Its stream tells one more and breaks off.
async fn restored_zone() -> Client {
    let events = async |RawQuery(query): RawQuery, headers: HeaderMap| -> Response {
        if !headers[header::ACCEPT].to_str().unwrap().contains("event-stream") {
            return axum::Json(json!([{ "event_id": 3 }])).into_response();
        }
        let after: i64 = query.unwrap_or_default().trim_start_matches("after=").parse().unwrap();
        let gap = if after == 0 { "event: gap\ndata: {\"first\":2}\n\n" } else { "" };
        let id = after.max(1) + 1;
        let body = format!("{gap}id: {id}\nevent: node_state\ndata: {{\"event_id\":{id}}}\n\n");
        ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
    };
    serve(Router::new().route("/v1/events", get(events))).await
}

/// What is heard until there is an event, of a zone that does not answer sometimes.
async fn heard(events: &mut Events) -> (Vec<i64>, Vec<Missed>) {
    let mut missed = Vec::new();
    for _ in 0..10 {
        let Ok(heard) = events.next().await else { continue };
        missed.extend(heard.missed);
        if !heard.rows.is_empty() {
            return (heard.rows.iter().map(|row| row["event_id"].as_i64().unwrap()).collect(), missed);
        }
    }
    panic!("nothing was heard but {missed:?}");
}

#[tokio::test]
async fn what_history_forgot_is_told_and_is_no_event() {
    let mut events = Events::after(&restored_zone().await, 0);
    assert_eq!(heard(&mut events).await, (vec![2], vec![Missed::Forgotten { first: 2 }]));
    assert!(
        Missed::Forgotten { first: 2 }.told().contains("before event 2 ") && Missed::Replaced.told().contains("new")
    );
    assert_eq!(heard(&mut events).await, (vec![3], vec![]), "its newest is not older: it goes on where it was");
}

#[tokio::test]
async fn a_zone_whose_events_end_earlier_goes_on_with_what_is_new() {
    let mut events = Events::after(&restored_zone().await, 500);
    assert_eq!(heard(&mut events).await, (vec![501], vec![]), "it was never away");
    assert_eq!(heard(&mut events).await, (vec![4], vec![Missed::Replaced]));
}

/// A zone that has no stream to give, and tells what it was asked.
async fn asked_zone(told: Arc<std::sync::Mutex<Vec<String>>>) -> Client {
    let events = async move |RawQuery(query): RawQuery, headers: HeaderMap| -> Response {
        told.lock().unwrap().push(query.unwrap_or_default());
        if !headers[header::ACCEPT].to_str().unwrap().contains("event-stream") {
            return axum::Json(json!([{ "event_id": 9, "kind": "node_state" }])).into_response();
        }
        let problem = axum::Json(json!({ "reason": "too_many_streams_of_yours" }));
        (StatusCode::TOO_MANY_REQUESTS, problem).into_response()
    };
    serve(Router::new().route("/v1/events", get(events))).await
}

#[tokio::test]
async fn kinds_are_chosen_by_the_zone_and_a_user_who_has_all_their_streams_asks_again_and_again() {
    let told = Arc::default();
    let client = asked_zone(Arc::clone(&told)).await;
    let kinds = ["node_state".to_owned(), "user_set".to_owned()];
    client.latest_of(&kinds, 7).await.unwrap();
    let mut events = Events::after(&client, 4).of_kinds(&kinds);
    assert_eq!(heard(&mut events).await, (vec![9], vec![]));
    let told = told.lock().unwrap().clone();
    let expected = [
        "limit=7&kind=node_state%2Cuser_set",
        "after=4&kind=node_state%2Cuser_set",
        "after=4&wait_ms=20000&limit=1000&kind=node_state%2Cuser_set",
    ];
    assert_eq!(told, expected);
}
