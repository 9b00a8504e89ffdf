//! SQLite's files: made, locked, reopened, refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rollcall_model::NodeState;
use rollcall_store::{OpenError, Store};

use crate::world::{beginning, bits, changed, everything, joined, one};

async fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(&format!("sqlite:{}", path.display())).await
}

/// Runs the `sqlite3` program, which people use beside Rollcall.
fn sqlite3(path: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-cmd", ".timeout 5000"])
        .arg(path)
        .arg(sql)
        .output()
        .expect("the sqlite3 program is installed");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    let store = open(&path).await.unwrap();
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&[changed(1, 1, NodeState::Down, bits(&["fan"]), "silent")]).await.unwrap();
    let (tables, snapshot) = (everything(&store).await, store.load().await.unwrap());
    drop(store);
    for _ in 0..3 {
        let store = open(&path).await.unwrap();
        assert_eq!(everything(&store).await, tables);
        assert_eq!(store.load().await.unwrap(), snapshot);
    }
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    let store = open(&path).await.unwrap();
    store.commit(&beginning(1)).await.unwrap();
    assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 1);
    let clone = store.clone();
    store.close().await;
    assert!(matches!(open(&path).await, Err(OpenError::InUse { .. })), "a clone still lives");
    clone.close().await;
    assert!(!folder.path().join("zone.db-wal").exists());
    assert_eq!(sqlite3(&path, "SELECT count(*) FROM v_nodes"), "1\n");
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("zone.db")).await.unwrap();
    store.commit(&beginning(1)).await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["zone.db", "zone.db-shm", "zone.db-wal", "zone.db.lock"]);
}

#[tokio::test]
async fn a_second_writer_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    let store = open(&path).await.unwrap();
    let clone = store.clone();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for path in [&path, &link] {
        let error = open(path).await.unwrap_err();
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("process {} holds", std::process::id())), "{text}");
    }
    drop(store);
    assert!(matches!(open(&path).await, Err(OpenError::InUse { .. })), "a clone still lives");
    drop(clone);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "shopping list").unwrap();
    let foreign = folder.path().join("foreign.db");
    sqlite3(&foreign, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    let marked = folder.path().join("marked.db");
    sqlite3(&marked, "PRAGMA application_id = 7; PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
    let garbled = folder.path().join("garbled.db");
    fs::write(&garbled, [b"SQLite format 3\0".as_slice(), &[7; 4_080]].concat()).unwrap();
    let cases = [
        (&text, "is not an SQLite database; it is left untouched"),
        (&garbled, "is not an SQLite database; it is left untouched"),
        (&foreign, "of another program (application id 0x00000000, Rollcall's is 0x526f6c6c)"),
        (&marked, "of another program (application id 0x00000007"),
    ];
    for (path, says) in cases {
        let before = fs::read(path).unwrap();
        let error = open(path).await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(path.to_str().unwrap()), "{error}");
        assert_eq!(fs::read(path).unwrap(), before, "{}", path.display());
        assert!(!folder.path().join(format!("{}.lock", path.display())).exists());
    }
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_with_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    open(&path).await.unwrap().close().await;
    sqlite3(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', 1, x'00', 0)",
    );
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Future { version: 99, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("schema version 99, this program knows up to 12"), "{text}");
    assert!(text.contains("upgrade Rollcall"), "{text}");
    sqlite3(&path, "DELETE FROM _sqlx_migrations WHERE version = 99; UPDATE _sqlx_migrations SET checksum = x'00'");
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Altered { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_path_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/zone.db");
    let text = open(&missing).await.unwrap_err().to_string();
    assert!(text.contains("the folder") && text.contains("no/such") && text.contains("No such file"), "{text}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let text = open(&file.join("zone.db")).await.unwrap_err().to_string();
    assert!(text.contains("Not a directory") || text.contains("not a directory"), "{text}");
    let text = open(folder.path()).await.unwrap_err().to_string();
    assert!(text.contains("s a directory") && text.contains(folder.path().to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn an_empty_file_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    fs::write(&path, "").unwrap();
    open(&path).await.unwrap().commit(&beginning(1)).await.unwrap();
}

/// People look into the file with another program, and an older one, while Rollcall writes.
#[tokio::test]
async fn the_sqlite3_program_reads_the_views_beside_a_running_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.db");
    let store = open(&path).await.unwrap();
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&crate::wanted::everything_wanted()).await.unwrap();
    store.commit(&[crate::trusted::audited("ada", 1)]).await.unwrap();
    let down = changed(2, 1_001, NodeState::Down, bits(&[]), "silent");
    store.commit(&[changed(1, 1_000, NodeState::Degraded, bits(&["link", "fan"]), "status"), down]).await.unwrap();
    store.take(&crate::lease::replica("zc-a"), None).await.unwrap();
    for view in crate::views::names(&store).await {
        assert!(!sqlite3(&path, &format!("SELECT * FROM {view}")).is_empty(), "{view}");
    }
    assert_eq!(sqlite3(&path, "SELECT name, bits_set FROM v_nodes WHERE health_bits"), "node-1|link,fan\n");
    assert_eq!(sqlite3(&path, "PRAGMA integrity_check; PRAGMA foreign_key_check"), "ok\n");
    store.commit(&[joined(1, 2, 1)]).await.unwrap();
}

/// A long question on a file holds up neither commits nor the program's own questions.
#[tokio::test]
async fn a_long_question_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("zone.db")).await.unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n, v_nodes";
    let limits = rollcall_store::AskLimits { timeout: std::time::Duration::from_secs(60), rows: 1 };
    let asking: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.ask(endless, limits).await })
        })
        .collect();
    store.commit(&beginning(3)).await.unwrap();
    let table = store.select("SELECT count(*) FROM v_nodes", &[]).await.unwrap();
    assert_eq!(table.rows, [[3]]);
    assert!(asking.iter().all(|question| !question.is_finished()));
    asking.iter().for_each(tokio::task::JoinHandle::abort);
}

/// What the zone itself needs to know never waits behind what people read.
#[tokio::test]
async fn the_zone_has_readers_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("zone.db")).await.unwrap();
    store.commit(&beginning(3)).await.unwrap();
    let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n";
    let reading: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.select(long, &[]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let table = store.for_zone().select("SELECT count(*) FROM v_nodes", &[]).await.unwrap();
    assert_eq!(table.rows, [[3]]);
    assert!(reading.iter().all(|question| !question.is_finished()));
    for question in reading {
        assert_eq!(question.await.unwrap().unwrap().rows, [[300_000]]);
    }
}

#[tokio::test]
async fn hundreds_of_stores_in_memory_know_nothing_of_each_other() {
    let mut stores = Vec::new();
    for number in 0..200 {
        let store = Store::open("sqlite::memory:").await.unwrap();
        store.commit(&beginning(number % 3)).await.unwrap();
        stores.push(store);
    }
    for (number, store) in stores.iter().enumerate() {
        assert_eq!(one(store, "SELECT count(*) FROM v_nodes").await, number % 3);
    }
}
