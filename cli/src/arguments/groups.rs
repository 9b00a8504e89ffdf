//! `rollcall group`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::span::span;

const CREATE_EXAMPLES: &str = "\
A rule is a CEL expression over what is known of a node: node.name, node.place,
node.state, cpu.model, memory.gib, nics, group, health.<indicator>,
metrics.<indicator>, … What is not known makes no node a member.

Examples:
  rollcall group create hot --kind health --rule 'health.cpu_temperature'
  rollcall group create big --rule 'memory.gib >= 512.0 && node.state == \"healthy\"'
  rollcall group create full --rule 'metrics.disk_space > 80.0' --enter 1m --leave 5m
  rollcall group test --rule 'cpu.model.contains(\"EPYC\")'     who would be in it";

/// What can be done with groups by rule.
#[derive(Clone, Debug, Subcommand)]
pub enum GroupCommand {
    /// Make a group by rule, or give one of this name another rule
    #[command(after_help = CREATE_EXAMPLES)]
    Create {
        /// Its name
        name: String,
        /// The rule
        #[command(flatten)]
        rule: Rule,
        /// What the group is made by
        #[arg(long, default_value = "logical", value_parser = ["logical", "health"])]
        kind: String,
        /// The rule must hold this long before a node enters
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span)]
        enter: Duration,
        /// The rule must not hold this long before a node leaves
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span)]
        leave: Duration,
    },
    /// Who would be in a group of this rule; makes none
    Test(Rule),
    /// A group: its rule, its members and why they are in it, its alerts
    Show {
        /// Its name or id
        name: String,
    },
    /// Dissolve a group by rule; its history stays
    Delete {
        /// Its name or id
        name: String,
    },
}

/// A rule.
#[derive(Clone, Debug, Args)]
pub struct Rule {
    /// A CEL expression over what is known of a node
    #[arg(long = "rule", value_name = "CEL")]
    pub text: String,
}
