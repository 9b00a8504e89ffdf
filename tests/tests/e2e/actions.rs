//! Actions: carried out once, whatever is repeated or restarted, and only where owner and policy allow them.

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, runs, until};
use serde_json::json;

pub async fn an_action_takes_effect_once_however_often_it_comes(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let file = stage.directory().join("drained");
    let mut fleet = stage.fleet(1, 1).await;
    let drain = format!("echo drained >> {}", file.display());
    let tables = format!("[actions]\ndrain_command = [\"/bin/sh\", \"-c\", {drain:?}]");
    fleet.agents.push(stage.real_agent("rack-a", "", &tables).started());
    stage.all_in(2).await;
    // The policy signs nothing off yet.
    let (code, answer) =
        stage.api().command("POST", "/v1/actions", json!({ "node": "real", "action": { "kind": "drain" } })).await;
    assert!((400..500).contains(&code) && answer.to_string().contains("polic"), "{code} {answer}");
    let (code, answer) = stage.api().set_policy("[actions]\nallowed = [\"drain\", \"reboot\"]\n").await;
    assert_eq!(code, 200, "{answer}");
    until("the node to obey", PATIENCE, async || {
        (stage.api().number("SELECT policy_version FROM v_nodes WHERE name = 'real'").await == Ok(1)).then_some(())
    })
    .await;
    let action = stage.ordered(json!({ "kind": "drain" })).await;
    let (state, message) = stage.ended(&action).await;
    assert_eq!((state.as_str(), runs(&file)), ("done", 1), "{message}");
    // The owner did not switch this one on.
    let reboot = stage.ordered(json!({ "kind": "reboot" })).await;
    assert_eq!(stage.ended(&reboot).await.0, "refused");
    // The same order again, as a broker that was killed might deliver it; and again to the agent's next run.
    let id = async |query: &str| stage.api().rows(query).await[0][0].as_str().expect("an id").to_owned();
    let node = id("SELECT node_id FROM v_nodes WHERE name = 'real'").await;
    let group = id("SELECT group_id FROM v_groups WHERE kind = 'physical'").await;
    let zone = id("SELECT zone_id FROM v_zones").await;
    let again = json!({ "v": 1, "id": "00000000-0000-4000-8000-000000000002", "from": format!("inbox.zone.{zone}"),
        "sent": 1_700_000_000_000_u64, "kind": "action_order",
        "body": { "action_id": action, "group": group, "node": node, "action": { "kind": "drain" }, "automatic": false,
                  "deadline": 4_000_000_000_000_u64, "time_limit_ms": 10_000 } });
    let outsider = stage.outsider().await;
    let bytes = again.to_string().into_bytes();
    for _ in 0..2 {
        assert!(outsider.publish("rollcall.direct", &format!("inbox.node.{node}"), "action_order", &bytes).await);
    }
    fleet.agents[1].restart().await;
    until("the next session", PATIENCE, async || (stage.api().epochs().await["real"] == 2).then_some(())).await;
    until("the node to obey again", PATIENCE, async || {
        (stage.api().number("SELECT policy_version FROM v_nodes WHERE name = 'real'").await == Ok(1)).then_some(())
    })
    .await;
    assert!(outsider.publish("rollcall.direct", &format!("inbox.node.{node}"), "action_order", &bytes).await);
    // A later order is carried out after whatever came before it.
    let later = stage.ordered(json!({ "kind": "drain" })).await;
    let (state, message) = stage.ended(&later).await;
    assert_eq!((state.as_str(), runs(&file)), ("done", 2), "{message}");
    fleet.assert_alive();
}

pub async fn an_action_for_a_node_that_is_gone_is_refused_with_the_reason(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 2).await;
    let (code, answer) = stage.api().set_policy("[actions]\nallowed = [\"identify\"]\n").await;
    assert_eq!(code, 200, "{answer}");
    fleet.agents[0].kill().await;
    stage.state_is("sim-0000", "down").await;
    for (node, part) in [("sim-0000", "down"), ("nobody", "nobody")] {
        let order = json!({ "node": node, "action": { "kind": "identify", "seconds": 5 } });
        let (code, answer) = stage.api().command("POST", "/v1/actions", order).await;
        assert!((400..500).contains(&code) && answer.to_string().contains(part), "{code} {answer}");
    }
    fleet.assert_alive_but(1);
}
