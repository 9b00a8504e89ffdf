//! The command as people run it: exit codes, standard output and error, against a zone that is a few canned answers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

fn event(id: u64) -> Value {
    let message = format!("node web-{id} joined");
    json!({ "event_id": id, "at": "2026-11-20T08:15:30.250Z", "kind": "node_joined", "message": message })
}

fn node(number: usize) -> Value {
    json!({ "node_id": format!("{number:08x}-074c-8d19-a0eb-d5ec4cce9a3e"), "name": format!("web-{number}"),
            "state": "healthy", "epoch": 1, "health_bits": 0, "unmeasurable": 0 })
}

/// A zone of a few canned answers; gives its address.
async fn zone() -> String {
    let problem = |status: StatusCode, detail: &str| {
        let body = json!({ "type": "about:blank", "status": status.as_u16(), "detail": detail }).to_string();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let events = async move |RawQuery(query): RawQuery| {
        let query = query.unwrap_or_default();
        match (query.contains("after="), asked.fetch_add(1, Ordering::Relaxed)) {
            // The zone restarts in the middle of following it; a gateway says so in its own way.
            (true, 1) => problem(StatusCode::SERVICE_UNAVAILABLE, "the zone controller is stopping"),
            (false, 2) => StatusCode::BAD_GATEWAY.into_response(),
            (true, _) if query.contains("after=2") => Json(json!([event(3)])).into_response(),
            (true, _) => std::future::pending().await,
            (false, _) => Json(json!([event(1), event(2)])).into_response(),
        }
    };
    let router = Router::new()
        .route("/v1/nodes", get(async || Json(json!((0..20_000).map(node).collect::<Vec<_>>()))))
        .route("/v1/nodes/{node}", get(async move || problem(StatusCode::NOT_FOUND, "there is no node \"web-9\"")))
        .route("/v1/groups", get(async || Json(json!([{ "group_id": "0a010200-x", "name": "rack-a" }]))))
        .route("/v1/sql", post(async || Json(json!({ "columns": ["n"], "rows": [[1], [null]], "truncated": false }))))
        .route("/v1/events", get(events));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn rollcall(api: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command
        .args(arguments)
        .env("ROLLCALL_API", api)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn run(api: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = rollcall(api, arguments).output().await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn exit_codes_tell_what_kind_of_failure_it_was() {
    let api = zone().await;
    let nobody = "http://127.0.0.1:9";
    let missing = "error: there is no node \"web-9\"\n".to_owned();
    assert_eq!(run(&api, &["node", "web-9"]).await, (Some(1), String::new(), missing));
    assert_eq!(run(&api, &["nodes", "--group", "rack-z"]).await.0, Some(1));
    assert_eq!(run(&api, &["nodes", "--state", "well"]).await.0, Some(2));
    assert_eq!(run(&api, &["sql", "--csv", "--json", "SELECT 1"]).await.0, Some(2));
    assert_eq!(run("ftp://x", &["status"]).await.0, Some(2));
    let (code, out, error) = run(nobody, &["status"]).await;
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(error.starts_with("error: cannot reach the zone's API at http://127.0.0.1:9: "), "{error}");
    assert!(error.contains("\nhint: is the zone controller running? `rollcall demo` starts one;"), "{error}");
}

#[tokio::test]
async fn the_dictionary_needs_no_zone() {
    let (code, out, _) = run("http://127.0.0.1:9", &["indicators", "--json"]).await;
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, document["indicators"].as_array().map(Vec::len)), (Some(0), Some(24)));
}

#[tokio::test]
async fn a_pipe_gets_no_colours_and_json_is_one_document() {
    let api = zone().await;
    let (code, out, _) = run(&api, &["nodes"]).await;
    assert_eq!(code, Some(0));
    assert!(!out.contains('\u{1b}') && out.ends_with("20000 nodes: 20000 healthy\n"));
    let (_, out, _) = run(&api, &["nodes", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap().as_array().map(Vec::len), Some(20_000));
}

#[tokio::test]
async fn sql_answers_as_table_csv_and_json() {
    let api = zone().await;
    assert_eq!(run(&api, &["sql", "SELECT n"]).await.1, "   n\n   1\nNULL\n(2 rows)\n");
    assert_eq!(run(&api, &["sql", "--csv", "SELECT n"]).await.1, "n\r\n1\r\n\r\n");
    let document: Value = serde_json::from_str(&run(&api, &["sql", "--json", "SELECT n"]).await.1).unwrap();
    assert_eq!(document, json!({ "columns": ["n"], "rows": [[1], [null]], "truncated": false }));
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_no_error() {
    let api = zone().await;
    let mut child = rollcall(&api, &["nodes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    let mut out = BufReader::with_capacity(16, child.stdout.take().unwrap());
    out.read_line(&mut first).await.unwrap();
    drop(out);
    let ended = child.wait_with_output().await.unwrap();
    assert!(first.starts_with("NODE"), "{first}");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[tokio::test]
async fn following_events_survives_a_restart_of_the_zone() {
    let api = zone().await;
    let mut child: Child = rollcall(&api, &["events", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for expected in 1..=3 {
        let line = lines.next_line().await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["event_id"], expected, "{line}");
    }
    child.kill().await.unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).await.unwrap();
    assert!(told.contains("trying again") && told.contains("answers again"), "{told}");
}
