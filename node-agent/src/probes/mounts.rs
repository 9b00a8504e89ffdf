//! Space and inodes of a watched file system. Asking one whose server is gone hangs: each has a probe of its own, so
//! that one that hangs costs the others nothing.

use std::io;
use std::path::{Path, PathBuf};

use rollcall_model::{Millis, Tick};
use rustix::fs::StatVfs;

use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

/// Asks a file system.
pub(super) type Ask = fn(&Path) -> io::Result<StatVfs>;

pub(super) struct Mount {
    name: String,
    place: PathBuf,
    watched: PathBuf,
    ask: Ask,
}

impl Mount {
    pub(super) fn new(tree: &Tree, watched: &Path) -> Self {
        Self::asked_by(tree, watched, |place| Ok(rustix::fs::statvfs(place)?))
    }

    /// The same, asked in another way.
    pub(super) fn asked_by(tree: &Tree, watched: &Path, ask: Ask) -> Self {
        let name = format!("file system at {}", watched.display());
        Self { name, place: tree.path(watched), watched: watched.to_owned(), ask }
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
    (whole > 0 && part <= whole).then(|| 100.0 * part as f64 / whole as f64)
}

impl Probe for Mount {
    fn name(&self) -> &str {
        &self.name
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::DISK_SPACE, bit::DISK_INODES]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, _now: Tick, findings: &mut Findings) {
        let told = (self.ask)(&self.place)
            .map_err(|error| Reason::from(format!("{} cannot be asked: {error}", self.watched.display())));
        let why = |what: &str| Reason::from(format!("the file system at {} {what}", self.watched.display()));
        let full = told
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|told| space(told).ok_or_else(|| why("does not tell its size")));
        findings.say(bit::DISK_SPACE, full);
        let inodes = told.and_then(|told| inodes(&told).ok_or_else(|| why("has no fixed number of inodes")));
        findings.say(bit::DISK_INODES, inodes);
    }
}
