//! `rollcall completions` and `rollcall man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

const COMPLETION_EXAMPLES: &str = "\
The Debian package installs them. Elsewhere:
  rollcall completions bash > ~/.local/share/bash-completion/completions/rollcall
  rollcall completions zsh > ~/.zfunc/_rollcall
  rollcall completions fish > ~/.config/fish/completions/rollcall.fish";

const MANUAL_EXAMPLES: &str = "\
Examples:
  rollcall man | man -l -                   the first page
  rollcall man --dir /usr/local/share/man/man1";

/// `rollcall completions`.
#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = COMPLETION_EXAMPLES)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// `rollcall man`.
#[derive(Clone, Debug, Args)]
#[command(after_help = MANUAL_EXAMPLES)]
pub struct Manual {
    /// Write a page for each command into this directory; without it the first page goes to standard output
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
