//! `rollcall top`, `watch` and `wait`: what is looked at while it changes.

use std::time::Duration;

use clap::Args;

use super::span::span;

const TOP_EXAMPLES: &str = "\
Keys: arrows move, Enter goes in, Esc comes out, Tab goes to the other pane, / filters,
s sorts, a shows alerts, ? helps, q quits. A mouse clicks and its wheel scrolls.
States are letters as well as colours: . healthy, d degraded, s suspect, X down,
? unknown, j joining, l left.

Examples:
  rollcall top
  rollcall top --filter rack-a              only what has this in its name
  NO_COLOR=1 rollcall top                   without colours";

const WATCH_EXAMPLES: &str = "\
Examples:
  rollcall watch                            nodes, groups and alerts, as they change
  rollcall watch --node web-3 --node web-4
  rollcall watch --group rack-a --only alerts
  rollcall watch -o json | jq -r 'select(.kind == \"node_state\") | .message'";

const WAIT_EXAMPLES: &str = "\
What can be waited for:
  node=NAME,state=STATE        healthy, degraded, suspect, down, left, …
  node=NAME,bit=INDICATOR      until it is set; bit!=INDICATOR until it is not
  node=NAME,policy=VERSION     until it obeys this version, or a later one
  group=NAME,STATE>=N          so many members are like this; also <=, =
  group=NAME,members>=N        it has so many members
  alert=ID,state=cleared       an alert by its number; also acknowledged
  alert=KIND,state=cleared     no alert of this kind is open
  policy=VERSION,obeyed        every live node obeys it, and there is one
  action=ID,state=done         an order has ended so
Several --for must all hold at the same moment. Exit code 0 once they do, 4 when they
do not in time, and what stands in the way is told.

Examples:
  rollcall wait --for node=web-3,state=healthy --timeout 2m
  rollcall wait --for 'group=rack-a,healthy>=20' --for alert=mass_darkness,state=cleared
  rollcall policy set p.toml --no-wait && rollcall wait --for policy=7,obeyed";

/// `rollcall top`.
#[derive(Clone, Debug, Args)]
#[command(after_help = TOP_EXAMPLES)]
pub struct Top {
    /// Begin with only those nodes whose name, group or bits have this in them
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// No mouse: the terminal selects text as ever
    #[arg(long)]
    pub no_mouse: bool,
}

/// `rollcall watch`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = WATCH_EXAMPLES)]
pub struct Watch {
    /// Only this node, by name or id; can be given again
    #[arg(long, value_name = "NAME|ID")]
    pub node: Vec<String>,
    /// Only this group and its nodes, by name or id; can be given again
    #[arg(long, value_name = "NAME|ID")]
    pub group: Vec<String>,
    /// Only changes of these
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = ["nodes", "groups", "alerts"])]
    pub only: Vec<String>,
    /// Begin with so many of the latest changes
    #[arg(long, short = 'n', value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub limit: u16,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    pub lasting: Option<Duration>,
}

/// `rollcall wait`.
#[derive(Clone, Debug, Args)]
#[command(after_help = WAIT_EXAMPLES)]
pub struct Waits {
    /// What to wait for; can be given again
    #[arg(long = "for", value_name = "CONDITION", required = true)]
    pub conditions: Vec<String>,
    /// Give up after this time, with exit code 4
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = span)]
    pub timeout: Duration,
}
