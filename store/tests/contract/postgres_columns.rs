//! The views are one contract: the same columns of the same types in both databases, and the catalogue says what they
//! mean.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_store::{AskLimits, Store};
use serde_json::Value;

use crate::guide::fleet;
use crate::server::server;
use crate::world::rows;

/// What a column holds, in the words both databases have in common.
type Kinds = BTreeMap<(String, String), BTreeSet<String>>;

/// By what SQLite's rows hold: its expressions have no declaration.
async fn kinds_in_sqlite(store: &Store) -> Kinds {
    let mut found = Kinds::new();
    for view in crate::views::names(store).await {
        let columns = store.ask(&format!("SELECT * FROM {view}"), AskLimits::default()).await.unwrap().columns;
        for column in columns {
            let sql = format!("SELECT DISTINCT typeof(\"{column}\") FROM {view} WHERE \"{column}\" IS NOT NULL");
            let kinds = rows(store, &sql).await.into_iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
            found.insert((view.clone(), column), kinds);
        }
    }
    found
}

/// By PostgreSQL's catalogue.
async fn kinds_in_postgres(store: &Store) -> Kinds {
    let sql = "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c \
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
               WHERE c.relkind = 'v' AND c.relname LIKE 'v\\_%' AND c.relnamespace = 'public'::regnamespace";
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows(store, sql).await.iter().map(|row| ((text(&row[0]), text(&row[1])), BTreeSet::from([text(&row[2])]))).collect()
}

#[tokio::test]
async fn views_have_the_same_columns_of_the_same_types_in_both_databases() {
    let (sqlite, url) = (Store::open("sqlite::memory:").await.unwrap(), server().url(&server().database()));
    let postgres = Store::open(&url).await.unwrap();
    fleet(&sqlite).await;
    let (of_sqlite, of_postgres) = (kinds_in_sqlite(&sqlite).await, kinds_in_postgres(&postgres).await);
    let names = |kinds: &Kinds| kinds.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&of_sqlite), names(&of_postgres));
    let mut wrong = Vec::new();
    for (column, kinds) in of_sqlite {
        let declared = of_postgres[&column].first().unwrap();
        let expected: &[&str] = match declared.as_str() {
            "bigint" | "boolean" => &["integer"],
            "text" => &["text"],
            // A sum that happens to be whole is a whole number in SQLite.
            "double precision" => &["real", "integer"],
            _ => &[],
        };
        if expected.is_empty() || !kinds.iter().all(|kind| expected.contains(&kind.as_str())) {
            wrong.push(format!("{}.{} is {kinds:?} in SQLite, {declared} in PostgreSQL", column.0, column.1));
        }
        if declared == "boolean" {
            let sql = format!("SELECT count(*) FROM {} WHERE \"{}\" NOT IN (0, 1)", column.0, column.1);
            assert_eq!(rows(&sqlite, &sql).await, [[0]], "{column:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every column of every view holds something in one row at least, so that the comparison above means something.
#[tokio::test]
async fn the_fleet_of_the_guide_fills_nearly_every_column() {
    let sqlite = Store::open("sqlite::memory:").await.unwrap();
    fleet(&sqlite).await;
    let empty: Vec<_> = kinds_in_sqlite(&sqlite).await.into_iter().filter(|(_, kinds)| kinds.is_empty()).collect();
    let empty: Vec<String> = empty.into_iter().map(|((view, column), _)| format!("{view}.{column}")).collect();
    assert!(empty.len() <= 12, "{empty:?}");
}

#[tokio::test]
async fn the_catalogue_says_what_every_view_and_column_means() {
    let store = Store::open(&server().url(&server().database())).await.unwrap();
    let sql = "SELECT c.relname || coalesce('.' || a.attname, '') FROM pg_class c \
               CROSS JOIN LATERAL (SELECT 0 AS attnum, NULL::name AS attname UNION ALL \
                   SELECT attnum, attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) a \
               WHERE c.relkind = 'v' AND c.relname LIKE 'v\\_%' AND c.relnamespace = 'public'::regnamespace \
               AND coalesce(length(CASE a.attnum WHEN 0 THEN obj_description(c.oid, 'pg_class') \
                   ELSE col_description(c.oid, a.attnum) END), 0) < 3";
    assert_eq!(rows(&store, sql).await, Vec::<Vec<Value>>::new());
}
