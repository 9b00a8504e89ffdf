//! Looking, waiting and contexts as people use them: what is written where, in which form, and the exit codes, against a
//! zone of canned answers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

fn event(id: u64, kind: &str) -> Value {
    json!({ "event_id": id, "at": "2026-11-20T08:15:30.250Z", "kind": kind,
            "subject_type": if kind == "user_set" { "other" } else { "node" }, "subject_id": "x",
            "message": format!("event {id}"), "detail": {} })
}

/// What is said, and then nothing more.
fn endless(text: String) -> impl Stream<Item = Result<String, std::io::Error>> {
    stream::once(async { Ok(text) }).chain(stream::pending())
}

/// A zone with one node, which is well from the third look on, and a stream of events.
async fn zone() -> String {
    let looks = Arc::new(AtomicUsize::new(0));
    let node = async move || {
        let state = if looks.fetch_add(1, Ordering::Relaxed) < 2 { "down" } else { "healthy" };
        Json(json!({ "node": { "node_id": "0e800de7-x", "name": "web-3", "state": state } }))
    };
    let events = async |RawQuery(query): RawQuery, headers: axum::http::HeaderMap| -> Response {
        if !headers[header::ACCEPT].to_str().unwrap().contains("event-stream") {
            return Json(json!([event(1, "node_joined"), event(2, "node_state")])).into_response();
        }
        assert_eq!(query.as_deref(), Some("after=2"));
        let rows = (3..6).map(|id| {
            format!("id: {id}\nevent: x\ndata: {}\n\n", event(id, if id == 4 { "user_set" } else { "node_state" }))
        });
        let text = rows.fold("event: gap\ndata: {\"first\":3}\n\n".to_owned(), |text, row| text + &row);
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(endless(text))).into_response()
    };
    let policy = async || {
        let body = json!({ "status": 404, "detail": "there is no policy 9" }).to_string();
        (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/problem+json")], body)
    };
    let nodes = async || Json(json!([{ "name": "web,3", "state": "down" }, { "name": "web-4", "state": null }]));
    let missing = async || {
        let body = json!({ "status": 404, "detail": "there is no node \"web-9\"" }).to_string();
        (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/problem+json")], body)
    };
    let router = Router::new()
        .route("/v1/nodes", get(nodes))
        .route("/v1/nodes/web-3", get(node))
        .route("/v1/nodes/web-9", get(missing))
        .route("/v1/policy/9", get(policy))
        .route("/v1/events", get(events));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn run(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.args(arguments).env("XDG_CONFIG_HOME", home).envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn waiting_ends_with_0_when_it_is_so_and_with_4_when_it_is_not_in_time() {
    let (api, home) = (zone().await, tempfile::tempdir().unwrap());
    let wait = async |condition: &str, more: &[&str]| {
        let arguments = [&["wait", "--for", condition], more].concat();
        run(home.path(), &[("ROLLCALL_API", &api)], &arguments).await
    };
    let (code, out, error) = wait("node=web-3,state=healthy", &[]).await;
    assert_eq!((code, out.as_str(), error.as_str()), (Some(0), "web-3 is healthy\n", "note: waiting: web-3 is down\n"));
    let (code, out, error) = wait("node=web-9,state=healthy", &["--timeout", "200ms", "-o", "json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &told["met"], &told["conditions"][0]["stands"]),
        (Some(4), &json!(false), &json!("there is no node web-9"))
    );
    assert!(error.ends_with("error: not so within 0.2 s: there is no node web-9\n"), "{error}");
    let (code, _, error) = wait("policy=9,obeyed", &[]).await;
    assert!(code == Some(1) && error.starts_with("error: there is no policy 9; `rollcall policy history`"), "{error}");
    let (code, _, error) = wait("node=web-3,state=well", &[]).await;
    assert!(code == Some(2) && error.contains("healthy"), "{error}");
}

#[tokio::test]
async fn a_list_comes_in_every_form() {
    let (api, home) = (zone().await, tempfile::tempdir().unwrap());
    for (form, expected) in [
        (
            "json",
            "[\n  {\n    \"name\": \"web,3\",\n    \"state\": \"down\"\n  },\n  {\n    \"name\": \"web-4\",\n    \"state\": null\n  }\n]\n",
        ),
        ("yaml", "- name: web,3\n  state: down\n- name: web-4\n  state: null\n"),
        ("csv", "state,name\r\ndown,\"web,3\"\r\n,web-4\r\n"),
        ("table", "state  name\ndown   web,3\nNULL   web-4\n(2 rows)\n"),
    ] {
        let asked = ["nodes", "--fields", "state,name", "-o", form];
        assert_eq!(run(home.path(), &[("ROLLCALL_API", &api)], &asked).await.1, expected);
    }
    let by_variable = [("ROLLCALL_API", api.as_str()), ("ROLLCALL_OUTPUT", "csv")];
    assert_eq!(run(home.path(), &by_variable, &["nodes"]).await.1, "name,state\r\n\"web,3\",down\r\nweb-4,\r\n");
}

#[tokio::test]
async fn a_stream_is_watched_as_lines_of_json() {
    let (api, home) = (zone().await, tempfile::tempdir().unwrap());
    let watch = ["watch", "-n", "1", "--for", "1s", "-o", "json"];
    let (code, out, error) = run(home.path(), &[("ROLLCALL_API", &api)], &watch).await;
    let ids: Vec<Value> =
        out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event_id"].clone()).take(3).collect();
    assert_eq!((code, ids), (Some(0), vec![json!(2), json!(3), json!(5)]), "a user is neither node nor group");
    assert!(error.contains("note: what happened before event 3 and was not shown is gone: history kept"), "{error}");
}

#[tokio::test]
async fn a_context_says_where_the_zone_is_until_somebody_else_does() {
    let (api, home) = (zone().await, tempfile::tempdir().unwrap());
    let file = home.path().join("rollcall/config.toml");
    let (code, out, _) = run(home.path(), &[], &["context", "add", "east", "--api", &api, "-o", "csv"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "east is added, and in use\n"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(home.path(), &[], &["nodes"]).await.1, "name,state\r\n\"web,3\",down\r\nweb-4,\r\n");
    let elsewhere = run(home.path(), &[("ROLLCALL_API", "http://127.0.0.1:9")], &["nodes"]).await;
    assert_eq!(elsewhere.0, Some(3));
    let named = run(home.path(), &[("ROLLCALL_API", "http://127.0.0.1:9")], &["--context", "east", "nodes"]).await;
    assert_eq!(named.0, Some(0), "an option counts more than a variable: {}", named.2);
    assert_eq!(run(home.path(), &[], &["--context", "west", "nodes"]).await.0, Some(2));
    std::fs::write(&file, "# mine\n[contexts.east]\napi = 3\n").unwrap();
    let (code, _, error) = run(home.path(), &[], &["nodes"]).await;
    assert!(code == Some(2) && error.contains("line 3") && error.contains("config.toml"), "{error}");
    assert_eq!(run(home.path(), &[], &["indicators", "--json"]).await.0, Some(2));
    std::fs::write(&file, format!("# mine\n[contexts.east]\napi = \"{api}\"\n")).unwrap();
    assert_eq!(run(home.path(), &[], &["context", "use", "east"]).await.0, Some(0));
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("# mine") && written.contains("current = \"east\""), "{written}");
}

#[tokio::test]
async fn one_request_comes_back_as_it_is() {
    let (api, home) = (zone().await, tempfile::tempdir().unwrap());
    let ask =
        async |arguments: &[&str]| run(home.path(), &[("ROLLCALL_API", &api)], &[&["api"], arguments].concat()).await;
    let (code, out, _) = ask(&["get", "/v1/nodes", "--include"]).await;
    assert!(
        code == Some(0) && out.starts_with("200 OK\ncontent-type: application/json\n") && out.ends_with("]\n"),
        "{out}"
    );
    let (code, out, error) = ask(&["GET", "/v1/nodes/web-9"]).await;
    assert_eq!(
        (code, out.as_str(), error.as_str()),
        (Some(1), "", "error: 404 Not Found: there is no node \"web-9\"\n")
    );
    assert_eq!(ask(&["POST", "/v1/sql", "--body", "@/no/such/file"]).await.0, Some(2));
    assert_eq!(ask(&["GET", "/v1/nodes", "-H", "nonsense"]).await.0, Some(2));
}

#[tokio::test]
async fn a_target_is_told_in_every_form_and_none_ends_with_1_and_the_reason() {
    let targets = async |RawQuery(query): RawQuery| -> Response {
        let none = "no node is a target for balance now; of 2 nodes: 2 barred (2 draining)";
        let looked = json!([{ "node": "web-4", "rack": "rack-a", "source": "recent", "outcome": "barred", "score": null,
                              "why": "draining" }]);
        match query.as_deref().unwrap_or_default() {
            "size=0.25&count=2" => Json(json!({
                "for": "balance", "placed": true, "missing": "only 1 target",
                "targets": [{ "node_id": "0e80-x", "node": "web-3", "rack": "rack-a", "address": "10.1.0.7",
                              "state": "healthy", "availability": 0.5, "error": 0.1, "age_ms": 120 }],
            }))
            .into_response(),
            "group=rack-a&explain=true" => {
                Json(json!({ "for": "balance", "targets": [], "missing": none, "considered": looked })).into_response()
            }
            _ => {
                let body = json!({ "status": 409, "reason": "no_target", "detail": none }).to_string();
                (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
            }
        }
    };
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/targets", get(targets));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let home = tempfile::tempdir().unwrap();
    let ask = async |more: &str| {
        let arguments: Vec<&str> = std::iter::once("target").chain(more.split_whitespace()).collect();
        run(home.path(), &[("ROLLCALL_API", &api)], &arguments).await
    };
    let (code, out, error) = ask("--size 0.25 -n 2").await;
    assert_eq!((code, error.as_str()), (Some(0), "note: only 1 target\n"));
    assert!(out.contains("web-3  rack-a  10.1.0.7  healthy  50 % ±5 %  0.1 s ago"), "{out}");
    let (_, out, _) = ask("--size 0.25 -n 2 -o csv").await;
    assert_eq!(out.lines().count(), 2, "{out}");
    let (code, out, error) = ask("").await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        error.starts_with("error: no node is a target for balance now; of 2 nodes: 2 barred (2 draining)"),
        "{error}"
    );
    let (code, out, _) = ask("--group rack-a --explain").await;
    assert!(code == Some(1) && out.starts_with("no target\n") && out.contains("barred"), "{out}");
    assert_eq!(ask("--size 2").await.0, Some(2));
}

/// In a terminal of its own, made by `script` of util-linux; ended by a key, and by a signal.
#[tokio::test]
async fn top_gives_the_terminal_back() {
    let (api, home) = (top_zone().await, tempfile::tempdir().unwrap());
    for by_key in [true, false] {
        let line = format!("stty rows 24 cols 80; echo pid=$$; exec {} top", env!("CARGO_BIN_EXE_rollcall"));
        let mut command = Command::new("script");
        command.args(["-qefc", &line, "/dev/null"]).env("ROLLCALL_API", &api).env("XDG_CONFIG_HOME", home.path());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (mut stdin, mut out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut seen, mut piece, mut is_told) = (String::new(), [0; 4096], false);
        loop {
            let read = timeout(Duration::from_secs(60), out.read(&mut piece)).await.unwrap().unwrap();
            if read == 0 {
                break;
            }
            seen.push_str(&String::from_utf8_lossy(&piece[..read]));
            if is_told || !seen.contains("worst first") {
                continue;
            }
            is_told = true;
            if by_key {
                stdin.write_all(b"q").await.unwrap();
            } else {
                let pid = seen.split_once("pid=").unwrap().1.split_whitespace().next().unwrap();
                assert!(Command::new("kill").args(["-TERM", pid]).status().await.unwrap().success());
            }
        }
        let entered = seen.find("\u{1b}[?1049h").unwrap_or_else(|| panic!("{seen}"));
        let left = seen.rfind("\u{1b}[?1049l").unwrap_or_else(|| panic!("{seen}"));
        assert!(is_told && entered < left && seen[left..].contains("\u{1b}[?25h"), "{seen}");
        assert!(child.wait().await.unwrap().success(), "{seen}");
    }
}

async fn top_zone() -> String {
    let status = json!({ "zone": { "id": "z", "name": "hall-1", "generation": 1 }, "broker": "up", "nodes": [], "groups": [],
                         "alerts": [], "ignored": {}, "checkins": {}, "summaries": {}, "neighbours": {} });
    let list = async || Json(json!([]));
    let events = async |RawQuery(query): RawQuery| match query.unwrap_or_default().contains("after") {
        true => std::future::pending::<Json<Value>>().await,
        false => Json(json!([])),
    };
    let router = Router::new()
        .route("/v1/status", get(async move || Json(status)))
        .route("/v1/nodes", get(list))
        .route("/v1/groups", get(list))
        .route("/v1/alerts", get(list))
        .route("/v1/events", get(events));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}
