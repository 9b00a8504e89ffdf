//! What every list can be asked for.

use clap::Args;
use clap::builder::PossibleValuesParser;

/// Which columns of a list, in which order, and how much of it.
#[derive(Clone, Debug, Default, Args)]
pub struct Listing {
    /// Only these columns of the view, in this order, e.g. name,state,since
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// By these columns of the view, e.g. state,-since; - turns one around
    #[arg(long, value_name = "COLUMNS", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// At most so many rows; without it all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: Option<u32>,
}

const LIST_EXAMPLES: &str = "\
What a list can be narrowed by, and its columns, stand in docs/api.md and docs/sql.md.

Examples:
  rollcall list hardware --where current=true --where cpu=EPYC
  rollcall list hardware --node web-3 -o wide           what it is and was made of
  rollcall list assignments --where group=rack-a --sort -since --limit 20
  rollcall list health --node web-3 --where state=set   its bits
  rollcall list changes --where from=2026-11-20T03:00:00.000Z -o csv
  rollcall list nodes --where q=web- --fields name,state,cpu";

const SHOW_EXAMPLES: &str = "\
Examples:
  rollcall show alert 12
  rollcall show certificate 4f0a9c -o json
  rollcall show token 3f9a0c11d2e4";

/// `rollcall list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct AnyList {
    /// Which list
    #[arg(value_name = "WHAT", value_parser = PossibleValuesParser::new(LISTS))]
    pub what: String,
    /// Only what is this node's, of health, hardware and assignments
    #[arg(long, value_name = "NAME|ID")]
    pub node: Option<String>,
    /// Only where this holds; can be given again
    #[arg(long = "where", value_name = "KEY=VALUE")]
    pub filters: Vec<String>,
    /// Columns, order, number
    #[command(flatten)]
    pub listing: Listing,
}

/// The lists there are.
pub const LISTS: [&str; 18] = [
    "actions",
    "alerts",
    "assignments",
    "capabilities",
    "certificates",
    "changes",
    "channels",
    "checkins",
    "combinations",
    "groups",
    "hardware",
    "health",
    "indicators",
    "memberships",
    "nodes",
    "policies",
    "rules",
    "zones",
];

/// `rollcall show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct OneThing {
    /// What it is
    #[arg(value_name = "WHAT", value_parser = ["action", "alert", "certificate", "join", "token", "user"])]
    pub what: String,
    /// Which one: its id, a certificate's serial number, a user's name
    #[arg(value_name = "ID")]
    pub id: String,
}
