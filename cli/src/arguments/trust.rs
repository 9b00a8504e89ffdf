//! `rollcall token`, `join`, `revoke`, `certificates`, `user`, `audit` and `whoami`: who may join, and who may what.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use super::listing::Listing;
use super::span::span;

const TOKEN_EXAMPLES: &str = "\
A token lets one node, group controller or check-in service in, once, within its time, and only
under the name or at the place it was made for. It is shown once: the zone keeps
its digest only. It goes into the joiner's configuration, or its environment.

Examples:
  rollcall token create --for node --name web-3
  rollcall token create --for node --place rack-a --ttl 5m
  rollcall token create --for group --name rack-a --json | jq -r .token
  rollcall token revoke 3f9a0c11d2e4        one that was not used yet";

const USER_EXAMPLES: &str = "\
viewer         looks at everything
operator       also sets policies, orders actions, makes groups, acknowledges
administrator  also makes tokens, lets in and throws out, makes users

Examples:
  rollcall user add ada --role operator                 prints her token, once
  rollcall user add ada --role operator --certificate ./ada
                                       writes key, certificate and site.pem there
  rollcall --identity ./ada whoami
  ROLLCALL_TOKEN=rcu1_… ROLLCALL_SITE=site.pem rollcall whoami";

const REVOKE_EXAMPLES: &str = "\
Its certificates are refused from now on, its user at the broker is deleted, and
that cuts the connection it has. It stays out until a token is made for it.

Examples:
  rollcall revoke web-3 --reason \"stolen from hall 1\"
  rollcall revoke group.1f0e3d2c-0000-4000-8000-000000000001";

const AUDIT_EXAMPLES: &str = "\
Every change is one line, and each line's digest covers the one before it: a line
that is changed or taken out afterwards shows.

Examples:
  rollcall audit -n 50                      the latest changes: who, what, from where
  rollcall audit --follow
  rollcall audit verify                     walk the whole chain; exit code 1 where it is broken";

/// What can be done with tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make one; it is shown once
    #[command(after_help = TOKEN_EXAMPLES)]
    Create(NewToken),
    /// Those there are, and what became of them
    List(Listing),
    /// Make one useless that was not used yet
    Revoke {
        /// Its id, as `token list` shows it
        token: String,
    },
}

/// `rollcall token create`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("bound").required(true).multiple(true).args(["name", "place"]))]
pub struct NewToken {
    /// Whom it lets in
    #[arg(long = "for", value_name = "KIND", value_parser = ["node", "group", "checkin"])]
    pub kind: String,
    /// Only somebody of this name
    #[arg(long)]
    pub name: Option<String>,
    /// Only somebody at this place
    #[arg(long)]
    pub place: Option<String>,
    /// It can be used for so long, ten minutes at most
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = span)]
    pub ttl: Duration,
    /// It cannot be used before so long from now
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub after: Option<Duration>,
}

/// What can be done with those who wait to be let in.
#[derive(Clone, Debug, Subcommand)]
pub enum JoinCommand {
    /// Those who wait, and what was decided
    List(Listing),
    /// Let one in
    Approve {
        /// Its id, as `join list` shows it; the beginning is enough
        join: String,
    },
    /// Keep one out
    Deny {
        /// Its id, as `join list` shows it; the beginning is enough
        join: String,
        /// Why, for who is denied
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// `rollcall revoke`.
#[derive(Clone, Debug, Args)]
#[command(after_help = REVOKE_EXAMPLES)]
pub struct Revocation {
    /// Name or id of a node, name of a group, or a principal such as checkin.<id>
    #[arg(value_name = "NODE")]
    pub whom: String,
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    pub reason: String,
}

/// `rollcall certificates`.
#[derive(Clone, Debug, Args)]
pub struct Certificates {
    /// Only those that stand like this
    #[arg(long, value_parser = ["valid", "expired", "revoked"])]
    pub state: Option<String>,
    /// Only those of this principal, or of this name
    #[arg(long, value_name = "NAME")]
    pub of: Option<String>,
    /// Columns, order, number
    #[command(flatten)]
    pub listing: Listing,
}

/// What can be done with users.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// Make a user, or give one another role or another token
    #[command(after_help = USER_EXAMPLES)]
    Add(NewUser),
    /// Those there are
    List(Listing),
    /// Remove one: their token and certificates are refused from now on
    Remove {
        /// Their name
        name: String,
    },
}

/// `rollcall user add`.
#[derive(Clone, Debug, Args)]
pub struct NewUser {
    /// Their name
    pub name: String,
    /// What they may
    #[arg(long, value_parser = ["viewer", "operator", "administrator"])]
    pub role: String,
    /// Make them a key and a certificate in this directory, instead of a token
    #[arg(long, value_name = "DIR")]
    pub certificate: Option<PathBuf>,
}

/// `rollcall audit`.
#[derive(Clone, Debug, Args)]
#[command(after_help = AUDIT_EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Audit {
    /// Go on with what is changed from now on, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// At most this many of the latest lines
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// Something else than to list; without it the latest lines are listed
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
}

/// What else can be done with the audit log.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the whole chain and say whether a line was changed or taken out
    Verify,
}
