//! Configuration: one TOML file, overlaid by environment variables, into one struct.
//!
//! `ROLLCALL_BROKER__URL=…` sets `broker.url`: the prefix, then the key in capitals, with `__` for each
//! dot. A value that is TOML (`5672`, `true`, `["a", "b"]`) is taken as such, anything else as text.
//!
//! The structs themselves refuse what they do not know (`#[serde(deny_unknown_fields)]`); this module
//! says where the unknown key stands and which key was probably meant. It keeps a position for every
//! key and value: a place in the file, or the variable it came from.

mod error;
mod explain;
mod overlay;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeTable;

pub use error::{ConfigError, Place};
use explain::Explainer;
use overlay::Overlay;

/// Variables with the prefix that are no configuration keys.
pub const RESERVED: &[&str] = &[
    "ROLLCALL_LOG",
    "ROLLCALL_LOG_FORMAT",
    "ROLLCALL_CONFIG",
    "ROLLCALL_API",
    "ROLLCALL_IDENTITY",
    "ROLLCALL_AMQP_URL",
    "ROLLCALL_ALIVE_FILE",
];

/// The environment variables that overlay the file.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    prefix: String,
    variables: Vec<(String, OsString)>,
}

impl Environment {
    /// Those of this process whose names start with `prefix` and `_`, without [`RESERVED`] and `reserved`.
    #[must_use]
    pub fn of_process(prefix: &str, reserved: &[&str]) -> Self {
        Self::of(prefix, reserved, std::env::vars_os())
    }

    /// The same from any list of variables.
    #[must_use]
    pub fn of(prefix: &str, reserved: &[&str], variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let prefix = format!("{prefix}_");
        let mut variables: Vec<_> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(&prefix))
            .filter(|(name, _)| !RESERVED.contains(&name.as_str()) && !reserved.contains(&name.as_str()))
            .collect();
        // A table as a whole comes before the keys inside it: A before A__B.
        variables.sort();
        Self { prefix, variables }
    }
}

/// Reads the file at `path`, if there is one, overlays the variables that start with `env_prefix` and `_`,
/// and makes the struct. `reserved` names further variables that are not keys, beside [`RESERVED`].
///
/// # Errors
/// See [`ConfigError`]; each says which file and line or which variable is meant.
pub fn load<T: DeserializeOwned>(path: Option<&Path>, env_prefix: &str, reserved: &[&str]) -> Result<T, ConfigError> {
    load_with(path, &Environment::of_process(env_prefix, reserved))
}

/// [`load`] with the variables given.
///
/// # Errors
/// As [`load`].
pub fn load_with<T: DeserializeOwned>(path: Option<&Path>, environment: &Environment) -> Result<T, ConfigError> {
    let text = match path {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?
        }
        None => String::new(),
    };
    parse(path, &text, environment)
}

fn parse<T: DeserializeOwned>(path: Option<&Path>, text: &str, environment: &Environment) -> Result<T, ConfigError> {
    let root = DeTable::parse(text).map_err(|error| syntax(path, text, &error))?;
    let mut overlay = Overlay::new(environment, text.len())?;
    let mut first_said = None;
    loop {
        let table = overlay.lay_over(root.clone())?;
        let explainer = Explainer::new(path, text, &overlay, &table);
        let error = match make(table) {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        let said = explainer.explain(&error);
        // `ROLLCALL_NAME=7` reads as a number although a text is wanted: try again with the text. If that is
        // no better, the complaint about the value as it was read is the one to tell.
        match explainer.variable_of_wrong_type(&error) {
            Some(variable) if overlay.take_as_text(variable) => first_said = Some((variable, said)),
            Some(variable) => {
                return Err(first_said.filter(|(first, _)| *first == variable).map_or(said, |(_, said)| said));
            }
            None => return Err(said),
        }
    }
}

fn make<T: DeserializeOwned>(table: Spanned<DeTable<'_>>) -> Result<T, toml::de::Error> {
    T::deserialize(toml::de::Deserializer::from(table))
}

fn syntax(path: Option<&Path>, text: &str, error: &toml::de::Error) -> ConfigError {
    let (line, column) = explain::position(text, error.span().map_or(0, |span| span.start));
    ConfigError::Syntax {
        path: path.map(PathBuf::from).unwrap_or_default(),
        line,
        column,
        message: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests;
