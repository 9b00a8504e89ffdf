//! `rollcall explain` and `history`.

use std::time::Duration;

use clap::Args;

use super::span::span;

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  rollcall explain web-3
  rollcall explain 0e800de7 -o json         the facts behind the sentences";

const HISTORY_EXAMPLES: &str = "\
Times are UTC. A time of day is the latest one that has passed.

Examples:
  rollcall history web-3                    what changed on this node
  rollcall history rack-a --at 03:12        what this rack looked like then
  rollcall history rack-a --at '2026-11-20 03:12:30' --around 1h
  rollcall history web-3 --at 15m           a quarter of an hour ago";

/// `rollcall explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct Explain {
    /// Its name, its id, or the beginning of its id
    #[arg(value_name = "NODE")]
    pub node: String,
}

/// `rollcall history`.
#[derive(Clone, Debug, Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub struct History {
    /// Name or id of a node or of a group
    #[arg(value_name = "NODE|GROUP")]
    pub whose: String,
    /// What it looked like at this time: 03:12, 2026-11-20T03:12:00Z, or how long ago, 15m; without it the latest changes
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// With --at, what changed in this time before
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = span)]
    pub around: Duration,
    /// At most so many changes
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
}
