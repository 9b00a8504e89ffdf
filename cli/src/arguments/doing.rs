//! `rollcall action`, `alerts`, `channel`, `analytics` and `combinations`.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use rollcall_model::indicator::INDICATORS;

use super::listing::Listing;
use super::span::span;

const ACTION_EXAMPLES: &str = "\
An action is carried out once, however often it is ordered on the way. It must
be allowed twice: by the zone's policy (actions.allowed) and by the node's own
configuration.

Examples:
  rollcall action web-3 identify --seconds 300     blink its LED for 5 minutes
  rollcall action web-3 drain --wait               and say how it ended
  rollcall action web-3 restart nginx.service --wait
  rollcall actions --node web-3                    what was done to it so far";

const ALERT_EXAMPLES: &str = "\
Examples:
  rollcall alerts                           what is open
  rollcall alerts --group rack-a --all      with what is over
  rollcall alerts ack 17 18 --comment \"disk is ordered\"";

const SEND_EXAMPLES: &str = "\
Examples:
  rollcall channel send security \"rear door of hall 1 is open\" --subject hall-1
  rollcall channel read security --follow";

/// `rollcall action`.
#[derive(Clone, Debug, Args)]
#[command(after_help = ACTION_EXAMPLES)]
pub struct DoOn {
    /// Name, id, or beginning of the id of the node
    #[arg(value_name = "NODE")]
    pub node: String,
    /// What to do.
    #[command(subcommand)]
    pub deed: Deed,
    /// Wait until it is done, and say how it ended
    #[arg(long, global = true)]
    pub wait: bool,
    /// It is not begun after this time
    #[arg(long, global = true, value_name = "TIME", default_value = "60s", value_parser = span)]
    pub deadline: Duration,
}

/// What can be done to a node.
#[derive(Clone, Debug, Subcommand)]
pub enum Deed {
    /// Let people find the machine: blink its identify LED
    Identify {
        /// For so many seconds
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
        seconds: u32,
    },
    /// Have it take no new work: runs the owner's drain command
    Drain,
    /// Restart a service of the owner's allow-list
    Restart {
        /// Its unit, e.g. nginx.service
        service: String,
    },
    /// Restart the machine
    Reboot,
}

/// `rollcall alerts`.
#[derive(Clone, Debug, Args)]
#[command(after_help = ALERT_EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Alerts {
    /// Those that are over, too
    #[arg(long)]
    pub all: bool,
    /// Only those of this group, by name or id
    #[arg(long)]
    pub group: Option<String>,
    /// Only those of this node, by name or id
    #[arg(long)]
    pub node: Option<String>,
    /// Columns, order, number
    #[command(flatten)]
    pub listing: Listing,
    /// Do something about them; without it they are listed
    #[command(subcommand)]
    pub command: Option<AlertCommand>,
}

/// What can be done about alerts.
#[derive(Clone, Debug, Subcommand)]
pub enum AlertCommand {
    /// Say that you have seen them
    Ack {
        /// Their numbers
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
        /// What you say to it
        #[arg(long, default_value = "", hide_default_value = true)]
        comment: String,
    },
}

/// What can be done with channels.
#[derive(Clone, Debug, Subcommand)]
pub enum ChannelCommand {
    /// The latest messages, oldest first
    Read {
        /// The channel, e.g. security
        name: String,
        /// Go on with what is said from now on, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        /// At most this many of the latest messages
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20,
              value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Say something to everybody who listens; the zone keeps it
    #[command(after_help = SEND_EXAMPLES)]
    Send {
        /// The channel, e.g. security
        name: String,
        /// What to say
        text: String,
        /// Short word for what it is
        #[arg(long, default_value = "note")]
        what: String,
        /// What it is about, e.g. the name of a node
        #[arg(long, default_value = "", hide_default_value = true)]
        subject: String,
    },
}

/// `rollcall analytics`.
#[derive(Clone, Debug, Args)]
pub struct Analytics {
    /// Only this group, by name or id
    #[arg(long)]
    pub group: Option<String>,
    /// How the readings of this indicator were distributed, instead of states and bits
    #[arg(long, value_name = "INDICATOR", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(INDICATORS.map(|indicator| indicator.name)))]
    pub indicator: Option<String>,
    /// At most this many periods, newest first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
}

/// What can be decided on combinations.
#[derive(Clone, Debug, Subcommand)]
pub enum CombinationCommand {
    /// Let its nodes join, in a group of their own
    Approve {
        /// The combination, or a part of it that no other has
        combination: String,
        /// Name of its group; without it one is made of the combination
        #[arg(long)]
        name: Option<String>,
    },
    /// Let none of its nodes join; it can be approved later
    Deny {
        /// The combination, or a part of it that no other has
        combination: String,
    },
}
