//! Somebody with the file in their hands: SQLite itself refuses to change the audit log, and who gets around that is
//! found out.

use std::str::FromStr;

use rollcall_store::{AuditMark, AuditStep, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::trusted::audited;

const TRIGGERS: &str = "DROP TRIGGER audit_rows_stay; DROP TRIGGER audit_rows_stay_as_they_are; \
     DROP TRIGGER audit_rows_are_numbered_without_gaps;";

/// What verification says once this was done to a log of ten rows.
async fn after(sql: &str) -> (Result<(), String>, AuditStep) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("zone.db").display());
    let store = Store::open(&url).await.unwrap();
    store.commit(&(1..=10).map(|number| audited("ada", number)).collect::<Vec<_>>()).await.unwrap();
    store.close().await;
    let mut connection = SqliteConnectOptions::from_str(&url).unwrap().connect().await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await;
    connection.close().await.unwrap();
    let store = Store::open(&url).await.unwrap();
    let step = store.verify_audit(AuditMark::default()).await.unwrap();
    (done.map(drop).map_err(|error| error.to_string()), step)
}

#[tokio::test]
async fn rows_are_neither_changed_nor_removed_nor_written_over() {
    for sql in [
        "UPDATE audit SET who = 'eve' WHERE seq = 4",
        "DELETE FROM audit WHERE seq = 10",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT seq, at_ms, 'eve', origin, action, subject, before, after, hash \
         FROM audit WHERE seq = 4",
        "INSERT INTO audit SELECT 0, at_ms, 'eve', origin, action, subject, before, after, hash FROM audit WHERE seq = 4",
    ] {
        let (done, step) = after(sql).await;
        assert!(done.unwrap_err().contains("append-only"), "{sql}");
        assert!(matches!(step, AuditStep::Whole(AuditMark { seq: 10, .. })), "{sql}: {step:?}");
    }
}

#[tokio::test]
async fn who_gets_around_that_is_found_out_at_the_first_row() {
    for (sql, broken) in [
        ("UPDATE audit SET who = 'eve' WHERE seq = 4", 4),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 1", 1),
        ("UPDATE audit SET after = '{}' WHERE seq IN (7, 9)", 7),
        ("UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 5) WHERE seq = 6", 6),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq < 3", 1),
        ("UPDATE audit SET seq = 99 WHERE seq = 10", 10),
    ] {
        let (done, step) = after(&format!("{TRIGGERS} {sql}")).await;
        done.unwrap();
        assert!(matches!(step, AuditStep::Broken { seq, .. } if seq == broken), "{sql}: {step:?}");
    }
    // A log that was cut off is whole as far as it goes: who kept its last mark sees it.
    let (_, step) = after(&format!("{TRIGGERS} DELETE FROM audit WHERE seq > 8")).await;
    assert!(matches!(step, AuditStep::Whole(AuditMark { seq: 8, .. })), "{step:?}");
}
