//! Who is at the other end: from the certificates a client showed to the principal they stand for. The chain is verified
//! here once more and strictly: a certificate, the intermediate that signed it, a pinned root, nothing else. A principal
//! counts only when the authority of its kind, of this very zone, vouches for it.

use std::time::Duration;

use rollcall_model::{Name, Principal, Serial, UnixMillis, ZoneId};
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::certificate::{self, Authority, Facts};
use crate::{TrustBundle, tls};

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who.
    pub principal: Principal,
    /// Common name, and user at the broker.
    pub user: String,
    /// The certificate's number, to be looked up among the revoked.
    pub serial: Serial,
    /// Until when the certificate counts.
    pub not_after: UnixMillis,
}

/// Why a chain stands for nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Not a certificate and an intermediate.
    #[error("expected a certificate and the intermediate that signed it, got {0} certificates")]
    WrongLength(usize),
    /// Bytes that are no certificate.
    #[error("that is no certificate")]
    Malformed,
    /// It has ended.
    #[error("the certificate of {0:?} has expired")]
    Expired(String),
    /// It has not begun.
    #[error("the certificate of {0:?} is not valid yet; is a clock wrong?")]
    NotYetValid(String),
    /// It leads to no pinned root, or may not be used by a client.
    #[error("the certificate does not lead to a root that is pinned here: {0}")]
    Untrusted(String),
    /// It names nobody.
    #[error("the certificate's name {0:?} is nobody's")]
    Nobody(String),
    /// It is of another zone.
    #[error("the certificate of {0:?} is of another zone")]
    OtherZone(String),
    /// An authority of another kind signed it.
    #[error("the certificate of {user:?} was signed by the {authority} authority, which cannot speak for it")]
    WrongAuthority {
        /// The name in it.
        user: String,
        /// Who signed it.
        authority: &'static str,
    },
}

impl PeerError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::WrongLength(_) | Self::Malformed => "malformed_certificate",
            Self::Expired(_) => "certificate_expired",
            Self::NotYetValid(_) => "certificate_not_yet_valid",
            Self::Untrusted(_) => "untrusted_certificate",
            Self::Nobody(_) => "nobody",
            Self::OtherZone(_) => "other_zone",
            Self::WrongAuthority { .. } => "wrong_authority",
        }
    }
}

/// The zone that asks.
#[derive(Clone, Debug)]
pub struct Verifier {
    bundle: TrustBundle,
    zone_name: Name,
    zone: ZoneId,
    client_verifier: std::sync::Arc<dyn rustls::server::danger::ClientCertVerifier>,
}

impl Verifier {
    /// For a zone.
    ///
    /// # Errors
    /// When the bundle's roots cannot be used.
    pub fn new(bundle: &TrustBundle, zone_name: &Name, zone: ZoneId) -> Result<Self, tls::TlsError> {
        let client_verifier = tls::client_verifier(bundle, tls::Clients::MayBeStrangers)?;
        Ok(Self { bundle: bundle.clone(), zone_name: zone_name.clone(), zone, client_verifier })
    }

    /// Who showed this chain.
    ///
    /// # Errors
    /// When it proves nothing.
    pub fn identify(&self, chain: &[CertificateDer<'_>], now: UnixMillis) -> Result<Peer, PeerError> {
        let [leaf_der, authority_der] = chain else { return Err(PeerError::WrongLength(chain.len())) };
        let leaf = certificate::parse(leaf_der).map_err(|_| PeerError::Malformed)?;
        let above = certificate::parse(authority_der).map_err(|_| PeerError::Malformed)?;
        let facts = Facts::of_parsed(&leaf);
        self.client_verifier
            .verify_client_cert(leaf_der, std::slice::from_ref(authority_der), unix_time(now))
            .map_err(|error| untrusted(&facts, &error))?;
        // The verifier finds some way to a root; what counts is that it is this one.
        let is_signed = leaf.issuer().as_raw() == above.subject().as_raw()
            && leaf.verify_signature(Some(above.public_key())).is_ok()
            && self.bundle.root_of(authority_der).is_some();
        if !is_signed {
            return Err(PeerError::Untrusted("the intermediate beside it did not sign it".into()));
        }
        self.principal(facts, &Facts::of_parsed(&above))
    }

    fn principal(&self, leaf: Facts, above: &Facts) -> Result<Peer, PeerError> {
        let user = leaf.common_name;
        let Some((authority, zone_name)) = above.authority() else {
            return Err(PeerError::WrongAuthority { user, authority: "unknown" });
        };
        let Ok(principal) = Principal::of_user(&user) else { return Err(PeerError::Nobody(user)) };
        if zone_name != self.zone_name || !principal.is_user_in(&user, self.zone) {
            return Err(PeerError::OtherZone(user));
        }
        if Authority::of(&principal) != authority {
            return Err(PeerError::WrongAuthority { user, authority: authority.as_str() });
        }
        let serial = leaf.serial.ok_or(PeerError::Malformed)?;
        Ok(Peer { principal, user, serial, not_after: leaf.not_after })
    }
}

fn unix_time(now: UnixMillis) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(now.0))
}

fn untrusted(facts: &Facts, error: &rustls::Error) -> PeerError {
    use rustls::CertificateError as Why;
    let name = facts.common_name.clone();
    match error {
        rustls::Error::InvalidCertificate(Why::Expired | Why::ExpiredContext { .. }) => PeerError::Expired(name),
        rustls::Error::InvalidCertificate(Why::NotValidYet | Why::NotValidYetContext { .. }) => {
            PeerError::NotYetValid(name)
        }
        other => PeerError::Untrusted(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
