//! `rollcall context`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Contexts stand in rollcall/config.toml under $XDG_CONFIG_HOME, or ~/.config:
  current = \"east\"
  [contexts.east]
  api = \"https://10.0.0.5:7655\"
  identity = \"/home/ada/.rollcall/east\"
  output = \"wide\"
Options come first, then variables, then the context, then defaults. With --api or
ROLLCALL_API a context's identity is not used: it belongs to its own zone.

Examples:
  rollcall context add east --api https://10.0.0.5:7655 --identity ~/.rollcall/east --use
  rollcall context add watch --api https://10.0.0.5:7655 --token-file ~/.rollcall/token --site site.pem
  export ROLLCALL_API=… ROLLCALL_IDENTITY=…; rollcall context add demo    keeps what holds now
  rollcall context use west
  rollcall --context east nodes             once, whatever is in use";

/// What can be done with contexts.
#[derive(Clone, Debug, Subcommand)]
pub enum ContextCommand {
    /// Those there are; a star marks the one in use
    List,
    /// Use one from now on
    Use {
        /// Its name
        name: String,
    },
    /// Add one, or change one of this name
    #[command(after_help = EXAMPLES)]
    Add(NewContext),
    /// Forget one; its files stay
    Remove {
        /// Its name
        name: String,
    },
    /// One of them, or the one in use, and what holds in the end
    Show {
        /// Its name
        name: Option<String>,
    },
}

/// `rollcall context add`. What every command takes, `--api`, `--identity`, `--site` and `-o`, is what is kept, whether an
/// option says it or a variable.
#[derive(Clone, Debug, Args)]
pub struct NewContext {
    /// Its name
    pub name: String,
    /// Who asks, where there is no --identity: a file with a user's token, readable by you alone
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Use it from now on
    #[arg(long = "use")]
    pub in_use: bool,
}
