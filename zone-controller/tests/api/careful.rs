//! What is written on condition, or twice: ETags and idempotency keys.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Answer, Stage};

async fn read(stage: &Stage, path: &str) -> String {
    let answer = stage.send(Method::GET, path, &[], None).await;
    assert_eq!(answer.code, 200, "{path}: {}", answer.json);
    answer.header("etag").unwrap_or_else(|| panic!("{path} has no tag"))
}

async fn put(stage: &Stage, header: (&str, &str), body: &str) -> Answer {
    stage.send(Method::PUT, "/v1/policy", &[header, ("content-type", "application/toml")], Some(body)).await
}

#[tokio::test]
async fn a_policy_is_only_replaced_by_whoever_saw_it() {
    let stage = Stage::up().await;
    let none = read(&stage, "/v1/policy").await;
    let first = "[settings.indicators.disk_space]\nlimit = 80.0\n";
    assert_eq!(put(&stage, ("if-match", &none), first).await.code, 200);
    let late = put(&stage, ("if-match", &none), "").await;
    assert_eq!((late.code, &late.json["reason"]), (412, &json!("stale")), "{}", late.json);
    assert_eq!(stage.get("/v1/policy").await.1["document"], first, "nothing changed");
    let now = read(&stage, "/v1/policy").await;
    assert_eq!(put(&stage, ("if-match", &format!("\"x.y\", {now}")), first).await.code, 200);
    for bad in [format!("W/{now}"), "x".into(), "\"a".into(), now.replace('"', "")] {
        let answer = put(&stage, ("if-match", &bad), first).await;
        assert_eq!((answer.code, &answer.json["errors"][0]["field"]), (400, &json!("if-match")), "{bad}");
    }
    assert_eq!(put(&stage, ("if-unmodified-since", "Thu, 26 Nov 2026 14:00:00 GMT"), first).await.code, 400);
    assert_eq!(stage.get("/v1/policy").await.1["version"], 2, "nothing changed");
    let former = read(&stage, "/v1/policy/1").await;
    let known = stage.send(Method::GET, "/v1/policy/1", &[("if-none-match", &former)], None).await;
    assert_eq!((known.code, known.header("etag")), (304, Some(former)));
}

#[tokio::test]
async fn groups_and_alerts_are_written_on_condition() {
    let mut stage = Stage::up().await;
    let node = stage.node("n1").await;
    let group = r#"{"name": "chosen", "rule": "node.name == \"n1\""}"#;
    let other = r#"{"name": "chosen", "rule": "node.name == \"n2\""}"#;
    let json_body = ("content-type", "application/json");
    let post = async |condition: (&str, &str), body: &str| {
        stage.send(Method::POST, "/v1/groups", &[condition, json_body], Some(body)).await.code
    };
    assert_eq!(post(("if-match", "*"), group).await, 412, "there is none");
    assert_eq!(post(("if-none-match", "*"), group).await, 200);
    assert_eq!(post(("if-none-match", "*"), other).await, 412, "there is one");
    let tag = read(&stage, "/v1/groups/chosen").await;
    assert_eq!(post(("if-match", &tag), other).await, 200);
    assert_eq!(post(("if-match", &tag), group).await, 412, "it is another now");
    let dissolve =
        async |tag: &str| stage.send(Method::DELETE, "/v1/groups/chosen", &[("if-match", tag)], None).await.code;
    assert_eq!(dissolve(&tag).await, 412);
    assert_eq!(dissolve(&read(&stage, "/v1/groups/chosen").await).await, 200);

    stage.bit(&node, 1, "disk_space").await;
    let alert = stage.until("/v1/alerts?state=raised", |rows| Some(rows.get(0)?["alert_id"].clone())).await;
    let path = format!("/v1/alerts/{alert}");
    let tag = read(&stage, &path).await;
    let known = stage.send(Method::GET, &path, &[("if-none-match", &tag)], None).await;
    assert_eq!(known.code, 304, "that time passes is no change");
    let seen = format!("{path}/acknowledge");
    let acknowledge = async || {
        stage.send(Method::POST, &seen, &[("if-match", &tag), json_body], Some(r#"{"comment": "I"}"#)).await.code
    };
    assert_eq!((acknowledge().await, acknowledge().await), (200, 412));
    let refused = stage.send(Method::POST, "/v1/actions", &[("if-match", "*"), json_body], Some("{}")).await;
    assert_eq!((refused.code, &refused.json["errors"][0]["field"]), (400, &json!("if-match")));
}

#[tokio::test]
async fn a_request_with_a_key_is_carried_out_once() {
    let mut stage = Stage::up().await;
    stage.node("n1").await;
    let send = async |key: &str, by: &str, message: &str| {
        let headers = [("idempotency-key", key), ("x-rollcall-by", by), ("content-type", "application/json")];
        let body = json!({ "message": message }).to_string();
        stage.send(Method::POST, "/v1/channels/security/messages", &headers, Some(&body)).await
    };
    let first = send("k-1", "ada", "once").await;
    assert_eq!((first.code, first.header("idempotency-replayed")), (200, None), "{}", first.json);
    let again = send("k-1", "ada", "once").await;
    assert_eq!((again.code, &again.json), (200, &first.json));
    assert_eq!(again.header("idempotency-replayed").as_deref(), Some("true"));
    let other = send("k-1", "ada", "twice").await;
    assert_eq!((other.code, &other.json["reason"]), (422, &json!("key_reused")), "{}", other.json);
    assert_eq!(other.json["errors"][0]["field"], "idempotency-key");
    assert_eq!(send("k-1", "ben", "once").await.header("idempotency-replayed"), None, "each has keys of their own");
    let count = |messages: &Value| (messages.as_array()?.len() == 2).then_some(Value::Null);
    stage.until("/v1/channels/security/messages", count).await;
    for bad in ["", "a b", &"k".repeat(129)] {
        assert_eq!(send(bad, "ada", "once").await.code, 400, "{bad:?}");
    }
    // What was refused is not remembered.
    assert_eq!(send("k-2", "ada", &"x".repeat(3_000)).await.code, 422);
    assert_eq!(send("k-2", "ada", "shorter").await.code, 200);
    let (one, two) = tokio::join!(send("k-3", "ada", "at once"), send("k-3", "ada", "at once"));
    let codes = [one.code, two.code];
    assert!(codes == [200, 200] || codes == [200, 409] || codes == [409, 200], "{codes:?}");
    // The zone hears what it says like anybody else, and keeps it then.
    let count = |messages: &Value| (messages.as_array()?.len() == 4).then_some(Value::Null);
    stage.until("/v1/channels/security/messages?limit=9", count).await;
}
