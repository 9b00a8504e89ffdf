//! PEM (RFC 7468): text around DER. Reading is bounded and never panics.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::{PemObject, SectionKind};

/// Most sections of a text that are read.
const MOST: usize = 16;

/// Text that is not PEM as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The text is broken.
    #[error("it is not PEM text")]
    Malformed,
    /// Something else than expected stands in it.
    #[error("it holds {found}, which does not belong there")]
    Unexpected {
        /// What was found.
        found: &'static str,
    },
    /// What was looked for is not in it.
    #[error("it holds no {wanted}")]
    Missing {
        /// What was looked for.
        wanted: &'static str,
    },
    /// Too many sections.
    #[error("it holds more than {MOST} sections")]
    TooMany,
}

/// DER as PEM, in lines of 64.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every index is a boundary.
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The sections of a text, in order.
pub(crate) fn sections(text: &str) -> Result<Vec<(SectionKind, Vec<u8>)>, PemError> {
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        found.push(section.map_err(|_| PemError::Malformed)?);
        if found.len() > MOST {
            return Err(PemError::TooMany);
        }
    }
    Ok(found)
}

/// The certificates of a text that holds nothing else, at least one.
///
/// # Errors
/// When it is not PEM, holds something else, too much or nothing.
pub fn certificates(text: &str) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, PemError> {
    let mut found = Vec::new();
    for (kind, der) in sections(text)? {
        match kind {
            SectionKind::Certificate => found.push(der.into()),
            other => return Err(PemError::Unexpected { found: named(other) }),
        }
    }
    if found.is_empty() { Err(PemError::Missing { wanted: "certificate" }) } else { Ok(found) }
}

pub(crate) fn named(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Certificate => "a certificate",
        SectionKind::PublicKey => "a public key",
        SectionKind::RsaPrivateKey | SectionKind::PrivateKey | SectionKind::EcPrivateKey => "a private key",
        SectionKind::Csr => "a certificate request",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_der_is_read_back(der in proptest::collection::vec(any::<u8>(), 0..400)) {
            let text = encode("CERTIFICATE", &der);
            prop_assert!(text.lines().all(|line| line.len() <= 64));
            prop_assert_eq!(sections(&text).unwrap(), vec![(SectionKind::Certificate, der)]);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "(-----BEGIN [A-Z ]{0,12}-----\n)?[A-Za-z0-9+/=\n -]{0,200}(-----END [A-Z ]{0,12}-----)?\\PC{0,20}") {
            let _ = sections(&text);
            let _ = certificates(&text);
        }
    }

    #[test]
    fn a_key_among_certificates_is_named() {
        let text = encode("CERTIFICATE", b"x") + &encode("PRIVATE KEY", b"y");
        assert_eq!(certificates(&text), Err(PemError::Unexpected { found: "a private key" }));
        assert_eq!(certificates(""), Err(PemError::Missing { wanted: "certificate" }));
        assert_eq!(sections(&encode("CERTIFICATE", b"x").repeat(17)), Err(PemError::TooMany));
    }
}
