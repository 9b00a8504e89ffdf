//! What an agent keeps for its next run: the latest epoch, and the journal of orders beside it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rollcall_model::{Name, SessionEpoch, UnixMillis};
use rollcall_startup::{StateError, StateLock, lock_state_dir, state_dir, write_durably};

use crate::actions::{Journal, Past};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The state directory, held by this agent as long as this lives.
#[derive(Debug)]
pub struct State {
    /// The journal of orders.
    pub journal: Journal,
    /// What it says of former runs.
    pub past: Past,
    /// The latest epoch.
    pub epoch: EpochFile,
    /// Keeps other agents out.
    pub lock: StateLock,
}

impl State {
    /// Opens, or makes, a state directory.
    ///
    /// # Errors
    /// When it cannot be used, or another process uses it.
    pub fn open(directory: &Path, zone: &Name, now: UnixMillis) -> Result<Self, StateError> {
        let directory = state_dir(directory)?;
        let lock = lock_state_dir(&directory)?;
        let boot = std::fs::read_to_string(BOOT_ID).unwrap_or_default();
        let (journal, past) = Journal::open(&directory, boot.trim(), now)?;
        Ok(Self { journal, past, epoch: EpochFile::open(&directory, zone), lock })
    }
}

/// The latest epoch in a zone, kept across restarts.
#[derive(Clone, Debug)]
pub struct EpochFile(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    latest: AtomicU32,
    written: Mutex<u32>,
}

impl EpochFile {
    /// Reads it. What cannot be read is told, and counts as none: the zone knows better.
    fn open(directory: &Path, zone: &Name) -> Self {
        let path = directory.join(format!("epoch-{zone}"));
        let epoch = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().unwrap_or_else(|_| {
                tracing::warn!("{} holds no epoch ({:.40?}); it is left out of account", path.display(), text.trim());
                0
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => {
                tracing::warn!("{} cannot be read and is left out of account: {error}", path.display());
                0
            }
        };
        Self(Arc::new(Kept { path, latest: AtomicU32::new(epoch), written: Mutex::new(epoch) }))
    }

    /// The epoch a former run was given, or this one; zero for none.
    #[must_use]
    pub fn latest(&self) -> SessionEpoch {
        SessionEpoch(self.0.latest.load(Ordering::Relaxed))
    }

    /// Keeps a greater epoch, on a thread of its own: the disk may be slow. Epochs that overtake each other end well.
    pub fn keep(&self, epoch: SessionEpoch) {
        self.0.latest.fetch_max(epoch.0, Ordering::Relaxed);
        let kept = Arc::clone(&self.0);
        let writing = std::thread::Builder::new().name("epoch".into()).spawn(move || kept.write());
        if let Err(error) = writing {
            tracing::warn!(%error, "the system gives no thread to keep the epoch with");
        }
    }
}

impl Kept {
    fn write(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = self.latest.load(Ordering::Relaxed);
        if latest <= *written {
            return;
        }
        match write_durably(&self.path, format!("{latest}\n").as_bytes()) {
            Ok(()) => *written = latest,
            Err(error) => tracing::warn!("the epoch is not kept for the next run: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn zone(name: &str) -> Name {
        Name::new(name).unwrap()
    }

    #[test]
    fn the_greatest_epoch_is_kept_per_zone_and_an_older_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let kept = EpochFile::open(directory.path(), &zone("hall-1"));
        assert_eq!(kept.latest(), SessionEpoch(0));
        for epoch in [7, 9, 8] {
            kept.keep(SessionEpoch(epoch));
        }
        let until = Instant::now() + Duration::from_secs(20);
        while EpochFile::open(directory.path(), &zone("hall-1")).latest() != SessionEpoch(9) {
            assert!(Instant::now() < until, "not written");
            std::thread::yield_now();
        }
        assert_eq!(EpochFile::open(directory.path(), &zone("hall-2")).latest(), SessionEpoch(0));
    }

    #[test]
    fn garbage_counts_as_no_epoch() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("epoch-z"), "seven").unwrap();
        assert_eq!(EpochFile::open(directory.path(), &zone("z")).latest(), SessionEpoch(0));
    }

    #[test]
    fn a_state_directory_has_one_agent_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = State::open(directory.path(), &zone("z"), UnixMillis(0)).unwrap();
        assert!(matches!(State::open(directory.path(), &zone("z"), UnixMillis(0)), Err(StateError::InUse { .. })));
        drop(first);
        assert!(State::open(directory.path(), &zone("z"), UnixMillis(0)).is_ok());
    }
}
