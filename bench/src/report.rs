//! The figures: kept as JSON for programs and as a table for people, section by section.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Deserializer, Serialize};

use crate::machine::Machine;

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure, in `unit`; not a number where it could not be measured, which the note then explains.
    #[serde(deserialize_with = "number_or_none")]
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// The peer's figure or the target, as text; empty if there is none.
    pub beside: String,
    /// How it was obtained or what else is worth knowing, short.
    pub note: String,
    /// Of a peer: it is no judgement on us if it changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub peer: bool,
}

impl Row {
    /// A figure with nothing beside it.
    #[must_use]
    pub fn new(what: impl Into<String>, value: f64, unit: &str) -> Self {
        Self { what: what.into(), value, unit: unit.into(), beside: String::new(), note: String::new(), peer: false }
    }

    /// A figure that could not be measured, and why.
    #[must_use]
    pub fn missing(what: impl Into<String>, unit: &str, why: impl fmt::Display) -> Self {
        Self::new(what, f64::NAN, unit).note(format_args!("NOT MEASURED: {why}"))
    }

    /// A figure, or why there is none.
    #[must_use]
    pub fn of(what: impl Into<String>, value: anyhow::Result<f64>, unit: &str) -> Self {
        match value {
            Ok(value) => Self::new(what, value, unit),
            Err(why) => Self::missing(what, unit, format_args!("{why:#}")),
        }
    }

    /// With the peer's figure or the target.
    #[must_use]
    pub fn beside(mut self, beside: impl fmt::Display) -> Self {
        self.beside = beside.to_string();
        self
    }

    /// As a peer's.
    #[must_use]
    pub const fn of_peer(mut self) -> Self {
        self.peer = true;
        self
    }

    /// With a remark.
    #[must_use]
    pub fn note(mut self, note: impl fmt::Display) -> Self {
        self.note = note.to_string();
        self
    }
}

/// JSON has no "not a number": what is none is written as null.
fn number_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// All figures of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// What they were measured on.
    pub machine: Machine,
    /// Load of the machine before it began: above 0.5 the figures are to be taken with care.
    pub load_before: f64,
    /// The figures.
    pub rows: Vec<Row>,
}

/// Writes a section in place of the former one of that name, then prints it.
///
/// # Errors
/// When the files cannot be written.
pub fn publish(name: &str, section: Section) -> io::Result<()> {
    publish_in(&results(), name, section)
}

fn publish_in(directory: &Path, name: &str, section: Section) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let json = directory.join("latest.json");
    // A file that is missing or of another form is begun anew.
    let mut all: BTreeMap<String, Section> =
        fs::read(&json).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let mut out = io::stdout().lock();
    writeln!(out, "\n{}", markdown(name, &section))?;
    all.insert(name.to_owned(), section);
    let text = serde_json::to_string_pretty(&all).map_err(io::Error::other)?;
    fs::write(json, text + "\n")?;
    let pages: Vec<String> = all.iter().map(|(name, section)| markdown(name, section)).collect();
    let head = "# The latest figures\n\nWritten by `make bench`; `docs/performance.md` says what they mean.\n";
    fs::write(directory.join("latest.md"), format!("{head}\n{}", pages.join("\n")))?;
    writeln!(out, "written to {}", directory.display())
}

fn markdown(name: &str, section: &Section) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["measured", "figure", "unit", "beside", "note"]);
    for row in &section.rows {
        table.add_row([&row.what, &figure(row.value), &row.unit, &row.beside, &row.note]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let load = section.load_before;
    format!("## {name}\n\n{}; load before: {load:.2}.\n\n{}\n", section.machine.line(), table.trim_fmt())
}

/// Three digits that matter, and whole thousands in full.
#[must_use]
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size.is_nan() => "–".into(),
        size if size >= 1_000.0 => {
            let digits = format!("{value:.0}");
            let first = digits.len() % 3;
            let groups = digits.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
            let head = (first > 0).then(|| digits[..first].into());
            head.into_iter().chain(groups).collect::<Vec<_>>().join(" ")
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// The middle of some values; NaN of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// Says what goes on, on stderr, at once.
pub fn say(what: impl fmt::Display) {
    // Nobody reads it: then nobody misses it.
    let _ = writeln!(io::stderr(), "{what}");
}

fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
        assert!(median(&[]).is_nan());
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn figures_are_short_and_large_ones_grouped() {
        for (value, text) in [
            (1_234_567.0, "1 234 567"),
            (123_456.0, "123 456"),
            (999.4, "999"),
            (12.34, "12.3"),
            (0.5, "0.50"),
            (0.0123, "0.0123"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn a_section_takes_the_place_of_its_former_self_and_leaves_the_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let section = |value| Section {
            machine: Machine::default(),
            load_before: 0.0,
            rows: vec![Row::new("one", value, "ns").beside("two").note("three")],
        };
        for (name, value) in [("a", 1.0), ("c", f64::NAN), ("b", 2.0), ("a", 3.0)] {
            publish_in(directory.path(), name, section(value)).expect("written");
        }
        let bytes = fs::read(directory.path().join("latest.json")).expect("the file");
        let mut all: BTreeMap<String, Section> = serde_json::from_slice(&bytes).expect("sections");
        assert!(all.remove("c").expect("kept").rows[0].value.is_nan(), "what is not measured is kept as such");
        assert_eq!(
            all.into_iter().map(|(name, section)| (name, section.rows[0].value)).collect::<Vec<_>>(),
            [("a".to_owned(), 3.0), ("b".to_owned(), 2.0)]
        );
        let page = fs::read_to_string(directory.path().join("latest.md")).expect("the page");
        assert!(page.contains("| one      |   3.00 | ns   | two    | three |"), "{page}");
    }
}
