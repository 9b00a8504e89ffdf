//! Combinations nobody foresaw, and check-in services at places.

use rollcall_store::{HeldRecord, Store};
use serde_json::{Value, json};

use crate::wanted::{checkin_placed, decided, held};
use crate::world::{beginning, capability, checkin_registered, column, everything, node, one, rows};

pub async fn a_combination_waits_until_somebody_decides(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    store.commit(&[held(3, 8, 10), held(4, 9, 11), held(3, 9, 12)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[held(3, 8, 20), held(4, 8, 20)]).await.unwrap();
    assert_eq!(everything(store).await, before, "what waits already waits");
    let record = |kind, denied| HeldRecord { capability: capability(kind), denied };
    assert_eq!(store.load().await.unwrap().held, [record(3, false), record(4, false)]);
    store.commit(&[decided(3, true, 30), decided(4, false, 31)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[decided(3, true, 40), decided(4, false, 40), held(3, 8, 41), held(4, 9, 41)]).await.unwrap();
    assert_eq!(everything(store).await, before, "what was decided stays decided");
    assert_eq!(store.load().await.unwrap().held, [record(4, true)]);
    let sql = "SELECT state, node, node_id, held_at, decided_at, decided_by FROM v_combinations ORDER BY capability";
    let row = |state: &str, number: u32, held: &str, decided: &str| {
        let (node_name, id) = (format!("node-{number}"), node(number).to_string());
        vec![json!(state), json!(node_name), json!(id), json!(held), json!(decided), json!("ada")]
    };
    assert_eq!(
        rows(store, sql).await,
        [
            row("approved", 8, "2026-11-20T08:00:10.000Z", "2026-11-20T08:00:30.000Z"),
            row("denied", 9, "2026-11-20T08:00:11.000Z", "2026-11-20T08:00:31.000Z"),
        ]
    );
    let kinds = column(store, "SELECT kind FROM v_events WHERE kind LIKE 'combination_%' ORDER BY event_id").await;
    assert_eq!(kinds, ["combination_held", "combination_held", "combination_approved", "combination_denied"]);
}

pub async fn a_combination_may_be_decided_on_before_it_comes_and_again(store: &Store) {
    store.commit(&[decided(5, false, 10)]).await.unwrap();
    store.commit(&[held(5, 1, 11)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().held, [HeldRecord { capability: capability(5), denied: true }]);
    store.commit(&[decided(5, true, 12)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().held, []);
    assert_eq!(rows(store, "SELECT state, node FROM v_combinations").await, [[json!("approved"), Value::Null]]);
}

pub async fn a_checkin_service_is_shown_with_its_place(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    store.commit(&[checkin_placed("checkin-1", 1, false, "ordered", 20)]).await.unwrap();
    store.commit(&[checkin_placed("checkin-1", 1, true, "started", 30)]).await.unwrap();
    store.commit(&[checkin_placed("checkin-2", 2, false, "no such program", 31)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[checkin_placed("checkin-1", 1, true, "started", 40)]).await.unwrap();
    assert_eq!(everything(store).await, before);
    store.commit(&[checkin_placed("checkin-1", 1, true, "still runs", 41), checkin_registered(42)]).await.unwrap();
    let sql = "SELECT name, checkin_id IS NOT NULL, place, running_group, running, message, placed_at FROM v_checkins \
               ORDER BY name";
    let row = |service: &str, heard: u32, number: u32, running: u32, message: &str, at: &str| {
        let (place, group) = (format!("row-{number}"), format!("rack-{number}"));
        vec![json!(service), json!(heard), json!(place), json!(group), json!(running), json!(message), json!(at)]
    };
    let found = rows(store, sql).await;
    assert_eq!(
        found,
        [
            row("checkin-1", 1, 1, 1, "still runs", "2026-11-20T08:00:30.000Z"),
            row("checkin-2", 0, 2, 0, "no such program", "2026-11-20T08:00:31.000Z"),
        ]
    );
    let message =
        one(store, "SELECT message FROM v_events WHERE kind = 'checkin_placed' AND detail ->> '$.message' = 'started'")
            .await;
    assert_eq!(message, "check-in service checkin-1 runs at group rack-1: started");
    let error = store.commit(&[checkin_placed("checkin-1", 9, true, "", 50)]).await.unwrap_err().to_string();
    assert!(error.starts_with("a check-in service at a place needs group "), "{error}");
}
