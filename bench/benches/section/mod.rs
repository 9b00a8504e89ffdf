//! Small benchmarks of pure code become a section of the report.

use std::time::Duration;

use criterion::Criterion;
use rollcall_bench::estimates::estimates;
use rollcall_bench::machine::{Machine, load};
use rollcall_bench::report::{Section, publish};

/// Runs the parts, and writes a section of this name with all their rows. With a filter or `--test` there are fewer than `expected`,
/// and nothing is written down.
///
/// # Errors
/// The section cannot be written.
pub fn measure(name: &'static str, expected: usize, parts: &[fn(&mut Criterion)]) -> std::io::Result<()> {
    let load_before = load();
    let directory = tempfile::tempdir()?;
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .output_directory(directory.path())
        .configure_from_args();
    for part in parts {
        part(&mut criterion);
    }
    criterion.final_summary();
    let rows = estimates(directory.path());
    if rows.len() < expected { Ok(()) } else { publish(name, Section { machine: Machine::this(), load_before, rows }) }
}
