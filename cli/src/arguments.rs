//! What the command line of `rollcall` can say.

mod api;
mod ca;
mod context;
mod db;
mod doing;
mod groups;
mod listing;
mod live;
mod looking;
mod making;
mod placing;
mod policy;
mod question;
pub mod span;
mod trust;

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::api::RawRequest;
pub use self::ca::{BrokerCertificate, CaCommand, SiteDir};
pub use self::context::{ContextCommand, NewContext};
pub use self::db::{DatabaseAt, DbCommand, Kept};
pub use self::doing::{AlertCommand, Alerts, Analytics, ChannelCommand, CombinationCommand, Deed, DoOn};
pub use self::groups::{GroupCommand, Rule};
pub use self::listing::{AnyList, LISTS, Listing, OneThing};
pub use self::live::{Top, Waits, Watch};
pub use self::looking::{Explain, History};
pub use self::making::{Completions, Manual};
pub use self::placing::{Heard, Targeting};
pub use self::policy::{PolicyCommand, Waiting};
pub use self::question::Question;
pub use self::trust::{
    Audit, AuditCommand, Certificates, JoinCommand, NewToken, NewUser, Revocation, TokenCommand, UserCommand,
};
use crate::settings::Format;
use crate::{demo, plan, sim};

const EXAMPLES: &str = "\
Examples:
  rollcall status                           the zone at a glance
  rollcall top                              racks, nodes and alerts, live on the terminal
  rollcall nodes --state down               which nodes are down
  rollcall explain web-3                    why a node is as it is, in sentences
  rollcall alerts                           what is wrong, since when, who has seen it
  rollcall wait --for node=web-3,state=healthy
  rollcall history rack-a --at 03:12        what it looked like then
  rollcall events --follow                  what happens, as it happens
  rollcall policy set policy.toml           thresholds for the whole fleet, at once
  rollcall group create hot --rule 'health.cpu_temperature'
  rollcall target --size 0.25               where to place something
  rollcall action web-3 identify --wait     let the machine be found
  rollcall token create --for node --name web-9   let a machine in
  rollcall revoke web-3                     throw one out, at once
  rollcall audit --follow                   who changed what, from where
  rollcall sim --nodes 1000 --html report.html   will it hold? a simulated fleet
  rollcall plan --nodes 20000 --period 5s   what such a fleet will need
  rollcall db backup zone.bak               the zone's database, while it runs
  rollcall context add east --api https://10.0.0.5:7655 --identity ./ada
  rollcall nodes -o json | jq '.[].name'    the same answers for programs

Exit codes: 0 done, 1 failed, refused or not found, 2 wrong arguments,
3 the zone cannot be reached, 4 it did not come true in time (`rollcall wait`).";

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

/// What holds for every command. What is not given here comes from a context, then from defaults:
/// [`crate::settings::Settings`].
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Where the zone's API is; 127.0.0.1:7655 unless a context says otherwise. Of a zone with several controllers the address
    /// of each, with commas between them
    #[arg(long, global = true, env = "ROLLCALL_API", hide_env_values = true, value_name = "URL")]
    pub api: Option<String>,
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
    /// A zone by the name it has in your configuration (`rollcall context`), instead of the one in use
    #[arg(long, global = true, env = "ROLLCALL_CONTEXT", hide_env_values = true, value_name = "NAME")]
    pub context: Option<String>,
    /// How to answer: a table, a wide one with every column, or one document for programs
    #[arg(long, short, global = true, env = "ROLLCALL_OUTPUT", hide_env_values = true, value_name = "FORMAT",
          overrides_with_all = ["output", "json"])]
    pub output: Option<Format>,
    /// Short for -o json
    #[arg(long, global = true, overrides_with_all = ["output", "json"])]
    pub json: bool,
    /// No colours on a terminal either (as with the variable NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Which of them stand on the command line itself, and not in a variable.
    #[arg(skip)]
    pub by_option: ByOption,
}

/// Which options stand on the command line itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the options are")]
pub struct ByOption {
    pub api: bool,
    pub identity: bool,
    pub site: bool,
    pub context: bool,
    pub output: bool,
}

impl CommandLine {
    /// What this process was called with; ends it, as clap does, where that cannot be understood.
    #[must_use]
    pub fn of_this_process() -> Self {
        let matches = Self::command().get_matches();
        let mut line = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        // Global options are told to every level, also to the last.
        let mut last = &matches;
        while let Some((_, deeper)) = last.subcommand() {
            last = deeper;
        }
        let told = |id: &str| {
            [&matches, last].iter().any(|it| {
                matches!(it.try_contains_id(id), Ok(true)) && it.value_source(id) == Some(ValueSource::CommandLine)
            })
        };
        line.global.by_option = ByOption {
            api: told("api"),
            identity: told("identity"),
            site: told("site"),
            context: told("context"),
            output: told("output") || told("json"),
        };
        line
    }
}

/// What `rollcall` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a whole zone on this machine and show what happens
    Demo(demo::Arguments),
    /// Simulate a fleet of any size on this machine, and report what it costs and how it holds
    Sim(sim::Arguments),
    /// Reckon what a fleet will need, from measured figures; no zone is asked
    Plan(plan::Arguments),
    /// One daemon of `rollcall sim`.
    #[command(hide = true)]
    SimDaemon(sim::daemon::Arguments),
    /// The site's root, its zones' authorities, the broker's certificate: on files, no zone is asked
    #[command(subcommand)]
    Ca(CaCommand),
    /// The zone's database: look at it, back it up, restore, prune, move it; no zone is asked
    #[command(subcommand)]
    Db(DbCommand),
    /// The zones you work with, by name: where each is and who asks
    #[command(subcommand)]
    Context(ContextCommand),
    /// Completions for a shell, on standard output
    Completions(Completions),
    /// The manual pages
    Man(Manual),
    /// A question to a zone.
    #[command(flatten)]
    Ask(Question),
}

#[cfg(test)]
mod tests;
