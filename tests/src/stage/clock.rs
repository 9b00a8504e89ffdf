//! Wall clocks that can be moved, for one daemon each.

use std::path::{Path, PathBuf};

use super::Daemon;

/// libfaketime, of Debian's package.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A wall clock that can be moved. Monotonic clocks go on as they are.
pub struct WallClock(PathBuf);

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("/usr/lib").flatten();
    let found = folders.map(|folder| folder.path().join(LIBRARY)).find(|file| file.exists());
    found.expect("libfaketime, of Debian's package libfaketime (`make needs`)")
}

impl WallClock {
    /// One that is right, in a file of this directory.
    #[must_use]
    pub fn of(directory: &Path, name: &str) -> Self {
        let clock = Self(directory.join(format!("{name}.clock")));
        clock.moved(0);
        clock
    }

    /// The daemon that is to see it, from its next start on.
    #[must_use]
    pub fn shown_to(&self, daemon: Daemon) -> Daemon {
        let file = self.0.display().to_string();
        daemon
            .with("LD_PRELOAD", &library().display().to_string())
            .with("FAKETIME_TIMESTAMP_FILE", &file)
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .with("DONT_FAKE_MONOTONIC", "1")
            .with("FAKETIME_CACHE_DURATION", "1")
    }

    /// So many hours away from the true time.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn moved(&self, hours: i64) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("{:+}\n", hours * 3_600)).expect("it is written");
        std::fs::rename(next, &self.0).expect("it is put in place");
    }
}
