//! The log: to stderr, as text for people or as JSON lines for collectors.

mod json;

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
        .with_max_level(loudest(&filter))
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .log_internal_errors(false);
    let done = match format {
        LogFormat::Text => builder.finish().with(filter).try_init(),
        LogFormat::Json => {
            builder.fmt_fields(JsonFields::new()).event_format(json::Lines).finish().with(filter).try_init()
        }
    };
    done.map_err(|_| LogError::AlreadySetUp)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Levels by where messages come from. Not by what a span holds, too: that takes regular expressions, and their machinery
/// would lie in the memory of every server.
fn filter(text: &str) -> Result<Targets, LogError> {
    let refused = |message: String| LogError::Filter { filter: text.to_owned(), message };
    if text.contains(['[', '{']) {
        return Err(refused("only levels and targets are told apart, not spans and their fields".into()));
    }
    text.parse().map_err(|error: tracing_subscriber::filter::ParseError| refused(error.to_string()))
}

/// What is not even looked at: all below the most that some target may say.
fn loudest(filter: &Targets) -> LevelFilter {
    let default = filter.default_level().unwrap_or(LevelFilter::OFF);
    filter.iter().map(|(_, level)| level).fold(default, LevelFilter::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_filters_and_formats_are_refused_with_an_example() {
        let known = filter("info,rollcall_bus=debug").unwrap();
        assert_eq!((known.default_level(), loudest(&known)), (Some(LevelFilter::INFO), LevelFilter::DEBUG));
        assert_eq!(loudest(&filter("warn,lapin=off").unwrap()), LevelFilter::WARN);
        let said = filter("rollcall[joining{node=1}]=debug").map(drop).unwrap_err().to_string();
        assert!(said.contains("not spans"), "{said}");
        let said = filter("rollcall=loud").map(drop).unwrap_err().to_string();
        assert!(said.contains("\"rollcall=loud\" is wrong") && said.contains("info,rollcall_bus=debug"), "{said}");
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        assert!("xml".parse::<LogFormat>().unwrap_err().to_string().contains("expected text or json"));
    }
}
