//! Groups by rule.

use std::time::Instant;

use rollcall_model::NodeState;
use rollcall_store::{Change, CommitError, GroupKind, Store};
use serde_json::{Value, json};

use crate::wanted::{dissolved, entered, left, rule, rule_group, rule_set};
use crate::world::{
    at, beginning, bits, capability, changed, column, everything, joined, name, node, one, placed, rack, rows,
};

const MEMBERS: &str = "SELECT group_name FROM v_memberships WHERE node = 'node-1' ORDER BY kind, group_name";

pub async fn a_node_is_in_several_groups_by_rule_at_once_and_in_its_others(store: &Store) {
    store.commit(&beginning(2)).await.unwrap();
    store.commit(&[rule_set("hot", "a", 20), rule_set("odd", "b", 20)]).await.unwrap();
    store.commit(&[entered(1, "hot", 30), entered(1, "odd", 31), entered(2, "hot", 32)]).await.unwrap();
    let combination = capability(1).group_name().to_string();
    assert_eq!(column(store, MEMBERS).await, ["hot", "odd", combination.as_str(), "rack-1"]);
    let found = rows(
        store,
        "SELECT kind, by_rule, since, reason FROM v_memberships WHERE group_name = 'hot' AND node = 'node-1'",
    )
    .await;
    let (since, reason) = ("2026-11-20T08:00:30.000Z", "cpu_temperature is set");
    assert_eq!(found, [[json!("health"), json!(1), json!(since), json!(reason)]]);
    assert_eq!(one(store, "SELECT count(*) FROM v_nodes").await, 2, "one row per node");
    let entries = store.load().await.unwrap().entered;
    let mut expected = vec![(node(1), rule_group("hot")), (node(1), rule_group("odd")), (node(2), rule_group("hot"))];
    expected.sort();
    assert_eq!(entries, expected);
    store.commit(&[left(1, "hot", 60), placed(1, 2, 61), joined(1, 2, 2)]).await.unwrap();
    let combination = capability(2).group_name().to_string();
    assert_eq!(column(store, MEMBERS).await, ["odd", combination.as_str(), "rack-2"]);
}

pub async fn entering_and_leaving_again_change_nothing(store: &Store) {
    store.commit(&beginning(2)).await.unwrap();
    store.commit(&[rule_set("hot", "a", 20), entered(1, "hot", 30)]).await.unwrap();
    let before = everything(store).await;
    store
        .commit(&[rule_set("hot", "a", 21), entered(1, "hot", 31), left(2, "hot", 31), left(1, "odd", 31)])
        .await
        .unwrap();
    assert_eq!(everything(store).await, before);
    store.commit(&[left(1, "hot", 40), left(1, "hot", 41), entered(1, "hot", 42), left(1, "hot", 43)]).await.unwrap();
    let sql = "SELECT since, until, left_reason, current FROM v_rule_history ORDER BY membership_id";
    let row = |since: &str, until: &str| vec![json!(since), json!(until), json!("cool again"), json!(0)];
    let (first, second) = ("2026-11-20T08:00:30.000Z", "2026-11-20T08:00:40.000Z");
    let (third, fourth) = ("2026-11-20T08:00:42.000Z", "2026-11-20T08:00:43.000Z");
    assert_eq!(rows(store, sql).await, [row(first, second), row(third, fourth)]);
    let kinds = column(
        store,
        "SELECT kind FROM v_events WHERE kind LIKE 'node_%' AND subject_id IN \
                               (SELECT node_id FROM v_rule_history) AND at >= '2026-11-20T08:00:30' ORDER BY event_id",
    )
    .await;
    assert_eq!(kinds, ["node_entered", "node_left", "node_entered", "node_left"]);
    let message = one(store, "SELECT message FROM v_events WHERE kind = 'node_entered' LIMIT 1").await;
    assert_eq!(message, "node node-1 entered hot: cpu_temperature is set");
}

pub async fn a_rule_may_change_and_its_members_stay(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[rule_set("hot", "old rule", 20), entered(1, "hot", 30)]).await.unwrap();
    store.commit(&[rule_set("hot", "new rule", 40)]).await.unwrap();
    let found = rows(
        store,
        "SELECT rule, enter_dwell_ms, leave_dwell_ms, members, origin, created_at, dissolved_at FROM v_rule_groups",
    )
    .await;
    let made = "2026-11-20T08:00:20.000Z";
    let expected: [Value; 7] =
        [json!("new rule"), json!(5_000), json!(30_000), json!(1), json!("default"), json!(made), json!(null)];
    assert_eq!(found, [expected]);
    let group = store.load().await.unwrap().groups.into_iter().find(|it| it.group == rule_group("hot")).unwrap();
    assert_eq!((group.kind, group.rule), (GroupKind::Health, Some(rule("new rule"))));
    let messages =
        column(store, "SELECT message FROM v_events WHERE message LIKE '%hot%by default%' ORDER BY event_id").await;
    assert_eq!(
        messages,
        ["health group hot created by default: old rule", "health group hot has a new rule by default: new rule"]
    );
}

pub async fn a_dissolved_group_is_left_by_all_and_never_comes_back(store: &Store) {
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&[rule_set("hot", "a", 20), entered(1, "hot", 30), entered(2, "hot", 31)]).await.unwrap();
    // One member is in the database, one enters in the same batch.
    store.commit(&[entered(3, "hot", 40), left(2, "hot", 40), dissolved("hot", 41)]).await.unwrap();
    let before = everything(store).await;
    store
        .commit(&[dissolved("hot", 50), rule_set("hot", "b", 51), entered(1, "hot", 52), left(1, "hot", 53)])
        .await
        .unwrap();
    assert_eq!(everything(store).await, before);
    for sql in [
        "SELECT count(*) FROM v_groups WHERE name = 'hot'",
        "SELECT count(*) FROM v_group_health WHERE group_name = 'hot'",
        "SELECT count(*) FROM v_memberships WHERE group_name = 'hot'",
        "SELECT health_groups FROM v_zones",
    ] {
        assert_eq!(one(store, sql).await, 0, "{sql}");
    }
    assert_eq!(one(store, "SELECT dissolved_by FROM v_rule_groups WHERE name = 'hot'").await, "ada");
    let reasons = column(store, "SELECT left_reason FROM v_rule_history ORDER BY membership_id").await;
    assert_eq!(reasons, ["group dissolved by ada", "cool again", "group dissolved by ada"]);
    let message = one(store, "SELECT message FROM v_events WHERE kind = 'group_dissolved'").await;
    assert_eq!(message, "group hot dissolved by ada; 2 nodes left it");
    let saved = store.load().await.unwrap();
    assert!(saved.groups.iter().all(|group| group.group != rule_group("hot")), "it is not loaded as a group");
    assert_eq!((saved.entered, saved.dissolved), (vec![], vec![name("hot")]));
}

pub async fn only_groups_by_rule_can_be_entered_and_dissolved(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[rule_set("hot", "a", 20)]).await.unwrap();
    let before = everything(store).await;
    let (reason, by) = (String::new(), String::from("ada"));
    let physical = [
        Change::NodeEntered { node: node(1), group: rack(1), reason, at: at(1) },
        Change::GroupDissolved { group: rack(1), by, at: at(1) },
        Change::RuleGroupSet {
            group: rack(1),
            kind: GroupKind::Logical,
            name: name("x"),
            rule: rule("a"),
            origin: "ada".into(),
            at: at(1),
        },
    ];
    for change in physical {
        let error = store.commit(&[change]).await.unwrap_err();
        assert!(matches!(error, CommitError::NotByRule { group } if group == rack(1)), "{error}");
    }
    for (change, says) in [
        (entered(9, "hot", 1), format!("an entry needs node {}", node(9))),
        (entered(1, "odd", 1), format!("an entry needs group {}", rule_group("odd"))),
        (dissolved("odd", 1), format!("a dissolution needs group {}", rule_group("odd"))),
    ] {
        let error = store.commit(&[change]).await.unwrap_err().to_string();
        assert!(error.starts_with(&says), "{error}");
    }
    assert_eq!(everything(store).await, before);
}

pub async fn groups_by_rule_count_their_members_and_what_is_wrong_with_them(store: &Store) {
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&[rule_set("hot", "a", 20), entered(1, "hot", 30), entered(2, "hot", 30)]).await.unwrap();
    store
        .commit(&[
            changed(1, 1, NodeState::Degraded, bits(&["fan", "cpu_pressure"]), "status"),
            changed(2, 2, NodeState::Healthy, bits(&[]), "status"),
            changed(3, 3, NodeState::Degraded, bits(&["link"]), "status"),
        ])
        .await
        .unwrap();
    let found = rows(store, "SELECT members, healthy, degraded FROM v_groups WHERE name = 'hot'").await;
    assert_eq!(found, [[2, 1, 1]]);
    let sql = "SELECT members, bits_set, open_alerts FROM v_group_health WHERE kind <> 'logical' ORDER BY group_name";
    let row = |members: u32, bits: &str, alerts: u32| vec![json!(members), json!(bits), json!(alerts)];
    let found = rows(store, sql).await;
    assert_eq!(found, [row(2, "cpu_pressure,fan", 2), row(3, "cpu_pressure,link,fan", 3), row(0, "", 0)]);
    let combination = "SELECT open_alerts FROM v_group_health WHERE kind = 'logical' AND members > 0";
    assert_eq!(one(store, combination).await, 3);
}

pub async fn a_thousand_entries_are_one_quick_commit(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    let places: Vec<Change> = (1..=1_000).map(|number| placed(number, 1, 5)).collect();
    store.commit(&places).await.unwrap();
    store.commit(&[rule_set("hot", "a", 20)]).await.unwrap();
    let entries: Vec<Change> = (1..=1_000).map(|number| entered(number, "hot", 30)).collect();
    let begun = Instant::now();
    store.commit(&entries).await.unwrap();
    let took = begun.elapsed();
    assert!(took.as_secs_f64() < 3.0, "{took:?}");
    assert_eq!(one(store, "SELECT members FROM v_groups WHERE name = 'hot'").await, 1_000);
}
