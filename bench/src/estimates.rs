//! Criterion's own estimates as rows of a report.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::report::Row;

/// Criterion's medians of what it left in a directory, in nanoseconds, by name.
#[must_use]
pub fn estimates(directory: &Path) -> Vec<Row> {
    let read = |path: &Path| -> Option<Value> { serde_json::from_slice(&fs::read(path).ok()?).ok() };
    let row = |directory: &Path| {
        let (about, found) =
            (read(&directory.join("new/benchmark.json"))?, read(&directory.join("new/estimates.json"))?);
        let [middle, deviation] = ["median", "median_abs_dev"].map(|what| found[what]["point_estimate"].as_f64());
        let row = Row::new(about["full_id"].as_str()?, middle?, "ns").note(format!("± {:.1}", deviation?));
        Some(row)
    };
    let mut rows: Vec<Row> =
        fs::read_dir(directory).into_iter().flatten().filter_map(|entry| row(&entry.ok()?.path())).collect();
    rows.sort_by(|a, b| a.what.cmp(&b.what));
    rows
}
