//! How a program ends: its exit code, and what it says when it could not do its work.

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::{ConfigError, LogError, SignalError, StateError};

/// The exit codes of every program of Rollcall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed for another reason.
    Failed,
    /// 2: wrong arguments or configuration; trying again changes nothing.
    Usage,
    /// 3: something that is needed cannot be reached or refuses.
    Unreachable,
    /// 4: what was waited for did not come true in time; the command line alone.
    TimedOut,
    /// 5: another took over meanwhile; the zone controller alone, which stands by once it is started again.
    Superseded,
}

impl Exit {
    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::TimedOut => 4,
            Self::Superseded => 5,
        }
    }
}

/// Why a program ends with another code than 0: a message, and a hint at what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure with its exit code.
    #[must_use]
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    /// Wrong arguments or configuration: exit code 2.
    #[must_use]
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something needed cannot be reached or refuses: exit code 3.
    #[must_use]
    pub fn unreachable(message: impl fmt::Display) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// Anything else: exit code 1.
    #[must_use]
    pub fn other(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// An error with its causes, each told once.
    #[must_use]
    pub fn caused_by(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self::new(exit, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    /// `error: …`, and `hint: …` on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {}

macro_rules! fails_as {
    ($($error:ty => $exit:expr;)+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::caused_by($exit, &error)
            }
        }
    )+};
}

fails_as! {
    ConfigError => Exit::Usage;
    LogError => Exit::Usage;
    SignalError => Exit::Failed;
    StateError => Exit::Usage;
}

/// The last line of every `main`: tells stderr what went wrong, if anything, and gives the exit code.
#[must_use]
pub fn finish(result: Result<(), Failure>) -> ExitCode {
    let exit = match result {
        Ok(()) => Exit::Done,
        Err(failure) => {
            // Nobody is left to be told when stderr is closed.
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot reach the broker")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("connection refused")]
    struct Inner;

    #[test]
    fn a_failure_tells_its_causes_and_what_to_do() {
        let failure = Failure::caused_by(Exit::Unreachable, &Outer(Inner)).hint("is it running?");
        assert_eq!(failure.to_string(), "error: cannot reach the broker: connection refused\nhint: is it running?");
        assert_eq!(failure.exit().code(), 3);
    }

    #[test]
    fn a_cause_that_the_error_tells_itself_is_not_repeated() {
        let source = std::io::Error::other("no such thing");
        let failure = Failure::from(ConfigError::Unreadable { path: "a.toml".into(), source });
        assert_eq!(failure.to_string(), "error: cannot read the configuration file a.toml: no such thing");
        assert_eq!(failure.exit(), Exit::Usage);
    }
}
