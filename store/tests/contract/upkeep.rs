//! The upkeep of a database from outside of a zone controller: looked at, backed up, restored.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rollcall_model::UnixMillis;
use rollcall_store::upkeep::{self, DatabaseStatus, LEAP, UpkeepError};
use rollcall_store::{History, OpenError, Retention, Store};
use serde_json::{Value, json};

use crate::guide::fleet;
use crate::retention::pruned;
use crate::server::server;
use crate::trusted::DAY;
use crate::world::{at, beginning, everything, joined, one, zone_started};

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A folder, and the URL of a database of either kind with the guide's fleet in it, that nobody has open.
async fn filled(postgres: bool) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = if postgres { server().url(&server().database()) } else { url(&folder.path().join("zone.db")) };
    let store = Store::open(&url).await.unwrap();
    fleet(&store).await;
    store.close().await;
    (folder, url)
}

fn rows_of(status: &DatabaseStatus, table: &str) -> u64 {
    status.tables.iter().find(|one| one.table == table).unwrap().rows
}

#[tokio::test]
async fn a_look_tells_sizes_ages_and_who_has_it_open() {
    for postgres in [false, true] {
        let (_folder, url) = filled(postgres).await;
        let status = upkeep::status(&url).await.unwrap();
        assert_eq!(status.kind, if postgres { "postgres" } else { "sqlite" });
        assert_eq!((status.schema_version, &status.in_use_by), (Some(status.newest_version), &None));
        let zone = status.zone.clone().unwrap();
        assert_eq!((zone.name.as_str(), zone.generation), ("east", 1));
        assert_eq!(rows_of(&status, "nodes"), 6);
        assert!(status.bytes > 100_000 && status.tables.iter().all(|one| one.bytes.unwrap() > 0), "{status:?}");
        assert_eq!((status.free_bytes.is_some(), status.dead_rows.is_some()), (!postgres, postgres));
        let store = Store::open(&url).await.unwrap();
        let now = at(400 * DAY);
        let (pruning, _) = pruned(&store, &Retention::default(), now).await;
        let status = upkeep::status(&url).await.unwrap();
        assert!(status.in_use_by.as_deref().unwrap().starts_with("process "), "{:?}", status.in_use_by);
        let of = |name: &str| status.tables.iter().find(|one| one.table == name).unwrap().history.clone();
        let health = of("health_history").unwrap();
        assert_eq!(health.pruned, Some(now));
        assert_eq!(health.next, Some(UnixMillis(now.0 + 3_600_000)));
        let removed = pruning.done().iter().find(|one| one.history == History::HealthHistory).unwrap().removed;
        assert_eq!(health.removed, Some(removed));
        assert!(health.oldest.unwrap() < health.before.unwrap(), "the newest of each node stays");
        assert_eq!(of("events").unwrap().oldest, None);
        assert_eq!(of("nodes"), None);
        store.close().await;
    }
}

/// Every table of the schema is counted, copied and compared, or somebody forgot it.
#[tokio::test]
async fn no_table_is_forgotten() {
    for postgres in [false, true] {
        let (_folder, url) = filled(postgres).await;
        let store = Store::open(&url).await.unwrap();
        let sql = match postgres {
            false => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            true => "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
        };
        let mut there: Vec<Value> = store.select(sql, &[]).await.unwrap().rows.into_iter().flatten().collect();
        there.retain(|name| name != "_sqlx_migrations");
        there.sort_by_key(|name| name.as_str().unwrap().to_owned());
        let mut known: Vec<Value> =
            upkeep::status(&url).await.unwrap().tables.iter().map(|one| json!(one.table)).collect();
        known.sort_by_key(|name| name.as_str().unwrap().to_owned());
        assert_eq!(known, there);
        store.close().await;
    }
}

/// Numbers that were given out since the backup are not given again, and what else there was is there.
async fn restored_goes_on(url: &str, by: u32, before: &[(&'static str, Vec<Vec<Value>>)]) {
    let store = Store::open(url).await.unwrap();
    let saved = store.load().await.unwrap();
    assert_eq!(saved.zone.unwrap().generation, 1 + u64::from(by));
    assert!(saved.nodes.iter().all(|node| node.epoch.0 == 0 || node.epoch.0 > by), "{:?}", saved.nodes);
    assert!(saved.groups.iter().all(|group| group.session == 0 || group.session > by));
    let after = everything(&store).await;
    let changed = ["zone", "groups", "nodes", "join_tokens", "audit", "events"];
    for ((table, before), (_, after)) in before.iter().zip(&after) {
        match changed.contains(table) {
            false => assert_eq!(before, after, "{table}"),
            true if ["audit", "events"].contains(table) => assert_eq!(before.len() + 1, after.len(), "{table}"),
            true => assert_eq!(before.len(), after.len(), "{table}"),
        }
    }
    assert_eq!(one(&store, "SELECT count(*) FROM v_events WHERE kind = 'database_restored'").await, 1);
    let number = one(&store, "SELECT event_id FROM v_events WHERE kind = 'database_restored'").await;
    assert!(number.as_i64().unwrap() > i64::from(by), "programs remember by it what they heard: {number}");
    assert_eq!(one(&store, "SELECT count(*) FROM v_audit WHERE action = 'database_restored' AND who = 'ada'").await, 1);
    assert_eq!(
        one(&store, "SELECT count(*) FROM v_tokens WHERE state = 'open'").await,
        0,
        "it may have been used since"
    );
    // The zone goes on from there.
    store.commit(&[zone_started(2 + u64::from(by)), joined(1, 2 + by, 1)]).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_backup_is_made_while_the_zone_goes_on_and_restored_with_numbers_that_never_go_back() {
    for postgres in [false, true] {
        let (folder, url) = filled(postgres).await;
        let to = folder.path().join("backup");
        let store = Store::open(&url).await.unwrap();
        let before = everything(&store).await;
        let made = upkeep::backup(&url, &to).await.unwrap();
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!((made.bytes, made.zone.unwrap().name), (fs::metadata(&to).unwrap().len(), "east".into()));
        let error = upkeep::backup(&url, &to).await.unwrap_err();
        assert!(matches!(error, UpkeepError::Exists { .. }), "{error}");
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| name.contains("partial")).count(), 0);
        // What is done since is lost.
        store.commit(&[joined(1, 9, 1), joined(7, 1, 1)]).await.unwrap();
        let error = upkeep::restore(&url, &to, true, "ada", at(0)).await.unwrap_err();
        let held = matches!(error, UpkeepError::Open(OpenError::InUse { .. } | OpenError::Held { .. }));
        assert!(held && error.to_string().contains("in use by another zone controller"), "{error}");
        store.close().await;
        let error = upkeep::restore(&url, &to, false, "ada", at(0)).await.unwrap_err();
        assert!(matches!(error, UpkeepError::Exists { .. } | UpkeepError::NotEmpty { .. }), "{error}");
        let target = if postgres { server().url(&server().database()) } else { url.clone() };
        let restored = upkeep::restore(&target, &to, true, "ada", at(5_000)).await.unwrap();
        assert!(restored.moved_on_by > LEAP, "more for an older backup: {restored:?}");
        assert_eq!(restored.replaced.is_some(), !postgres);
        restored_goes_on(&target, restored.moved_on_by, &before).await;
        if let Some(aside) = restored.replaced {
            let kept = Store::open(&format!("sqlite:{}", aside.display())).await.unwrap();
            assert_eq!(one(&kept, "SELECT count(*) FROM v_nodes").await, 7, "what was there is put aside whole");
        }
    }
}

/// Root keeps the database of the zone controller's own user up, who must be able to open what is made anew.
#[tokio::test]
async fn what_root_makes_belongs_to_the_owner_of_the_folder() {
    const NOBODY: u32 = 65_534;
    let (folder, url) = filled(false).await;
    if folder.path().metadata().unwrap().uid() != 0 {
        // Only root can be somebody else.
        return;
    }
    let backup = folder.path().join("backup");
    upkeep::backup(&url, &backup).await.unwrap();
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(NOBODY), Some(NOBODY)).unwrap();
    upkeep::restore(&self::url(&theirs.join("zone.db")), &backup, false, "root", at(0)).await.unwrap();
    for entry in fs::read_dir(&theirs).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().uid(), NOBODY, "{:?}", entry.file_name());
    }
    assert!(theirs.join("zone.db.lock").exists());
    assert_eq!(fs::metadata(&backup).unwrap().uid(), 0, "what lets people in is given to nobody");
    // Nor does root follow a link that they put there.
    let (lock, outside) = (theirs.join("zone.db.lock"), folder.path().join("outside"));
    fs::remove_file(&lock).unwrap();
    for there in [false, true] {
        let _ = std::os::unix::fs::symlink(&outside, &lock);
        if there {
            fs::write(&outside, "somebody's").unwrap();
        }
        let error =
            upkeep::restore(&self::url(&theirs.join("zone.db")), &backup, true, "root", at(0)).await.unwrap_err();
        assert!(error.to_string().contains("zone.db.lock cannot be locked"), "{error}");
        assert_eq!(fs::read(&outside).ok(), there.then(|| b"somebody's".to_vec()));
    }
}

/// What is said when a backup is not restored; what was there is as it was.
async fn refused(folder: &Path, backup: &Path) -> String {
    let path = folder.join("other.db");
    let error = upkeep::restore(&url(&path), backup, false, "ada", at(0)).await.unwrap_err().to_string();
    assert!(!path.exists(), "{error}");
    let left: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|path| !path.to_string_lossy().contains(".restoring")), "{left:?}");
    error
}

#[tokio::test]
async fn what_is_no_whole_backup_of_a_version_that_is_known_is_not_restored() {
    let (folder, url) = filled(false).await;
    let (folder, good) = (folder.path(), folder.path().join("good"));
    upkeep::backup(&url, &good).await.unwrap();
    let said = refused(folder, &folder.join("none")).await;
    assert!(said.contains("there is no database") && said.contains("none"), "{said}");
    fs::write(folder.join("text"), "not a database at all").unwrap();
    assert!(refused(folder, &folder.join("text")).await.contains("is not an SQLite database"));
    // Cut off, and overwritten in the middle.
    let bytes = fs::read(&good).unwrap();
    fs::write(folder.join("cut"), &bytes[..bytes.len() / 2]).unwrap();
    refused(folder, &folder.join("cut")).await;
    let mut bad = bytes.clone();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bad[middle..middle + 4_096].fill(0x5a);
    fs::write(folder.join("bad"), &bad).unwrap();
    refused(folder, &folder.join("bad")).await;
    fs::copy(&good, folder.join("newer")).unwrap();
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (99, 'later', 1, x'00', 0)";
    let done = std::process::Command::new("sqlite3").arg(folder.join("newer")).arg(sql).status().unwrap();
    assert!(done.success());
    let said = refused(folder, &folder.join("newer")).await;
    assert!(said.contains("has schema version 99, this program knows up to"), "{said}");
    let empty = folder.join("empty");
    fs::write(&empty, "").unwrap();
    assert!(refused(folder, &empty).await.contains("there is no database"));
    upkeep::restore(&self::url(&folder.join("other.db")), &good, false, "ada", at(0)).await.unwrap();
}

#[tokio::test]
async fn a_dump_is_only_restored_where_it_belongs() {
    let (folder, url) = filled(true).await;
    let (dump, text) = (folder.path().join("dump"), folder.path().join("text"));
    upkeep::backup(&url, &dump).await.unwrap();
    let file = format!("sqlite:{}", folder.path().join("zone.db").display());
    let said = upkeep::restore(&file, &dump, false, "ada", at(0)).await.unwrap_err().to_string();
    assert!(said.contains("it is one of PostgreSQL"), "{said}");
    fs::write(&text, "SELECT 1;").unwrap();
    let target = server().url(&server().database());
    let said = upkeep::restore(&target, &text, false, "ada", at(0)).await.unwrap_err().to_string();
    assert!(said.contains("it is not in the custom format of pg_dump"), "{said}");
    let missing =
        upkeep::restore(&target, &folder.path().join("none"), false, "ada", at(0)).await.unwrap_err().to_string();
    assert!(missing.contains("cannot be read"), "{missing}");
    let store = Store::open(&target).await.unwrap();
    store.commit(&beginning(1)).await.unwrap();
    store.close().await;
    let said = upkeep::restore(&target, &dump, true, "ada", at(0)).await.unwrap_err().to_string();
    assert!(said.contains("is not empty (schema public has"), "{said}");
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_said_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = url(&folder.path().join("none.db"));
    for (url, says) in [
        (missing.as_str(), "there is no database"),
        ("sqlite::memory:", "gone with its process"),
        ("sqlite:/no/such/folder/zone.db", "the folder /no/such/folder of the database cannot be used"),
        ("mysql://h/db", "scheme \"mysql\""),
    ] {
        let status = upkeep::status(url).await.unwrap_err().to_string();
        assert!(status.contains(says), "{url}: {status}");
        let backup = upkeep::backup(url, &folder.path().join("backup")).await.unwrap_err().to_string();
        assert!(backup.contains(says), "{url}: {backup}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made by looking");
    let (_kept, there) = filled(false).await;
    let nowhere = upkeep::backup(&there, Path::new("/no/such/folder/b")).await.unwrap_err().to_string();
    assert!(nowhere.contains("/no/such/folder/b cannot be made"), "{nowhere}");
}
