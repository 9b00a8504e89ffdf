//! Whether the clock is disciplined by a time source.
//!
//! The kernel tells this only through `adjtimex`, which has no safe binding; so the traces are read that time
//! services leave: systemd-timesyncd touches a file at every synchronisation, chronyd writes its drift file
//! about once an hour while it has a source.

use std::fs;
use std::time::{Duration, SystemTime};

use rollcall_model::{Millis, Tick};

use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

const TIMESYNCD_RUNS: &str = "run/systemd/timesync";
const TIMESYNCD: &str = "run/systemd/timesync/synchronized";
const CHRONYD: [&str; 3] = ["run/chrony/chronyd.pid", "run/chronyd.pid", "var/run/chrony/chronyd.pid"];
const DRIFT: [&str; 2] = ["var/lib/chrony/chrony.drift", "var/lib/chrony/drift"];

/// timesyncd asks at least every 2048 s unless told otherwise; three misses are a loss.
const TIMESYNCD_LOST: Duration = Duration::from_secs(3 * 2_048);
/// A service that never synchronised has had its chance after this.
const TIMESYNCD_TRIES: Duration = Duration::from_secs(600);
/// chronyd writes every hour.
const CHRONYD_LOST: Duration = Duration::from_secs(3 * 3_600);

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

pub(super) struct Clock {
    tree: Tree,
}

impl Clock {
    pub(super) fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone() }
    }

    /// Time since a file was last written; zero when it is dated in the future.
    fn age(&self, below: &str) -> Option<Duration> {
        let written = fs::metadata(self.tree.path(below)).and_then(|about| about.modified()).ok()?;
        Some(SystemTime::now().duration_since(written).unwrap_or_default())
    }

    fn youngest(&self, files: &[&str]) -> Option<Duration> {
        files.iter().filter_map(|below| self.age(below)).min()
    }

    fn unsynchronised(&self) -> Result<f64, Reason> {
        if let Some(running_for) = self.youngest(&CHRONYD) {
            let written = self.youngest(&DRIFT).filter(|age| *age <= running_for);
            return match written {
                Some(age) => Ok(flag(age >= CHRONYD_LOST)),
                None if running_for >= CHRONYD_LOST => Ok(1.0),
                None => Err("chronyd has not run for long enough to tell".into()),
            };
        }
        match (self.age(TIMESYNCD), self.age(TIMESYNCD_RUNS)) {
            (Some(age), _) => Ok(flag(age >= TIMESYNCD_LOST)),
            (None, Some(age)) if age >= TIMESYNCD_TRIES => Ok(1.0),
            (None, Some(_)) => Err("systemd-timesyncd has not synchronised the clock yet".into()),
            (None, None) => {
                Err("neither systemd-timesyncd nor chronyd runs here; no other time service leaves a trace".into())
            }
        }
    }
}

impl Probe for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::CLOCK_UNSYNCHRONISED]
    }

    fn period(&self) -> Millis {
        Millis(30_000)
    }

    fn measure(&mut self, _now: Tick, findings: &mut Findings) {
        findings.say(bit::CLOCK_UNSYNCHRONISED, self.unsynchronised());
    }
}
