//! Joins, places, moves, hardware.

use rollcall_model::{NodeState, SessionEpoch};
use rollcall_store::{Change, Store};

use crate::world::{at, beginning, bits, changed, column, everything, joined, node, one, placed, rack, rows};

pub async fn a_node_has_one_current_group_of_each_kind(store: &Store) {
    store.commit(&beginning(3)).await.unwrap();
    store
        .commit(&[placed(1, 2, 20), joined(1, 2, 2), placed(1, 1, 21), joined(2, 2, 2), joined(2, 3, 1)])
        .await
        .unwrap();
    let counts =
        column(store, "SELECT DISTINCT count(*) FROM v_assignments WHERE current GROUP BY node_id, kind").await;
    assert_eq!(counts, [1]);
    assert_eq!(one(store, "SELECT count(*) FROM v_assignments WHERE current").await, 6);
    let found = rows(store, "SELECT name, physical_group, logical_group FROM v_nodes ORDER BY name").await;
    let combination = |kind| crate::world::capability(kind).group_name().to_string();
    assert_eq!(
        found,
        [
            ["node-1".to_owned(), "rack-1".to_owned(), combination(2)],
            ["node-2".to_owned(), "rack-1".to_owned(), combination(1)],
            ["node-3".to_owned(), "rack-1".to_owned(), combination(1)],
        ]
    );
}

pub async fn moving_closes_the_old_assignment_and_keeps_it(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[placed(1, 2, 20)]).await.unwrap();
    store.commit(&[placed(1, 1, 30)]).await.unwrap();
    let found = rows(
        store,
        "SELECT group_name, substr(since, 18, 2), substr(until, 18, 2), current FROM v_assignments \
         WHERE kind = 'physical' ORDER BY assignment_id",
    )
    .await;
    let expected: [[serde_json::Value; 4]; 3] = [
        ["rack-1".into(), "11".into(), "20".into(), 0.into()],
        ["rack-2".into(), "20".into(), "30".into(), 0.into()],
        ["rack-1".into(), "30".into(), serde_json::Value::Null, 1.into()],
    ];
    assert_eq!(found, expected);
    let moved = column(store, "SELECT message FROM v_events WHERE kind = 'node_placed' ORDER BY event_id").await;
    assert_eq!(
        moved,
        [
            "node node-1 found in rack-1",
            "node node-1 moved from rack-1 to rack-2",
            "node node-1 moved from rack-2 to rack-1"
        ]
    );
}

pub async fn placing_twice_in_the_same_group_writes_no_history(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let before = everything(store).await;
    store.commit(&[placed(1, 1, 11), placed(1, 1, 11)]).await.unwrap();
    assert_eq!(everything(store).await, before);
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_assignments").await, 2);
}

pub async fn a_node_may_be_placed_before_it_checks_in(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    store.commit(&[placed(1, 1, 5)]).await.unwrap();
    let question = "SELECT state, epoch, physical_group, logical_group IS NULL, joined_at IS NULL FROM v_nodes";
    let found = rows(store, question).await;
    let expected: [serde_json::Value; 5] = ["joining".into(), 0.into(), "rack-1".into(), 1.into(), 1.into()];
    assert_eq!(found, [expected]);
    store.commit(&[joined(1, 1, 1)]).await.unwrap();
    let found = rows(store, question).await;
    let expected: [serde_json::Value; 5] = ["joining".into(), 1.into(), "rack-1".into(), 0.into(), 0.into()];
    assert_eq!(found, [expected]);
}

pub async fn a_new_epoch_keeps_health_and_begins_as_joining(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[changed(1, 1, NodeState::Degraded, bits(&["disk_space"]), "status")]).await.unwrap();
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    let found = rows(store, "SELECT state, epoch, bits_set, since FROM v_nodes").await;
    let expected: [serde_json::Value; 4] =
        ["joining".into(), 2.into(), "disk_space".into(), "2026-11-20T08:00:20.000Z".into()];
    assert_eq!(found, [expected]);
    assert_eq!(one(store, "SELECT count(*) FROM v_node_health_bits").await, 24);
    assert_eq!(one(store, "SELECT kind FROM v_alerts WHERE state = 'raised'").await, "disk_space");
    // What the former epoch still says comes too late.
    store.commit(&[changed(1, 2, NodeState::Healthy, bits(&[]), "status")]).await.unwrap();
    assert_eq!(one(store, "SELECT state FROM v_nodes").await, "joining");
}

pub async fn hardware_history_grows_only_when_hardware_differs(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_hardware").await, 1);
    store.commit(&[joined(1, 3, 2), joined(1, 4, 1), joined(1, 5, 1)]).await.unwrap();
    let found = rows(store, "SELECT cpu, current, until IS NULL FROM v_hardware ORDER BY hardware_id").await;
    let row = |model: u32, current: u32| -> [serde_json::Value; 3] {
        [format!("AuthenticAMD family 25 model {model}").into(), current.into(), current.into()]
    };
    assert_eq!(found, [row(1, 0), row(2, 0), row(1, 1)]);
    let found = rows(store, "SELECT cores, threads, memory_bytes >> 30, nics FROM v_nodes").await;
    let expected: [serde_json::Value; 4] = [32.into(), 64.into(), 256.into(), "eth0 ice 25G".into()];
    assert_eq!(found, [expected]);
    let details = column(store, "SELECT detail FROM v_events WHERE kind = 'node_joined' ORDER BY event_id").await;
    let changed = details.iter().map(|text| serde_json::from_str::<serde_json::Value>(text.as_str().unwrap()).unwrap());
    let changed: Vec<bool> = changed.map(|detail| detail["hardware_changed"].as_bool().unwrap()).collect();
    assert_eq!(changed, [false, false, true, true, false]);
}

/// Two racks number their memberships and changes independently.
pub async fn each_group_numbers_its_own_changes(store: &Store) {
    let from = |rack_number, session, number, state| Change::NodeChanged {
        node: node(1),
        group: rack(rack_number),
        session,
        number,
        epoch: SessionEpoch(1),
        state,
        health: bits(&[]),
        cause: "test".into(),
        at: crate::world::at(100),
    };
    let state = "SELECT state FROM v_nodes";
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[from(1, 1, 900, NodeState::Healthy), placed(1, 2, 20)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().nodes[0].last_change, (0, 0));
    store.commit(&[from(2, 1, 1, NodeState::Suspect)]).await.unwrap();
    assert_eq!(one(store, state).await, "suspect", "a small number of the new rack is news");
    store.commit(&[from(1, 1, 901, NodeState::Down)]).await.unwrap();
    assert_eq!(one(store, state).await, "suspect", "the old rack has no say any more");
    store.commit(&[placed(1, 1, 30)]).await.unwrap();
    store.commit(&[from(1, 1, 900, NodeState::Left)]).await.unwrap();
    assert_eq!(one(store, state).await, "suspect", "what was taken before the move is not taken again");
    store.commit(&[from(1, 1, 901, NodeState::Down)]).await.unwrap();
    assert_eq!(one(store, state).await, "down");
}

pub async fn last_signs_of_life_are_written_in_bulk(store: &Store) {
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&[joined(2, 2, 1)]).await.unwrap();
    let epoch = SessionEpoch(1);
    let seen = Change::NodesSeen { nodes: vec![(node(1), epoch), (node(2), epoch), (node(99), epoch)], at: at(500) };
    let earlier = Change::NodesSeen { nodes: vec![(node(1), epoch), (node(1), epoch)], at: at(400) };
    let long_ago = Change::NodesSeen { nodes: vec![(node(3), epoch)], at: at(2) };
    store.commit(&[seen, earlier.clone(), long_ago]).await.unwrap();
    store.commit(&[earlier]).await.unwrap();
    let found = column(store, "SELECT last_seen_at FROM v_nodes ORDER BY name").await;
    // The second has a later epoch by now, the third was heard later than this says.
    assert_eq!(found, ["2026-11-20T08:08:20.000Z", "2026-11-20T08:00:20.000Z", "2026-11-20T08:00:11.000Z"]);
    assert_eq!(one(store, "SELECT count(*) FROM v_events WHERE at > '2026-11-20T08:01'").await, 0, "no news");
}
