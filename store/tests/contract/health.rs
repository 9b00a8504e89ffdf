//! State, bits, alerts.

use rollcall_model::{Health, HealthBits, NodeState, SessionEpoch};
use rollcall_store::{Change, Store};

use crate::world::{at, beginning, bits, changed, column, everything, joined, node, one, rack, rows};

pub async fn how_bad_a_state_is_is_the_same_in_the_views_as_everywhere(store: &Store) {
    store.commit(&beginning(7)).await.unwrap();
    for (number, state) in (1..).zip(NodeState::ALL) {
        let change = changed(number, u64::from(number), state, Health::unmeasured(), "test");
        store.commit(&[change]).await.unwrap();
    }
    for row in rows(store, "SELECT state, concern FROM v_nodes").await {
        let state: NodeState = row[0].as_str().unwrap().parse().unwrap();
        assert_eq!(row[1], state.concern(), "{state}");
    }
    let listed = column(store, "SELECT state FROM v_nodes WHERE concern < 5 ORDER BY concern").await;
    assert_eq!(listed, NodeState::WORST_FIRST.map(NodeState::as_str)[..4]);
}

pub async fn bits_are_derived_and_alerts_follow_them(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_node_health_bits").await, 0, "nothing was reported yet");
    store.commit(&[changed(1, 1, NodeState::Degraded, bits(&["fan", "run_queue"]), "status")]).await.unwrap();
    store.commit(&[changed(1, 2, NodeState::Degraded, bits(&["fan", "link"]), "status")]).await.unwrap();
    let found = rows(store, "SELECT indicator, since FROM v_node_health_bits WHERE state = 'set' ORDER BY bit").await;
    assert_eq!(found, [["link", "2026-11-20T08:01:42.000Z"], ["fan", "2026-11-20T08:01:41.000Z"]]);
    let clear = rows(store, "SELECT since FROM v_node_health_bits WHERE indicator = 'run_queue'").await;
    assert_eq!(clear, [["2026-11-20T08:01:42.000Z"]]);
    assert_eq!(one(store, "SELECT count(*) FROM v_node_health_bits").await, 24);
    let found = rows(store, "SELECT kind, severity, state, node, group_name FROM v_alerts ORDER BY alert_id").await;
    assert_eq!(
        found,
        [
            ["run_queue", "warning", "cleared", "node-1", "rack-1"],
            ["fan", "critical", "raised", "node-1", "rack-1"],
            ["link", "critical", "raised", "node-1", "rack-1"],
        ]
    );
    let found = column(store, "SELECT bits_set FROM v_health_history ORDER BY history_id").await;
    assert_eq!(found, ["run_queue,fan", "link,fan"]);
}

pub async fn one_alert_per_kind_is_open_at_a_time(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let flapping: Vec<_> = (1..=9)
        .map(|number| {
            let (state, health) =
                if number % 2 == 1 { (NodeState::Degraded, bits(&["fan"])) } else { (NodeState::Healthy, bits(&[])) };
            changed(1, number, state, health, "status")
        })
        .collect();
    for chunk in flapping.chunks(2) {
        store.commit(chunk).await.unwrap();
    }
    assert_eq!(column(store, "SELECT count(*) FROM v_alerts GROUP BY state ORDER BY state").await, [4, 1]);
    assert_eq!(one(store, "SELECT count(*) FROM v_alerts WHERE cleared_at IS NULL").await, 1);
}

pub async fn liveness_is_raised_when_down_and_cleared_when_heard(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let open = "SELECT count(*) FROM v_alerts WHERE kind = 'liveness' AND state = 'raised'";
    let steps = [
        (NodeState::Healthy, 0),
        (NodeState::Suspect, 0),
        (NodeState::Down, 1),
        (NodeState::Down, 1),
        (NodeState::Unknown, 1),
        (NodeState::Suspect, 1),
        (NodeState::Degraded, 0),
        (NodeState::Down, 1),
        (NodeState::Left, 0),
        (NodeState::Down, 1),
        (NodeState::Joining, 0),
        (NodeState::Down, 1),
    ];
    for (number, (state, expected)) in (1..).zip(steps) {
        store.commit(&[changed(1, number, state, bits(&[]), "test")]).await.unwrap();
        assert_eq!(one(store, open).await, expected, "step {number}, {state}");
    }
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    assert_eq!(one(store, open).await, 0, "a new epoch is a sign of life");
}

/// A node died and came back while the zone could not save: the join is told first.
pub async fn a_death_that_is_told_late_is_an_alert_that_is_over(store: &Store) {
    store.commit(&beginning(2)).await.unwrap();
    let healthy = changed(1, 1, NodeState::Healthy, bits(&[]), "first report");
    store.commit(&[healthy, joined(1, 2, 1)]).await.unwrap();
    let was_down = |number| Change::NodeWasDown {
        node: node(1),
        group: rack(1),
        session: 1,
        number,
        cause: "its connection was closed".into(),
        at: at(103),
        until: at(130),
    };
    store.commit(&[was_down(2)]).await.unwrap();
    store.commit(&[was_down(2)]).await.unwrap();
    let alerts = rows(store, "SELECT node, kind, raised_at, cleared_at FROM v_alerts").await;
    let expected: [serde_json::Value; 4] =
        ["node-1".into(), "liveness".into(), "2026-11-20T08:01:43.000Z".into(), "2026-11-20T08:02:10.000Z".into()];
    assert_eq!(alerts, [expected], "once");
    assert_eq!(
        one(store, "SELECT state FROM v_nodes WHERE name = 'node-1'").await,
        "joining",
        "its state is another by now"
    );
    assert_eq!(one(store, "SELECT count(*) FROM v_events WHERE kind = 'node_was_down'").await, 1);
    // One that is down again has an open alert, which goes on.
    let down = Change::NodeChanged {
        node: node(1),
        group: rack(1),
        session: 1,
        number: 3,
        epoch: SessionEpoch(2),
        state: NodeState::Down,
        health: bits(&[]),
        cause: "silent".into(),
        at: at(140),
    };
    store.commit(&[down, was_down(4)]).await.unwrap();
    assert_eq!(one(store, "SELECT count(*) FROM v_alerts WHERE open").await, 1);
    assert_eq!(one(store, "SELECT count(*) FROM v_alerts").await, 2);
}

pub async fn a_repeated_or_older_change_is_skipped(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let first = changed(1, 5, NodeState::Degraded, bits(&["fan"]), "status");
    let second = changed(1, 6, NodeState::Down, bits(&["fan"]), "silent");
    store.commit(&[first.clone(), second.clone()]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[first.clone(), second.clone(), first.clone()]).await.unwrap();
    store.commit(&[changed(1, 4, NodeState::Left, bits(&[]), "late")]).await.unwrap();
    assert_eq!(everything(store).await, before);
}

pub async fn unmeasurable_is_never_shown_as_clear(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let masked = Health::new(HealthBits::NONE.with(17, true), HealthBits::NONE.with(0, true).with(9, true)).unwrap();
    store.commit(&[changed(1, 1, NodeState::Degraded, masked, "status")]).await.unwrap();
    let found = rows(store, "SELECT state, count(*) FROM v_node_health_bits GROUP BY state ORDER BY state").await;
    let expected: [[serde_json::Value; 2]; 3] =
        [["clear".into(), 21.into()], ["set".into(), 1.into()], ["unmeasurable".into(), 2.into()]];
    assert_eq!(found, expected);
    let found = rows(store, "SELECT health_bits, unmeasurable FROM v_nodes").await;
    assert_eq!(found, [[1 << 17, (1 << 9) + 1]]);
    // The probe of a set bit is lost: the bit is not clear, it is unmeasurable.
    let lost = Health::new(HealthBits::NONE, HealthBits::all()).unwrap();
    store.commit(&[changed(1, 2, NodeState::Unknown, lost, "status")]).await.unwrap();
    assert_eq!(column(store, "SELECT DISTINCT state FROM v_node_health_bits").await, ["unmeasurable"]);
}

pub async fn messages_say_what_changed_and_why(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let everything_set = Health::new(HealthBits::all(), HealthBits::NONE).unwrap();
    let steps = [
        (NodeState::Healthy, bits(&[]), "status", "node node-1 joining → healthy: status"),
        (
            NodeState::Degraded,
            bits(&["disk_space"]),
            "status",
            "node node-1 healthy → degraded: disk_space set (was clear)",
        ),
        (NodeState::Degraded, bits(&["fan"]), "status", "node node-1: disk_space clear (was set); fan set (was clear)"),
        (NodeState::Down, bits(&["fan"]), "connection closed", "node node-1 degraded → down: connection closed"),
        (NodeState::Down, bits(&["fan"]), "still silent", "node node-1: still silent"),
        (NodeState::Healthy, bits(&[]), "status", "node node-1 down → healthy: fan clear (was set)"),
        (
            NodeState::Degraded,
            everything_set,
            "status",
            "node node-1 healthy → degraded: cpu_temperature set (was clear); cpu_throttled set (was clear); \
             cpu_pressure set (was clear); run_queue set (was clear); memory_available set (was clear); \
             memory_pressure set (was clear); 18 more indicators changed",
        ),
    ];
    for (number, (state, health, cause, message)) in (1..).zip(steps) {
        store.commit(&[changed(1, number, state, health, cause)]).await.unwrap();
        let newest = "SELECT message FROM v_events ORDER BY event_id DESC LIMIT 1";
        assert_eq!(one(store, newest).await, message, "step {number}");
    }
    assert_eq!(
        one(store, "SELECT message FROM v_alerts WHERE kind = 'liveness'").await,
        "node node-1 is down: connection closed"
    );
    let detail =
        one(store, "SELECT detail ->> 'set' FROM v_events WHERE CAST(detail ->> 'number' AS BIGINT) = 3").await;
    assert_eq!(detail, "[\"fan\"]");
}
