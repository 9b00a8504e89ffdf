//! Whether we got slower: two files of figures, row by row.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::report::{Row, Section, figure};

/// Percent that a figure may be worse by: what one run differs from the next on a machine with few cores.
pub const TOLERANCE: f64 = 20.0;

/// All figures of a file, by section.
type Figures = BTreeMap<String, Section>;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// Worse by so many percent, more than is tolerated.
    Worse(f64),
    /// Better by more than that.
    Better(f64),
    /// It was measured, and is not any more.
    Lost,
}

/// A figure that is told of.
#[derive(Debug, PartialEq)]
pub struct Finding {
    verdict: Verdict,
    text: String,
}

impl Finding {
    /// Whether it is bad news.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        matches!(self.verdict, Verdict::Worse(_) | Verdict::Lost)
    }

    /// In a line.
    #[must_use]
    pub fn line(&self) -> String {
        match self.verdict {
            Verdict::Worse(by) => format!("WORSE by {by:.0} %: {}", self.text),
            Verdict::Better(by) => format!("better by {by:.0} %: {}", self.text),
            Verdict::Lost => format!("NOT MEASURED any more: {}", self.text),
        }
    }
}

/// Reads a file of figures.
///
/// # Errors
/// When it is none.
pub fn read(path: &Path) -> anyhow::Result<Figures> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no file of figures of ours", path.display()))
}

/// What became of the figures, in the order of the file; those within the tolerance (percent) are left out, and those of peers.
/// Times and rates count only where both files are of one kind of machine.
#[must_use]
pub fn compare(old: &Figures, new: &Figures, tolerance: f64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, after) in new {
        let Some(before) = old.get(name) else { continue };
        let same_machine = before.machine.is_like(&after.machine);
        for was in before.rows.iter().filter(|row| !row.peer && !row.value.is_nan()) {
            let is = after.rows.iter().find(|row| row.what == was.what);
            // What is called otherwise now, or is no more, says nothing.
            let Some(is) = is.filter(|_| same_machine || !depends_on_machine(was)) else { continue };
            let Some(verdict) = judge(was, is, tolerance) else { continue };
            let text = format!("{name}: {}: {} -> {} {}", was.what, figure(was.value), figure(is.value), was.unit);
            findings.push(Finding { verdict, text });
        }
    }
    findings
}

fn judge(was: &Row, is: &Row, tolerance: f64) -> Option<Verdict> {
    if is.value.is_nan() {
        return Some(Verdict::Lost);
    }
    // A figure that was nothing has no percents; one that becomes something is worse where less is better.
    if was.value == 0.0 {
        return (is.value > 0.0 && !more_is_better(was)).then_some(Verdict::Worse(f64::INFINITY));
    }
    let grown = 100.0 * (is.value - was.value) / was.value;
    let worse = if more_is_better(was) { -grown } else { grown };
    match worse {
        worse if worse > tolerance => Some(Verdict::Worse(worse)),
        worse if worse < -tolerance => Some(Verdict::Better(-worse)),
        _ => None,
    }
}

/// Rates and ratios; of all else less is better, unless its target says so.
fn more_is_better(row: &Row) -> bool {
    match (row.beside.contains("target ≥"), row.beside.contains("target ≤")) {
        (true, _) => true,
        (_, true) => false,
        _ => row.unit.is_empty() || row.unit.ends_with("/s"),
    }
}

/// Times, rates and processor time do; ratios, bytes and counts hardly.
fn depends_on_machine(row: &Row) -> bool {
    ["s", "ms", "ns", "µs"].contains(&row.unit.as_str()) || row.unit.contains('/') || row.unit.contains("core")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    fn figures(rows: Vec<Row>, cores: usize) -> Figures {
        let machine = Machine { cores, ..Machine::default() };
        BTreeMap::from([("s".to_owned(), Section { machine, load_before: 0.0, rows })])
    }

    fn lines(old: Vec<Row>, new: Vec<Row>, cores: usize) -> Vec<String> {
        compare(&figures(old, 2), &figures(new, cores), 20.0).iter().map(Finding::line).collect()
    }

    #[test]
    fn worse_is_less_of_a_rate_and_more_of_a_time() {
        let rows = |rate, time, ratio| {
            vec![Row::new("rate", rate, "statuses/s"), Row::new("time", time, "ms"), Row::new("ratio", ratio, "")]
        };
        assert_eq!(lines(rows(100.0, 10.0, 1.0), rows(81.0, 11.9, 0.81), 2), Vec::<String>::new());
        let told = lines(rows(100.0, 10.0, 1.0), rows(70.0, 13.0, 1.5), 2);
        assert_eq!(
            told,
            [
                "WORSE by 30 %: s: rate: 100 -> 70.0 statuses/s",
                "WORSE by 30 %: s: time: 10.0 -> 13.0 ms",
                "better by 50 %: s: ratio: 1.00 -> 1.50 ",
            ]
        );
    }

    #[test]
    fn on_another_machine_only_what_does_not_depend_on_it_counts() {
        let rows =
            |time, ratio| vec![Row::new("time", time, "ns"), Row::new("ratio", ratio, "").beside("target ≥ 0.9")];
        assert_eq!(lines(rows(10.0, 1.0), rows(100.0, 0.5), 8), ["WORSE by 50 %: s: ratio: 1.00 -> 0.50 "]);
    }

    #[test]
    fn a_figure_that_is_not_measured_any_more_is_told_and_a_peer_is_not_judged() {
        let old = vec![Row::new("a", 1.0, "B"), Row::new("p", 9.0, "reports/s").of_peer()];
        let new = vec![Row::missing("a", "B", "no ss"), Row::new("p", 1.0, "reports/s").of_peer()];
        assert_eq!(lines(old, new, 2), ["NOT MEASURED any more: s: a: 1.00 -> – B"]);
    }
}
