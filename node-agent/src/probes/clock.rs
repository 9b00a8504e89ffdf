//! Whether the clock is disciplined by a time source.
//!
//! The kernel tells this only through `adjtimex`, which has no safe binding; so those are asked that have it: the
//! `adjtimex` program, `chronyc` where chronyd runs, `timedatectl` where systemd does. They are asked aside, every few
//! minutes: the kernel itself takes hours to lose its trust in a clock. Where none of them is there, or none answers,
//! the traces are read that time services leave: systemd-timesyncd touches a file at every synchronisation, chronyd
//! writes its drift file about once an hour while it has a source.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rollcall_model::{Millis, Tick};

use super::aside::Aside;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;
use crate::programs::Program;

const TIMESYNCD_RUNS: &str = "run/systemd/timesync";
const TIMESYNCD: &str = "run/systemd/timesync/synchronized";
const CHRONYD: [&str; 3] = ["run/chrony/chronyd.pid", "run/chronyd.pid", "var/run/chrony/chronyd.pid"];
const DRIFT: [&str; 2] = ["var/lib/chrony/chrony.drift", "var/lib/chrony/drift"];
/// Where `timedatectl` finds whom it asks.
const SYSTEM_BUS: &str = "run/dbus/system_bus_socket";

/// timesyncd asks at least every 2048 s unless told otherwise; three misses are a loss.
const TIMESYNCD_LOST: Duration = Duration::from_secs(3 * 2_048);
/// A service that never synchronised has had its chance after this.
const TIMESYNCD_TRIES: Duration = Duration::from_secs(600);
/// chronyd writes every hour.
const CHRONYD_LOST: Duration = Duration::from_secs(3 * 3_600);

const ASK_AGAIN: Millis = Millis(300_000);
const LIMIT: Millis = Millis(5_000);
/// Bit of the kernel's clock status (adjtimex(2), `STA_UNSYNC`): not synchronised.
const UNSYNCHRONISED: u32 = 0x40;

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

/// Who said whether the clock is synchronised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// chronyd, of itself.
    Chronyd(bool),
    /// The kernel.
    Kernel(bool),
}

pub(super) struct Clock {
    tree: Tree,
    question: Aside<Option<Word>>,
    word: Option<Word>,
}

impl Clock {
    pub(super) fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone(), question: Aside::new("clock", ASK_AGAIN), word: None }
    }

    /// Time since a file was last written; zero when it is dated in the future.
    fn age(&self, below: &str) -> Option<Duration> {
        let written = fs::metadata(self.tree.path(below)).and_then(|about| about.modified()).ok()?;
        Some(SystemTime::now().duration_since(written).unwrap_or_default())
    }

    fn youngest(&self, files: &[&str]) -> Option<Duration> {
        files.iter().filter_map(|below| self.age(below)).min()
    }

    fn follow_word(&mut self, now: Tick) {
        if let Some(word) = self.question.take() {
            self.word = word;
        }
        if !self.question.is_due(now) {
            return;
        }
        let chronyd = CHRONYD.iter().any(|pid| self.tree.exists(pid));
        let bus = self.tree.exists(SYSTEM_BUS);
        let find = |name, is_wanted: bool| Program::find(&self.tree, name).filter(|_| is_wanted);
        let (chronyc, adjtimex, timedatectl) =
            (find("chronyc", chronyd), find("adjtimex", true), find("timedatectl", bus));
        if chronyc.is_none() && adjtimex.is_none() && timedatectl.is_none() {
            self.word = None;
            return;
        }
        self.question.ask(now, move || {
            let ask = |program: Option<Program>, arguments: &[&str]| {
                program?.ask(arguments, LIMIT).ok().map(|answer| answer.text)
            };
            let chronyd = ask(chronyc, &["-n", "-c", "tracking"]).and_then(|text| tracking(&text, SystemTime::now()));
            let chronyd = chronyd.map(Word::Chronyd);
            let kernel = || ask(adjtimex, &["--print"]).and_then(|text| status(&text)).map(Word::Kernel);
            let systemd = || {
                let text = ask(timedatectl, &["show", "--property=NTPSynchronized", "--value"])?;
                yes_or_no(&text).map(Word::Kernel)
            };
            chronyd.or_else(kernel).or_else(systemd)
        });
    }

    fn unsynchronised(&self) -> Result<f64, Reason> {
        match self.word {
            Some(Word::Chronyd(synchronised)) => Ok(flag(!synchronised)),
            Some(Word::Kernel(false)) => Ok(1.0),
            // The kernel trusts a clock for hours after its last correction; timesyncd knows better.
            Some(Word::Kernel(true)) => Ok(flag(self.age(TIMESYNCD).is_some_and(|age| age >= TIMESYNCD_LOST))),
            None => self.traces(),
        }
    }

    fn traces(&self) -> Result<f64, Reason> {
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
            (None, None) if self.question.is_open() => Err("the time service has not answered yet".into()),
            (None, None) => {
                Err("neither systemd-timesyncd nor chronyd runs here, and neither adjtimex nor timedatectl \
                                 tells what the kernel thinks of its clock"
                    .into())
            }
        }
    }
}

/// Whether chronyd follows a source: of the 14 fields of `chronyc -c tracking` the fourth is when it last heard one, in
/// seconds since 1970, and the last is the leap status, which stays as it was when all sources are lost.
fn tracking(text: &str, now: SystemTime) -> Option<bool> {
    let fields: Vec<&str> = text.lines().next()?.split(',').collect();
    let leap = fields.get(13)?.trim();
    let known = ["Normal", "Insert second", "Delete second", "Not synchronised"].contains(&leap);
    let heard: f64 = fields.get(3)?.trim().parse().ok().filter(|seconds| known && *seconds >= 0.0)?;
    let lost = now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64() - heard >= CHRONYD_LOST.as_secs_f64();
    Some(leap != "Not synchronised" && !lost)
}

/// Whether the kernel's status, a line such as `status: 8193`, says synchronised.
fn status(text: &str) -> Option<bool> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("status:"))?;
    let status: u32 = value.split_whitespace().next()?.parse().ok()?;
    Some(status & UNSYNCHRONISED == 0)
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

impl Probe for Clock {
    fn name(&self) -> &str {
        "clock"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::CLOCK_UNSYNCHRONISED]
    }

    fn period(&self) -> Millis {
        Millis(30_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        self.follow_word(now);
        findings.say(bit::CLOCK_UNSYNCHRONISED, self.unsynchronised());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_time_services_are_understood() {
        let heard = UNIX_EPOCH + Duration::from_secs(1_732_189_920);
        let tracked = "C0248F97,192.36.143.151,2,1732189920.1,-0.00001,0.00002,0.0001,1.2,0.0,0.1,0.01,0.001,64.4,";
        let told = |leap: &str, hours: u64| {
            tracking(&format!("{tracked}{leap}\n"), heard + Duration::from_secs(hours * 3_600))
        };
        assert_eq!((told("Normal", 1), told("Not synchronised", 1)), (Some(true), Some(false)));
        assert_eq!(told("Normal", 4), Some(false), "all sources are lost");
        assert_eq!(told("Rubbish", 1), None);
        assert_eq!(tracking("506 Cannot talk to daemon\n", heard), None);
        assert_eq!(status("         mode: 0\n       offset: 0\n       status: 8193\n return value = 0\n"), Some(true));
        assert_eq!(status("    status:       64 (UNSYNC)\n"), Some(false));
        assert_eq!(status("status: perhaps\n"), None);
        assert_eq!((yes_or_no("yes\n"), yes_or_no("no\n"), yes_or_no("")), (Some(true), Some(false), None));
    }
}
