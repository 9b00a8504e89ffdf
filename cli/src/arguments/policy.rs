//! `rollcall policy`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::span::span;

const SET_EXAMPLES: &str = "\
The differences are shown first; a policy that cannot be obeyed changes
nothing, and every problem is told. Nodes obey without a restart.

Examples:
  rollcall policy get > policy.toml         start from what is in force
  rollcall policy set policy.toml --comment \"disks fuller than 85 %\"
  rollcall policy set - --no-wait < policy.toml

A policy that warns at 85 % in one rack, and lets identify LEDs blink:
  [[overrides]]
  group = \"rack-a\"
  settings.indicators.disk_space.limit = 85
  [actions]
  allowed = [\"identify\"]";

/// What can be done with policies.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// The policy in force, as TOML, and who obeys it
    Get {
        /// A former version
        version: Option<u64>,
    },
    /// Set a policy, and wait until every live node obeys it
    #[command(after_help = SET_EXAMPLES)]
    Set {
        /// The policy (TOML); `-` reads it from standard input
        file: String,
        /// Why, for the history
        #[arg(long, default_value = "", hide_default_value = true)]
        comment: String,
        /// How to wait
        #[command(flatten)]
        waiting: Waiting,
    },
    /// What a policy would change; nothing is set
    Diff {
        /// The policy (TOML); `-` reads it from standard input
        file: String,
    },
    /// Whether a policy can be obeyed; nothing is set
    Check {
        /// The policy (TOML); `-` reads it from standard input
        file: String,
    },
    /// Every version: when, by whom, why
    History,
    /// Set a former policy again, as a new version
    Rollback {
        /// The former version; `rollcall policy history` lists them
        version: u64,
        /// How to wait
        #[command(flatten)]
        waiting: Waiting,
    },
}

/// How to wait for the nodes.
#[derive(Clone, Copy, Debug, Args)]
pub struct Waiting {
    /// Do not wait until the nodes obey
    #[arg(long)]
    pub no_wait: bool,
    /// Wait at most this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = span)]
    pub patience: Duration,
}
