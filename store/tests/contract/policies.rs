//! Policies: set, obeyed, refused.

use std::time::Instant;

use rollcall_store::{Change, CommitError, PolicyRecord, Store};
use serde_json::json;

use crate::wanted::{policy_applied, policy_refused, policy_set};
use crate::world::{beginning, column, everything, node, one, placed, rows};

pub async fn the_newest_policy_is_in_force_and_old_ones_stay(store: &Store) {
    store.commit(&[policy_set(1, 20), policy_set(2, 30)]).await.unwrap();
    store.commit(&[policy_set(7, 40)]).await.unwrap();
    let found = rows(store, "SELECT version, current, set_at, set_by, comment FROM v_policies ORDER BY version").await;
    let row = |version, current, at: &str| {
        vec![json!(version), json!(current), json!(at), json!("ada"), json!("warmer summer")]
    };
    assert_eq!(
        found,
        [
            row(1, 0, "2026-11-20T08:00:20.000Z"),
            row(2, 0, "2026-11-20T08:00:30.000Z"),
            row(7, 1, "2026-11-20T08:00:40.000Z"),
        ]
    );
    let policy = store.load().await.unwrap().policy;
    assert_eq!(policy, Some(PolicyRecord { version: 7, document: "# version 7\n".into() }));
    assert_eq!(one(store, "SELECT document FROM v_policies WHERE version = 2").await, "# version 2\n");
}

pub async fn a_policy_of_an_older_version_or_another_text_is_refused(store: &Store) {
    store.commit(&[policy_set(3, 20)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[policy_set(3, 20)]).await.unwrap();
    let Change::PolicySet { version, by, comment, at, .. } = policy_set(3, 20) else { unreachable!() };
    let other = Change::PolicySet { version, document: "# another".into(), by, comment, at };
    for change in [other, policy_set(2, 20), policy_set(0, 20)] {
        let error = store.commit(&[change]).await.unwrap_err();
        assert!(matches!(error, CommitError::Stale { what: "version", had: 3, .. }), "{error}");
    }
    assert_eq!(everything(store).await, before);
}

pub async fn the_version_a_node_obeys_only_grows(store: &Store) {
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&[policy_set(1, 20), policy_set(2, 21), policy_set(3, 22)]).await.unwrap();
    store.commit(&[policy_applied(&[1, 2], 2, 30)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[policy_applied(&[2, 1], 2, 31), policy_applied(&[1], 1, 32)]).await.unwrap();
    assert_eq!(everything(store).await, before, "nothing of it is news");
    store.commit(&[policy_applied(&[1, 77], 3, 33)]).await.unwrap();
    assert_eq!(column(store, "SELECT policy_version FROM v_nodes ORDER BY name").await, [3, 2, 0]);
    assert_eq!(column(store, "SELECT nodes FROM v_policies ORDER BY version").await, [0, 1, 1]);
    let messages = column(store, "SELECT message FROM v_events WHERE kind = 'policy_applied' ORDER BY event_id").await;
    assert_eq!(messages, ["2 nodes obey policy 2", "node node-1 obeys policy 3"]);
    let obeyed = |number: u32| {
        let id = node(number);
        move |nodes: &[rollcall_store::NodeRecord]| nodes.iter().find(|it| it.node == id).unwrap().policy
    };
    let nodes = store.load().await.unwrap().nodes;
    assert_eq!([obeyed(1)(&nodes), obeyed(2)(&nodes), obeyed(3)(&nodes)], [3, 2, 0]);
}

pub async fn a_refusal_is_told_until_the_node_obeys(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[policy_set(1, 20), policy_applied(&[1], 1, 21), policy_set(2, 22)]).await.unwrap();
    store.commit(&[policy_refused(1, 1, 23), policy_refused(1, 2, 24)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[policy_refused(1, 2, 25), policy_refused(99, 2, 25)]).await.unwrap();
    assert_eq!(everything(store).await, before, "nothing of it is news");
    let found = rows(store, "SELECT policy_version, policy_problem FROM v_nodes").await;
    assert_eq!(found, [[json!(1), json!("period too short")]]);
    assert_eq!(column(store, "SELECT refused FROM v_policies ORDER BY version").await, [0, 1]);
    let message = one(store, "SELECT message FROM v_events WHERE kind = 'policy_refused'").await;
    assert_eq!(message, "node node-1 cannot obey policy 2: period too short");
    store.commit(&[policy_set(3, 30), policy_applied(&[1], 3, 31)]).await.unwrap();
    let found = rows(store, "SELECT policy_version, policy_problem FROM v_nodes").await;
    assert_eq!(found, [[json!(3), json!(null)]]);
}

pub async fn ten_thousand_nodes_that_obey_are_one_quick_commit(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    let all: Vec<u32> = (1..=10_000).collect();
    let places: Vec<Change> = all.iter().map(|number| placed(*number, 1, 5)).collect();
    store.commit(&places).await.unwrap();
    let begun = Instant::now();
    store.commit(&[policy_set(1, 20), policy_applied(&all, 1, 21)]).await.unwrap();
    let took = begun.elapsed();
    assert!(took.as_secs_f64() < 5.0, "{took:?}");
    assert_eq!(one(store, "SELECT nodes FROM v_policies").await, 10_000);
}
