//! The kernel's log since the agent started (`/dev/kmsg`, `Documentation/ABI/testing/dev-kmsg`).
//!
//! Only records of the kernel itself count: it marks those that programs write. What it complains about is kept for an
//! hour. Shared by the probes that each take their part of it; reading never blocks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_model::{Millis, Tick};
use rustix::fs::{Mode, OFlags};

use super::complaint::{Complaint, Fault, complaint};
use super::{Reason, window::Window};
use crate::hardware::Tree;

const LOG: &str = "dev/kmsg";
/// How long a complaint counts.
pub(super) const HOUR: Millis = Millis(3_600_000);
/// One fault makes many lines: the same kind within this is the same fault.
const SAME: Millis = Millis(10_000);
/// Records taken at one look; a flood is taken bit by bit, and its end is lost in the kernel's own buffer.
const RECORDS: usize = 2_000;
/// The kernel refuses to read a record into a smaller buffer.
const RECORD: usize = 8 * 1024;
/// Devices remembered; more cannot complain at once.
const DEVICES: usize = 256;

/// The log, shared.
#[derive(Clone)]
pub(super) struct KernelLog(Arc<Mutex<Log>>);

struct Log {
    tree: Tree,
    file: Option<File>,
    buffer: Vec<u8>,
    faults: BTreeMap<Fault, (Option<Tick>, Window)>,
    drives: BTreeMap<String, Tick>,
    file_systems: BTreeMap<String, Tick>,
}

impl KernelLog {
    pub(super) fn new(tree: &Tree) -> Self {
        Self(Arc::new(Mutex::new(Log {
            tree: tree.clone(),
            file: None,
            buffer: Vec::new(),
            faults: BTreeMap::new(),
            drives: BTreeMap::new(),
            file_systems: BTreeMap::new(),
        })))
    }

    /// The log with everything new taken in; nothing in it is half done when a thread that held it is gone.
    fn followed(&self, now: Tick) -> (MutexGuard<'_, Log>, Result<(), Reason>) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = log.follow(now).map_err(|error| {
            log.file = None;
            match error.kind() {
                io::ErrorKind::PermissionDenied => "the kernel's log may be read by root only".into(),
                _ => format!("the kernel's log /{LOG} cannot be read: {error}").into(),
            }
        });
        (log, read)
    }

    /// Faults of the last hour by kind; or why the log cannot be read.
    pub(super) fn faults(&self, now: Tick) -> Result<BTreeMap<Fault, f64>, Reason> {
        let (mut log, read) = self.followed(now);
        read.map(|()| log.faults.iter_mut().map(|(fault, (_, window))| (*fault, window.add(now, 0))).collect())
    }

    /// Drives that failed to read or write within the last hour.
    pub(super) fn drives(&self, now: Tick) -> Vec<String> {
        recent(&mut self.followed(now).0.drives, now)
    }

    /// File systems with errors within the last hour, by block device.
    pub(super) fn file_systems(&self, now: Tick) -> Vec<String> {
        recent(&mut self.followed(now).0.file_systems, now)
    }
}

fn recent(devices: &mut BTreeMap<String, Tick>, now: Tick) -> Vec<String> {
    devices.retain(|_, then| now.since(*then) < HOUR);
    devices.keys().cloned().collect()
}

impl Log {
    fn follow(&mut self, now: Tick) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(open(&self.tree)?);
            self.buffer.resize(RECORD, 0);
        }
        for _ in 0..RECORDS {
            let Some(file) = &mut self.file else { return Ok(()) };
            let length = match file.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(()),
                    // Overwritten before it was read: the next one follows.
                    io::ErrorKind::BrokenPipe | io::ErrorKind::Interrupted => continue,
                    _ => return Err(error),
                },
            };
            let text = String::from_utf8_lossy(&self.buffer[..length]).into_owned();
            text.lines().filter_map(of_the_kernel).filter_map(complaint).for_each(|found| self.take(now, found));
        }
        Ok(())
    }

    fn take(&mut self, now: Tick, found: Complaint) {
        let remember = |devices: &mut BTreeMap<String, Tick>, device: String| {
            if devices.len() < DEVICES || devices.contains_key(&device) {
                devices.insert(device, now);
            }
        };
        match found {
            Complaint::Fault(fault) => {
                let (last, window) = self.faults.entry(fault).or_insert_with(|| (None, Window::new(HOUR)));
                if last.replace(now).is_none_or(|then| now.since(then) >= SAME) {
                    window.add(now, 1);
                }
            }
            Complaint::Drive(device) => {
                let drive = drive_of(&self.tree, &device);
                // A stick or a disc that was pulled out is no failing drive.
                if self.tree.number::<u8>(&format!("sys/block/{drive}/removable")) != Some(1) {
                    remember(&mut self.drives, drive);
                }
            }
            Complaint::FileSystem(device) => remember(&mut self.file_systems, device),
        }
    }
}

/// Opens the log at its end: what was before the agent is for the flags that the kernel keeps.
fn open(tree: &Tree) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(tree.path(LOG), flags, Mode::empty())?);
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// The message of a record `<priority>,<number>,<µs>,<flags>;<message>` if the kernel wrote it: facility 0. Lines that
/// begin with a space are its properties.
fn of_the_kernel(line: &str) -> Option<&str> {
    let (head, message) = line.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    (priority >> 3 == 0).then_some(message)
}

/// The drive a partition lies on; the name itself where sysfs does not know it any more.
fn drive_of(tree: &Tree, device: &str) -> String {
    let path = tree.resolved(&format!("sys/class/block/{device}"));
    let above = path.as_deref().and_then(|path| path.rsplit('/').nth(1)).map(str::to_owned);
    let whole = above.filter(|above| device.starts_with(above.as_str()) && tree.exists(&format!("sys/block/{above}")));
    whole.unwrap_or_else(|| device.to_owned())
}
