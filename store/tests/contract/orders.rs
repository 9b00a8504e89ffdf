//! Actions, and alerts somebody has seen.

use rollcall_model::NodeState;
use rollcall_model::packet::{Action, ActionState};
use rollcall_store::{ActionRecord, AlertState, Store};
use serde_json::{Value, json};

use crate::wanted::{acknowledged, moved, order, ordered};
use crate::world::{at, beginning, bits, changed, column, everything, node, one, rows};

pub async fn an_order_goes_on_and_never_back(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[ordered(1, node(1), 10), moved(1, ActionState::Running, "begun", 12)]).await.unwrap();
    store.commit(&[moved(1, ActionState::Ordered, "late", 13), ordered(1, node(1), 14)]).await.unwrap();
    store.commit(&[moved(1, ActionState::Failed, "exit status 1", 15)]).await.unwrap();
    let before = everything(store).await;
    let again = [
        ordered(1, node(1), 20),
        moved(1, ActionState::Running, "begun", 21),
        moved(1, ActionState::Done, "after all", 22),
        moved(1, ActionState::Failed, "exit status 1", 23),
        moved(7, ActionState::Done, "of another database", 24),
    ];
    store.commit(&again).await.unwrap();
    assert_eq!(everything(store).await, before);
    let sql = "SELECT node, kind, action ->> '$.service', state, message, ordered_by, automatic, ordered_at, deadline_at, \
               time_limit_ms, begun_at, ended_at FROM v_actions";
    let second = |seconds: u32| json!(format!("2026-11-20T08:{:02}:{:02}.000Z", seconds / 60, seconds % 60));
    let expected: [Value; 12] = [
        json!("node-1"),
        json!("restart_service"),
        json!("nginx.service"),
        json!("failed"),
        json!("exit status 1"),
        json!("ada"),
        json!(0),
        second(10),
        second(70),
        json!(90_000),
        second(12),
        second(15),
    ];
    assert_eq!(rows(store, sql).await, [expected]);
    let messages = column(store, "SELECT message FROM v_events WHERE kind LIKE 'action_%' ORDER BY event_id").await;
    assert_eq!(
        messages,
        [
            "restart of nginx.service of node node-1 ordered by ada",
            "restart of nginx.service of node node-1 running: begun",
            "restart of nginx.service of node node-1 failed: exit status 1",
        ]
    );
}

pub async fn a_starting_zone_gets_the_orders_whose_end_is_not_known(store: &Store) {
    store.commit(&beginning(4)).await.unwrap();
    let orders = [1, 2, 3, 4].map(|number| ordered(number, node(number), u64::from(9 + number)));
    store.commit(&orders).await.unwrap();
    let (refused, running) =
        (moved(1, ActionState::Refused, "not allowed", 13), moved(3, ActionState::Running, "", 13));
    store.commit(&[refused, running, moved(4, ActionState::Expired, "not heard of", 90)]).await.unwrap();
    let record = |number: u32, state| ActionRecord {
        action_id: order(number),
        node: node(number),
        action: Action::RestartService { service: "nginx.service".into() },
        automatic: false,
        deadline: at(9 + u64::from(number) + 60),
        time_limit_ms: 90_000,
        state,
    };
    let open = store.load().await.unwrap().actions;
    let (first, second, third) =
        (record(1, ActionState::Refused), record(2, ActionState::Ordered), record(3, ActionState::Running));
    assert_eq!(open, [second.clone(), third.clone(), first.clone(), record(4, ActionState::Expired)]);
    // What was not heard of in time is heard of later, once.
    store.commit(&[moved(4, ActionState::Done, "done", 95), moved(4, ActionState::Failed, "no", 96)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().actions, [second, third, first]);
    let sql = "SELECT state, message, ended_at FROM v_actions WHERE node = 'node-4'";
    assert_eq!(rows(store, sql).await, [[json!("done"), json!("done"), json!("2026-11-20T08:01:35.000Z")]]);
    let error = store.commit(&[ordered(5, node(5), 20)]).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("an action needs node {}", node(5))), "{error}");
}

pub async fn an_alert_is_acknowledged_once_and_stays_open(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[changed(1, 1, NodeState::Degraded, bits(&["fan", "cpu_pressure"]), "status")]).await.unwrap();
    let id = one(store, "SELECT alert_id FROM v_alerts WHERE kind = 'fan'").await.as_i64().unwrap();
    assert_eq!(store.alert_state(id).await.unwrap(), Some(AlertState::Raised));
    store.commit(&[acknowledged(id, 200), acknowledged(id, 201)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[acknowledged(id, 202)]).await.unwrap();
    assert_eq!(everything(store).await, before);
    assert_eq!(store.alert_state(id).await.unwrap(), Some(AlertState::Acknowledged));
    let found =
        rows(store, "SELECT state, acknowledged_at, acknowledged_by, comment FROM v_alerts ORDER BY kind").await;
    let null = Value::Null;
    let seen = [json!("acknowledged"), json!("2026-11-20T08:03:20.000Z"), json!("ada"), json!("fan is ordered")];
    assert_eq!(found, [[json!("raised"), null.clone(), null.clone(), null], seen]);
    assert_eq!(one(store, "SELECT open_alerts FROM v_zones").await, 2, "what was seen is open all the same");
    let message = one(store, "SELECT message FROM v_events WHERE kind = 'alert_acknowledged'").await;
    let message = message.as_str().unwrap();
    assert!(message.starts_with(&format!("alert {id} (node node-1: fan: ")), "{message}");
    assert!(message.ends_with("acknowledged by ada, who says: fan is ordered"), "{message}");
    // Reported again it is the same alert; over and back it is a new one.
    store.commit(&[changed(1, 2, NodeState::Down, bits(&["fan"]), "silent")]).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_alerts WHERE kind = 'fan'").await, 1);
    store.commit(&[changed(1, 3, NodeState::Healthy, bits(&[]), "status")]).await.unwrap();
    assert_eq!(store.alert_state(id).await.unwrap(), Some(AlertState::Cleared));
    store.commit(&[changed(1, 4, NodeState::Degraded, bits(&["fan"]), "status")]).await.unwrap();
    let found = column(store, "SELECT state FROM v_alerts WHERE kind = 'fan' ORDER BY alert_id").await;
    assert_eq!(found, ["cleared", "raised"]);
}

pub async fn acknowledging_what_is_not_there_or_over_changes_nothing(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[changed(1, 1, NodeState::Degraded, bits(&["fan"]), "status")]).await.unwrap();
    let id = one(store, "SELECT alert_id FROM v_alerts").await.as_i64().unwrap();
    assert_eq!(store.alert_state(17).await.unwrap(), None);
    let before = everything(store).await;
    store.commit(&[acknowledged(17, 200), acknowledged(-1, 200), acknowledged(i64::MAX, 200)]).await.unwrap();
    assert_eq!(everything(store).await, before);
    // It ends in the same batch, before it is acknowledged.
    store.commit(&[changed(1, 2, NodeState::Healthy, bits(&[]), "status"), acknowledged(id, 300)]).await.unwrap();
    let found = rows(store, "SELECT state, acknowledged_by FROM v_alerts").await;
    assert_eq!(found, [[json!("cleared"), Value::Null]]);
    assert_eq!(one(store, "SELECT count(*) FROM v_events WHERE kind = 'alert_acknowledged'").await, 0);
}

pub async fn open_alerts_are_rolled_up_by_group_and_severity(store: &Store) {
    store.commit(&beginning(3)).await.unwrap();
    store
        .commit(&[
            changed(1, 1, NodeState::Degraded, bits(&["fan", "cpu_pressure"]), "status"),
            changed(2, 2, NodeState::Degraded, bits(&["fan", "link"]), "status"),
            changed(3, 3, NodeState::Degraded, bits(&["run_queue"]), "status"),
            changed(3, 4, NodeState::Healthy, bits(&[]), "status"),
        ])
        .await
        .unwrap();
    let id = one(store, "SELECT alert_id FROM v_alerts WHERE kind = 'link'").await.as_i64().unwrap();
    store.commit(&[acknowledged(id, 200)]).await.unwrap();
    let sql = "SELECT kind, severity, raised, acknowledged, nodes, oldest_raised_at, newest_raised_at \
               FROM v_group_alerts ORDER BY kind DESC, severity";
    let (first, second) = ("2026-11-20T08:01:41.000Z", "2026-11-20T08:01:42.000Z");
    let critical =
        |kind: &str| vec![json!(kind), json!("critical"), json!(2), json!(1), json!(2), json!(first), json!(second)];
    let warning =
        |kind: &str| vec![json!(kind), json!("warning"), json!(1), json!(0), json!(1), json!(first), json!(first)];
    let expected = [critical("physical"), warning("physical"), critical("logical"), warning("logical")];
    assert_eq!(rows(store, sql).await, expected);
}
