//! The zones a person works with, by name, in `rollcall/config.toml` of their configuration directory (XDG Base
//! Directory Specification): where each is, who asks, how to answer.
//!
//! A token never stands in it, only the path of a file with one; both must be their owner's alone.

mod command;
mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rollcall_startup::Failure;
use serde::Deserialize;

pub use self::command::run;
use crate::settings::Format;

/// A zone as its user knows it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Where its API is.
    pub api: String,
    /// Who asks: a directory.
    pub identity: Option<PathBuf>,
    /// Who asks: a file with a user's token.
    pub token_file: Option<PathBuf>,
    /// The site's certificates.
    pub site: Option<PathBuf>,
    /// How to answer.
    pub output: Option<Format>,
}

/// All of them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The one in use.
    pub current: Option<String>,
    /// By name.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

impl Contexts {
    /// Those of this user; none where there is no such file.
    ///
    /// # Errors
    /// Exit code 2, with the line, where the file cannot be used, and where others can read it although it leads to a
    /// token.
    pub fn read() -> Result<Self, Failure> {
        match file::path() {
            Some(path) => file::read(&path).map(|found| found.contexts),
            None => Ok(Self::default()),
        }
    }

    /// One of them.
    ///
    /// # Errors
    /// Exit code 2 where there is none of this name.
    pub fn take(&mut self, name: &str) -> Result<Context, Failure> {
        self.contexts.remove(name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Failure {
        let hint = match rollcall_startup::nearest(name, self.contexts.keys().map(String::as_str)) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => "`rollcall context list` lists them, `rollcall context add` adds one".into(),
        };
        Failure::usage(format!("there is no context {name:?}")).hint(hint)
    }

    /// What is wrong with it beyond its form.
    fn problem(&self) -> Option<String> {
        if let Some(current) = self.current.as_ref().filter(|current| !self.contexts.contains_key(*current)) {
            return Some(format!("current = {current:?}, but there is no [contexts.{current}]"));
        }
        self.contexts.iter().find_map(|(name, context)| {
            let wrong = match context {
                Context { identity: Some(_), token_file: Some(_), .. } => "identity and token_file exclude each other",
                Context { token_file: Some(_), site: None, .. } => {
                    "token_file takes site: without the site's certificates anybody could pretend to be the zone"
                }
                Context { api, .. } if api.trim().is_empty() => "api is empty",
                _ => return None,
            };
            Some(format!("[contexts.{name}]: {wrong}"))
        })
    }
}

/// The token in a file.
///
/// # Errors
/// Exit code 2 where it cannot be read, or others than its owner could.
pub fn token(path: &Path) -> Result<String, Failure> {
    file::refuse_readable(path, "it holds a token")?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    Ok(text.trim().to_owned())
}
