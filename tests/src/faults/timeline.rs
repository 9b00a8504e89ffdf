//! What happened when, for people: as text, and as one SVG that needs nothing else. What is drawn is decided here, purely, and
//! only [`write()`] touches the disk.

mod svg;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::checker::Finding;
use super::schedule::{Fault, Schedule, Target};
use super::truth::{Store, Truth};

/// Everything that is drawn. Times are milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// What it says above.
    pub title: String,
    /// When everything was healed.
    pub healed: i64,
    /// When the last thing happened.
    pub ends: i64,
    /// A row for everybody.
    pub rows: Vec<Row>,
    /// What was not as promised.
    pub findings: Vec<String>,
}

/// One who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What was done to it.
    pub bars: Vec<Bar>,
    /// What was said of it.
    pub marks: Vec<Mark>,
}

/// Something that lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// From when.
    pub from: i64,
    /// Until when.
    pub to: i64,
    /// `cable`, `kill`, `pause`, `alarm` or `clock`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: i64,
    /// The state, or `alarm` for an alarm of a group.
    pub kind: String,
    /// In words.
    pub text: String,
}

const fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Cable(_) => "cable",
        Fault::Kill => "kill",
        Fault::Pause => "pause",
        Fault::Alarm(_) => "alarm",
        Fault::Clock(_) => "clock",
        Fault::Disk => "disk",
    }
}

impl Timeline {
    /// What is to be drawn of a run.
    #[must_use]
    pub fn new(schedule: &Schedule, truth: &Truth, store: &Store, findings: &[Finding]) -> Self {
        let since = |at: i64| at.saturating_sub(truth.began).max(0);
        let mut rows: BTreeMap<Target, Row> = everybody(schedule)
            .map(|target| (target, Row { name: target.to_string(), bars: vec![], marks: vec![] }))
            .collect();
        for done in &truth.done {
            let bar = Bar {
                from: since(done.from),
                to: since(done.to),
                kind: kind(&done.fault),
                text: done.fault.to_string(),
            };
            if let Some(row) = rows.get_mut(&done.on) {
                row.bars.push(bar);
            }
        }
        let mut rows: Vec<Row> = rows.into_values().collect();
        let mut mark = |name: &str, at: i64, kind: &str, text: String| {
            if at >= truth.began
                && let Some(row) = rows.iter_mut().find(|row| row.name == name)
            {
                row.marks.push(Mark { at: since(at), kind: kind.to_owned(), text });
            }
        };
        let store = store.in_true_time(truth);
        for change in &store.changes {
            mark(&change.node, change.at, &change.state, format!("{}: {}", change.state, change.cause));
        }
        for alert in store.alerts.iter().filter(|alert| alert.node.is_none()) {
            mark(&alert.group, alert.at, "alarm", format!("alarm: {}", alert.kind));
        }
        let ends = rows
            .iter()
            .flat_map(|row| row.bars.iter().map(|bar| bar.to).chain(row.marks.iter().map(|mark| mark.at)).max());
        let healed = since(truth.healed);
        Self {
            title: format!("seed {}, {} s", schedule.seed, schedule.span.as_secs()),
            healed,
            ends: ends.max().unwrap_or(0).max(healed) + 1_000,
            rows,
            findings: findings.iter().map(ToString::to_string).collect(),
        }
    }

    /// As text: everything in the order of its time.
    #[must_use]
    pub fn text(&self) -> String {
        text::of(self)
    }

    /// As a picture.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::of(self)
    }
}

fn everybody(schedule: &Schedule) -> impl Iterator<Item = Target> {
    let size = schedule.size;
    [Target::Zone, Target::Checkin, Target::Broker, Target::Database]
        .into_iter()
        .chain((0..size.racks).map(Target::Rack))
        .chain((0..size.racks * size.agents).map(Target::Agent))
}

/// Writes `schedule.txt`, `timeline.txt` and `timeline.svg` into a directory, which is made if missing.
///
/// # Errors
/// When the disk takes them not.
pub fn write(
    directory: &Path,
    schedule: &Schedule,
    truth: &Truth,
    store: &Store,
    findings: &[Finding],
) -> io::Result<()> {
    let timeline = Timeline::new(schedule, truth, store, findings);
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("schedule.txt"), schedule.to_string())?;
    std::fs::write(directory.join("timeline.txt"), timeline.text())?;
    std::fs::write(directory.join("timeline.svg"), timeline.svg())
}
