//! Questions: what is answered, what is refused, and where it stops.

use std::time::{Duration, Instant};

use rollcall_store::{AskError, AskLimits, Bind, Store, Table};
use serde_json::{Value, json};

use crate::world::{beginning, everything, joined, one, rows};
use crate::{Database, database};

const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

pub async fn columns_are_named_when_no_row_is(store: &Store) {
    let sql = "SELECT node_id, name AS who, count(*) OVER () AS \"how many\", 1 + 1 AS two FROM v_nodes";
    let table = store.ask(sql, AskLimits::default()).await.unwrap();
    let columns = ["node_id", "who", "how many", "two"].map(str::to_owned).to_vec();
    assert_eq!(table, Table { columns, rows: vec![], truncated: false });
    let table = store.select("SELECT name, state FROM v_nodes WHERE name = $1", &["x".into()]).await.unwrap();
    assert_eq!(table.columns, ["name", "state"]);
    // A statement that was prepared before the rows came tells the same.
    store.commit(&beginning(1)).await.unwrap();
    let table = store.ask(sql, AskLimits::default()).await.unwrap();
    assert_eq!((table.columns.len(), table.rows.len()), (4, 1));
}

pub async fn values_keep_their_kind(store: &Store) {
    let blob = if database(store).await == Database::Sqlite { "x'00ff'" } else { "'\\x00ff'::bytea" };
    let sql = &format!("SELECT 1, -9223372036854775808, 1.5, 'ä', {blob}, NULL, 9e999, '', 2 > 1");
    let expected = vec![
        json!(1),
        json!(i64::MIN),
        json!(1.5),
        json!("ä"),
        json!("00ff"),
        Value::Null,
        json!("inf"),
        json!(""),
        json!(1),
    ];
    assert_eq!(rows(store, sql).await, [expected]);
    if database(store).await == Database::Sqlite {
        // One column, several kinds.
        let mixed = rows(store, "SELECT 1 AS a UNION ALL SELECT 'x' UNION ALL SELECT NULL UNION ALL SELECT 0.5").await;
        assert_eq!(mixed, [[json!(1)], [json!("x")], [Value::Null], [json!(0.5)]]);
    } else {
        let kinds = "SELECT count(*), sum(bit), avg(bit), now() - now(), array[1, 2], json_build_object('a', 1) FROM v_indicators";
        let expected = [json!(24), json!(276), json!(11.5), json!("00:00:00"), json!("{1,2}"), json!("{\"a\" : 1}")];
        assert_eq!(rows(store, kinds).await, [expected]);
    }
    let table = store.ask("SELECT 1 AS a, 2 AS a", AskLimits::default()).await.unwrap();
    assert_eq!(serde_json::to_string(&table).unwrap(), r#"{"columns":["a","a"],"rows":[[1,2]],"truncated":false}"#);
}

pub async fn the_row_limit_cuts_and_says_so(store: &Store) {
    store.commit(&beginning(5)).await.unwrap();
    for (limit, expected, truncated) in [(0, 0, true), (3, 3, true), (5, 5, false), (9, 5, false)] {
        let limits = AskLimits { rows: limit, ..AskLimits::default() };
        let table = store.ask("SELECT name FROM v_nodes", limits).await.unwrap();
        assert_eq!((table.rows.len(), table.truncated), (expected, truncated), "limit {limit}");
    }
    // An endless question is answered as far as the limit goes, and the store goes on.
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let table = store.ask(endless, AskLimits { rows: 1_000, ..AskLimits::default() }).await.unwrap();
    assert_eq!((table.rows.len(), table.truncated), (1_000, true));
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
}

pub async fn the_time_limit_stops_a_long_question(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let limits = AskLimits { timeout: Duration::from_millis(100), ..AskLimits::default() };
    for _ in 0..3 {
        let begun = Instant::now();
        let error = store.ask(ENDLESS, limits).await.unwrap_err();
        assert!(matches!(error, AskError::TooLong { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert!(error.to_string().starts_with("stopped after 0.1 s, the limit"), "{error}");
    }
    assert_eq!(one(store, "SELECT count(*) FROM v_nodes").await, 1);
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    assert_eq!(one(store, "SELECT epoch FROM v_nodes").await, 2);
}

pub async fn only_questions_are_answered(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let before = everything(store).await;
    let refused = [
        "DELETE FROM nodes",
        "UPDATE nodes SET state = 'healthy'",
        "INSERT INTO events (kind) VALUES ('x')",
        "DROP TABLE nodes",
        "ATTACH ':memory:' AS other",
        "PRAGMA query_only = OFF",
        "EXPLAIN PRAGMA query_only = OFF",
        "VACUUM INTO '/tmp/never-made.db'",
        "BEGIN",
        "SELECT 1; DELETE FROM nodes",
        "WITH x AS (SELECT 1) DELETE FROM nodes",
        "WITH x AS (SELECT 1) UPDATE nodes SET state = 'down'",
        "WITH x(y) AS (SELECT 1) INSERT INTO indicators SELECT y, y, y, y, y, y FROM x",
        "SELECT load_extension('x')",
        "SELECT * FROM pragma_query_only(0)",
        "",
        "-- nothing",
    ];
    for sql in refused {
        let error = store.ask(sql, AskLimits::default()).await.unwrap_err();
        assert!(!matches!(error, AskError::Database(_)), "{sql}: {error}");
    }
    let error = store.ask("WITH x AS (SELECT 1) DELETE FROM nodes", AskLimits::default()).await.unwrap_err();
    let says = match database(store).await {
        Database::Sqlite => "the database says: attempt to write a readonly database",
        Database::Postgres => "the database says: syntax error at or near \"DELETE\"",
    };
    assert_eq!(error.to_string(), says);
    assert_eq!(everything(store).await, before);
    assert_eq!(rows(store, "VALUES (1), (2)").await, [[1], [2]]);
    assert!(!rows(store, "EXPLAIN SELECT * FROM v_nodes").await.is_empty());
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
}

pub async fn the_database_says_what_it_does_not_understand(store: &Store) {
    let cases = match database(store).await {
        Database::Sqlite => [
            ("SELECT nam FROM v_nodes", "the database says: no such column: nam"),
            ("SELECT * FROM v_node", "the database says: no such table: v_node"),
            ("SELECT name FROM", "the database says: incomplete input"),
        ],
        Database::Postgres => [
            ("SELECT nam FROM v_nodes", "the database says: column \"nam\" does not exist"),
            ("SELECT * FROM v_node", "the database says: relation \"v_node\" does not exist"),
            ("SELECT name FROM", "the database says: syntax error at end of input"),
        ],
    };
    for (sql, says) in cases {
        let error = store.ask(sql, AskLimits::default()).await.unwrap_err();
        assert_eq!(error.to_string(), says);
    }
    let error = store.select("SELECT nam FROM v_nodes", &[]).await.unwrap_err();
    assert!(error.to_string().contains(cases[0].1.trim_start_matches("the database says: ")), "{error}");
}

pub async fn a_question_that_is_cancelled_leaves_the_store_usable(store: &Store) {
    store.commit(&beginning(1)).await.unwrap();
    let limits = AskLimits { timeout: Duration::from_millis(300), ..AskLimits::default() };
    for _ in 0..5 {
        let question = store.ask(ENDLESS, limits);
        let given_up = tokio::time::timeout(Duration::from_millis(20), question).await;
        assert!(given_up.is_err(), "{given_up:?}");
    }
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
    assert_eq!(one(store, "SELECT epoch FROM v_nodes").await, 2);
    let table = store.select("SELECT count(*) FROM v_nodes", &[]).await.unwrap();
    assert_eq!(table.rows, [[json!(1)]]);
}

pub async fn own_statements_take_binds(store: &Store) {
    let binds = ["a".into(), Bind::Integer(7), Bind::Real(0.5), Bind::Null, Option::<i64>::None.into()];
    let table = store.select("SELECT $1, $2, $3, $4, $5, $1", &binds).await.unwrap();
    let expected = vec![json!("a"), json!(7), json!(0.5), Value::Null, Value::Null, json!("a")];
    assert_eq!(table.rows, [expected]);
    let error = store.select("DELETE FROM nodes RETURNING 1", &[]).await.unwrap_err();
    assert!(error.to_string().replace('-', "").contains("readonly"), "{error}");
}
