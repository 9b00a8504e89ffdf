//! Servers that are not there, not ours, too new, or go away.

use std::sync::Arc;
use std::time::Duration;

use rollcall_store::{OpenError, Store};

use crate::server::{PASSWORD, Server, server};
use crate::wanted::everything_wanted;
use crate::world::{beginning, everything, joined, one};

/// What is said when a store cannot be opened.
async fn refused(url: &str) -> (OpenError, String) {
    let error = Store::open(url).await.unwrap_err();
    let text = error.to_string();
    assert!(!text.contains(PASSWORD) && !text.contains("wrong-secret"), "{text}");
    (error, text)
}

fn over_tcp(user: &str, password: &str, database: &str) -> String {
    format!("postgres://{user}:{}@127.0.0.1:{}/{database}", password.replace(' ', "%20"), server().port)
}

#[tokio::test]
async fn who_is_not_let_in_is_told_what_to_do() {
    let database = server().database();
    let (error, text) = refused(&over_tcp("rollcall", "wrong-secret", &database)).await;
    assert!(matches!(error, OpenError::Login { .. }), "{text}");
    assert!(text.contains("does not let rollcall in") && text.contains("password authentication failed"), "{text}");
    let (error, text) = refused(&over_tcp("nobody-known", "wrong-secret", &database)).await;
    assert!(matches!(error, OpenError::Login { .. }), "{text}");
    let (error, text) = refused(&over_tcp("rollcall", PASSWORD, "never_made")).await;
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{text}");
    assert!(text.contains("CREATE DATABASE \"never_made\" OWNER \"rollcall\" ENCODING 'UTF8'"), "{text}");
    let (error, text) = refused("postgres://rollcall@127.0.0.1:1/rollcall").await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{text}");
    assert!(text.contains("127.0.0.1:1") && text.contains("Connection refused"), "{text}");
    Store::open(&over_tcp("rollcall", PASSWORD, &database)).await.unwrap();
}

#[tokio::test]
async fn a_schema_of_something_else_is_refused_and_left_as_it_was() {
    let database = server().database();
    server().psql(&database, "CREATE TABLE invoices (a INT); CREATE TABLE customers (a INT)");
    let (error, text) = refused(&server().url(&database)).await;
    assert!(matches!(error, OpenError::ForeignSchema { .. }), "{text}");
    assert!(text.contains("it holds customers, invoices") && text.contains("left untouched"), "{text}");
    let tables =
        "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(server().psql(&database, tables), "customers invoices\n");
    // A schema of its own beside it is fine.
    server().psql(&database, "CREATE SCHEMA zone AUTHORIZATION rollcall");
    let url = format!("{}?options[search_path]=zone", server().url(&database));
    let store = Store::open(&url).await.unwrap();
    store.commit(&beginning(1)).await.unwrap();
    assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 1);
    // What looks like one of ours is not taken for one.
    let database = server().database();
    server().psql(&database, "CREATE TABLE _sqlx_migrations (version BIGINT); CREATE TABLE other (a INT)");
    assert!(matches!(refused(&server().url(&database)).await.0, OpenError::ForeignSchema { .. }));
}

#[tokio::test]
async fn a_zone_has_one_writer_and_the_next_one_waits_for_its_end() {
    let url = server().url(&server().database());
    let store = Store::open(&url).await.unwrap();
    let (error, text) = refused(&url).await;
    assert!(matches!(error, OpenError::Held { .. }), "{text}");
    assert!(text.contains("in use by another zone controller (process ") && text.contains("its own machine"), "{text}");
    store.close().await;
    let mut tries = 0;
    while let Err(error) = Store::open(&url).await {
        tries += 1;
        assert!(tries < 50, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_database_from_the_future_or_of_another_build_is_refused() {
    let database = server().database();
    let url = server().url(&database);
    Store::open(&url).await.unwrap().close().await;
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (99, 'later', true, '\\x00', 0)";
    server().psql(&database, sql);
    let (error, text) = refused(&url).await;
    assert!(matches!(error, OpenError::Future { version: 99, .. }), "{text}");
    assert!(text.contains("schema version 99, this program knows up to 12"), "{text}");
    server().psql(&database, "DELETE FROM _sqlx_migrations WHERE version = 99");
    server().psql(&database, "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 5");
    let (error, text) = refused(&url).await;
    assert!(matches!(error, OpenError::Altered { version: 5, .. }), "{text}");
}

/// The server lets go of a migration half-way; it is as if it had never begun.
#[tokio::test]
async fn a_migration_that_is_killed_begins_anew() {
    let database = server().database();
    let url = server().url(&database);
    Store::open(&url).await.unwrap().close().await;
    crate::postgres_upgrade::made_version_five(server(), &database);
    // Somebody holds a table the migration needs, so that it is caught in the middle.
    let holder = std::thread::spawn({
        let database = database.clone();
        move || server().psql(&database, "BEGIN; LOCK TABLE audit; SELECT pg_sleep(3)")
    });
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'audit'::regclass AND granted";
    while server().psql(&database, held) == "0\n" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let opening = tokio::spawn({
        let url = url.clone();
        async move { Store::open(&url).await.map(drop) }
    });
    let waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock' AND application_name = 'rollcall zone-controller'";
    while server().psql(&database, waiting).is_empty() {
        assert!(!opening.is_finished(), "the migration was not caught");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = opening.await.unwrap().unwrap_err();
    assert!(matches!(error, OpenError::Migration { .. }), "{error}");
    assert_eq!(server().psql(&database, "SELECT count(*) FROM pg_views WHERE schemaname = 'public'"), "0\n");
    tokio::task::spawn_blocking(move || holder.join()).await.unwrap().unwrap();
    let store = Store::open(&url).await.unwrap();
    store.commit(&beginning(2)).await.unwrap();
    assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 2);
}

/// The same, and the whole server is killed with it.
#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_migration_starts_again_cleanly() {
    let server = Arc::new(Server::start());
    let database = server.database();
    let url = server.url(&database);
    let store = Store::open(&url).await.unwrap();
    store.commit(&beginning(2)).await.unwrap();
    let before = everything(&store).await;
    store.close().await;
    crate::postgres_upgrade::made_version_five(&server, &database);
    let holder = std::thread::spawn({
        let (server, database) = (Arc::clone(&server), database.clone());
        move || server.psql(&database, "BEGIN; LOCK TABLE audit; SELECT pg_sleep(60)")
    });
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'audit'::regclass AND granted";
    while server.psql(&database, held) == "0\n" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let opening = tokio::spawn(async move { Store::open(&url).await.map(drop) });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock' AND application_name = 'rollcall zone-controller'";
    while server.psql(&database, waiting) == "0\n" {
        assert!(!opening.is_finished(), "the migration was not caught");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.kill();
    opening.await.unwrap().unwrap_err();
    // Its question ended with the server.
    tokio::task::spawn_blocking(move || holder.join()).await.unwrap().unwrap_err();
    server.start_again();
    let store = Store::open(&server.url(&database)).await.unwrap();
    assert_eq!(everything(&store).await, before);
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_and_started_again_is_found_again() {
    let server = Server::start();
    let store = Store::open(&server.url(&server.database())).await.unwrap();
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&everything_wanted()).await.unwrap();
    let before = everything(&store).await;
    server.kill();
    let error = store.commit(&[joined(1, 2, 1)]).await.unwrap_err();
    assert!(error.to_string().ends_with("nothing was written"), "{error}");
    store.select("SELECT 1", &[]).await.unwrap_err();
    assert!(error.is_passing() && !store.writable().borrow().is_yes(), "{error:?}");
    store.try_to_write().await.unwrap_err();
    server.start_again();
    store.try_to_write().await.unwrap();
    assert!(store.writable().borrow().is_yes());
    assert_eq!(everything(&store).await, before);
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    assert_eq!(one(&store, "SELECT epoch FROM v_nodes WHERE name = 'node-1'").await, 2);
}

/// What ends a connection between the question and the answer of `COMMIT`.
#[tokio::test]
async fn connections_that_are_ended_are_made_anew_with_the_lock() {
    let database = server().database();
    let url = server().url(&database);
    let store = Store::open(&url).await.unwrap();
    store.commit(&beginning(1)).await.unwrap();
    for epoch in 2..6 {
        one(&store, "SELECT count(*) FROM v_nodes").await;
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        assert_ne!(server().psql(&database, end), "0\n");
        assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 1, "questions do not notice");
        let first = store.commit(&[joined(1, epoch, 1)]).await;
        if first.is_err() {
            store.commit(&[joined(1, epoch, 1)]).await.unwrap();
        }
        assert_eq!(one(&store, "SELECT epoch FROM v_nodes").await, epoch);
        assert!(matches!(refused(&url).await.0, OpenError::Held { .. }), "the lock came back with the connection");
    }
}

#[tokio::test]
async fn a_server_elsewhere_proves_its_name_with_a_certificate() {
    let server = Server::with_certificate();
    let url = |parameters: &str| {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://rollcall:{password}@localhost:{}/{}{parameters}", server.port, server.database())
    };
    let root = server.root().display().to_string();
    let store = Store::open(&url(&format!("?sslmode=verify-full&sslrootcert={root}"))).await.unwrap();
    store.commit(&beginning(1)).await.unwrap();
    let sql = "SELECT DISTINCT version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'rollcall'";
    assert_eq!(server.psql("postgres", sql), "TLSv1.3\n");
    // The world's usual roots know nothing of it.
    let (error, text) = refused(&url("?sslmode=verify-full")).await;
    assert!(matches!(error, OpenError::Insecure { .. }), "{error:?}");
    assert!(text.contains("sslrootcert="), "{text}");
    // Another name than the certificate's.
    let other = url(&format!("?sslmode=verify-full&sslrootcert={root}")).replace("localhost", "127.0.0.1");
    assert!(matches!(refused(&other).await.0, OpenError::Insecure { .. }));
}
