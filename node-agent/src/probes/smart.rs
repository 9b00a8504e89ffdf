//! What drives say of themselves, through `smartctl --json` (package smartmontools, since 7.0).
//!
//! Drives that sleep are not woken. Each drive is asked by itself for a bounded time; one that never answers and
//! cannot be given up, because the kernel waits for it, is not asked again until it comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;

use rollcall_model::Millis;
use serde_json::Value;

use super::Reason;
use crate::programs::{Program, Unanswered};

/// Healthy drives answer within a second; recovery of a bad sector may take some.
const DRIVE_LIMIT: Millis = Millis(15_000);
const SCAN_LIMIT: Millis = Millis(15_000);
/// More drives than this are not asked.
const MOST_DRIVES: usize = 256;

/// What a drive says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It passes its own assessment.
    Well,
    /// It says that it is failing or worn out, or does not answer at all.
    Failing,
    /// It does not tell.
    Silent(Reason),
}

/// What is known of every drive, carried from one round to the next.
#[derive(Debug, Default)]
pub(super) struct Drives {
    verdicts: BTreeMap<String, Verdict>,
    stuck: BTreeMap<String, JoinHandle<()>>,
    trouble: Option<Reason>,
}

impl Drives {
    /// The drives that say that they fail, by kernel name where they have one of their own; or why none says anything.
    pub(super) fn failing(&self) -> Result<BTreeSet<String>, Reason> {
        if self.verdicts.values().any(|verdict| !matches!(verdict, Verdict::Silent(_))) {
            let failing = self.verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Failing);
            return Ok(failing.map(|(drive, _)| kernel_name(drive)).collect());
        }
        let silent = self.verdicts.iter().find_map(|(drive, verdict)| match verdict {
            Verdict::Silent(why) => Some(Reason::from(format!("{drive}: {why}"))),
            _ => None,
        });
        Err(self.trouble.clone().or(silent).unwrap_or(Reason::Borrowed("smartctl finds no drive here")))
    }

    /// Asks every drive. Blocks: call it aside.
    pub(super) fn ask(mut self, program: &Program) -> Self {
        self.stuck.retain(|_, waiting| !waiting.is_finished());
        let devices = match scan(program) {
            Ok(devices) => devices,
            Err(why) => {
                (self.trouble, self.verdicts) = (Some(why), BTreeMap::new());
                return self;
            }
        };
        self.trouble = None;
        let mut before = std::mem::take(&mut self.verdicts);
        for (name, kind) in devices {
            // Drives behind a controller share a name and differ in their type.
            let drive = format!("{name} ({kind})");
            let verdict = if self.stuck.contains_key(&drive) {
                Verdict::Failing
            } else {
                self.ask_one(program, &name, &kind, &drive, before.remove(&drive))
            };
            self.verdicts.insert(drive, verdict);
        }
        self
    }

    fn ask_one(&mut self, program: &Program, name: &str, kind: &str, drive: &str, before: Option<Verdict>) -> Verdict {
        let kind = format!("--device={kind}");
        match program.ask(&["--json", "--health", "--attributes", "--nocheck=standby", &kind, name], DRIVE_LIMIT) {
            Ok(answer) if is_asleep(&answer.text) => before.unwrap_or(Verdict::Silent("the drive sleeps".into())),
            Ok(answer) => verdict(&answer.text),
            Err(Unanswered::Stuck(_, waiting)) => {
                self.stuck.extend(waiting.map(|waiting| (drive.to_owned(), waiting)));
                Verdict::Failing
            }
            Err(why) => Verdict::Silent(why.to_string().into()),
        }
    }
}

/// `sda` of `/dev/sda (sat)`; drives behind a controller keep the name they were asked by.
fn kernel_name(drive: &str) -> String {
    let own = drive.strip_prefix("/dev/").and_then(|name| name.split(' ').next()).filter(|name| !name.contains('/'));
    own.unwrap_or(drive).to_owned()
}

/// Names and types of the drives that `smartctl` can ask.
fn scan(program: &Program) -> Result<Vec<(String, String)>, Reason> {
    let answer = program.ask(&["--json", "--scan"], SCAN_LIMIT).map_err(|why| Reason::from(why.to_string()))?;
    let told: Value =
        serde_json::from_str(&answer.text).map_err(|_| Reason::Borrowed("smartctl does not answer in JSON"))?;
    let devices = told["devices"].as_array().into_iter().flatten().filter_map(|device| {
        let (name, kind) = (device["name"].as_str()?, device["type"].as_str()?);
        let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        (name.starts_with("/dev/") && plain(name) && plain(kind)).then(|| (name.to_owned(), kind.to_owned()))
    });
    Ok(devices.take(MOST_DRIVES).collect())
}

fn messages(told: &Value) -> impl Iterator<Item = &str> {
    told["smartctl"]["messages"].as_array().into_iter().flatten().filter_map(|message| message["string"].as_str())
}

/// A sleeping drive is left alone: there is a message and no status.
fn is_asleep(text: &str) -> bool {
    let Ok(told) = serde_json::from_str::<Value>(text) else { return false };
    told["smart_status"].is_null() && messages(&told).any(|message| message.starts_with("Device is in "))
}

/// What a drive says of itself: its own verdict, attributes beyond the limits their maker set, and what NVMe drives
/// report as used up.
pub(super) fn verdict(text: &str) -> Verdict {
    let Ok(told) = serde_json::from_str::<Value>(text) else {
        return Verdict::Silent("smartctl does not answer in JSON".into());
    };
    let nvme = &told["nvme_smart_health_information_log"];
    let attributes = told["ata_smart_attributes"]["table"].as_array().into_iter().flatten();
    let worn = nvme["percentage_used"].as_u64().is_some_and(|used| used >= 100)
        || nvme["critical_warning"].as_u64().is_some_and(|warning| warning != 0)
        || told["scsi_percentage_used_endurance_indicator"].as_u64().is_some_and(|used| used >= 100)
        || attributes.into_iter().any(|attribute| attribute["when_failed"] == "now");
    match told["smart_status"]["passed"].as_bool() {
        passed if worn || passed == Some(false) => Verdict::Failing,
        Some(_) => Verdict::Well,
        None => {
            let why = messages(&told).next().map(|message| message.chars().take(200).collect::<String>());
            Verdict::Silent(why.map_or(Reason::Borrowed("the drive does not tell its health"), Reason::from))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::Tree;
    use crate::hardware::fake::Fake;

    #[test]
    fn a_drive_is_believed_what_it_says_of_itself() {
        let silent = |why: &'static str| Verdict::Silent(why.into());
        let table = [
            (r#"{"smart_status":{"passed":true}}"#, Verdict::Well),
            (r#"{"smart_status":{"passed":false,"scsi":{"asc":93,"ascq":16}}}"#, Verdict::Failing),
            (
                r#"{"smart_status":{"passed":true},"nvme_smart_health_information_log":{"critical_warning":0,
                    "percentage_used":3,"available_spare":100,"available_spare_threshold":10}}"#,
                Verdict::Well,
            ),
            (
                r#"{"smart_status":{"passed":true},"nvme_smart_health_information_log":{"percentage_used":101}}"#,
                Verdict::Failing,
            ),
            (r#"{"nvme_smart_health_information_log":{"critical_warning":4}}"#, Verdict::Failing),
            (
                r#"{"smart_status":{"passed":true},"ata_smart_attributes":{"table":[{"id":5,"when_failed":"now"}]}}"#,
                Verdict::Failing,
            ),
            (
                r#"{"smart_status":{"passed":true},"ata_smart_attributes":{"table":[{"id":190,"when_failed":"past"}]}}"#,
                Verdict::Well,
            ),
            (
                r#"{"smartctl":{"messages":[{"string":"Smartctl open device: /dev/sda failed: Permission denied"}]}}"#,
                silent("Smartctl open device: /dev/sda failed: Permission denied"),
            ),
            ("{}", silent("the drive does not tell its health")),
            ("smartctl 6.6", silent("smartctl does not answer in JSON")),
        ];
        for (text, expected) in table {
            assert_eq!(verdict(text), expected, "{text}");
        }
    }

    #[test]
    fn every_drive_is_asked_by_itself_and_a_sleeping_one_keeps_its_verdict() {
        let machine = Fake::new().with_program(
            "smartctl",
            r#"case "$*" in
                 *--scan*) echo '{"devices":[{"name":"/dev/sda","type":"sat"},{"name":"/dev/bus/0","type":"megaraid,7"},
                                             {"name":"/etc/passwd","type":"sat"}]}';;
                 *--device=sat*/dev/sda) [ -e "${0%/*}/asleep" ] \
                    && echo '{"smartctl":{"messages":[{"string":"Device is in STANDBY mode, exit(2)"}]}}' \
                    || echo '{"smart_status":{"passed":false}}';;
                 *) echo '{"smart_status":{"passed":true}}';;
               esac"#,
        );
        let program = Program::find(&Tree::new(machine.root()), "smartctl").unwrap();
        let first = Drives::default().ask(&program);
        assert_eq!(first.failing(), Ok(BTreeSet::from(["sda".to_owned()])));
        assert_eq!(first.verdicts.len(), 2, "{first:?}");
        machine.put("usr/sbin/asleep", "");
        assert_eq!(first.ask(&program).failing(), Ok(BTreeSet::from(["sda".to_owned()])));
    }
}
