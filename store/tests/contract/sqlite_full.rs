//! A disk that is full: nothing is half-written, what is stored is read, and changes are taken again once there is room.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use rollcall_model::UnixMillis;
use rollcall_store::{Change, Store, Writable, upkeep};

use crate::world::{START, beginning, one};

/// A file system in memory of 16 MiB, gone with the test.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder.path());
        assert!(mount.status().unwrap().success(), "this test mounts a tmpfs, which wants root (CAP_SYS_ADMIN)");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes what room there is left.
    fn fill(&self) {
        let mut file = File::create(self.path("rest")).unwrap();
        while file.write_all(&[7; 512]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a store that was just dropped closes its files a moment later.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

const BATCH: u64 = 200;

fn notes(batch: u64) -> Vec<Change> {
    let note = |number: u64| Change::Noted {
        kind: "note",
        subject: format!("batch {batch}"),
        message: "x".repeat(400),
        at: UnixMillis(START + batch * BATCH + number),
    };
    (0..BATCH).map(note).collect()
}

#[tokio::test]
async fn a_full_disk_makes_it_read_only_until_there_is_room_again() {
    let disk = Disk::mount();
    std::fs::write(disk.path("ballast"), vec![7; 4 << 20]).unwrap();
    let path = disk.path("zone.db");
    let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
    store.commit(&beginning(3)).await.unwrap();
    let mut written = 0;
    let error = loop {
        match store.commit(&notes(written)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1_000, "16 MiB are never full");
    };
    assert!(error.is_passing(), "{error:?}");
    assert!(
        error.to_string().contains("disk is full") && error.to_string().ends_with("nothing was written"),
        "{error}"
    );
    let Writable::No { reason } = store.writable().borrow().clone() else { panic!("it is said") };
    assert!(reason.contains("full"), "{reason}");
    // No room left, neither on the disk nor within SQLite's own files: what the failed batch gave back may do for another.
    disk.fill();
    let mut in_vain = 0;
    while in_vain < 3 {
        in_vain += 1;
        if store.commit(&notes(written)).await.is_ok() {
            (written, in_vain) = (written + 1, 0);
        }
        if store.try_to_write().await.is_ok() {
            in_vain = 0;
        }
        assert_eq!(store.writable().borrow().is_yes(), in_vain == 0);
        assert!(written < 1_000, "16 MiB are never full");
    }
    // Questions go on, and nothing of the batch is there.
    assert_eq!(one(&store, "SELECT count(*) FROM v_nodes").await, 3);
    assert_eq!(one(&store, "SELECT count(*) FROM v_events WHERE kind = 'note'").await, written * BATCH);
    assert_eq!(store.load().await.unwrap().nodes.len(), 3);
    let mut writable = store.writable();
    std::fs::remove_file(disk.path("ballast")).unwrap();
    std::fs::remove_file(disk.path("rest")).unwrap();
    store.try_to_write().await.unwrap();
    assert!(writable.wait_for(Writable::is_yes).await.is_ok());
    store.commit(&notes(written)).await.unwrap();
    assert_eq!(one(&store, "SELECT count(*) FROM v_events WHERE kind = 'note'").await, (written + 1) * BATCH);
    store.close().await;
    let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
    assert_eq!(one(&store, "SELECT count(*) FROM v_events WHERE kind = 'note'").await, (written + 1) * BATCH);
    assert_eq!(one(&store, "SELECT count(DISTINCT subject_id) FROM v_events WHERE kind = 'note'").await, written + 1);
}

#[tokio::test]
async fn a_backup_to_a_full_disk_leaves_nothing_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/zone.db", folder.path().display());
    let store = Store::open(&url).await.unwrap();
    store.commit(&beginning(3)).await.unwrap();
    store.commit(&notes(0)).await.unwrap();
    let disk = Disk::mount();
    std::fs::write(disk.path("ballast"), vec![7; (16 << 20) - (128 << 10)]).unwrap();
    let error = upkeep::backup(&url, &disk.path("zone.bak")).await.unwrap_err().to_string();
    assert!(error.contains("disk is full") && error.contains("zone.db"), "{error}");
    let left: Vec<_> = std::fs::read_dir(disk.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["ballast"]);
    std::fs::remove_file(disk.path("ballast")).unwrap();
    upkeep::backup(&url, &disk.path("zone.bak")).await.unwrap();
}
