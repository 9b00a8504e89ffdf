//! The key a group controller gives a node for one session, to seal its capability tag with (N3).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A session key: 32 bytes by chance. Hexadecimal in JSON; never shown, never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealKey([u8; 32]);

/// Text that is no session key. It does not say what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session key has 64 hexadecimal digits")]
pub struct ParseSealKeyError;

impl SealKey {
    /// From 32 bytes by chance.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes; for sealing and opening only.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl TryFrom<String> for SealKey {
    type Error = ParseSealKeyError;
    fn try_from(text: String) -> Result<Self, ParseSealKeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| ParseSealKeyError)?;
        Ok(Self(bytes))
    }
}

impl From<SealKey> for String {
    fn from(key: SealKey) -> Self {
        hex::encode(key.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown() {
        let key = SealKey::from_bytes([0xab; 32]);
        assert_eq!(format!("{key:?}"), "SealKey(…)");
        assert_eq!(SealKey::try_from(String::from(key.clone())), Ok(key));
        let error = SealKey::try_from("abab".to_owned()).unwrap_err();
        assert!(!error.to_string().contains("abab"));
    }
}
