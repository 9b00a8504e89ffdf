//! A topology moves to another database: everything is there afterwards, or nothing is kept.

use std::path::Path;

use rollcall_store::upkeep::{self, TransferProgress, UpkeepError};
use rollcall_store::{AskLimits, OpenError, Retention, Store};
use serde_json::Value;

use crate::guide::fleet;
use crate::retention::pruned;
use crate::server::server;
use crate::trusted::DAY;
use crate::wanted::said;
use crate::world::{at, beginning, joined, one, zone_started};

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A file with something in every table but those that nothing fills, pruned once.
async fn source(folder: &Path) -> String {
    let url = url(&folder.join("zone.db"));
    let store = Store::open(&url).await.unwrap();
    fleet(&store).await;
    pruned(&store, &Retention { events_days: 0, health_history_days: 0, ..Retention::default() }, at(20 * DAY)).await;
    store
        .commit(&[joined(6, 3, 1), said("power", "Umlaute äöü, \"quotes\", \\ and \u{1f980}\n\t\u{7f}", 7)])
        .await
        .unwrap();
    store.close().await;
    url
}

/// What every view answers, rows in the order of their text. Who tells the present or counts from it is left out.
async fn views(store: &Store) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for view in crate::views::names(store).await {
        if view == "v_clock" {
            continue;
        }
        let sql = format!("SELECT * FROM {view}");
        let table = store.ask(&sql, AskLimits { rows: 100_000, ..AskLimits::default() }).await.unwrap();
        let kept = |at: &usize| !["lasted_ms", "took_ms"].contains(&table.columns[*at].as_str());
        let mut rows: Vec<String> = table
            .rows
            .iter()
            .map(|row| (0..row.len()).filter(kept).map(|at| plain(&row[at])).collect::<Vec<_>>().join("|"))
            .collect();
        rows.sort();
        found.push((view, rows));
    }
    found
}

/// A number that happens to be whole is one, whatever the database calls it.
fn plain(value: &Value) -> String {
    match value {
        Value::Bool(flag) => u8::from(*flag).to_string(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |it| it.to_string()),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn everything_of_a_file_is_in_postgresql_and_back_again() {
    let folder = tempfile::tempdir().unwrap();
    let from = source(folder.path()).await;
    let to = server().url(&server().database());
    let mut told: Vec<TransferProgress> = Vec::new();
    let moved = upkeep::transfer(&from, &to, |progress| told.push(progress)).await.unwrap();
    assert!(moved.is_equal, "{moved:#?}");
    let filled = moved.tables.iter().filter(|one| one.source_rows > 0).count();
    assert!(filled >= 26, "{moved:#?}");
    let last = told.last().unwrap();
    assert_eq!((last.doing, last.rows, last.of), ("comparing", last.of, told[0].of));
    let back = url(&folder.path().join("back.db"));
    let again = upkeep::transfer(&to, &back, |_| {}).await.unwrap();
    assert!(again.is_equal);
    let sums = |moved: &upkeep::Transfer| {
        moved.tables.iter().map(|one| (one.table, one.target_rows, one.target_sum.clone())).collect::<Vec<_>>()
    };
    assert_eq!(sums(&moved), sums(&again));

    let (old, new, third) =
        (Store::open(&from).await.unwrap(), Store::open(&to).await.unwrap(), Store::open(&back).await.unwrap());
    let (expected, found) = (views(&old).await, views(&new).await);
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found);
    }
    assert_eq!(views(&third).await, expected);
    assert_eq!(old.load().await.unwrap(), new.load().await.unwrap());
    // Numbers of rows go on where they were, those of pruned rows included.
    for store in [&old, &new, &third] {
        store.commit(&[zone_started(2)]).await.unwrap();
    }
    let newest = "SELECT max(event_id) FROM v_events";
    assert_eq!(one(&old, newest).await, one(&new, newest).await);
    assert_eq!(one(&old, newest).await, one(&third, newest).await);
    let counts = "SELECT name, members, healthy, down FROM v_groups ORDER BY name";
    assert_eq!(crate::world::rows(&old, counts).await, crate::world::rows(&new, counts).await);
}

#[tokio::test]
async fn a_target_that_holds_something_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let from = source(folder.path()).await;
    let to = server().url(&server().database());
    let store = Store::open(&to).await.unwrap();
    store.commit(&beginning(1)).await.unwrap();
    let error = upkeep::transfer(&from, &to, |_| {}).await.unwrap_err();
    assert!(matches!(error, UpkeepError::Open(OpenError::Held { .. })), "a zone controller has it open: {error}");
    store.close().await;
    let error = upkeep::transfer(&from, &to, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("is not empty (1 rows in zone"), "{error}");
    let error = upkeep::transfer(&from, &from, |_| {}).await.unwrap_err();
    assert!(matches!(error, UpkeepError::Same { .. }), "{error}");
}

#[tokio::test]
async fn a_source_that_is_in_use_missing_or_older_is_not_moved() {
    let folder = tempfile::tempdir().unwrap();
    let from = source(folder.path()).await;
    let to = url(&folder.path().join("new.db"));
    let store = Store::open(&from).await.unwrap();
    let error = upkeep::transfer(&from, &to, |_| {}).await.unwrap_err();
    assert!(matches!(error, UpkeepError::Open(OpenError::InUse { .. })), "{error}");
    store.close().await;
    let missing = url(&folder.path().join("none.db"));
    let error = upkeep::transfer(&missing, &to, |_| {}).await.unwrap_err();
    assert!(matches!(error, UpkeepError::Open(OpenError::NoFile { .. })), "{error}");
    let path = folder.path().join("zone.db");
    let older = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    assert!(std::process::Command::new("sqlite3").arg(&path).arg(older).status().unwrap().success());
    let error = upkeep::transfer(&from, &to, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("`rollcall db migrate`"), "{error}");
    assert!(!folder.path().join("new.db").exists());
}

/// Something at the target changes rows as they come: nothing is kept, and it is said which table differs.
#[tokio::test]
async fn a_target_that_differs_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let from = source(folder.path()).await;
    let database = server().database();
    let to = server().url(&database);
    Store::open(&to).await.unwrap().close().await;
    server().psql(
        &database,
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.message = 'x'; RETURN new; END $$; \
         CREATE TRIGGER meddle BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION meddle()",
    );
    let moved = upkeep::transfer(&from, &to, |_| {}).await.unwrap();
    assert!(!moved.is_equal);
    let wrong: Vec<&str> = moved.tables.iter().filter(|one| !one.is_equal()).map(|one| one.table).collect();
    assert_eq!(wrong, ["events"]);
    assert_eq!(server().psql(&database, "SELECT count(*) FROM nodes"), "0\n");
}
