//! The views are the contract for people who write SQL.

use rollcall_model::{Health, NodeState, UnixMillis};
use rollcall_store::{Change, Store};
use serde_json::{Value, json};

use crate::wanted::everything_wanted;
use crate::world::{START, beginning, bits, changed, column, one, placed, rows};

/// Every view there is.
pub async fn names(store: &Store) -> Vec<String> {
    let sql = match crate::database(store).await {
        crate::Database::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name",
        crate::Database::Postgres => "SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY viewname",
    };
    let names = column(store, sql).await;
    names.into_iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

pub async fn every_view_answers_on_an_empty_and_a_full_store(store: &Store) {
    let views = names(store).await;
    for expected in [
        "v_zones",
        "v_groups",
        "v_nodes",
        "v_node_health_bits",
        "v_group_health",
        "v_assignments",
        "v_channels",
        "v_checkins",
        "v_alerts",
        "v_events",
        "v_capabilities",
        "v_policies",
        "v_group_alerts",
        "v_rule_groups",
        "v_memberships",
        "v_rule_history",
        "v_actions",
        "v_channel_messages",
        "v_analytics",
        "v_group_metrics",
        "v_combinations",
        "v_tokens",
        "v_joins",
        "v_certificates",
        "v_revoked",
        "v_users",
        "v_audit",
    ] {
        assert!(views.iter().any(|view| view == expected), "{expected} is missing in {views:?}");
    }
    for view in views.iter().filter(|view| !matches!(view.as_str(), "v_indicators" | "v_clock")) {
        assert_eq!(rows(store, &format!("SELECT * FROM {view}")).await, Vec::<Vec<Value>>::new(), "{view}");
    }
    let mut changes = beginning(3);
    changes.push(changed(1, 1, NodeState::Down, bits(&["fan"]), "silent"));
    changes.extend(everything_wanted());
    changes.push(crate::trusted::audited("ada", 1));
    store.commit(&changes).await.unwrap();
    store.take(&crate::lease::replica("zc-a"), None).await.unwrap().unwrap();
    for view in &views {
        assert!(!rows(store, &format!("SELECT * FROM {view}")).await.is_empty(), "{view}");
    }
}

pub async fn times_are_iso_8601_with_milliseconds(store: &Store) {
    // Fractions that are no sums of powers of two, where rounding would show.
    let changes: Vec<Change> = (0..1_000)
        .map(|ms| Change::Noted {
            kind: "tick",
            subject: "clock".into(),
            message: String::new(),
            at: UnixMillis(START + ms),
        })
        .collect();
    store.commit(&changes).await.unwrap();
    let found = column(store, "SELECT at FROM v_events ORDER BY event_id").await;
    let expected: Vec<Value> = (0..1_000).map(|ms| json!(format!("2026-11-20T08:00:00.{ms:03}Z"))).collect();
    assert_eq!(found, expected);
}

pub async fn counts_of_groups_add_up(store: &Store) {
    store.commit(&beginning(7)).await.unwrap();
    let silent = Health::unmeasured();
    store
        .commit(&[
            changed(1, 1, NodeState::Healthy, bits(&[]), "status"),
            changed(2, 2, NodeState::Healthy, bits(&[]), "status"),
            changed(3, 3, NodeState::Degraded, bits(&["fan", "link"]), "status"),
            changed(4, 4, NodeState::Degraded, bits(&["fan"]), "status"),
            changed(5, 5, NodeState::Down, silent, "silent"),
            changed(6, 6, NodeState::Unknown, silent, "rack dark"),
            placed(7, 2, 200),
        ])
        .await
        .unwrap();
    let columns = "members, joining, healthy, degraded, suspect, down, unknown, left_nodes";
    for view in ["v_groups", "v_group_health"] {
        let group = if view == "v_groups" { "name" } else { "group_name" };
        let sql = format!("SELECT {columns} FROM {view} WHERE {group} LIKE 'rack-%' ORDER BY {group}");
        assert_eq!(rows(store, &sql).await, [[6, 0, 2, 2, 0, 1, 1, 0], [1, 1, 0, 0, 0, 0, 0, 0]], "{view}");
    }
    let found =
        rows(store, "SELECT health_bits, bits_set, open_alerts FROM v_group_health WHERE group_name = 'rack-1'").await;
    assert_eq!(found, [[json!((1 << 14) + (1 << 17)), json!("link,fan"), json!(4)]]);
    let found = rows(store, "SELECT nodes, physical_groups, logical_groups, open_alerts FROM v_zones").await;
    assert_eq!(found, [[7, 2, 2, 4]]);
    assert_eq!(column(store, "SELECT nodes FROM v_capabilities ORDER BY nodes").await, [0, 7]);
}

pub async fn health_bits_are_listed_by_name_in_order(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let all = Health::new(rollcall_model::HealthBits::all(), rollcall_model::HealthBits::NONE).unwrap();
    store.commit(&[changed(1, 1, NodeState::Degraded, all, "status")]).await.unwrap();
    let names: Vec<&str> = rollcall_model::indicator::INDICATORS.iter().map(|indicator| indicator.name).collect();
    assert_eq!(one(store, "SELECT bits_set FROM v_nodes").await, names.join(","));
    assert_eq!(one(store, "SELECT bits_set FROM v_health_history").await, names.join(","));
    assert_eq!(one(store, "SELECT bits_set FROM v_group_health WHERE group_name = 'rack-1'").await, names.join(","));
    assert_eq!(column(store, "SELECT indicator FROM v_node_health_bits ORDER BY bit").await, names);
    assert_eq!(column(store, "SELECT name FROM v_indicators ORDER BY bit").await, names);
}
