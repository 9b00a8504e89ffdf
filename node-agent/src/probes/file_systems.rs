//! File systems that were forced read-only, keep a record of errors, or complained in the kernel's log.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{Millis, Tick};

use super::kept::Kept;
use super::kernel_log::KernelLog;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

/// Machines that run containers have thousands of mounts.
const MOUNTINFO_LIMIT: usize = 1024 * 1024;
const EXT4: &str = "sys/fs/ext4";
const BTRFS: &str = "sys/fs/btrfs";

pub(super) struct FileSystems {
    tree: Tree,
    log: KernelLog,
    mountinfo: Kept,
    /// Whether a file system was ever seen writable, by its device number.
    writable_once: BTreeMap<String, bool>,
}

impl FileSystems {
    pub(super) fn new(tree: &Tree, log: &KernelLog) -> Self {
        Self {
            tree: tree.clone(),
            log: log.clone(),
            mountinfo: Kept::with_limit(tree, "proc/self/mountinfo", MOUNTINFO_LIMIT),
            writable_once: BTreeMap::new(),
        }
    }

    /// Each counts once, by the name of its block device.
    fn unwell(&mut self, now: Tick) -> Result<f64, Reason> {
        let mut unwell = self.forced()?;
        unwell.extend(self.recorded());
        unwell.extend(self.log.file_systems(now));
        Ok(unwell.len() as f64)
    }

    /// Those that are read-only now and were writable before. One that was mounted read-only is so on purpose.
    fn forced(&mut self) -> Result<BTreeSet<String>, Reason> {
        let mut forced = BTreeSet::new();
        let mut seen: BTreeMap<String, bool> = BTreeMap::new();
        let text = self.mountinfo.read()?;
        for Mounted { number, source, read_only } in text.lines().filter_map(on_a_drive) {
            let once = self.writable_once.get(number).copied().unwrap_or(false) || !read_only;
            seen.insert(number.to_owned(), once);
            if read_only && once {
                let name = self.tree.link_name(&format!("sys/dev/block/{number}"));
                forced.insert(name.unwrap_or_else(|| source.rsplit('/').next().unwrap_or(source).to_owned()));
            }
        }
        self.writable_once = seen;
        Ok(forced)
    }

    /// Those that keep a record of errors, across mounts and until it is cleared by a check: ext4 by its superblock
    /// (`Documentation/ABI/testing/sysfs-fs-ext4`), btrfs for each of its devices.
    fn recorded(&self) -> Vec<String> {
        let counts = |name: &String| self.tree.number::<u64>(&format!("{EXT4}/{name}/errors_count")).unwrap_or(0) > 0;
        let mut unwell: Vec<String> = self.tree.names(EXT4).into_iter().filter(counts).collect();
        for volume in self.tree.names(BTRFS) {
            let below = format!("{BTRFS}/{volume}/devinfo");
            let mut members = self.tree.names(&below).into_iter();
            if members.any(|member| self.has_errors(&format!("{below}/{member}/error_stats"))) {
                unwell.push(volume);
            }
        }
        unwell
    }

    /// Lines such as `write_errs 0`.
    fn has_errors(&self, below: &str) -> bool {
        let text = self.tree.text(below).unwrap_or_default();
        let mut counts = text.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        counts.any(|count| count > 0)
    }
}

struct Mounted<'a> {
    number: &'a str,
    source: &'a str,
    read_only: bool,
}

/// A file system on a drive, from a line of mountinfo (proc(5)). The read-only flag is the super block's: a single
/// mount may be read-only on purpose.
fn on_a_drive(line: &str) -> Option<Mounted<'_>> {
    let (mount, file_system) = line.split_once(" - ")?;
    let number = mount.split(' ').nth(2)?;
    let mut fields = file_system.split(' ');
    let (_kind, source, options) = (fields.next()?, fields.next()?, fields.next()?);
    let is_number = number.split_once(':').is_some_and(|(major, minor)| {
        [major, minor].iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    });
    let read_only = options.split(',').any(|option| option == "ro");
    (is_number && source.starts_with("/dev/")).then_some(Mounted { number, source, read_only })
}

impl Probe for FileSystems {
    fn name(&self) -> &str {
        "file systems"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::FILESYSTEM_READONLY]
    }

    fn period(&self) -> Millis {
        Millis(5_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        findings.say(bit::FILESYSTEM_READONLY, self.unwell(now));
    }
}
