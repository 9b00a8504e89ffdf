//! Whether a hello is the zone's own word: signed by an announcer that the pinned site root vouches for, for a zone of
//! this name, and still current. A hello that fails here moves nobody.

use rollcall_model::wire::txt::Hello;
use rollcall_model::{Name, UnixMillis};

use crate::announcer::Credential;
use crate::bundle::{Fingerprint, TrustBundle};
use crate::key::is_signed_by;

/// How long a hello counts, in seconds; the zone signs a new one at half of it.
pub const HELLO_LIVES: u64 = 10 * 60;
/// A hello that would count for longer than this is not believed: it was kept to be replayed, or a clock is wrong.
const LONGEST_LIFE: u64 = 60 * 60;
/// Clocks differ by a little.
const SKEW: u64 = 5 * 60;

/// Why a hello is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// A part of the proof is missing.
    #[error("the hello is not signed")]
    Unsigned,
    /// It leads to a root that is not pinned here.
    #[error("the hello belongs to a site with the root {0}, which is not pinned here")]
    UnknownCa(Fingerprint),
    /// The credential is of another version or not the site root's.
    #[error("the site root does not vouch for whoever signed the hello")]
    BadCredential,
    /// The credential counts no longer.
    #[error("the credential of the zone's announcer has expired; `rollcall ca zone --renew` makes a new one")]
    CredentialExpired,
    /// It comes from another zone of the site than the one that is wanted.
    #[error("the hello is of another zone than the one this machine belongs to")]
    WrongZone,
    /// The announcer did not sign this text.
    #[error("the hello was changed, or signed by somebody else")]
    BadSignature,
    /// It counts no longer: late, or replayed.
    #[error("the hello has expired")]
    Expired,
    /// It would count for too long.
    #[error("the hello is from the future; is a clock wrong?")]
    FromTheFuture,
}

impl HelloError {
    /// All reasons, for counters.
    pub const REASONS: [&str; 8] = [
        "unsigned",
        "unknown_ca",
        "bad_credential",
        "credential_expired",
        "wrong_zone",
        "bad_signature",
        "expired",
        "from_the_future",
    ];

    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::UnknownCa(_) => "unknown_ca",
            Self::BadCredential => "bad_credential",
            Self::CredentialExpired => "credential_expired",
            Self::WrongZone => "wrong_zone",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::FromTheFuture => "from_the_future",
        }
    }
}

pub(crate) fn signed_bytes(hello: &Hello) -> Vec<u8> {
    [b"rollcall hello v1\n", hello.signed_text().as_bytes()].concat()
}

/// Whether to believe a hello. `wanted` is the zone that this machine is to be in, if it was told.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify(bundle: &TrustBundle, wanted: Option<&Name>, hello: &Hello, now: UnixMillis) -> Result<(), HelloError> {
    let Hello {
        expires: Some(expires), ca: Some(ca), credential: Some(credential), signature: Some(signature), ..
    } = hello
    else {
        return Err(HelloError::Unsigned);
    };
    let now = now.0 / 1000;
    if !bundle.knows(Fingerprint(ca.0)) {
        return Err(HelloError::UnknownCa(Fingerprint(ca.0)));
    }
    let credential = Credential::split(&credential.0).ok_or(HelloError::BadCredential)?;
    if !credential.is_signed(bundle, &hello.name) {
        return Err(HelloError::BadCredential);
    }
    if credential.expires <= now {
        return Err(HelloError::CredentialExpired);
    }
    if wanted.is_some_and(|wanted| *wanted != hello.name) {
        return Err(HelloError::WrongZone);
    }
    if !is_signed_by(&credential.public, &signed_bytes(hello), &signature.0) {
        return Err(HelloError::BadSignature);
    }
    if expires.saturating_add(SKEW) <= now {
        return Err(HelloError::Expired);
    }
    if *expires > now.saturating_add(LONGEST_LIFE) {
        return Err(HelloError::FromTheFuture);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
