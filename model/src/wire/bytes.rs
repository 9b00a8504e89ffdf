//! Bytes of a fixed length as text: base64url without padding (RFC 4648 §5), for values that have to be short.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// `N` bytes that are public: fingerprints, credentials, signatures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes<const N: usize>(pub [u8; N]);

/// Text that is not so many bytes in base64url.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} bytes in base64url without padding")]
pub struct ParseBytesError {
    expected: usize,
}

impl<const N: usize> fmt::Display for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Bytes<N> {
    type Err = ParseBytesError;
    fn from_str(text: &str) -> Result<Self, ParseBytesError> {
        // The engine refuses spare bits that are not zero: one value has one text.
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(ParseBytesError { expected: N })
    }
}

impl<const N: usize> TryFrom<String> for Bytes<N> {
    type Error = ParseBytesError;
    fn try_from(text: String) -> Result<Self, ParseBytesError> {
        text.parse()
    }
}

impl<const N: usize> From<Bytes<N>> for String {
    fn from(bytes: Bytes<N>) -> Self {
        bytes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back_and_have_one_text() {
        let bytes = Bytes([0xfb, 0xff]);
        assert_eq!(bytes.to_string(), "-_8");
        assert_eq!("-_8".parse(), Ok(bytes));
        for text in ["", "-_8=", "+/8", "-_9", "-_8A", "-_"] {
            assert_eq!(text.parse::<Bytes<2>>(), Err(ParseBytesError { expected: 2 }), "{text}");
        }
    }
}
