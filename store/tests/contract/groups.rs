//! Groups, channels, check-in services, group alarms, and what a starting zone controller gets back.

use std::sync::Arc;

use rollcall_model::{Health, InstanceId, NodeState, SessionEpoch};
use rollcall_store::{Change, GroupKind, GroupRecord, NodeRecord, Snapshot, Store, ZoneRecord};

use crate::world::{
    address, at, beginning, bits, capability, changed, channel, checkin_registered, column, combination_created,
    hardware, joined, name, node, one, placed, rack, rack_joined, rows, zone, zone_started,
};

pub async fn a_snapshot_holds_what_was_committed(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    store.commit(&[placed(2, 2, 20)]).await.unwrap();
    store.commit(&[changed(1, 4, NodeState::Degraded, bits(&["fan"]), "status"), zone_started(2)]).await.unwrap();
    let logical = |kind| GroupRecord {
        group: capability(kind).group_id(),
        kind: GroupKind::Logical,
        name: capability(kind).group_name(),
        place: None,
        capability: Some(capability(kind)),
        session: 0,
        instance: None,
        rule: None,
        addresses: Vec::new(),
    };
    let physical = |number: u32| GroupRecord {
        group: rack(number),
        kind: GroupKind::Physical,
        name: name(&format!("rack-{number}")),
        place: Some(name(&format!("row-{number}"))),
        capability: None,
        session: 1,
        instance: Some(InstanceId::derived_from(&format!("rack {number} run 1"))),
        rule: None,
        addresses: vec![address(number << 8)],
    };
    let first = NodeRecord {
        node: node(1),
        name: name("node-1"),
        address: address(1),
        instance: Some(InstanceId::derived_from("node 1 run 1")),
        epoch: SessionEpoch(1),
        logical: Some(capability(1).group_id()),
        physical: Some(rack(1)),
        state: NodeState::Degraded,
        health: bits(&["fan"]),
        last_change: (1, 4),
        place: None,
        capability: Some(capability(1)),
        hardware: Some(Arc::new(hardware(1))),
        policy: 0,
    };
    let second = NodeRecord {
        node: node(2),
        name: name("node-2"),
        address: address(2),
        instance: None,
        epoch: SessionEpoch(0),
        logical: None,
        physical: Some(rack(2)),
        state: NodeState::Joining,
        health: Health::unmeasured(),
        last_change: (0, 0),
        place: None,
        capability: None,
        hardware: None,
        policy: 0,
    };
    let mut expected = Snapshot {
        zone: Some(ZoneRecord { zone: zone(), name: name("east"), generation: 2 }),
        groups: vec![physical(1), physical(2), logical(1), logical(2)],
        nodes: vec![first, second],
        ..Snapshot::default()
    };
    expected.groups.sort_by_key(|group| group.group);
    expected.nodes.sort_by_key(|node| node.node);
    assert_eq!(store.load().await.unwrap(), expected);
}

pub async fn a_new_membership_replaces_the_channels(store: &Store) {
    store.commit(&[rack_joined(1, 1), rack_joined(2, 1)]).await.unwrap();
    let Change::GroupJoined { group, name, place, addresses, instance, .. } = rack_joined(1, 2) else { unreachable!() };
    let channels = vec![channel("alerts", "a"), channel("policies", "moved"), channel("power", "w")];
    let again = Change::GroupJoined { group, name, place, addresses, instance, session: 2, channels, at: at(60) };
    store.commit(&[again]).await.unwrap();
    let found = rows(
        store,
        "SELECT purpose, queue, routing_key, since FROM v_channels WHERE group_name = 'rack-1' ORDER BY purpose",
    )
    .await;
    let (first, second) = ("2026-11-20T08:00:01.000Z", "2026-11-20T08:01:00.000Z");
    assert_eq!(
        found,
        [
            ["alerts", "a", "alerts.x", first],
            ["policies", "moved", "policies.x", second],
            ["power", "w", "power.x", second],
        ]
    );
    assert_eq!(one(store, "SELECT count(*) FROM v_channels WHERE group_name = 'rack-2'").await, 3);
    assert_eq!(one(store, "SELECT session FROM v_groups WHERE name = 'rack-1'").await, 2);
}

pub async fn a_group_created_again_stays_as_it_was(store: &Store) {
    store.commit(&[combination_created(1), combination_created(1)]).await.unwrap();
    store.commit(&[combination_created(1)]).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_events WHERE kind = 'group_created'").await, 1);
    assert_eq!(one(store, "SELECT session IS NULL AND joined_at IS NULL FROM v_groups").await, 1);
    let digest = one(store, "SELECT digest FROM v_capabilities").await;
    assert_eq!(digest.as_str().unwrap().len(), 64);
}

pub async fn a_checkin_service_that_asks_again_is_no_news(store: &Store) {
    store.commit(&[checkin_registered(1)]).await.unwrap();
    store.commit(&[checkin_registered(30), combination_created(1), joined(1, 1, 1)]).await.unwrap();
    let found = rows(store, "SELECT name, ranges, nodes, first_seen_at, last_seen_at FROM v_checkins").await;
    let (ranges, first, last) = ("[\"10.0.0.0/8\"]", "2026-11-20T08:00:01.000Z", "2026-11-20T08:00:30.000Z");
    assert_eq!(
        found,
        [["checkin-1".into(), ranges.into(), 1.into(), first.into(), last.into()] as [serde_json::Value; 5]]
    );
    assert_eq!(one(store, "SELECT count(*) FROM v_events WHERE kind = 'checkin_registered'").await, 1);
}

pub async fn a_group_alarm_is_open_once_and_repetitions_are_silent(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    let alarm =
        |raised, seconds| Change::GroupAlarm { group: rack(1), raised, silent: 30, members: 32, at: at(seconds) };
    store.commit(&[alarm(false, 40), alarm(true, 50), alarm(true, 51)]).await.unwrap();
    store.commit(&[alarm(true, 52)]).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_alerts WHERE state = 'raised'").await, 1);
    store.commit(&[alarm(false, 60)]).await.unwrap();
    store.commit(&[alarm(true, 50), alarm(false, 60)]).await.unwrap();
    let found = rows(store, "SELECT kind, severity, node, group_name, raised_at, cleared_at FROM v_alerts").await;
    let (raised, cleared) = ("2026-11-20T08:00:50.000Z", "2026-11-20T08:01:00.000Z");
    let expected: [serde_json::Value; 6] = [
        "mass_darkness".into(),
        "critical".into(),
        serde_json::Value::Null,
        "rack-1".into(),
        raised.into(),
        cleared.into(),
    ];
    assert_eq!(found, [expected]);
    let kinds = column(store, "SELECT kind FROM v_events WHERE kind LIKE 'group_alarm%' ORDER BY event_id").await;
    assert_eq!(kinds, ["group_alarm_raised", "group_alarm_cleared"]);
    let message = one(store, "SELECT message FROM v_alerts").await;
    assert!(message.as_str().unwrap().starts_with("group rack-1: 30 of 32 nodes fell silent at once"), "{message}");
}

pub async fn a_groups_warning_is_open_until_it_is_over_beside_any_other_alert_of_the_group(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    let warning = |kind, raised, seconds| Change::GroupWarning {
        group: rack(1),
        kind,
        raised,
        message: "node n1 floods".into(),
        at: at(seconds),
    };
    let alarm = Change::GroupAlarm { group: rack(1), raised: true, silent: 3, members: 4, at: at(40) };
    store.commit(&[warning("availability_flood", false, 30), alarm.clone()]).await.unwrap();
    store.commit(&[warning("availability_flood", true, 50), warning("availability_budget", true, 50)]).await.unwrap();
    store.commit(&[warning("availability_flood", true, 51), alarm]).await.unwrap();
    let open = "SELECT kind FROM v_alerts WHERE state = 'raised' ORDER BY kind";
    assert_eq!(column(store, open).await, ["availability_budget", "availability_flood", "mass_darkness"]);
    store.commit(&[warning("availability_flood", false, 60)]).await.unwrap();
    store.commit(&[warning("availability_flood", false, 61)]).await.unwrap();
    assert_eq!(column(store, open).await, ["availability_budget", "mass_darkness"]);
    let events = "SELECT message FROM v_events WHERE kind LIKE 'group_warning%' ORDER BY event_id";
    let told = column(store, events).await;
    assert_eq!(told, ["node n1 floods", "node n1 floods", "group rack-1: availability_flood is over"]);
}
