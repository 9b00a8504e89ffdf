//! What can be wrong with a configuration, in words for the person who wrote it.

use std::fmt;
use std::path::PathBuf;

/// Where a key or value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On a line of the file, counted from 1.
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// In an environment variable.
    Variable(String),
    /// Somewhere in the file.
    File(PathBuf),
    /// No file was given.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line } => write!(f, "at {}:{line}", path.display()),
            Self::Variable(name) => write!(f, "in the environment variable {name}"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Nowhere => f.write_str("in the defaults: no configuration file was given"),
        }
    }
}

/// Why there is no configuration. Nothing was started or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}:{column} is not TOML: {message}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A key nobody reads.
    #[error("unknown key `{key}` {place}{}", suggestion(.nearest.as_deref(), .known))]
    UnknownKey {
        /// The key with its tables.
        key: String,
        /// Where it stands.
        place: Place,
        /// What was probably meant: a key, or a variable if it stands in one.
        nearest: Option<String>,
        /// The keys there are beside it.
        known: Vec<String>,
    },
    /// A value of the wrong type or outside what is allowed.
    #[error("`{key}` {place} is wrong: {message}")]
    WrongValue {
        /// The key with its tables.
        key: String,
        /// Where it stands.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// A key without which nothing works.
    #[error("missing key `{key}` {place}; the environment variable {variable} can give it too")]
    Missing {
        /// The key with its tables.
        key: String,
        /// The table that lacks it.
        place: Place,
        /// The variable that would set it.
        variable: String,
    },
    /// A variable that cannot be laid over the file.
    #[error("the environment variable {variable} cannot be used: {message}")]
    Variable {
        /// Its name.
        variable: String,
        /// Why.
        message: String,
    },
}

fn suggestion(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; known here: {}", known.join(", ")),
    }
}
