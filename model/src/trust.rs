//! Words of trust: digests of tokens and keys, serial numbers of certificates, kinds of tokens, roles of users.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Text that is none of the words of trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: expected {expected}")]
pub struct ParseTrustError {
    what: &'static str,
    expected: &'static str,
    text: String,
}

fn wrong(what: &'static str, expected: &'static str, text: &str) -> ParseTrustError {
    ParseTrustError { what, expected, text: text.chars().take(80).collect() }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! hex_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The hexadecimal text, lower case.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($what, " {}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseTrustError;
            fn from_str(text: &str) -> Result<Self, ParseTrustError> {
                let fits: fn(usize) -> bool = $fits;
                if fits(text.len()) && is_hex(text) { Ok(Self(text.into())) } else { Err(wrong($what, $expected, text)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseTrustError;
            fn try_from(text: String) -> Result<Self, ParseTrustError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                Self::from(&*text.0)
            }
        }
    };
}

hex_text!(
    /// A SHA-256: of a token's text, or of a public key (its SubjectPublicKeyInfo, DER).
    Sha256, "SHA-256", "64 hexadecimal digits in lower case", |length| length == 64
);
hex_text!(
    /// Serial number of a certificate, drawn by who issues it.
    Serial, "serial number", "2 to 40 hexadecimal digits in lower case, whole bytes",
    |length| (2..=40).contains(&length) && length % 2 == 0
);

impl Sha256 {
    /// From the digest itself.
    #[must_use]
    pub fn from_bytes(digest: &[u8; 32]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    /// Of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        let digest: [u8; 32] = sha2::Sha256::digest(bytes).into();
        Self::from_bytes(&digest)
    }

    /// A name for what has this digest, short enough to be said: its first twelve digits. It gives nothing away.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// Whom a token lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A node agent.
    Node,
    /// A group controller.
    Group,
    /// A check-in service that no group controller was ordered to run.
    Checkin,
}

impl TokenKind {
    /// The word, as in [`Principal::kind`](crate::Principal::kind).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Group => "group",
            Self::Checkin => "checkin",
        }
    }
}

/// What a user may do at the API; each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Policies, actions, groups, alerts.
    Operator,
    /// Tokens, joins, revocations, users.
    Administrator,
}

impl Role {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ParseTrustError;
    fn from_str(text: &str) -> Result<Self, ParseTrustError> {
        [Self::Viewer, Self::Operator, Self::Administrator]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| wrong("role", "viewer, operator or administrator", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_texts_are_lower_case_and_of_their_length() {
        let digest = Sha256::of(b"abc");
        assert_eq!(digest.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((digest.short(), digest.as_str().parse()), ("ba7816bf8f01", Ok(digest.clone())));
        for bad in ["", "ba78", &digest.as_str().to_uppercase(), &"g".repeat(64)] {
            assert!(bad.parse::<Sha256>().is_err(), "{bad}");
        }
        for (text, fits) in
            [("0a", true), (&"ab".repeat(20), true), ("", false), ("abc", false), (&"ab".repeat(21), false)]
        {
            assert_eq!(text.parse::<Serial>().is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn roles_are_ordered_by_what_they_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Administrator);
        assert_eq!("operator".parse(), Ok(Role::Operator));
        assert!("root".parse::<Role>().is_err());
    }
}
