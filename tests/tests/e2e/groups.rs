//! Groups by rule: tried before they are made, followed as nodes change, changed and dissolved while running.

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, until};
use serde_json::{Value, json};

async fn members(stage: &Stage, group: &str) -> i64 {
    let query = format!("SELECT COUNT(*) FROM v_memberships WHERE group_name = '{group}'");
    stage.api().number(&query).await.unwrap_or(-1)
}

async fn has(stage: &Stage, group: &str, count: i64) {
    until(format!("{group} to have {count} members"), PATIENCE, async || {
        (members(stage, group).await == count).then_some(())
    })
    .await;
}

fn group(name: &str, rule: &str) -> Value {
    json!({ "name": name, "kind": "logical", "rule": rule, "enter_dwell_ms": 0, "leave_dwell_ms": 0 })
}

pub async fn a_group_by_rule_is_tried_made_followed_and_dissolved(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(2, 6).await;
    let api = stage.api();
    let rule = "node.place == 'rack-a' && cpu.threads > 0";
    let (code, answer) = api.command("POST", "/v1/rules/test", json!({ "rule": rule })).await;
    assert_eq!(code, 200, "{answer}");
    assert_eq!(answer["matching"].as_array().map(Vec::len), Some(3), "{answer}");
    assert_eq!(members(&stage, "first").await, 0, "a try changes nothing");
    let (code, answer) = api.command("POST", "/v1/groups", group("first", rule)).await;
    assert!((200..300).contains(&code), "{answer}");
    has(&stage, "first", 3).await;
    // A node that joins enters; its other groups are untouched.
    fleet.agents.push(stage.agent(6, "rack-a").started());
    stage.all_in(7).await;
    has(&stage, "first", 4).await;
    assert_eq!(api.number("SELECT COUNT(*) FROM v_nodes").await, Ok(7), "one row for each node");
    // A rule over the state of a node follows it.
    let (code, answer) = api.command("POST", "/v1/groups", group("lost", "node.state == 'down'")).await;
    assert!((200..300).contains(&code), "{answer}");
    fleet.agents[1].kill().await;
    has(&stage, "lost", 1).await;
    fleet.agents[1].start();
    has(&stage, "lost", 0).await;
    // What was is kept through a restart of the zone controller.
    fleet.zone.restart().await;
    // It can be asked before its broker is there, but takes no command.
    stage.is_up().await;
    stage.all_in(7).await;
    has(&stage, "first", 4).await;
    let (code, answer) = api.command("DELETE", "/v1/groups/first", json!({})).await;
    assert!((200..300).contains(&code), "{answer}");
    has(&stage, "first", 0).await;
    fleet.assert_alive();
}

pub async fn a_rule_that_cannot_be_is_refused_with_the_place_and_the_reason(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 1).await;
    let costly = format!("nics.all(a, {}true)", "nics.exists(b, ".repeat(30) + ")".repeat(30).as_str());
    for (rule, named) in [
        ("cpu.cores >", "column 12"),
        ("cpu.coers > 4", "cores"),
        ("cpu.cores == 'many'", "cpu.cores"),
        ("cpu.cores + 1", "true or false"),
        (costly.as_str(), "rule"),
    ] {
        for path in ["/v1/rules/test", "/v1/groups"] {
            let body = if path == "/v1/groups" { group("g", rule) } else { json!({ "rule": rule }) };
            let (code, answer) = stage.api().command("POST", path, body).await;
            assert!((400..500).contains(&code), "{rule}: {code} {answer}");
            assert!(answer.to_string().contains(named), "{rule} is refused without naming {named}: {answer}");
        }
    }
    assert_eq!(stage.api().number("SELECT COUNT(*) FROM v_rule_groups WHERE name = 'g'").await, Ok(0));
    fleet.assert_alive();
}
