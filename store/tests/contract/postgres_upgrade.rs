//! A database of an older version is brought up to date with its rows.

use rollcall_store::Store;

use crate::server::{Server, server};

/// Takes everything out of a database that came after version 5; the rows stay.
pub fn made_version_five(server: &Server, database: &str) {
    let every = "DO $$ DECLARE it text; BEGIN \
         FOR it IN SELECT 'VIEW ' || oid::regclass FROM pg_class WHERE relkind = 'v' \
             AND relnamespace = 'public'::regnamespace LOOP EXECUTE 'DROP ' || replace(it, 'VIEW ', 'VIEW IF EXISTS ') \
             || ' CASCADE'; END LOOP; \
         FOR it IN SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
             AND proname <> 'audit_is_append_only' LOOP EXECUTE 'DROP FUNCTION ' || it || ' CASCADE'; END LOOP; END $$";
    server.psql(database, every);
    server.psql(
        database,
        "DROP TABLE zone_lease, zone_standbys; DROP TABLE group_sums, group_bits, group_policies, node_seen; \
         DROP TABLE prunings; DROP INDEX alerts_by_end, assignments_by_end, memberships_by_end, hardware_by_end, actions_by_end, \
         channel_messages_by_age, groups_by_name, health_history_of_group, alerts_by_kind, assignments_by_kind_and_end, \
         open_alerts_by_severity, nodes_by_concern, newest_certificates, nodes_by_board_serial, hardware_by_chassis_serial; ALTER TABLE certificates DROP COLUMN newest; \
         ALTER TABLE api_users DROP COLUMN entry; \
         DELETE FROM node_policies WHERE version = 0 AND problem IS NULL; \
         DELETE FROM _sqlx_migrations WHERE version > 5",
    );
}

#[tokio::test]
async fn what_happened_before_sums_were_kept_is_in_them() {
    let database = server().database();
    let url = server().url(&database);
    let store = Store::open(&url).await.unwrap();
    crate::sums::live(&store, 7, 40).await;
    let before = crate::world::everything(&store).await;
    store.close().await;
    made_version_five(server(), &database);
    let store = Store::open(&url).await.unwrap();
    crate::sums::check(&store).await;
    assert_eq!(crate::world::everything(&store).await, before);
}
