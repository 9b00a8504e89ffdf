//! `rollcall target` and `rollcall availability`.

use clap::Args;

const TARGET_EXAMPLES: &str = "\
A node says how free it is by how often it speaks; a target is the better one
of a few that spoke lately. For `balance` that is one with much room, for
`power` one that is rather full, so that others can be switched off.

What is taken counts there until the node has spoken again, so that the next
one goes elsewhere; with --explain, and for viewers, nothing is counted.

Examples:
  rollcall target                           a node with room
  rollcall target --size 0.25 --count 3     three, each for a quarter of the largest node
  rollcall target --for power --group rack-a
  rollcall target --size large              the most available of all
  rollcall target --rule 'cpu.threads >= 64' --min-units 16
  rollcall target --explain                 every node that was looked at, and why
  ssh \"$(rollcall target -o json | jq -r '.targets[0].address')\"

Exit code 1 where there is no target: then it says what became of those that
could have been one.";

const AVAILABILITY_EXAMPLES: &str = "\
FREE is recovered from how often a node speaks: of the largest node's capacity
for `balance`, of the node's own for `power`. For `mixed` it cannot be told.

Examples:
  rollcall availability                     all nodes, those with most room first
  rollcall availability --kind power --group rack-a
  rollcall availability web-3               as it was heard, and as it says itself
  rollcall availability -o csv > free.csv";

/// `rollcall target`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = TARGET_EXAMPLES)]
pub struct Targeting {
    /// What it is for; what nodes send unless said, balance before power
    #[arg(long = "for", value_name = "KIND", value_parser = ["balance", "power", "mixed"])]
    pub kind: Option<String>,
    /// Among the members of this group, of any kind, by name or id
    #[arg(long, value_name = "NAME|ID")]
    pub group: Option<String>,
    /// How large what is to be placed is: large, median, or a part of the largest node from 0 to 1
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub size: Option<String>,
    /// So many different nodes
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub count: Option<u8>,
    /// So many candidates are compared for each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub choices: Option<u8>,
    /// Only nodes of this combination of hardware, as `rollcall list capabilities` has it
    #[arg(long, value_name = "COMBINATION")]
    pub capability: Option<String>,
    /// Only nodes at least so large; a unit is a thread with 4 GiB
    #[arg(long, value_name = "UNITS")]
    pub min_units: Option<f64>,
    /// Only nodes that fulfil this rule (CEL) now
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// Tell every node that was looked at and what became of it
    #[arg(long)]
    pub explain: bool,
}

/// `rollcall availability`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = AVAILABILITY_EXAMPLES)]
pub struct Heard {
    /// One node, by its name, its id, or the beginning of its id
    #[arg(value_name = "NODE", conflicts_with_all = ["group", "kind", "limit"])]
    pub node: Option<String>,
    /// Only members of this group, of any kind, by name or id
    #[arg(long, value_name = "NAME|ID")]
    pub group: Option<String>,
    /// Only this kind
    #[arg(long, value_parser = ["balance", "power", "mixed"])]
    pub kind: Option<String>,
    /// At most so many rows; without it all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: Option<u32>,
}

fn size(text: &str) -> Result<String, String> {
    let is_part = text.parse::<f64>().is_ok_and(|part| (0.0..=1.0).contains(&part));
    if is_part || ["large", "median"].contains(&text) {
        Ok(text.to_owned())
    } else {
        Err("expected large, median, or a number from 0 to 1".into())
    }
}
