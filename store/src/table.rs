//! Answers: rows under named columns, and what goes into and bounds a question.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An answer. Blobs are hexadecimal text; numbers JSON cannot hold (infinities) are text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Names of the columns, in order; there also when no row is.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
    /// Whether there was more than the limits allow.
    pub truncated: bool,
}

/// A value handed to one of the program's own statements.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A fraction.
    Real(f64),
    /// Nothing.
    Null,
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Bind {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<T: Into<Bind>> From<Option<T>> for Bind {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// How much somebody's question may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskLimits {
    /// At most so many rows.
    pub rows: usize,
    /// At most so long, from the moment the database begins to work on it.
    pub timeout: Duration,
}

impl Default for AskLimits {
    /// 1,000 rows, 5 seconds.
    fn default() -> Self {
        Self { rows: 1_000, timeout: Duration::from_secs(5) }
    }
}
