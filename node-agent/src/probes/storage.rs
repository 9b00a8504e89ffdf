//! Drives that failed, and file systems that were forced read-only or keep a record of errors.

use std::collections::BTreeMap;

use rollcall_model::{Millis, Tick};

use super::kept::Kept;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

/// Machines that run containers have thousands of mounts.
const MOUNTINFO_LIMIT: usize = 1024 * 1024;

pub(super) struct Storage {
    tree: Tree,
    mountinfo: Kept,
    /// Whether a file system was ever seen writable, by its device number.
    writable_once: BTreeMap<String, bool>,
}

impl Storage {
    pub(super) fn new(tree: &Tree) -> Self {
        Self {
            tree: tree.clone(),
            mountinfo: Kept::with_limit(tree, "proc/self/mountinfo", MOUNTINFO_LIMIT),
            writable_once: BTreeMap::new(),
        }
    }

    /// What the kernel itself says of drives: NVMe controllers it gave up, SCSI and SATA disks it took offline,
    /// members an array has thrown out. A drive's own log (SMART) takes an ioctl and is not read.
    fn failing_devices(&self) -> Result<f64, Reason> {
        let (mut watched, mut failing) = (0_u32, 0_u32);
        let mut judge = |state: Option<String>, is_bad: fn(&str) -> bool| {
            if let Some(state) = state {
                watched += 1;
                failing += u32::from(is_bad(&state));
            }
        };
        for (_, below) in self.tree.numbered("sys/class/nvme", "nvme") {
            judge(self.tree.line(&format!("{below}/state")), |state| state == "dead");
        }
        for name in self.tree.names("sys/block") {
            let below = format!("sys/block/{name}");
            if name.starts_with("sd") {
                judge(self.tree.line(&format!("{below}/device/state")), |state| state.contains("offline"));
            } else if name.starts_with("md") {
                let members = self.tree.names(&format!("{below}/md"));
                for member in members.iter().filter(|member| member.starts_with("dev-")) {
                    let state = self.tree.line(&format!("{below}/md/{member}/state"));
                    judge(state, |state| state.split(',').any(|word| word == "faulty"));
                }
            }
        }
        if watched == 0 { Err("no drive here tells its state".into()) } else { Ok(f64::from(failing)) }
    }

    fn unwell_file_systems(&mut self) -> Result<f64, Reason> {
        let forced = {
            let text = self.mountinfo.read()?;
            let mut seen: BTreeMap<String, bool> = BTreeMap::new();
            for (device, read_only) in text.lines().filter_map(on_a_drive) {
                let once = self.writable_once.get(device).copied().unwrap_or(false) || !read_only;
                seen.insert(device.to_owned(), once);
            }
            let forced = text.lines().filter_map(on_a_drive).filter(|(device, read_only)| *read_only && seen[*device]);
            let mut devices: Vec<String> = forced.map(|(device, _)| device.to_owned()).collect();
            devices.sort_unstable();
            devices.dedup();
            self.writable_once = seen;
            devices.len()
        };
        let below = "sys/fs/ext4";
        let counts = self.tree.names(below).into_iter();
        let recorded = counts
            .filter_map(|name| self.tree.number::<u64>(&format!("{below}/{name}/errors_count")))
            .filter(|count| *count > 0)
            .count();
        Ok((forced + recorded) as f64)
    }
}

/// Device number and read-only flag of a file system on a drive, from a line of mountinfo (proc(5)). The flag is the
/// super block's: a single mount may be read-only on purpose.
fn on_a_drive(line: &str) -> Option<(&str, bool)> {
    let (mount, file_system) = line.split_once(" - ")?;
    let device = mount.split(' ').nth(2)?;
    let mut fields = file_system.split(' ');
    let (_kind, source, options) = (fields.next()?, fields.next()?, fields.next()?);
    source.starts_with("/dev/").then(|| (device, options.split(',').any(|option| option == "ro")))
}

impl Probe for Storage {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::DEVICE_HEALTH, bit::FILESYSTEM_READONLY]
    }

    fn period(&self) -> Millis {
        Millis(10_000)
    }

    fn measure(&mut self, _now: Tick, findings: &mut Findings) {
        findings.say(bit::DEVICE_HEALTH, self.failing_devices());
        findings.say(bit::FILESYSTEM_READONLY, self.unwell_file_systems());
    }
}
