//! `rollcall plan`: what a fleet will need, reckoned from measured figures.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rollcall_simulator::Figures;
use rollcall_simulator::plan::{Wish, plan};
use rollcall_startup::Failure;

use crate::arguments::span::span;
use crate::ask::output;
use crate::settings::{Format, Settings};

/// Arguments of `rollcall plan`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  rollcall plan --nodes 20000 --period 5s
  rollcall sim --nodes 500 --json > mine.json; rollcall plan --nodes 20000 --figures mine.json
Several reports of different sizes make a line: --figures 100.json --figures 1000.json")]
pub struct Arguments {
    /// How many nodes
    #[arg(long)]
    pub nodes: u32,
    /// Pace of their keep-alives, e.g. 1s, 5s
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = span)]
    pub period: Duration,
    /// Pace of their readings
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = span)]
    pub readings: Duration,
    /// How many nodes stand in a rack: each rack has a group controller
    #[arg(long, default_value_t = 40, value_name = "NODES")]
    pub nodes_per_rack: u32,
    /// Cores of a broker's machine
    #[arg(long, default_value_t = 8, value_name = "CORES")]
    pub broker_cores: u32,
    /// Memory of a broker's machine, MiB
    #[arg(long, default_value_t = 32_768, value_name = "MIB")]
    pub broker_memory: u32,
    /// A report of `rollcall sim --json`, whose figures take the place of those that come along; may be given again
    #[arg(long, value_name = "FILE")]
    pub figures: Vec<PathBuf>,
}

/// Plans, and prints the plan.
///
/// # Errors
/// Exit code 2 where the wish or a file of figures cannot be used.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let wish = Wish {
        nodes: arguments.nodes,
        period_ms: millis(arguments.period),
        metrics_ms: millis(arguments.readings),
        nodes_per_rack: arguments.nodes_per_rack,
        broker_cores: arguments.broker_cores,
        broker_memory_mib: arguments.broker_memory,
    };
    let figures = figures(&arguments.figures)?;
    let plan = plan(&figures, wish).map_err(Failure::usage)?;
    let text = match settings.format {
        Format::Json => serde_json::to_string_pretty(&plan).map_err(Failure::other)? + "\n",
        Format::Table | Format::Wide => plan.text(),
        other => return Err(no_format(other)),
    };
    output::print(&text).map(drop)
}

/// What neither `plan` nor `sim` can be written as.
pub(crate) fn no_format(format: Format) -> Failure {
    let format = format.as_str();
    Failure::usage(format!("this cannot be written as {format}: it is no list of rows")).hint("take -o json")
}

/// Those that come along, and over them those of the files.
fn figures(files: &[PathBuf]) -> Result<Figures, Failure> {
    let mut given = Figures::default();
    for path in files {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read the figures in {shown}: {error}")))?;
        given.add(Figures::read(&shown, &text).map_err(Failure::usage)?);
    }
    Ok(Figures::built_in().overlaid(given))
}
