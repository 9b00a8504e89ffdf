//! Names people give to zones, groups, places and nodes, and the purposes of channels.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text cannot be a name or a purpose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a usable {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $max:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes a text.
            ///
            /// # Errors
            /// When the text is empty, too long, or has a character outside the allowed ones.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let allowed: fn(char) -> bool = $check;
                if text.is_empty() || text.len() > $max || !text.chars().all(allowed) {
                    return Err(NameError { what: $what, text: text.chars().take(80).collect(), rule: $rule });
                }
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                Self::from(&*name.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

checked_text!(
    /// A name of a zone, group, place or node: 1–63 of `A–Z a–z 0–9 . _ -`.
    Name, "name", "1 to 63 letters, digits, '.', '_' or '-'", 63,
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
);
checked_text!(
    /// The purpose of a channel or queue: 1–32 of `a–z 0–9 _ -`; it stands in routing keys, so it has no dot.
    Purpose, "purpose", "1 to 32 lower-case letters, digits, '_' or '-'", 32,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')
);

impl Name {
    /// The nearest usable name to a text from outside, such as a host name; `fallback` when nothing usable is left.
    #[must_use]
    pub fn nearest(text: &str, fallback: &'static str) -> Self {
        let kept: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
            .take(63)
            .collect();
        let kept = kept.trim_matches('-');
        Self::new(kept).unwrap_or_else(|_| Self(fallback.into()))
    }
}

/// Channel: what must be known, group → zone.
pub const ALERTS: &str = "alerts";
/// Channel: what is wanted, zone → group.
pub const POLICIES: &str = "policies";
/// Channel: summaries, group → zone, newest wins.
pub const ANALYTICS: &str = "analytics";
/// Channel made by configuration.
pub const SECURITY: &str = "security";
/// Channel made by configuration.
pub const POWER: &str = "power";

/// Kind of alert: nodes of a group send RA messages faster than anybody can who tells the truth.
pub const AVAILABILITY_FLOOD: &str = "availability_flood";
/// Kind of alert: a group has more nodes than its budget of RA messages is made for.
pub const AVAILABILITY_BUDGET: &str = "availability_budget";

impl Purpose {
    /// The three channels every group has (Z6).
    #[must_use]
    pub fn standard() -> [Purpose; 3] {
        [Self(ALERTS.into()), Self(POLICIES.into()), Self(ANALYTICS.into())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_nearest_always_gives_one() {
        assert!(Name::new("rack-a.row_3").is_ok());
        assert!(Name::new("").is_err());
        assert!(Name::new("a b").is_err());
        assert!(Name::new("x".repeat(64)).is_err());
        assert_eq!(Name::nearest("my host!", "node").as_str(), "my-host");
        assert_eq!(Name::nearest("///", "node").as_str(), "node");
    }

    #[test]
    fn purposes_never_hold_a_dot() {
        assert!(Purpose::new("power.ups").is_err());
        assert!(Purpose::new("power-ups").is_ok());
    }
}
