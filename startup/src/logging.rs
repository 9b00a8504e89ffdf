//! The log: to stderr, as text for people or as JSON lines for collectors.

mod json;

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

/// Variable that filters the log, e.g. `info,rollcall_bus=debug`.
const FILTER: &str = "ROLLCALL_LOG";
/// Variable that chooses the form when the caller does not.
const FORMAT: &str = "ROLLCALL_LOG_FORMAT";

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people; coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Text,
    /// A JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = LogError;
    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(LogError::Format(other.to_owned())),
        }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A form that does not exist.
    #[error("{0:?} is not a log format: expected text or json")]
    Format(String),
    /// A filter that does not parse.
    #[error("the log filter {filter:?} is wrong: {message}; expected something like info,rollcall_bus=debug")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        message: String,
    },
    /// A second call.
    #[error("the log was already set up")]
    AlreadySetUp,
}

/// Sets up the log of this process: to stderr, filtered by `ROLLCALL_LOG`, or by `default_filter` without it.
/// `None` as the format takes `ROLLCALL_LOG_FORMAT`, and text without it.
///
/// # Errors
/// When a filter or format is wrong, or the log was already set up.
pub fn init_logging(format: impl Into<Option<LogFormat>>, default_filter: &str) -> Result<(), LogError> {
    let format = match (format.into(), variable(FORMAT)) {
        (Some(format), _) => format,
        (None, Some(text)) => text.parse()?,
        (None, None) => LogFormat::Text,
    };
    let filter = filter(variable(FILTER).as_deref().unwrap_or(default_filter))?;
    let colours = std::io::stderr().is_terminal() && variable("NO_COLOR").is_none();
    // Otherwise a log that cannot be written is complained of on stderr, which is the log: that panics, and a daemon whose
    // log reader died would lose one task after the other.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .log_internal_errors(false);
    let done = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.fmt_fields(JsonFields::new()).event_format(json::Lines).try_init(),
    };
    done.map_err(|_| LogError::AlreadySetUp)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn filter(text: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(text).map_err(|error| LogError::Filter { filter: text.to_owned(), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_filters_and_formats_are_refused_with_an_example() {
        assert!(filter("info,rollcall_bus=debug").is_ok());
        let said = filter("rollcall=loud").map(drop).unwrap_err().to_string();
        assert!(said.contains("\"rollcall=loud\" is wrong") && said.contains("info,rollcall_bus=debug"), "{said}");
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        assert!("xml".parse::<LogFormat>().unwrap_err().to_string().contains("expected text or json"));
    }
}
