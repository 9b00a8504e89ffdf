//! Every path of the API that changes something or asks the core, with good input and bad, against a whole zone
//! controller.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod bad_input;
mod broker;
mod careful;
mod follower;
mod hearing;
mod hostile;
mod joining;
mod lists;
mod placing;
mod read_only;
mod roles;
mod secure;
mod stage;
mod streams;
mod unsaved;
mod web;

use reqwest::Method;
use serde_json::{Value, json};

use self::stage::Stage;

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_policy_is_checked_set_listed_and_rolled_back() {
    let stage = Stage::up().await;
    let put = async |query: &str, text: &str| stage.ask(Method::PUT, &format!("/v1/policy{query}"), Some(text)).await;
    assert_eq!(stage.get("/v1/policy").await.1["version"], 0);
    let first = "[settings.indicators.disk_space]\nlimit = 80.0\n";
    let (code, answer) = put("?dry_run=true", first).await;
    assert_eq!((code, &answer["version"], &answer["dry_run"]), (200, &json!(1), &json!(true)));
    assert_eq!(stage.get("/v1/policy").await.1["version"], 0, "only tried");
    let (code, answer) = put("?comment=fuller%20disks", first).await;
    assert_eq!((code, &answer["version"]), (200, &json!(1)), "{answer}");
    let (_, policy) = stage.get("/v1/policy").await;
    assert_eq!(
        (&policy["by"], &policy["comment"], &policy["document"]),
        (&json!("ada"), &json!("fuller disks"), &json!(first))
    );
    assert_eq!(policy["groups"][0]["group"], "rack-a");
    assert_eq!(put("", "[settings]\nsample_period_ms = 1000\n").await.0, 200);
    let (code, answer) = stage.post("/v1/policy/rollback", r#"{"version": 1}"#).await;
    assert_eq!((code, &answer["version"]), (200, &json!(3)));
    let (_, history) = stage.get("/v1/policy/history").await;
    let versions: Vec<_> = history.as_array().unwrap().iter().map(|row| row["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, [3, 2, 1]);
    assert_eq!(stage.get("/v1/policy/3").await.1["document"], first);

    let (code, problem) = put("", "[settings.indicators.disk_spice]\nlimit = 80.0\n[analytics]\nperiod_ms = 1\n").await;
    assert_eq!((code, problem["details"].as_array().unwrap().len()), (422, 2), "every problem is told: {problem}");
    assert_eq!(put("", "no toml at all").await.0, 422);
    assert_eq!(put("?force=true", first).await.0, 400);
    assert_eq!(put("", &"#".repeat(256 * 1024 + 1)).await.0, 413);
    assert_eq!(stage.get("/v1/policy/99").await.0, 404);
    assert_eq!(stage.get("/v1/policy/latest").await.0, 400);
    assert_eq!(stage.post("/v1/policy/rollback", r#"{"version": 99}"#).await.0, 404);
    assert_eq!(stage.get("/v1/policy").await.1["version"], 3, "nothing changed");
}

#[tokio::test]
async fn a_group_by_rule_is_tried_made_and_dissolved() {
    let mut stage = Stage::up().await;
    let node = stage.node("n1").await;
    let (code, tried) = stage.post("/v1/rules/test", r#"{"rule": "node.name == \"n1\""}"#).await;
    assert_eq!((code, &tried["matching"]), (200, &json!(["n1"])), "{tried}");
    let group = r#"{"name": "chosen", "rule": "health.disk_space", "enter_dwell_ms": 0, "leave_dwell_ms": 0}"#;
    assert_eq!(stage.post("/v1/groups", group).await.0, 200);
    stage.bit(&node, 1, "disk_space").await;
    stage.until("/v1/groups/chosen", |group| (group["members"][0]["node"] == "n1").then_some(Value::Null)).await;
    let (_, one) = stage.get("/v1/nodes/n1").await;
    let groups = one["memberships"].as_array().unwrap();
    assert!(groups.len() == 3 && groups.iter().any(|group| group["group_name"] == "chosen"), "{one}");
    assert_eq!(one["policy_version"], 0);
    assert_eq!(stage.get("/v1/nodes?group=chosen").await.1.as_array().unwrap().len(), 1);
    assert_eq!(stage.get("/v1/alerts?group=chosen&state=open").await.1.as_array().unwrap().len(), 1);
    assert_eq!(stage.ask(Method::DELETE, "/v1/groups/chosen", None).await.0, 200);
    assert_eq!(stage.get("/v1/groups/chosen").await.0, 404);

    for (body, expected) in [
        (r#"{"name": "x", "rule": "node.name =="}"#, 422),
        (r#"{"name": "x", "rule": "true", "kind": "physical"}"#, 422),
        (r#"{"name": "no name", "rule": "true"}"#, 422),
        (r#"{"name": "x", "rule": "true", "dwell": 1}"#, 422),
        ("{", 400),
        ("name = x", 415),
    ] {
        let (code, problem) = stage.post("/v1/groups", body).await;
        assert!(code == expected && problem["status"] == expected, "{body}: {code} {problem}");
    }
    assert_eq!(stage.ask(Method::DELETE, "/v1/groups/nobody", None).await.0, 404);
    assert_eq!(stage.post("/v1/rules/test", r#"{"rule": "nothing.known"}"#).await.0, 422);
}

#[tokio::test]
async fn an_alert_is_acknowledged_once_it_is_there() {
    let mut stage = Stage::up().await;
    let node = stage.node("n1").await;
    stage.bit(&node, 1, "disk_space").await;
    let alert =
        stage.until("/v1/alerts?node=n1&state=raised", |alerts| alerts.get(0)?["alert_id"].as_i64().map(Value::from));
    let path = format!("/v1/alerts/{}/acknowledge", alert.await);
    for _ in 0..2 {
        assert_eq!(stage.post(&path, r#"{"comment": "seen"}"#).await.0, 200);
    }
    let (_, alerts) = stage.get("/v1/alerts?state=acknowledged").await;
    assert_eq!((&alerts[0]["acknowledged_by"], &alerts[0]["comment"]), (&json!("ada"), &json!("seen")));
    assert_eq!(stage.post("/v1/alerts/4711/acknowledge", "{}").await.0, 404);
    assert_eq!(stage.post("/v1/alerts/seven/acknowledge", "{}").await.0, 400);
    assert_eq!(stage.post(&path, r#"{"note": "seen"}"#).await.0, 422);
    assert_eq!(stage.get("/v1/alerts?state=loud").await.0, 400);
    assert_eq!(stage.get("/v1/alerts?sate=raised").await.0, 400);
}

#[tokio::test]
async fn an_action_is_ordered_only_where_the_policy_allows_it() {
    let mut stage = Stage::up().await;
    let node = stage.node("n1").await;
    stage.bit(&node, 1, "disk_space").await;
    stage.until("/v1/nodes/n1", |one| (one["node"]["state"] == "degraded").then_some(Value::Null)).await;
    let order = r#"{"node": "n1", "action": {"kind": "identify", "seconds": 60}}"#;
    let (code, problem) = stage.post("/v1/actions", order).await;
    assert!(code == 422 && detail(&problem).contains("does not allow identify"), "{problem}");
    let policy = "[actions]\nallowed = [\"identify\"]\n";
    assert_eq!(stage.ask(Method::PUT, "/v1/policy", Some(policy)).await.0, 200);
    let (code, answer) = stage.post("/v1/actions", order).await;
    assert_eq!(code, 200, "{answer}");
    let (_, action) = stage.get(&format!("/v1/actions/{}", answer["action_id"].as_str().unwrap())).await;
    assert_eq!((&action["state"], &action["action"]["seconds"]), (&json!("ordered"), &json!(60)));
    assert_eq!(stage.get("/v1/actions?node=n1&state=ordered").await.1.as_array().unwrap().len(), 1);
    for (body, expected) in [
        (r#"{"node": "nobody", "action": {"kind": "identify", "seconds": 60}}"#, 404),
        (r#"{"node": "n1", "action": {"kind": "identify", "seconds": 0}}"#, 422),
        (r#"{"node": "n1", "action": {"kind": "explode"}}"#, 422),
        (r#"{"node": "n1"}"#, 422),
    ] {
        assert_eq!(stage.post("/v1/actions", body).await.0, expected, "{body}");
    }
    assert_eq!(stage.get("/v1/actions?state=lost").await.0, 400);
    assert_eq!(stage.get("/v1/actions/none").await.0, 404);
}

#[tokio::test]
async fn what_is_said_on_a_channel_is_read_there() {
    let stage = Stage::up().await;
    let messages = "/v1/channels/security/messages";
    let waiting = stage.get("/v1/channels/security/messages?after=0&wait_ms=20000");
    let sent = stage.post(messages, r#"{"what": "door", "subject": "hall-1", "message": "it stands open"}"#);
    let ((_, heard), (code, _)) = tokio::join!(waiting, sent);
    assert_eq!(code, 200);
    assert_eq!((&heard[0]["what"], &heard[0]["detail"]["by"]), (&json!("door"), &json!("ada")), "{heard}");
    let number = heard[0]["number"].as_i64().unwrap();
    assert_eq!(stage.get(&format!("{messages}?after={number}")).await.1, json!([]));
    assert_eq!(stage.get(&format!("{messages}?limit=5")).await.1.as_array().unwrap().len(), 1);
    assert_eq!(stage.get("/v1/channels/nowhere/messages").await.0, 404);
    assert_eq!(stage.get("/v1/channels/alerts/messages").await.0, 404);
    assert_eq!(stage.post("/v1/channels/nowhere/messages", r#"{"message": "hello"}"#).await.0, 404);
    assert_eq!(stage.post(messages, r#"{"message": ""}"#).await.0, 422);
    let long = json!({ "message": "x".repeat(70_000) }).to_string();
    assert_eq!(stage.post(messages, &long).await.0, 413);
}

#[tokio::test]
async fn a_node_is_asked_what_it_measures() {
    let mut stage = Stage::up().await;
    let node = stage.node("n1").await;
    let (code, problem) = stage.get("/v1/nodes/n1/readings").await;
    assert!(code == 504 && detail(&problem).contains("not connected"), "{problem}");
    stage.answer_readings(&node).await;
    let (code, readings) = stage.get("/v1/nodes/n1/readings").await;
    assert_eq!((code, &readings["name"], &readings["age_ms"]), (200, &json!("n1"), &json!(7)));
    assert_eq!(stage.get("/v1/nodes/nobody/readings").await.0, 404);
}

#[tokio::test]
async fn a_held_combination_is_listed_and_decided_on() {
    let mut stage = Stage::up().await;
    let policy = "[checkin]\nunknown_combinations = \"hold\"\n";
    assert_eq!(stage.ask(Method::PUT, "/v1/policy", Some(policy)).await.0, 200);
    let subscription = stage.subscription("n1");
    stage.join(subscription).await;
    let held = stage.until("/v1/combinations", |held| Some(held.get(0)?["capability"].clone())).await;
    assert_eq!(stage.get("/v1/status").await.1["combinations_waiting"], 1);
    let decision = json!({ "capability": held, "approve": true, "name": "plain" }).to_string();
    assert_eq!(stage.post("/v1/combinations", &decision).await.0, 200);
    assert_eq!(stage.post("/v1/combinations", &decision).await.0, 409);
    assert_eq!(stage.get("/v1/combinations").await.1[0]["state"], "approved");
    let other = r#"{"capability": "v1;cpu=a;mem=b;nic=c", "approve": false}"#;
    assert_eq!(stage.post("/v1/combinations", other).await.0, 404);
    assert_eq!(stage.post("/v1/combinations", r#"{"capability": "fast", "approve": true}"#).await.0, 422);
}

#[tokio::test]
async fn places_and_analytics_are_shown_and_what_is_not_there_is_said_so() {
    let stage = Stage::up().await;
    let (_, checkins) = stage.get("/v1/checkins").await;
    assert_eq!((&checkins[0]["name"], &checkins[0]["configured_place"]), (&json!("checkin-attic"), &json!("attic")));
    assert_eq!(stage.get("/v1/analytics").await, (200, json!([])));
    assert_eq!(stage.get("/v1/analytics?group=rack-a&indicator=disk_space&limit=3").await, (200, json!([])));
    assert_eq!(stage.get("/v1/analytics?indicator=made_up").await.0, 400);
    assert_eq!(stage.get("/v2/status").await.0, 404);
    let (code, problem) = stage.ask(Method::DELETE, "/v1/status", None).await;
    assert_eq!((code, &problem["status"]), (405, &json!(405)));
    assert_eq!(stage.post("/v1/sql", r#"{"query": "DELETE FROM nodes"}"#).await.0, 400);
}
