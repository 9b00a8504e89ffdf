//! A database of an older version is brought up to date with its rows; a newer one is refused.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rollcall_model::{Name, NodeState};
use rollcall_store::{AlertState, Store};
use serde_json::{Value, json};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr, SqliteConnection};

use crate::wanted::{acknowledged, entered, everything_wanted, rule_set};
use crate::world::{
    address, at, bits, capability, changed, hardware, joined, node, one, rack, rows, zone, zone_started,
};

/// What an older program knew.
fn version_two() -> Migrator {
    let migrations = [
        (1, "topology", include_str!("../../../migrations/sqlite/0001_topology.sql")),
        (2, "views", include_str!("../../../migrations/sqlite/0002_views.sql")),
    ];
    let migrations = migrations.map(|(version, what, sql)| {
        Migration::new(version, what.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into())
}

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", path.display())).unwrap();
    options.create_if_missing(true).connect().await.unwrap()
}

/// The hardware map as it was written before cases and the best speeds of interfaces were told.
fn old_topology() -> String {
    let mut topology = serde_json::to_value(hardware(1)).unwrap();
    topology.as_object_mut().unwrap().remove("chassis");
    for nic in topology["nics"].as_array_mut().unwrap() {
        nic.as_object_mut().unwrap().retain(|key, _| key != "best_mbps" && key != "firmware");
    }
    topology.to_string()
}

/// One of everything an older program wrote.
fn rows_of_version_two() -> String {
    let (zone, rack, node, combination) = (zone(), rack(1), node(1), capability(1));
    let (group, group_name, topology) = (combination.group_id(), combination.group_name(), old_topology());
    let (ms, here) = (at(0).0, address(1));
    format!(
        "PRAGMA application_id = 0x526F6C6C;
         INSERT INTO zone (zone_id, name, generation, created_ms, started_ms) VALUES ('{zone}', 'east', 1, {ms}, {ms});
         INSERT INTO indicators VALUES (17, 'fan', '', 'critical', '', ''), (14, 'link', '', 'critical', '', '');
         INSERT INTO capabilities VALUES ('{combination}', 'digest', {ms});
         INSERT INTO groups VALUES ('{rack}', 'physical', 'rack-1', 'row-1', NULL, 'ack', '[\"10.0.1.0\"]', 1, NULL, {ms}, {ms}),
             ('{group}', 'logical', '{group_name}', NULL, '{combination}', 'check-in', '[]', 0, NULL, {ms}, NULL);
         INSERT INTO nodes VALUES ('{node}', 'node-1', '{here}', NULL, NULL, 1, 'degraded', {ms}, 131072, 0, 1, 5, {ms}, {ms},
             {ms}, {ms}, {ms}, '{combination}', NULL, NULL);
         INSERT INTO node_hardware (node_id, from_ms, cpu, nics, topology) VALUES ('{node}', {ms}, 'cpu', 'eth0', '{topology}');
         INSERT INTO assignments (node_id, kind, group_id, epoch, reason, from_ms) VALUES
             ('{node}', 'physical', '{rack}', 1, 'found at its place', {ms}), ('{node}', 'logical', '{group}', 1, 'same', {ms});
         INSERT INTO node_health_bits VALUES ('{node}', 17, 'set', {ms});
         INSERT INTO health_history (node_id, group_id, at_ms, epoch, state, bits, mask, cause)
             VALUES ('{node}', '{rack}', {ms}, 1, 'degraded', 131072, 0, 'status');
         INSERT INTO alerts (group_id, node_id, kind, severity, state, raised_ms, cleared_ms, message) VALUES
             ('{rack}', '{node}', 'link', 'critical', 'cleared', {ms}, {ms}, 'node node-1: link'),
             ('{rack}', '{node}', 'fan', 'critical', 'raised', {ms}, NULL, 'node node-1: fan');
         INSERT INTO events (at_ms, kind, subject_type, subject_id, message, detail)
             VALUES ({ms}, 'node_joined', 'node', '{node}', 'node node-1 joined', '{{}}');"
    )
}

#[tokio::test]
async fn a_database_of_version_two_goes_on_with_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    let mut old = connect(&path).await;
    version_two().run(&mut old).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(rows_of_version_two())).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
    let found =
        rows(&store, "SELECT name, state, physical_group, bits_set, policy_version, policy_problem FROM v_nodes").await;
    let expected: [Value; 6] =
        [json!("node-1"), json!("degraded"), json!("rack-1"), json!("fan"), json!(0), Value::Null];
    assert_eq!(found, [expected]);
    let found = rows(&store, "SELECT alert_id, kind, state FROM v_alerts ORDER BY alert_id").await;
    let alert = |id: u32, kind: &str, state: &str| vec![json!(id), json!(kind), json!(state)];
    assert_eq!(found, [alert(1, "link", "cleared"), alert(2, "fan", "raised")]);
    assert_eq!(one(&store, "SELECT members FROM v_groups WHERE name = 'rack-1'").await, 1);
    let saved = store.load().await.unwrap();
    assert_eq!(saved.nodes[0].hardware, Some(Arc::new(hardware(1))), "what came later is unknown, not an error");
    assert_eq!((saved.nodes[0].policy, saved.groups.len(), saved.dissolved), (0, 2, Vec::<Name>::new()));

    crate::sums::check(&store).await;
    store.commit(&[zone_started(2), rule_set("hot", "a", 20), entered(1, "hot", 30)]).await.unwrap();
    store
        .commit(&[changed(1, 6, NodeState::Degraded, bits(&["fan", "link"]), "status"), acknowledged(2, 40)])
        .await
        .unwrap();
    assert_eq!(store.alert_state(2).await.unwrap(), Some(AlertState::Acknowledged));
    assert_eq!(
        one(&store, "SELECT count(*) FROM v_alerts WHERE state = 'raised'").await,
        1,
        "the old one is open still"
    );
    assert_eq!(one(&store, "SELECT count(*) FROM v_memberships").await, 3);
    // The same hardware, told with more words, is the same hardware.
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    assert_eq!(one(&store, "SELECT count(*) FROM v_hardware").await, 1);
    store.close().await;

    let mut connection = connect(&path).await;
    let broken: Vec<String> =
        sqlx::query_scalar("SELECT \"table\" FROM pragma_foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(broken, Vec::<String>::new());
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(sound, "ok");
}

/// Version 6, as it was before sums of groups were kept.
fn version_six() -> Migrator {
    let migrations = [
        (1, "topology", include_str!("../../../migrations/sqlite/0001_topology.sql")),
        (2, "views", include_str!("../../../migrations/sqlite/0002_views.sql")),
        (3, "health_and_groups", include_str!("../../../migrations/sqlite/0003_health_and_groups.sql")),
        (4, "more_views", include_str!("../../../migrations/sqlite/0004_more_views.sql")),
        (5, "trust", include_str!("../../../migrations/sqlite/0005_trust.sql")),
        (6, "contract", include_str!("../../../migrations/sqlite/0006_contract.sql")),
    ];
    let migrations = migrations.map(|(version, what, sql)| {
        Migration::new(version, what.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into())
}

#[tokio::test]
async fn what_happened_before_sums_were_kept_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let (lived, path) = (folder.path().join("lived.db"), folder.path().join("zone.db"));
    let store = Store::open(&format!("sqlite:{}", lived.display())).await.unwrap();
    crate::sums::live(&store, 7, 40).await;
    let before = crate::world::everything(&store).await;
    store.close().await;
    let mut old = connect(&path).await;
    version_six().run(&mut old).await.unwrap();
    let attach =
        format!("ATTACH '{}' AS lived; PRAGMA foreign_keys = OFF; PRAGMA application_id = 0x526F6C6C", lived.display());
    sqlx::raw_sql(AssertSqlSafe(attach)).execute(&mut old).await.unwrap();
    for table in before.iter().map(|(table, _)| *table).chain(["indicators"]) {
        let columns = format!("SELECT group_concat(name) FROM pragma_table_info('{table}', 'main')");
        let columns: String = sqlx::query_scalar(AssertSqlSafe(columns)).fetch_one(&mut old).await.unwrap();
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM lived.{table}");
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut old).await.unwrap();
    }
    let unheard = "DELETE FROM node_policies WHERE version = 0 AND problem IS NULL";
    sqlx::raw_sql(AssertSqlSafe(unheard)).execute(&mut old).await.unwrap();
    old.close().await.unwrap();
    let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
    crate::sums::check(&store).await;
    assert_eq!(one(&store, "SELECT count(*) FROM v_events").await, before.last().unwrap().1.len());
}

/// What the older program does is what this one does with a version it does not know.
#[tokio::test]
async fn an_older_program_refuses_the_newer_file_and_leaves_it_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url).await.unwrap();
    store.commit(&crate::world::beginning(3)).await.unwrap();
    store.commit(&everything_wanted()).await.unwrap();
    let before = crate::world::everything(&store).await;
    store.close().await;
    let mut connection = connect(&path).await;
    let refused = version_two().run(&mut connection).await;
    assert!(matches!(refused, Err(MigrateError::VersionMissing(3))), "{refused:?}");
    connection.close().await.unwrap();
    let store = Store::open(&url).await.unwrap();
    assert_eq!(crate::world::everything(&store).await, before);
}
