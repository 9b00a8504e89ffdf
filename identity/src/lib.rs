//! Who is who, and how it is proved: the site root and its certificate authorities, join tokens, certificates, signed
//! hellos and sealed capability tags.
//!
//! An edge of cryptography: it reads and writes key files and draws random numbers, but opens no socket and reads no
//! clock (`now` is passed in). One library does all of it, aws-lc-rs, and every TLS configuration made here names it.
//!
//! Who trusts whom: everybody pins the site's public [`TrustBundle`]. The site root ([`Site`]) signs a zone's three
//! intermediate authorities and its announcer; the zone ([`ZoneAuthority`], [`Announcer`]) signs everybody's short-lived
//! certificate and its own hellos. The root's keys are needed for nothing else and can be taken offline.

pub mod announcer;
pub mod audit;
pub mod bundle;
pub mod certificate;
pub mod csr;
pub mod files;
pub mod hello;
pub mod issuer;
pub mod key;
pub mod peer;
pub mod pem;
pub mod seal;
pub mod serial;
pub mod session;
pub mod site;
#[cfg(test)]
mod stage;
pub mod tls;
pub mod token;

pub use announcer::Announcer;
pub use bundle::TrustBundle;
pub use certificate::Authority;
pub use csr::{CsrError, check_csr, make_csr};
pub use issuer::{Issue, Issued, Names, Validity, ZoneAuthority};
pub use key::{AnnounceKey, Key, KeyError};
pub use peer::{Peer, PeerError};
pub use session::SessionKey;
pub use site::Site;
pub use token::{Token, TokenUse};

/// Bytes by chance, from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Library)?;
    Ok(bytes)
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    // SHA-256 has 32 bytes by definition.
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
