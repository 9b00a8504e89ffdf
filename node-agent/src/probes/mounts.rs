//! Space and inodes of the watched file systems. Asking a file system whose server is gone hangs.

use std::path::PathBuf;

use rollcall_model::{Millis, Tick};
use rustix::fs::StatVfs;

use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

pub(super) struct Mounts {
    tree: Tree,
    watched: Vec<PathBuf>,
}

impl Mounts {
    pub(super) fn new(tree: &Tree, watched: &[PathBuf]) -> Self {
        Self { tree: tree.clone(), watched: watched.to_vec() }
    }

    /// The fullest file system, by a measure that not all of them have.
    fn fullest(&self, measure: fn(&StatVfs) -> Option<f64>, none: &'static str) -> Result<f64, Reason> {
        let mut fullest = None;
        for mount in &self.watched {
            let told = rustix::fs::statvfs(self.tree.path(mount))
                .map_err(|error| Reason::from(format!("{} cannot be asked: {error}", mount.display())))?;
            fullest = measure(&told).into_iter().chain(fullest).reduce(f64::max);
        }
        fullest.ok_or(Reason::Borrowed(none))
    }
}

/// Percent of what ordinary users may fill, as `df` shows it: what is reserved for root is not counted as free.
fn space(told: &StatVfs) -> Option<f64> {
    let used = told.f_blocks.checked_sub(told.f_bfree)?;
    percent(used, used.checked_add(told.f_bavail)?)
}

/// Percent of inodes in use; file systems without a fixed number of them have none.
fn inodes(told: &StatVfs) -> Option<f64> {
    percent(told.f_files.checked_sub(told.f_ffree)?, told.f_files)
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

impl Probe for Mounts {
    fn name(&self) -> &'static str {
        "mounts"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::DISK_SPACE, bit::DISK_INODES]
    }

    fn period(&self) -> Millis {
        Millis(10_000)
    }

    fn measure(&mut self, _now: Tick, findings: &mut Findings) {
        findings.say(bit::DISK_SPACE, self.fullest(space, "no watched file system tells its size"));
        findings.say(bit::DISK_INODES, self.fullest(inodes, "no watched file system has a fixed number of inodes"));
    }
}
