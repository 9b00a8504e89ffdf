//! What strangers and mistaken programs send: each gets its status and a problem that says where, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::Stage;

/// Everything a bad request might have changed.
async fn state(stage: &Stage) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["/v1/policy", "/v1/groups?fields=name,rule", "/v1/actions", "/v1/combinations", "/v1/audit"] {
        all.push(stage.get(path).await.1);
    }
    all
}

#[tokio::test]
async fn bad_bodies_are_refused_with_the_field_at_fault() {
    let mut stage = Stage::up().await;
    stage.node("n1").await;
    let before = state(&stage).await;
    let json_body = [("content-type", "application/json")];
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (path, body, code, field) in [
        ("/v1/groups", "", 400, None),
        ("/v1/groups", "{", 400, None),
        ("/v1/groups", "{} {}", 422, Some("name")),
        ("/v1/groups", "\u{0}", 400, None),
        ("/v1/groups", "[]", 422, None),
        ("/v1/groups", "null", 422, None),
        ("/v1/groups", &deep, 422, None),
        ("/v1/groups", r#"{"name": "x"}"#, 422, Some("rule")),
        ("/v1/groups", r#"{"name": "x", "rule": 7}"#, 422, Some("rule")),
        ("/v1/groups", r#"{"name": "x", "rule": "true", "enter_dwell_ms": -1}"#, 422, Some("enter_dwell_ms")),
        ("/v1/groups", r#"{"name": "x", "rule": "true", "more": 1}"#, 422, Some("more")),
        ("/v1/groups", r#"{"name": "x", "name": "y", "rule": "true"}"#, 422, Some("name")),
        ("/v1/groups", r#"{"name": "x\r\nSet-Cookie: a=b", "rule": "true"}"#, 422, Some("name")),
        ("/v1/groups", r#"{"name": "{{7*7}}", "rule": "true"}"#, 422, Some("name")),
        ("/v1/groups", r#"{"name": "${jndi:ldap://x}", "rule": "true"}"#, 422, Some("name")),
        ("/v1/groups", r#"{"name": "<script>", "rule": "true"}"#, 422, Some("name")),
        ("/v1/groups", r#"{"name": "../../etc", "rule": "true"}"#, 422, Some("name")),
        ("/v1/groups", r#"{"name": "x", "rule": "true\n&& true"}"#, 422, Some("rule")),
        ("/v1/actions", r#"{"node": "n1", "action": {"kind": "identify", "seconds": "x"}}"#, 422, Some("action")),
        ("/v1/actions", r#"{"node": "n1", "action": {"kind": "explode"}}"#, 422, Some("action")),
        ("/v1/alerts/1/acknowledge", r#"{"comment": "a\u0000b"}"#, 422, Some("comment")),
        ("/v1/channels/security/messages", r#"{"message": "a\r\nb"}"#, 422, Some("message")),
        ("/v1/combinations", r#"{"capability": "x", "approve": true}"#, 422, Some("capability")),
        ("/v1/policy/rollback", r#"{"version": 1e99}"#, 422, Some("version")),
        ("/v1/policy/rollback", r#"{"version": 99999999999999999999999}"#, 422, Some("version")),
        ("/v1/revoke", r#"{"principal": "n1", "reason": "a\nb"}"#, 422, Some("reason")),
        ("/v1/sql", r#"{"query": ["SELECT 1"]}"#, 422, Some("query")),
        ("/v1/sql", r#"{"query": "DROP TABLE nodes"}"#, 400, Some("query")),
        ("/v1/groups", r#"{"name": "x", "rule": "node.name =="}"#, 422, Some("rule")),
        ("/v1/groups", r#"{"name": "x", "rule": "true", "kind": "physical"}"#, 422, Some("kind")),
        ("/v1/groups", r#"{"name": "x", "rule": "true", "leave_dwell_ms": 99999999999}"#, 422, Some("leave_dwell_ms")),
        ("/v1/rules/test", r#"{"rule": "nothing.known"}"#, 422, Some("rule")),
        ("/v1/actions", r#"{"node": "nobody", "action": {"kind": "drain"}}"#, 404, Some("node")),
        ("/v1/actions", r#"{"node": "n1", "action": {"kind": "identify", "seconds": 0}}"#, 422, Some("action")),
    ] {
        let answer = stage.send(Method::POST, path, &json_body, Some(body)).await;
        let short: String = body.chars().take(60).collect();
        assert_eq!(answer.code, code, "{path} {short}: {}", answer.json);
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{path} {short}");
        assert_eq!(answer.json["status"], code);
        let named = answer.json["errors"][0]["field"].as_str();
        let is_named = field.is_none_or(|field| named.is_some_and(|named| named.starts_with(field)));
        assert!(is_named, "{path} {short}: {} names not {field:?}", answer.json);
    }
    let long = format!(r#"{{"name": "x", "rule": "{}"}}"#, "a".repeat(70_000));
    assert_eq!(stage.send(Method::POST, "/v1/groups", &json_body, Some(&long)).await.code, 413);
    let plain = stage.send(Method::POST, "/v1/groups", &[("content-type", "text/plain")], Some("{}")).await;
    assert_eq!((plain.code, &plain.json["errors"][0]["field"]), (415, &json!("content-type")));
    assert_eq!(state(&stage).await, before, "nothing changed");
}

#[tokio::test]
async fn bad_paths_and_queries_are_refused_with_the_part_at_fault() {
    let mut stage = Stage::up().await;
    stage.node("n1").await;
    for (path, code, field) in [
        ("/v1/nodes?state=tired", 400, Some("state")),
        ("/v1/nodes?sate=down", 400, Some("sate")),
        ("/v1/nodes?limit=-1", 400, Some("limit")),
        ("/v1/nodes?sort=name;drop", 400, Some("sort")),
        ("/v1/nodes?fields=name%0d%0a", 400, Some("fields")),
        ("/v1/events?after=x", 400, Some("after")),
        ("/v1/audit?limit=many", 400, Some("limit")),
        ("/v1/alerts/seven", 400, Some("alert")),
        ("/v1/policy/latest", 400, Some("version")),
        ("/v1/joins/not-a-uuid", 400, Some("join")),
        ("/v1/users/a%20b", 400, Some("name")),
        ("/v1/nodes/%ff%fe", 400, Some("node")),
        ("/v1/nodes/..%2f..%2fetc%2fpasswd", 404, None),
        ("/v1/nodes/%00", 404, None),
        ("/v1/nodes/n1%0d%0aX-Evil:%201", 404, None),
        ("/v1/groups/{{7*7}}", 404, None),
        ("/v1//nodes", 404, None),
        ("/v1/nodes/", 404, None),
        ("/v2/nodes", 404, None),
        ("/v1/openapi.json/..", 404, None),
    ] {
        let answer = stage.send(Method::GET, path, &[], None).await;
        assert_eq!(answer.code, code, "{path}: {}", answer.json);
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{path}");
        assert_eq!(answer.header("x-evil"), None, "{path}");
        assert_eq!(answer.json["errors"][0]["field"].as_str(), field, "{path}: {}", answer.json);
    }
    let (code, problem) = stage.ask(Method::PATCH, "/v1/nodes", None).await;
    assert_eq!((code, &problem["status"]), (405, &json!(405)));
}
