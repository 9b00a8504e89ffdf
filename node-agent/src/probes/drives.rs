//! Drives that fail: by what the kernel's drivers show, by its log, and by the drives' own word.
//!
//! NVMe controllers show their state and their critical temperature in sysfs. SCSI and SATA disks show there only
//! whether the kernel gave them up; what they say of themselves (SMART) is asked through `smartctl`, aside.

use std::collections::BTreeSet;

use rollcall_model::{Millis, Tick};

use super::aside::Aside;
use super::kernel_log::KernelLog;
use super::{Findings, Probe, Reason, bit, chips, smart};
use crate::hardware::{Tree, drives};
use crate::programs::Program;

/// How often drives are asked: wear and reallocation take days.
const ASK_AGAIN: Millis = Millis(600_000);
/// How often the temperature alarms of NVMe drives are read: each takes a command to the drive.
const ALARMS_AGAIN: Millis = Millis(60_000);

pub(super) struct Drives {
    tree: Tree,
    log: KernelLog,
    question: Aside<smart::Drives>,
    /// What the drives said; not here while they are being asked.
    told: Option<smart::Drives>,
    /// The last word while they are being asked again.
    last: Option<Result<BTreeSet<String>, Reason>>,
    alarms: (Option<Tick>, BTreeSet<String>),
}

impl Drives {
    pub(super) fn new(tree: &Tree, log: &KernelLog) -> Self {
        Self {
            tree: tree.clone(),
            log: log.clone(),
            question: Aside::new("drives", ASK_AGAIN),
            told: Some(smart::Drives::default()),
            last: None,
            alarms: (None, BTreeSet::new()),
        }
    }

    /// What the drives say of themselves; `None` where `smartctl` is not installed.
    fn own_word(&mut self, now: Tick) -> Option<Result<BTreeSet<String>, Reason>> {
        if let Some(told) = self.question.take() {
            self.last = Some(told.failing());
            self.told = Some(told);
        }
        if self.question.is_due(now) {
            let Some(program) = Program::find(&self.tree, "smartctl") else {
                self.last = None;
                return None;
            };
            let told = self.told.take().unwrap_or_default();
            self.question.ask(now, move || told.ask(&program));
        }
        let waiting = || Err("the drives have not answered smartctl yet".into());
        Some(self.last.clone().unwrap_or_else(waiting))
    }

    /// NVMe drives beyond their critical temperature (`Documentation/hwmon/nvme.rst`).
    fn follow_alarms(&mut self, now: Tick) {
        if self.alarms.0.is_some_and(|then| now.since(then) < ALARMS_AGAIN) {
            return;
        }
        let too_hot = |chip: &String| {
            let number = |name: &str| self.tree.number::<i64>(&format!("{chip}/temp1_{name}"));
            number("alarm") == Some(1) || number("input").zip(number("crit")).is_some_and(|(now, limit)| now >= limit)
        };
        let nvme = chips::named(&self.tree, "nvme").into_iter().filter(too_hot);
        let controller = |chip: String| self.tree.link_name(&format!("{chip}/device")).unwrap_or(chip);
        self.alarms = (Some(now), nvme.map(controller).collect());
    }

    fn failing(&mut self, now: Tick) -> Result<f64, Reason> {
        self.follow_alarms(now);
        let mut failing: BTreeSet<String> = self.alarms.1.clone();
        let mut told = !failing.is_empty();
        for (number, below) in self.tree.numbered("sys/class/nvme", "nvme") {
            if let Some(state) = self.tree.line(&format!("{below}/state")) {
                told = true;
                if state == "dead" {
                    failing.insert(format!("nvme{number}"));
                }
            }
        }
        let arrays = self.tree.names("sys/block").into_iter().filter(|name| name.starts_with("md"));
        for array in arrays {
            told |= self.follow_array(&array, &mut failing);
        }
        let disks = drives(&self.tree);
        failing.extend(disks.iter().filter(|name| self.is_given_up(name)).cloned());
        failing.extend(self.log.drives(now).iter().map(|name| controller_of(name)));
        match self.own_word(now) {
            Some(Ok(own)) => Ok(failing.union(&own).count() as f64),
            _ if told || !failing.is_empty() => Ok(failing.len() as f64),
            Some(Err(why)) => Err(why),
            None if disks.is_empty() => Err("there is no drive here".into()),
            None => Err("smartctl is not installed, and no drive here tells its state in sysfs".into()),
        }
    }

    /// Members that a software array has thrown out (`Documentation/admin-guide/md.rst`).
    fn follow_array(&self, array: &str, failing: &mut BTreeSet<String>) -> bool {
        let below = format!("sys/block/{array}/md");
        let mut told = false;
        for member in self.tree.names(&below) {
            let Some(device) = member.strip_prefix("dev-") else { continue };
            let Some(state) = self.tree.line(&format!("{below}/{member}/state")) else { continue };
            told = true;
            if state.split(',').any(|word| word == "faulty") {
                failing.insert(device.to_owned());
            }
        }
        told
    }

    /// Disks that the kernel took offline, and flash whose reserve is used up (`pre_eol_info` 3 of eMMC).
    fn is_given_up(&self, name: &str) -> bool {
        let field = |field: &str| self.tree.line(&format!("sys/block/{name}/device/{field}"));
        field("state").is_some_and(|state| name.starts_with("sd") && state.contains("offline"))
            || field("pre_eol_info").is_some_and(|info| info == "0x03")
    }
}

/// NVMe drives go by their controller: `nvme0` of `nvme0n1`.
fn controller_of(drive: &str) -> String {
    let number = drive.strip_prefix("nvme").and_then(|rest| rest.split('n').next());
    number.map_or_else(|| drive.to_owned(), |number| format!("nvme{number}"))
}

impl Probe for Drives {
    fn name(&self) -> &str {
        "drives"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::DEVICE_HEALTH]
    }

    fn period(&self) -> Millis {
        Millis(10_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        findings.say(bit::DEVICE_HEALTH, self.failing(now));
    }
}
