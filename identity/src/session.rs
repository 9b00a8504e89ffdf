//! The key people's sessions at the web page are known by. It is derived from the zone's own authority, so that a session
//! outlives the zone controller's restart, and nothing has to be kept for one.

use std::fmt;

use aws_lc_rs::{hkdf, hmac};

use crate::KeyError;

/// What the key is derived for, apart from every other use of what it is derived from (RFC 5869).
const PURPOSE: &[u8] = b"rollcall web session v1";

/// Authenticates texts that come back from a browser. Hides itself.
#[derive(Clone)]
pub struct SessionKey(hmac::Key);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

impl SessionKey {
    /// A key that is gone with the process.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn random() -> Result<Self, KeyError> {
        Self::derived_from(&crate::random::<32>()?)
    }

    /// The key that belongs to a secret: HKDF with SHA-256 (RFC 5869).
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub(crate) fn derived_from(secret: &[u8]) -> Result<Self, KeyError> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
        let key = extracted.expand(&[PURPOSE], hmac::HMAC_SHA256).map_err(|_| KeyError::Library)?;
        Ok(Self(key.into()))
    }

    /// HMAC-SHA256 of a text for one use (RFC 2104), 64 hexadecimal digits. A tag for one use is none for another.
    #[must_use]
    pub fn tag(&self, use_for: &str, text: &str) -> String {
        hex::encode(hmac::sign(&self.0, &message(use_for, text)))
    }

    /// Whether this is the tag of that text for that use; takes the same time wherever the two differ.
    #[must_use]
    pub fn is_tag(&self, use_for: &str, text: &str, tag: &str) -> bool {
        hex::decode(tag).is_ok_and(|tag| hmac::verify(&self.0, &message(use_for, text), &tag).is_ok())
    }
}

fn message(use_for: &str, text: &str) -> Vec<u8> {
    let mut message = (use_for.len() as u64).to_be_bytes().to_vec();
    message.extend_from_slice(use_for.as_bytes());
    message.extend_from_slice(text.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_counts_for_its_text_its_use_and_its_key_alone() {
        let key = SessionKey::derived_from(b"one").unwrap();
        let tag = key.tag("session", "ada");
        assert!(key.is_tag("session", "ada", &tag));
        assert!(SessionKey::derived_from(b"one").unwrap().is_tag("session", "ada", &tag), "it outlives a restart");
        assert!(!key.is_tag("session", "bob", &tag));
        assert!(!key.is_tag("form", "ada", &tag));
        assert!(!key.is_tag("sessiona", "da", &tag), "where a use ends counts");
        assert!(!SessionKey::derived_from(b"two").unwrap().is_tag("session", "ada", &tag));
        for bad in ["", "00", "xyz", &tag[..62]] {
            assert!(!key.is_tag("session", "ada", bad), "{bad}");
        }
        assert_eq!(format!("{key:?}"), "SessionKey(…)");
    }
}
