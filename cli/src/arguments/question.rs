//! What can be asked of a zone.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use rollcall_model::NodeState;
use rollcall_model::indicator::INDICATORS;

use super::api::RawRequest;
use super::doing::{Alerts, Analytics, ChannelCommand, CombinationCommand, DoOn};
use super::groups::GroupCommand;
use super::listing::{AnyList, Listing, OneThing};
use super::live::{Top, Waits, Watch};
use super::looking::{Explain, History};
use super::placing::{Heard, Targeting};
use super::policy::PolicyCommand;
use super::trust::{Audit, Certificates, JoinCommand, Revocation, TokenCommand, UserCommand};

const SQL_EXAMPLES: &str = "\
Views: v_zones, v_nodes, v_groups, v_group_health, v_node_health_bits,
v_health_history, v_assignments, v_hardware, v_channels, v_checkins, v_alerts,
v_group_alerts, v_events, v_capabilities, v_indicators, v_policies,
v_rule_groups, v_memberships, v_rule_history, v_actions, v_channel_messages,
v_analytics, v_group_metrics, v_combinations, v_controllers. To see the columns of one:
`SELECT * FROM v_nodes LIMIT 1`. Nothing can be changed this way.

Examples:
  rollcall sql \"SELECT name, state FROM v_nodes WHERE state <> 'healthy'\"
  rollcall sql \"SELECT indicator, count(*) AS nodes FROM v_node_health_bits
                WHERE state = 'set' GROUP BY indicator\"
  rollcall sql --csv \"SELECT node, cpu, cores FROM v_hardware\" > hardware.csv
  rollcall sql - < question.sql";

/// What can be asked.
#[derive(Clone, Debug, Subcommand)]
pub enum Question {
    /// The zone at a glance: broker, nodes, groups, alerts, and what was refused and why
    Status,
    /// Racks, nodes, bits, rates and alerts, live on the terminal
    Top(Top),
    /// Nodes, groups and alerts, a line for each change, until Ctrl-C
    Watch(Watch),
    /// Wait until something is so: for scripts
    Wait(Waits),
    /// Why a node is as it is: its groups, bits, policy, alerts, certificate, and what comes next, in sentences
    Explain(Explain),
    /// What changed on a node or in a group, and what it looked like at some time
    History(History),
    /// The nodes
    Nodes {
        /// Only nodes in this state
        #[arg(long, value_parser = PossibleValuesParser::new(NodeState::ALL.map(NodeState::as_str)))]
        state: Option<String>,
        /// Only members of this group, by name, id or beginning of its id
        #[arg(long)]
        group: Option<String>,
        /// Only nodes with this health bit set; `rollcall indicators` lists them
        #[arg(long, value_name = "INDICATOR", hide_possible_values = true,
              value_parser = PossibleValuesParser::new(INDICATORS.map(|indicator| indicator.name)))]
        bit: Option<String>,
        /// Columns, order, number
        #[command(flatten)]
        listing: Listing,
    },
    /// What a node measures right now, asked of the node itself
    Readings {
        /// Its name, its id, or the beginning of its id
        #[arg(value_name = "NAME|ID")]
        node: String,
    },
    /// Everything about one node: facts, hardware, the 24 indicators as it measures them now, groups, history
    Node {
        /// Its name, its id, or the beginning of its id
        #[arg(value_name = "NAME|ID")]
        node: String,
    },
    /// Where to place something: a node with room, or a rather full one
    Target(Targeting),
    /// How free the nodes are, as the zone hears it from how often they speak
    Availability(Heard),
    /// The groups, and how their nodes are
    Groups(Listing),
    /// Groups by rule: make, try, look at, dissolve
    #[command(subcommand)]
    Group(GroupCommand),
    /// What the zone wants of its nodes: thresholds, periods, remedies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Have something done to a node, once: let it be found, drain it, restart a service, reboot it
    Action(DoOn),
    /// The actions that were ordered, newest first
    Actions {
        /// Only those on this node, by name or id
        #[arg(long)]
        node: Option<String>,
        /// Only those that stand like this
        #[arg(long, value_parser = ["ordered", "running", "done", "failed", "refused", "expired"])]
        state: Option<String>,
        /// Columns, order, number
        #[command(flatten)]
        listing: Listing,
    },
    /// The channels between groups and the zone
    Channels(Listing),
    /// What is said on the channels made by configuration: security, power, your own
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// What the groups tell of all their nodes together, period by period
    Analytics(Analytics),
    /// Combinations of hardware nobody foresaw: those that wait, and what was decided
    #[command(args_conflicts_with_subcommands = true)]
    Combinations {
        /// Decide on one; without it they are listed
        #[command(subcommand)]
        command: Option<CombinationCommand>,
        /// Columns, order, number
        #[command(flatten)]
        listing: Listing,
    },
    /// The check-in services and the addresses they are responsible for
    Checkins(Listing),
    /// The open alerts: how serious, since when, and who has seen them
    Alerts(Alerts),
    /// What happened, oldest first
    Events {
        /// Go on with what happens from now on, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        /// At most this many of the latest events
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20,
              value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Only of this kind, e.g. node_state; up to 8 times
        #[arg(long, value_name = "KIND")]
        kind: Vec<String>,
    },
    /// Ask the topology in SQL
    #[command(after_help = SQL_EXAMPLES)]
    Sql {
        /// One SELECT statement; `-` reads it from standard input
        #[arg(value_name = "SELECT")]
        query: String,
        /// Short for -o csv (RFC 4180), with a line of column names
        #[arg(long)]
        csv: bool,
    },
    /// Tokens, which let nodes and group controllers join
    #[command(subcommand)]
    Token(TokenCommand),
    /// Those who came without a token and wait to be let in
    #[command(subcommand)]
    Join(JoinCommand),
    /// Throw a node or group controller out: cut its connection, and keep it out
    Revoke(Revocation),
    /// The certificates: whose, until when, and why they were issued
    Certificates(Certificates),
    /// Users of the API, and what they may
    #[command(subcommand)]
    User(UserCommand),
    /// Who changed what, when and from where
    Audit(Audit),
    /// Who the zone takes you for
    Whoami,
    /// Any list of the zone: hardware, assignments, capabilities, rules, changes of health, …
    List(AnyList),
    /// One thing by its id: an alert, an action, a certificate, a token, a join, a user
    Show(OneThing),
    /// One request to the API, as it is: what has no command of its own yet
    Api(RawRequest),
    /// The dictionary of the 24 health indicators; asks no zone
    Indicators,
}
