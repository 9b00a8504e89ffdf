//! Small benchmarks of pure code become a section of the report.

use std::time::Duration;

use criterion::Criterion;
use rollcall_bench::estimates::estimates;
use rollcall_bench::machine::{Machine, load};
use rollcall_bench::report::{Section, publish};
use rollcall_bench::statuses;
use rollcall_group_controller::core::Roster;
use rollcall_model::{InstanceId, NodeId, Now};

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

/// A roster of these nodes, all healthy, and the number of the last change that the zone was told: from here on nothing changes by itself.
#[must_use]
pub fn settled_roster(now: Now, nodes: &[NodeId]) -> (Roster, u64) {
    let mut roster = Roster::default();
    for node in nodes {
        roster.place(now, *node, None, InstanceId::derived_from("bench"), statuses::EPOCH);
        roster.hear(now, &statuses::status(*node, 1, statuses::healthy()));
    }
    let mut number = 0;
    while !roster.take_changes(&mut number, statuses::NODES).is_empty() {}
    (roster, number)
}
