//! `rollcall db` as people run it, on real files: exit codes, standard output and error.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use rollcall_model::{Name, UnixMillis, ZoneId};
use rollcall_store::{Change, Store};
use serde_json::Value;

/// Long before any span of the defaults.
const LONG_AGO: u64 = 1_600_000_000_000;

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A zone's database with some old events in it, that nobody has open.
async fn filled(path: &Path) {
    let store = Store::open(&url(path)).await.unwrap();
    let note = |number: u64| Change::Noted {
        kind: "note",
        subject: "x".into(),
        message: format!("note {number}"),
        at: UnixMillis(LONG_AGO + number),
    };
    let started = Change::ZoneStarted {
        zone: ZoneId::derived_from("zone"),
        name: Name::new("hall-1").unwrap(),
        generation: 41,
        at: UnixMillis(LONG_AGO),
    };
    let changes: Vec<Change> = std::iter::once(started).chain((0..40).map(note)).collect();
    store.commit(&changes).await.unwrap();
    store.close().await;
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.args(["db"]).args(arguments).current_dir(folder);
    for variable in ["ROLLCALL_DATABASE", "ROLLCALL_CONFIG"] {
        command.env_remove(variable);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = run(folder, arguments);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

fn document(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(folder, arguments)).unwrap()
}

/// What is refused, with this exit code; nothing is written to standard output.
fn refused(folder: &Path, arguments: &[&str], expected: i32) -> String {
    let (code, out, err) = run(folder, arguments);
    assert_eq!((code, out.as_str()), (Some(expected), ""), "{arguments:?}: {err}");
    assert!(err.starts_with("error: "), "{err}");
    err
}

#[tokio::test]
async fn a_database_is_looked_at_pruned_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    filled(&folder.join("zone.db")).await;
    let shown = done(folder, &["status", "--database", "sqlite:zone.db"]);
    for says in ["hall-1", "generation 41", "in use    by nobody", "the newest", "2020-09-13"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    let found = document(folder, &["status", "--database", "sqlite:zone.db", "--json"]);
    let events = |found: &Value| {
        let tables = found["tables"].as_array().unwrap().clone();
        tables.into_iter().find(|table| table["table"] == "events").unwrap()
    };
    assert_eq!((&found["zone"]["name"], &events(&found)["rows"]), (&"hall-1".into(), &41.into()));
    assert_eq!(events(&found)["history"]["oldest"], LONG_AGO);

    let text = done(folder, &["backup", "zone.bak", "--database", "sqlite:zone.db"]);
    assert!(text.starts_with("backed up ") && text.contains("zone hall-1, schema version "), "{text}");
    assert_eq!(fs::metadata(folder.join("zone.bak")).unwrap().permissions().mode() & 0o777, 0o600);
    let said = refused(folder, &["backup", "zone.bak", "--database", "sqlite:zone.db"], 1);
    assert!(said.contains("zone.bak is there already; backups are never written over"), "{said}");

    let kept = done(folder, &["prune", "--database", "sqlite:zone.db", "--keep", "events=0"]);
    assert!(kept.contains("0 rows removed"), "{kept}");
    let said = refused(folder, &["prune", "--database", "sqlite:zone.db"], 2);
    assert!(said.contains("nobody says how long this zone keeps its history") && said.contains("--keep"), "{said}");
    let pruned = document(folder, &["prune", "--database", "sqlite:zone.db", "--keep", "events=90", "--json"]);
    assert_eq!(pruned["removed"], 41);
    assert_eq!(events(&document(folder, &["status", "--database", "sqlite:zone.db", "--json"]))["rows"], 0);

    let said = refused(folder, &["restore", "zone.bak", "--database", "sqlite:zone.db"], 1);
    assert!(said.contains("with --replace it is put aside"), "{said}");
    let text = done(folder, &["restore", "zone.bak", "--replace", "--database", "sqlite:zone.db"]);
    assert!(text.contains("what was there is now ") && text.contains(".replaced-"), "{text}");
    let found = document(folder, &["status", "--database", "sqlite:zone.db", "--json"]);
    // Its newest event is years old.
    assert_eq!((&found["zone"]["generation"], &events(&found)["rows"]), (&1_000_041.into(), &42.into()));
}

#[tokio::test]
async fn the_configuration_of_the_zone_says_where_it_is_and_how_long_history_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    filled(&folder.join("zone.db")).await;
    let example = include_str!("../../deploy/config/zone-controller.toml");
    let here = format!("database = \"{}\"", url(&folder.join("zone.db")));
    let config = example
        .replace("database = \"sqlite:/var/lib/rollcall/zone-controller/zone.db\"", &here)
        .replace("events_days = 90", "events_days = 0");
    fs::write(folder.join("zone.toml"), &config).unwrap();
    let shown = done(folder, &["status", "--config", "zone.toml"]);
    assert!(shown.lines().any(|line| line.starts_with("events ") && line.contains("for ever")), "{shown}");
    assert!(done(folder, &["prune", "--config", "zone.toml"]).contains("0 rows removed"));
    assert!(done(folder, &["prune", "--config", "zone.toml", "--keep", "events=30"]).contains("41 rows removed"));
    fs::write(folder.join("zone.toml"), config.replace("alerts_days = 90", "alerts_days = 99999")).unwrap();
    let said = refused(folder, &["status", "--config", "zone.toml"], 2);
    assert!(said.contains("zone.toml: retention.alerts_days is 99999"), "{said}");
    let said = refused(folder, &["status", "--config", "none.toml"], 2);
    assert!(said.contains("none.toml") && said.contains("--database"), "{said}");
}

#[tokio::test]
async fn a_zone_controller_that_has_it_open_is_not_disturbed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    filled(&folder.join("zone.db")).await;
    done(folder, &["backup", "zone.bak", "--database", "sqlite:zone.db"]);
    let store = Store::open(&url(&folder.join("zone.db"))).await.unwrap();
    assert!(done(folder, &["status", "--database", "sqlite:zone.db"]).contains("in use    by process "));
    done(folder, &["backup", "second.bak", "--database", "sqlite:zone.db"]);
    for arguments in [
        &["migrate", "--database", "sqlite:zone.db"][..],
        &["prune", "--database", "sqlite:zone.db", "--keep", "events=90"],
        &["restore", "zone.bak", "--replace", "--database", "sqlite:zone.db"],
        &["move", "--from", "sqlite:zone.db", "--to", "sqlite:new.db"],
    ] {
        let said = refused(folder, arguments, 3);
        assert!(said.contains("is in use by another zone controller (process ") && said.contains("hint: "), "{said}");
    }
    store.close().await;
    let text = done(folder, &["migrate", "--database", "sqlite:zone.db"]);
    assert!(text.contains("has schema version ") && text.contains(" already"), "{text}");
}

#[tokio::test]
async fn a_move_prints_every_table_with_both_counts_and_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    filled(&folder.join("zone.db")).await;
    let before = fs::read(folder.join("zone.db")).unwrap();
    let shown = done(folder, &["move", "--from", "sqlite:zone.db", "--to", "sqlite:new.db"]);
    let events = shown.lines().find(|line| line.starts_with("events ")).unwrap();
    let words: Vec<&str> = events.split_whitespace().collect();
    assert_eq!((words[1], words[2], words[3].len(), words[4]), ("41", "41", 16, "equal"), "{shown}");
    assert!(shown.contains("next: set `database`"), "{shown}");
    assert_eq!(fs::read(folder.join("zone.db")).unwrap(), before, "the source is as it was");
    let moved = document(folder, &["move", "--from", "sqlite:new.db", "--to", "sqlite:third.db", "--json"]);
    assert_eq!(moved["is_equal"], true);
    let said = refused(folder, &["move", "--from", "sqlite:zone.db", "--to", "sqlite:new.db"], 1);
    assert!(said.contains("is not empty (1 rows in zone"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let said = refused(folder, &["migrate", "--database", "sqlite:none.db"], 1);
    assert!(said.contains("there is no database") && said.contains("--create makes it"), "{said}");
    assert!(!folder.join("none.db").exists());
    let text = done(folder, &["migrate", "--create", "--database", "sqlite:none.db"]);
    assert!(text.contains("schema version none → "), "{text}");
    fs::write(folder.join("text"), "hello, world; this is text").unwrap();
    for (arguments, code, says) in [
        (&["status", "--database", "sqlite:text"][..], 1, "is not an SQLite database"),
        (&["status", "--database", "mysql://h/x"], 2, "the scheme \"mysql\""),
        (&["status", "--database", "sqlite::memory:"], 2, "gone with its process"),
        (&["status", "--database", "postgres://u@127.0.0.1:1/x"], 3, "cannot be reached"),
        (&["backup", "b", "--database", "sqlite:/no/such/folder/z.db"], 1, "the folder /no/such/folder"),
        (&["backup", "/no/such/folder/b", "--database", "sqlite:none.db"], 1, "/no/such/folder/b cannot be made"),
        (&["restore", "text", "--database", "sqlite:new.db"], 1, "is not an SQLite database"),
        (&["move", "--from", "sqlite:none.db", "--to", "sqlite:none.db"], 2, "cannot be moved to itself"),
    ] {
        let said = refused(folder, arguments, code);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert_eq!(run(folder, &["prune", "--keep", "event=3", "--database", "sqlite:none.db"]).0, Some(2));
}
