//! What the command line of `rollcall` can say.

mod ca;
mod db;
mod doing;
mod groups;
mod policy;
pub mod span;
mod trust;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use rollcall_model::NodeState;
use rollcall_model::indicator::INDICATORS;

pub use self::ca::{BrokerCertificate, CaCommand, SiteDir};
pub use self::db::{DatabaseAt, DbCommand, Kept};
pub use self::doing::{AlertCommand, Alerts, Analytics, ChannelCommand, CombinationCommand, Deed, DoOn};
pub use self::groups::{GroupCommand, Rule};
pub use self::policy::{PolicyCommand, Waiting};
pub use self::trust::{Audit, AuditCommand, JoinCommand, NewToken, NewUser, Revocation, TokenCommand, UserCommand};
use crate::demo;

const EXAMPLES: &str = "\
Examples:
  rollcall status                           the zone at a glance
  rollcall nodes --state down               which nodes are down
  rollcall node web-3                       all about a node; 8 digits of its id do
  rollcall alerts                           what is wrong, since when, who has seen it
  rollcall policy set policy.toml           thresholds for the whole fleet, at once
  rollcall group create hot --rule 'health.cpu_temperature'
  rollcall action web-3 identify --wait     let the machine be found
  rollcall events --follow                  what happens, as it happens
  rollcall token create --for node --name web-9   let a machine in
  rollcall revoke web-3                     throw one out, at once
  rollcall audit --follow                   who changed what, from where
  rollcall db backup zone.bak               the zone's database, while it runs
  rollcall nodes --json | jq '.[].name'     the same answers for programs

Exit codes: 0 done, 1 failed, refused or not found, 2 wrong arguments,
3 the zone cannot be reached.";

const SQL_EXAMPLES: &str = "\
Views: v_zones, v_nodes, v_groups, v_group_health, v_node_health_bits,
v_health_history, v_assignments, v_hardware, v_channels, v_checkins, v_alerts,
v_group_alerts, v_events, v_capabilities, v_indicators, v_policies,
v_rule_groups, v_memberships, v_rule_history, v_actions, v_channel_messages,
v_analytics, v_group_metrics, v_combinations. To see the columns of one:
`SELECT * FROM v_nodes LIMIT 1`. Nothing can be changed this way.

Examples:
  rollcall sql \"SELECT name, state FROM v_nodes WHERE state <> 'healthy'\"
  rollcall sql \"SELECT indicator, count(*) AS nodes FROM v_node_health_bits
                WHERE state = 'set' GROUP BY indicator\"
  rollcall sql --csv \"SELECT node, cpu, cores FROM v_hardware\" > hardware.csv
  rollcall sql - < question.sql";

/// Ask a zone about its servers, or try a whole zone on this machine.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, after_help = EXAMPLES, arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
pub struct CommandLine {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Where the zone's API is
    #[arg(
        long,
        global = true,
        env = "ROLLCALL_API",
        hide_env_values = true,
        value_name = "URL",
        default_value = "127.0.0.1:7655"
    )]
    pub api: String,
    /// Who asks: a directory with key.pem, cert.pem and the site's certificates, site.pem. A program can set
    /// ROLLCALL_TOKEN and ROLLCALL_SITE instead
    #[arg(long, global = true, env = "ROLLCALL_IDENTITY", hide_env_values = true, value_name = "DIR")]
    pub identity: Option<PathBuf>,
    /// A user token; never on the command line, where others on the machine could read it
    #[arg(long, hide = true, env = "ROLLCALL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The site's certificates (site.pem), where there is no identity directory
    #[arg(long, global = true, env = "ROLLCALL_SITE", hide_env_values = true, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// Answer as one JSON document, with full ids and times
    #[arg(long, global = true)]
    pub json: bool,
    /// No colours on a terminal either (as with the variable NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
}

/// What `rollcall` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a whole zone on this machine and show what happens
    Demo(demo::Arguments),
    /// The site's root, its zones' authorities, the broker's certificate: on files, no zone is asked
    #[command(subcommand)]
    Ca(CaCommand),
    /// The zone's database: look at it, back it up, restore, prune, move it; no zone is asked
    #[command(subcommand)]
    Db(DbCommand),
    /// A question to a zone.
    #[command(flatten)]
    Ask(Question),
}

/// What can be asked.
#[derive(Clone, Debug, Subcommand)]
pub enum Question {
    /// The zone at a glance: broker, nodes, groups, alerts, and what was refused and why
    Status,
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
    },
    /// Everything about one node: facts, hardware, the 24 indicators as it measures them now, groups, history
    Node {
        /// Its name, its id, or the beginning of its id
        #[arg(value_name = "NAME|ID")]
        node: String,
    },
    /// The groups, and how their nodes are
    Groups,
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
    },
    /// The channels between groups and the zone
    Channels,
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
    },
    /// The check-in services and the addresses they are responsible for
    Checkins,
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
    },
    /// Ask the topology in SQL
    #[command(after_help = SQL_EXAMPLES)]
    Sql {
        /// One SELECT statement; `-` reads it from standard input
        #[arg(value_name = "SELECT")]
        query: String,
        /// Answer as CSV (RFC 4180) with a line of column names
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
    Certificates {
        /// Only those that stand like this
        #[arg(long, value_parser = ["valid", "expired", "revoked"])]
        state: Option<String>,
        /// Only those of this principal, or of this name
        #[arg(long, value_name = "NAME")]
        of: Option<String>,
    },
    /// Users of the API, and what they may
    #[command(subcommand)]
    User(UserCommand),
    /// Who changed what, when and from where
    Audit(Audit),
    /// Who the zone takes you for
    Whoami,
    /// The dictionary of the 24 health indicators; asks no zone
    Indicators,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definitions_do_not_contradict_each_other() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn global_options_are_taken_before_and_after_the_command() {
        for line in ["rollcall --json --api http://x:1 nodes", "rollcall nodes --api http://x:1 --json"] {
            let taken = parse(line).unwrap();
            assert_eq!((taken.global.api.as_str(), taken.global.json), ("http://x:1", true), "{line}");
        }
    }

    #[test]
    fn a_misspelt_state_or_indicator_is_refused_with_the_right_one() {
        let state = parse("rollcall nodes --state dwon").unwrap_err();
        assert_eq!(state.exit_code(), 2);
        assert!(state.to_string().contains("'down'"), "{state}");
        let bit = parse("rollcall nodes --bit disk_spaces").unwrap_err();
        assert!(bit.to_string().contains("'disk_space'"), "{bit}");
    }

    #[test]
    fn what_people_type_is_understood() {
        for line in [
            "rollcall policy get",
            "rollcall policy get 3",
            "rollcall policy set p.toml --comment quieter --no-wait",
            "rollcall policy rollback 2 --patience 5s",
            "rollcall group create hot --rule health.cpu_temperature --kind health --enter 5s --leave 1m",
            "rollcall alerts --all --group rack-a",
            "rollcall alerts ack 3 4 --comment seen",
            "rollcall action web-3 identify --seconds 30 --wait",
            "rollcall action --wait web-3 restart nginx.service",
            "rollcall actions --node web-3 --state failed",
            "rollcall channel read security --follow",
            "rollcall channel send security door-open --subject hall-1",
            "rollcall analytics --group rack-a --indicator disk_space -n 5",
            "rollcall combinations",
            "rollcall ca init --dir site --zone east --zone-dir zone",
            "rollcall ca rotate --zone-dir a --zone-dir b --switch",
            "rollcall ca broker --zone-dir z --ip ::1 --out tls",
            "rollcall token create --for node --name web-3 --ttl 5m",
            "rollcall token create --for group --place rack-a --name rack-a",
            "rollcall token revoke 3f9a0c11d2e4",
            "rollcall join deny 1f0e --reason unknown",
            "rollcall revoke web-3 --reason stolen",
            "rollcall certificates --state revoked --of web-3",
            "rollcall user add ada --role operator --certificate ./ada",
            "rollcall audit --follow",
            "rollcall db status --database sqlite:z.db",
            "rollcall db prune --config z.toml --keep events=30 --keep analytics=0",
            "rollcall db backup z.bak --json",
            "rollcall db restore z.bak --replace",
            "rollcall db move --from sqlite:z.db --to postgres://h/z",
            "rollcall audit verify",
            "rollcall whoami --identity ./ada",
            "rollcall combinations approve v1;cpu=x --name new",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
        for line in [
            "rollcall action web-3 explode",
            "rollcall token create --for node",
            "rollcall token create --for user --name ada",
            "rollcall user add ada --role root",
            "rollcall alerts ack",
            "rollcall ca init --zone east",
            "rollcall ca rotate --switch --finish",
            "rollcall ca broker --zone-dir z --out tls",
            "rollcall policy rollback last",
            "rollcall db prune --keep event=30",
            "rollcall db backup",
            "rollcall db move --from sqlite:z.db",
            "rollcall group create hot",
            "rollcall group create hot --rule true --enter soon",
            "rollcall analytics --indicator disk_spaces",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn every_command_that_changes_something_teaches_by_examples() {
        for path in [
            &["policy", "set"][..],
            &["group", "create"],
            &["action"],
            &["alerts"],
            &["channel", "send"],
            &["ca", "init"],
            &["ca", "rotate"],
            &["db", "restore"],
            &["db", "move"],
            &["token", "create"],
            &["user", "add"],
            &["revoke"],
        ] {
            let mut command = CommandLine::command();
            let found = path.iter().fold(&mut command, |at, name| at.find_subcommand_mut(name).unwrap());
            let help = found.render_long_help().to_string();
            assert!(help.contains("Examples:\n  rollcall "), "{path:?}: {help}");
        }
    }

    #[test]
    fn the_help_teaches_by_examples() {
        let help = CommandLine::command().render_help().to_string();
        assert!(help.contains("rollcall events --follow") && help.contains("Exit codes"), "{help}");
        let sql = CommandLine::command().find_subcommand_mut("sql").unwrap().render_help().to_string();
        assert!(sql.contains("rollcall sql --csv") && sql.contains("v_node_health_bits"), "{sql}");
    }
}
