//! Orders as people give them: what is shown, what is waited for, and the exit codes, against a zone of canned answers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

fn problem(status: u16, detail: &str, details: &[&str]) -> Response {
    let body = json!({ "type": "about:blank", "status": status, "detail": detail, "details": details }).to_string();
    (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn run(api: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command
        .args(arguments)
        .env("ROLLCALL_API", api)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env_remove("SUDO_USER")
        .env("USER", "ada");
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A zone whose three live nodes come to obey one at a time; the last never does when `stubborn`.
async fn obeying(stubborn: bool) -> String {
    let asked = Arc::new(AtomicUsize::new(0));
    let set = async |RawQuery(query): RawQuery, headers: HeaderMap, body: String| match body.as_str() {
        "bad" => problem(422, "it cannot be obeyed for 2 reasons: a: wrong; b: too", &["a: wrong", "b: too"]),
        "same" => Json(json!({ "version": 5, "changes": [], "dry_run": true })).into_response(),
        _ => {
            assert_eq!(headers.get("x-rollcall-by").unwrap(), "ada");
            let change = json!({ "scope": "zone", "key": "sample_period_ms", "old": null, "new": 500 });
            let dry_run = query.unwrap_or_default().contains("dry_run=true");
            Json(json!({ "version": 5, "changes": [change], "dry_run": dry_run })).into_response()
        }
    };
    let sql = async move |Json(question): Json<Value>| {
        let question = question["query"].as_str().unwrap().to_owned();
        if question.contains("count(*)") {
            let obey = asked.fetch_add(1, Ordering::Relaxed).min(if stubborn { 2 } else { 3 });
            return Json(json!({ "columns": ["a", "b"], "rows": [[3, obey]] }));
        }
        let why = if stubborn { json!("it has no such sensor") } else { Value::Null };
        Json(json!({ "columns": ["name", "policy_problem"], "rows": [["web-3", why]] }))
    };
    serve(Router::new().route("/v1/policy", put(set)).route("/v1/sql", post(sql))).await
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test]
async fn a_policy_is_compared_set_and_waited_for() {
    let api = obeying(false).await;
    let policy = file("[settings]\nsample_period_ms = 500\n");
    let path = policy.path().to_str().unwrap();
    let (code, out, error) = run(&api, &["policy", "set", path]).await;
    let (head, tail) = out.rsplit_once(", ").unwrap();
    let expected = "\
FOR   KEY               WAS      BECOMES
zone  sample_period_ms  not set  500

policy 5 is in force
3 of 3 live nodes obey policy 5";
    assert_eq!((code, head, error.as_str()), (Some(0), expected, ""));
    assert!(tail.ends_with(" s after it was set\n"), "{tail}");
    let (_, out, _) = run(&api, &["policy", "set", path, "--json"]).await;
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&document["version"], &document["live"], &document["obeying"]), (&json!(5), &json!(3), &json!(3)));
    let (code, out, _) = run(&api, &["policy", "set", path, "--no-wait"]).await;
    assert!(code == Some(0) && out.ends_with("policy 5 is in force; nodes come to obey it\n"), "{out}");
}

#[tokio::test]
async fn a_policy_that_differs_in_nothing_is_not_set() {
    let api = obeying(false).await;
    let (code, out, _) = run(&api, &["policy", "set", file("same").path().to_str().unwrap()]).await;
    assert_eq!((code, out.as_str()), (Some(0), "nothing differs from the policy in force\nnothing was set\n"));
}

#[tokio::test]
async fn a_policy_that_cannot_be_obeyed_is_refused_with_every_problem() {
    let api = obeying(false).await;
    let bad = file("bad");
    for command in ["set", "diff", "check"] {
        let (code, out, error) = run(&api, &["policy", command, bad.path().to_str().unwrap()]).await;
        let expected = "error: it cannot be obeyed for 2 reasons\n  - a: wrong\n  - b: too\n";
        assert_eq!((code, out.as_str(), error.as_str()), (Some(1), "", expected), "{command}");
    }
    let (code, _, error) = run(&api, &["policy", "check", "/no/such/file"]).await;
    assert!(code == Some(2) && error.contains("cannot read /no/such/file"), "{error}");
}

#[tokio::test]
async fn nodes_that_cannot_obey_are_named_and_waited_for_no_longer() {
    let api = obeying(true).await;
    let (code, out, error) = run(&api, &["policy", "set", file("x").path().to_str().unwrap()]).await;
    assert_eq!(code, Some(1));
    assert!(
        out.contains("2 of 3 live nodes obey policy 5") && out.contains("web-3 cannot: it has no such sensor"),
        "{out}"
    );
    assert!(error.contains("not every live node obeys policy 5") && error.contains("rollback"), "{error}");
}

#[tokio::test]
async fn an_action_is_waited_for_and_its_end_is_the_exit_code() {
    let looked = Arc::new(AtomicUsize::new(0));
    let order = async |Json(order): Json<Value>| match order["action"]["kind"].as_str().unwrap() {
        "reboot" => problem(422, "the zone's policy does not allow reboot; it allows identify", &[]),
        kind => Json(json!({ "action_id": format!("id-{kind}"), "repeated": false })).into_response(),
    };
    let one = async move |Path(id): Path<String>| {
        let state = match (looked.fetch_add(1, Ordering::Relaxed), id.as_str()) {
            (0, _) => "running",
            (_, "id-drain") => "failed",
            _ => "done",
        };
        let kind = id.trim_start_matches("id-");
        Json(json!({ "action_id": id, "node": "web-3", "kind": kind, "action": { "kind": kind }, "state": state,
                     "message": "so it went", "ordered_by": "ada" }))
    };
    let api = serve(Router::new().route("/v1/actions", post(order)).route("/v1/actions/{id}", get(one))).await;
    let (code, out, _) = run(&api, &["action", "web-3", "identify", "--wait"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "identify on web-3: done: so it went\n"));
    let (code, out, error) = run(&api, &["action", "web-3", "drain", "--wait"]).await;
    assert_eq!((code, out.as_str()), (Some(1), "drain on web-3: failed: so it went\n"));
    assert_eq!(error, "error: drain on web-3 failed\n");
    let (code, _, error) = run(&api, &["action", "web-3", "reboot"]).await;
    assert!(code == Some(1) && error.contains("does not allow reboot"), "{error}");
    let (code, out, _) = run(&api, &["action", "web-3", "drain"]).await;
    assert!(code == Some(0) && out.starts_with("ordered: `rollcall actions --node web-3`"), "{out}");
}

#[tokio::test]
async fn a_node_that_does_not_answer_shows_its_saved_bits_and_says_so() {
    let node = async || {
        Json(json!({ "node": { "node_id": "0e800de7-x", "name": "web-3", "state": "down", "epoch": 1, "health_bits": 0,
                               "unmeasurable": 0 },
                     "bits": [{ "bit": 9, "indicator": "disk_space", "state": "clear", "since": null }] }))
    };
    let silent = async || problem(504, "node web-3 did not answer within 2 s", &[]);
    let router = Router::new().route("/v1/nodes/web-3", get(node)).route("/v1/nodes/0e800de7-x/readings", get(silent));
    let api = serve(router).await;
    let (code, out, _) = run(&api, &["node", "web-3"]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("node web-3 did not answer within 2 s: these are the bits that were last saved"), "{out}");
}

#[tokio::test]
async fn alerts_are_acknowledged_by_number_and_groups_made_and_dissolved_by_name() {
    let seen = async |Path(id): Path<i64>, headers: HeaderMap, Json(body): Json<Value>| {
        assert_eq!(
            (headers.get("x-rollcall-by").unwrap().to_str().unwrap(), &body["comment"]),
            ("ada", &json!("mine"))
        );
        if id == 9 {
            problem(409, "alert 9 is over already", &[])
        } else {
            Json(json!({ "alert": id })).into_response()
        }
    };
    let make = async |Json(group): Json<Value>| {
        assert_eq!(
            group,
            json!({ "name": "hot", "kind": "health", "rule": "health.fan", "enter_dwell_ms": 5000,
                                  "leave_dwell_ms": 60000 })
        );
        Json(json!({ "group_id": "x", "members": 2 }))
    };
    let router = Router::new()
        .route("/v1/alerts/{id}/acknowledge", post(seen))
        .route("/v1/groups", post(make))
        .route("/v1/groups/hot", delete(async || Json(json!({}))));
    let api = serve(router).await;
    let (code, out, error) = run(&api, &["alerts", "ack", "3", "9", "--comment", "mine"]).await;
    assert_eq!(
        (code, out.as_str(), error.as_str()),
        (Some(1), "alert 3 is acknowledged\n", "error: alert 9 is over already\n")
    );
    let create = ["group", "create", "hot", "--rule", "health.fan", "--kind", "health", "--leave", "1m"];
    assert_eq!(run(&api, &create).await.1, "group hot is in force; 2 members\n");
    assert_eq!(run(&api, &["group", "delete", "hot"]).await.1, "group hot is dissolved; its history stays\n");
}
