//! Why a command is not carried out.

use rollcall_model::Millis;
use serde::{Deserialize, Serialize};

/// Why a command was not carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// What kind of refusal.
    pub kind: RejectionKind,
    /// What was wrong and what to do, for people.
    pub message: String,
    /// More of it, one per line: each problem of a policy, say.
    pub details: Vec<String>,
    /// A word for programs, where they tell refusals apart: `token_used`, `wrong_name` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The key of the command that is wrong, where it is one: `rule`, `ttl_s` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// After how long the same may be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Millis>,
}

/// What kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionKind {
    /// The command itself is wrong (HTTP 422).
    Invalid,
    /// What it speaks of is not there (404).
    Missing,
    /// It does not fit how things stand (409).
    Conflict,
    /// The node did not answer in time (504).
    Silent,
    /// Whoever asks may not (403); [`Rejection::reason`] says why.
    Forbidden,
    /// It is not as whoever asks believes (412).
    Stale,
    /// Not now (503); [`Rejection::retry_after`] says when.
    Busy,
}

impl Rejection {
    fn new(kind: RejectionKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Vec::new(), reason: None, field: None, retry_after: None }
    }

    /// The same, with the key of the command that is wrong.
    #[must_use]
    pub fn at(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..self }
    }

    /// The command itself is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Invalid, message)
    }

    /// What it speaks of is not there.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Missing, message)
    }

    /// It does not fit how things stand.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Conflict, message)
    }

    /// It is not as whoever asks believes.
    #[must_use]
    pub fn stale(message: impl Into<String>) -> Self {
        Self { reason: Some("stale".to_owned()), ..Self::new(RejectionKind::Stale, message) }
    }

    /// Not now; the same may be asked again after this time.
    #[must_use]
    pub fn busy(message: impl Into<String>, retry_after: Millis) -> Self {
        let reason = Some("busy".to_owned());
        Self { reason, retry_after: Some(retry_after), ..Self::new(RejectionKind::Busy, message) }
    }

    /// Whoever asks may not, for this reason.
    #[must_use]
    pub fn forbidden(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::new(RejectionKind::Forbidden, message) }
    }
}
