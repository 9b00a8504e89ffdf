//! People who ask PostgreSQL: what they may see, and that they cannot get around it.

use rollcall_store::{AskError, AskLimits, Store};

use crate::server::server;
use crate::trusted::good_for_ever;
use crate::world::{beginning, everything, one, rows};

#[tokio::test]
async fn questions_are_answered_as_a_role_that_reads_views_only() {
    let database = server().database();
    let store = Store::open(&server().url(&database)).await.unwrap();
    store.commit(&beginning(2)).await.unwrap();
    assert_eq!(one(&store, "SELECT current_user").await, format!("{database}_reader"));
    assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 2);
    assert_eq!(one(&store, "SELECT current_setting('transaction_read_only')").await, "on");
    let error = store.ask("SELECT * FROM nodes", AskLimits::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the database says: permission denied for table nodes");
    let role = format!("SELECT rolcanlogin, rolconfig FROM pg_roles WHERE rolname = '{database}_reader'");
    assert_eq!(
        server().psql(&database, &role),
        "f|{statement_timeout=30s,default_transaction_read_only=on}\n",
        "whoever is given this role to log in with is limited as well"
    );
}

#[tokio::test]
async fn the_zone_has_readers_of_its_own_and_no_statement_lasts_for_ever() {
    let store = Store::open(&server().url(&server().database())).await.unwrap();
    let table = store.select("SELECT current_setting('statement_timeout')", &[]).await.unwrap();
    assert_eq!(table.rows, [["10s"]]);
    let reading: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.select("SELECT 1 FROM pg_sleep(2)", &[]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let table = store.for_zone().select("SELECT count(*) FROM v_nodes", &[]).await.unwrap();
    assert_eq!(table.rows, [[0]]);
    assert!(reading.iter().all(|question| !question.is_finished()));
    for question in reading {
        assert_eq!(question.await.unwrap().unwrap().rows, [[1]]);
    }
    // Who was given back last is lent first.
    store.select("SELECT set_config('statement_timeout', '50ms', false)", &[]).await.unwrap();
    let error = store.select("SELECT 1 FROM pg_sleep(20)", &[]).await.unwrap_err();
    assert!(error.took_too_long(), "{error}");
    assert!(!store.select("SELECT nothing", &[]).await.unwrap_err().took_too_long());
}

#[tokio::test]
async fn nobody_gets_around_being_a_reader() {
    let store = Store::open(&server().url(&server().database())).await.unwrap();
    store.commit(&beginning(2)).await.unwrap();
    store.commit(&good_for_ever()).await.unwrap();
    let before = everything(&store).await;
    for sql in [
        "SELECT set_config('role', 'none', true)",
        "SELECT \"set_config\"('transaction_read_only', 'off', false)",
        "SELECT pg_catalog.set_config('statement_timeout', '0', false)",
        "SELECT U&\"set\\005fconfig\"('role', 'none', true)",
        "SELECT query_to_xml('SELECT * FROM join_tokens', true, true, '')",
        "SELECT table_to_xml('api_users', true, true, '')",
        "SELECT * FROM join_tokens",
        "SELECT $$\"$$; DELETE FROM nodes; SELECT $$\"$$",
        "SELECT E'\\'; DELETE FROM nodes; --'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT pg_terminate_backend(1)",
        "SELECT * FROM pg_authid",
        "SELECT nextval('events_event_id_seq')",
        "SELECT 1 INTO stolen",
        "SELECT * FROM v_nodes FOR UPDATE",
        "SET ROLE NONE",
        "COPY nodes TO PROGRAM 'true'",
        "DO $$ BEGIN END $$",
        "CALL x()",
    ] {
        let error = store.ask(sql, AskLimits::default()).await.unwrap_err();
        assert!(!matches!(error, AskError::Database(_)), "{sql}: {error}");
    }
    assert_eq!(everything(&store).await, before);
    assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 2);
}

/// A user who may make no roles: people ask as the owner, and cannot write either.
#[tokio::test]
async fn without_the_right_to_make_roles_questions_still_cannot_write() {
    let database = server().database();
    server().psql(&database, "CREATE ROLE plain LOGIN");
    server().psql(&database, &format!("ALTER DATABASE {database} OWNER TO plain"));
    let store = Store::open(&server().url(&database).replace("rollcall@", "plain@")).await.unwrap();
    store.commit(&beginning(2)).await.unwrap();
    assert_eq!(rows(&store, "SELECT current_user, count(*) FROM v_nodes").await.len(), 1);
    for sql in [
        "SELECT nextval('events_event_id_seq')",
        "SELECT * FROM api_users",
        "SELECT query_to_xml('DELETE FROM nodes', true, true, '')",
        "SELECT set_config('transaction_read_only', 'off', true)",
    ] {
        store.ask(sql, AskLimits::default()).await.unwrap_err();
    }
    assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 2);
}

#[tokio::test]
async fn the_audit_log_is_neither_changed_nor_emptied_by_its_owner() {
    let database = server().database();
    let store = Store::open(&server().url(&database)).await.unwrap();
    store.commit(&(1..=3).map(|number| crate::trusted::audited("ada", number)).collect::<Vec<_>>()).await.unwrap();
    for sql in [
        "UPDATE audit SET who = 'eve' WHERE seq = 2",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT INTO audit VALUES (7, 1, 'eve', '', '', '', 'null', 'null', '')",
    ] {
        let said = std::panic::catch_unwind(|| server().psql(&database, sql)).unwrap_err();
        let said = said.downcast_ref::<String>().unwrap();
        assert!(said.contains("the audit log is append-only"), "{sql}: {said}");
    }
    assert_eq!(one(&store, "SELECT count(*) FROM v_audit").await, 3);
}
