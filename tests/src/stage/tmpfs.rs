//! A disk of a few megabytes, to be full. Wants root.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs that goes with the test.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one of so many MiB at a path, which is made.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn mounted(path: &Path, mib: u32) -> Self {
        std::fs::create_dir_all(path).expect("a directory");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "rollcall-test"])
            .arg(path)
            .status()
            .expect("mount runs");
        assert!(done.success(), "mounting a tmpfs at {} failed; it wants root", path.display());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("it is opened");
        Self(path.to_owned())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How much room is left, bytes.
    ///
    /// # Panics
    /// When the system does not tell.
    #[must_use]
    pub fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.0).expect("a file system");
        disk.f_bavail * disk.f_frsize
    }

    /// Takes all room but so many bytes.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn fill_but(&self, bytes: u64) {
        let file = std::fs::File::create(self.filling()).expect("a file");
        // Whoever else writes to it may have taken some since it was measured.
        for _ in 0..100 {
            let size = self.free().saturating_sub(bytes);
            match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size.max(1)) {
                Err(rustix::io::Errno::NOSPC) if size > 0 => {}
                Ok(()) | Err(rustix::io::Errno::NOSPC) => return,
                Err(error) => panic!("no room is taken: {error}"),
            }
        }
        panic!("somebody else takes the room and gives it back");
    }

    /// Takes all room; gives the file that has it.
    pub fn fill(&self) -> PathBuf {
        let file = self.filling();
        // Until it is full; a few bytes may be left after the last whole page.
        let _ = std::fs::write(&file, vec![1_u8; usize::try_from(self.free()).unwrap_or(0) + 4_096]);
        file
    }

    /// Gives the room back.
    ///
    /// # Panics
    /// When nothing was filled.
    pub fn empty(&self) {
        std::fs::remove_file(self.filling()).expect("it is removed");
    }

    fn filling(&self) -> PathBuf {
        self.0.join("filling")
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Gone for everybody at once, and for good when the last process that uses it has ended.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
