//! A program can do nothing that a person cannot: every route of the API is asked by a command.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{Method, Uri};
use axum::{Json, Router};
use rollcall_zone_controller::api::routes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Routes for machines among themselves: a certificate is asked for by who holds the key.
const OF_MACHINES: [(&str, &str); 4] =
    [("POST", "/v1/join"), ("GET", "/v1/join/{join}"), ("POST", "/v1/renew"), ("POST", "/v1/checkin-certificate")];

/// Commands, and what each asks the zone. Those about routes that this zone does not have yet are there beforehand.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("GET", "/healthz", "api GET /healthz"),
    ("GET", "/readyz", "api GET /readyz"),
    ("GET", "/metrics", "api GET /metrics"),
    ("GET", "/v1/openapi.json", "api GET /v1/openapi.json"),
    ("GET", "/v1/health/changes", "api GET /v1/health/changes"),
    ("GET", "/v1/whoami", "whoami"),
    ("GET", "/v1/status", "status"),
    ("GET", "/v1/zones", "list zones"),
    ("GET", "/v1/nodes", "nodes"),
    ("GET", "/v1/nodes/{node}", "node web-3"),
    ("GET", "/v1/nodes/{node}/readings", "readings web-3"),
    ("GET", "/v1/nodes/{node}/health", "list health --node web-3"),
    ("GET", "/v1/nodes/{node}/hardware", "list hardware --node web-3"),
    ("GET", "/v1/nodes/{node}/assignments", "list assignments --node web-3"),
    ("GET", "/v1/nodes/{node}/availability", "availability web-3"),
    ("GET", "/v1/availability", "availability"),
    ("GET", "/v1/targets", "target --for power --size 0.25 --count 2 --explain"),
    ("GET", "/v1/groups", "groups"),
    ("POST", "/v1/groups", "group create hot --rule true"),
    ("GET", "/v1/groups/{group}", "group show hot"),
    ("DELETE", "/v1/groups/{group}", "group delete hot"),
    ("GET", "/v1/rules", "list rules"),
    ("POST", "/v1/rules/test", "group test --rule true"),
    ("GET", "/v1/policy", "policy get"),
    ("PUT", "/v1/policy", "policy diff -"),
    ("GET", "/v1/policy/history", "policy history"),
    ("GET", "/v1/policy/{version}", "policy get 3"),
    ("POST", "/v1/policy/rollback", "policy rollback 3 --no-wait"),
    ("GET", "/v1/memberships", "list memberships"),
    ("GET", "/v1/assignments", "list assignments"),
    ("GET", "/v1/hardware", "list hardware"),
    ("GET", "/v1/health/history", "list changes"),
    ("GET", "/v1/capabilities", "list capabilities"),
    ("GET", "/v1/indicators", "list indicators"),
    ("GET", "/v1/channels", "channels"),
    ("GET", "/v1/channels/{channel}/messages", "channel read security"),
    ("POST", "/v1/channels/{channel}/messages", "channel send security hello"),
    ("GET", "/v1/checkins", "checkins"),
    ("GET", "/v1/combinations", "combinations"),
    ("POST", "/v1/combinations", "combinations approve v1;cpu=x"),
    ("GET", "/v1/alerts", "alerts"),
    ("GET", "/v1/alerts/{alert}", "show alert 3"),
    ("POST", "/v1/alerts/{alert}/acknowledge", "alerts ack 3"),
    ("GET", "/v1/actions", "actions"),
    ("POST", "/v1/actions", "action web-3 drain"),
    ("GET", "/v1/actions/{action}", "show action x"),
    ("GET", "/v1/analytics", "analytics"),
    ("GET", "/v1/events", "events"),
    ("POST", "/v1/sql", "sql SELECT"),
    ("GET", "/v1/joins", "join list"),
    ("GET", "/v1/joins/{join}", "show join x"),
    ("POST", "/v1/joins/{join}/approve", "join approve 1f0e"),
    ("POST", "/v1/joins/{join}/deny", "join deny 1f0e"),
    ("GET", "/v1/tokens", "token list"),
    ("GET", "/v1/tokens/{token}", "show token x"),
    ("POST", "/v1/tokens", "token create --for node --name web-3"),
    ("DELETE", "/v1/tokens/{token}", "token revoke x"),
    ("GET", "/v1/certificates", "certificates"),
    ("GET", "/v1/certificates/{serial}", "show certificate 4f"),
    ("POST", "/v1/revoke", "revoke web-3"),
    ("GET", "/v1/users", "user list"),
    ("GET", "/v1/users/{name}", "show user ada"),
    ("POST", "/v1/users", "user add ada --role viewer"),
    ("DELETE", "/v1/users/{name}", "user remove ada"),
    ("GET", "/v1/audit", "audit"),
    ("GET", "/v1/audit/verify", "audit verify"),
];

type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// A zone that writes down what it is asked, and has just enough in it for commands to go on.
async fn zone(asked: Asked) -> String {
    let answer = async |State(asked): State<Asked>, method: Method, uri: Uri| -> Json<Value> {
        asked.lock().unwrap().push((method.to_string(), uri.path().to_owned()));
        Json(match (method.as_str(), uri.path()) {
            ("PUT", "/v1/policy") => {
                json!({ "version": 4, "changes": [{ "scope": "zone", "key": "k", "old": 1, "new": 2 }] })
            }
            ("GET", "/v1/policy/3") => json!({ "version": 3, "document": "" }),
            ("GET", "/v1/combinations") => json!([{ "capability": "v1;cpu=x", "state": "waiting" }]),
            ("GET", "/v1/joins") => json!([{ "join_id": "1f0e3d2c", "name": "web-3", "state": "pending" }]),
            ("GET", _) => json!([]),
            _ => json!({}),
        })
    };
    let router = Router::new().fallback(answer).with_state(asked);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn fits(path: &str, route: &str) -> bool {
    let parts: Vec<&str> = route.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    parts.len() == given.len() && parts.iter().zip(given).all(|(part, given)| part.starts_with('{') || *part == given)
}

#[test]
fn every_route_has_a_command() {
    let missing: Vec<String> = routes()
        .iter()
        .map(|route| (route.method.to_string(), route.path))
        // The web page and what belongs to it are for browsers.
        .filter(|(_, path)| path.starts_with("/v1/"))
        .filter(|(method, path)| !OF_MACHINES.iter().any(|(known, at)| known == method && at == path))
        .filter(|(method, path)| !COMMANDS.iter().any(|(known, at, _)| known == method && at == path))
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    assert!(missing.is_empty(), "give these a command, and name it here: {missing:#?}");
}

#[tokio::test]
async fn every_command_asks_what_it_is_named_for() {
    let configuration = tempfile::tempdir().unwrap();
    for (method, route, line) in COMMANDS {
        let asked = Asked::default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(line.split(' ')).env("ROLLCALL_API", zone(Arc::clone(&asked)).await);
        command.env("XDG_CONFIG_HOME", configuration.path());
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
        let asked = asked.lock().unwrap().clone();
        let found = asked.iter().any(|(how, path)| how == method && fits(path, route));
        assert!(found, "rollcall {line} asked {asked:?}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
