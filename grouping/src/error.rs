//! Why a text is no rule.

use std::fmt;

/// A place in the text of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 1 {
            write!(f, "line {}, column {}", self.line, self.column)
        } else {
            write!(f, "column {}", self.column)
        }
    }
}

/// Why a text is no rule: where, what is wrong, and what to do. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RuleError {
    /// Where; `None` when the whole text is meant.
    pub at: Option<Position>,
    /// The part of the text that is meant, shortened; empty when the whole text is meant.
    pub excerpt: String,
    /// What is wrong and what would do.
    pub message: String,
}

impl RuleError {
    /// About the whole text.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self { at: None, excerpt: String::new(), message: message.into() }
    }
}

impl fmt::Display for RuleError {
    /// `the rule, column 5, "cpu.coers": …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rule")?;
        if let Some(at) = self.at {
            write!(f, ", {at}")?;
        }
        if !self.excerpt.is_empty() {
            write!(f, ", {:?}", self.excerpt)?;
        }
        write!(f, ": {}", self.message)
    }
}
