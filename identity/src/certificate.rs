//! What stands in a certificate: read from strangers without panicking, written by [`crate::site`] and
//! [`crate::issuer`].

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose, SerialNumber};
use rollcall_model::{Name, Principal, Serial, UnixMillis};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{KeyError, pem, serial};

/// One of a zone's three intermediate authorities; the kind stands in its subject (`OU`), the zone's name beside it
/// (`O`), both under the root's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// Issues to node agents.
    Nodes,
    /// Issues to group controllers, check-in services, the zone and the broker.
    Services,
    /// Issues to people and programs at the API.
    Users,
}

impl Authority {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Nodes, Self::Services, Self::Users];

    /// `nodes`, `services` or `users`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Services => "services",
            Self::Users => "users",
        }
    }

    /// The one that may speak for this principal.
    #[must_use]
    pub const fn of(principal: &Principal) -> Self {
        match principal {
            Principal::Node(_) => Self::Nodes,
            Principal::Group(_) | Principal::Checkin(_) | Principal::Zone(_) => Self::Services,
            Principal::User(_) => Self::Users,
        }
    }

    fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|authority| authority.as_str() == text)
    }
}

/// Why bytes are no certificate that can be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not DER of a certificate.
    #[error("that is no certificate")]
    Malformed,
    /// Not PEM of certificates.
    #[error("the certificate cannot be read: {0}")]
    Pem(#[from] pem::PemError),
}

/// What matters of a certificate, unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Common name; empty where there is none.
    pub common_name: String,
    /// Organisation: the name of the site or zone.
    pub organisation: String,
    /// Organisational unit.
    pub unit: String,
    /// Serial number, where it has a usual one.
    pub serial: Option<Serial>,
    /// Not valid before.
    pub not_before: UnixMillis,
    /// Not valid after.
    pub not_after: UnixMillis,
}

impl Facts {
    /// Reads DER.
    ///
    /// # Errors
    /// When it is no certificate.
    pub fn of(der: &[u8]) -> Result<Self, CertificateError> {
        parse(der).map(|certificate| Self::of_parsed(&certificate))
    }

    /// Reads the first certificate of a chain in PEM: the holder's own.
    ///
    /// # Errors
    /// When it is no chain.
    pub fn of_chain(text: &str) -> Result<Self, CertificateError> {
        // There is a first: `certificates` gives at least one.
        pem::certificates(text)?.first().map_or(Err(CertificateError::Malformed), |first| Self::of(first))
    }

    pub(crate) fn of_parsed(certificate: &X509Certificate<'_>) -> Self {
        let subject = certificate.subject();
        let text = |mut found: Box<dyn Iterator<Item = &x509_parser::x509::AttributeTypeAndValue<'_>> + '_>| {
            found.next().and_then(|value| value.as_str().ok()).unwrap_or_default().to_owned()
        };
        Self {
            common_name: text(Box::new(subject.iter_common_name())),
            organisation: text(Box::new(subject.iter_organization())),
            unit: text(Box::new(subject.iter_organizational_unit())),
            serial: serial::of_certificate(certificate.raw_serial()),
            not_before: millis(certificate.validity().not_before.timestamp()),
            not_after: millis(certificate.validity().not_after.timestamp()),
        }
    }

    /// Whether `now` lies within its days.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixMillis) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    pub(crate) fn authority(&self) -> Option<(Authority, Name)> {
        Some((Authority::named(&self.unit)?, Name::new(self.organisation.as_str()).ok()?))
    }
}

/// Reads exactly one certificate, with nothing after it.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateError::Malformed),
    }
}

fn millis(seconds: i64) -> UnixMillis {
    UnixMillis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000))
}

/// Certificates count in whole seconds, and years have four digits.
pub(crate) fn date(at: UnixMillis) -> time::OffsetDateTime {
    const LAST: i64 = 253_402_300_799;
    let seconds = i64::try_from(at.0 / 1000).map_or(LAST, |seconds| seconds.min(LAST));
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// The part that all our certificates have.
pub(crate) fn parameters(
    subject: &[(DnType, &str)],
    number: &Serial,
    not_before: UnixMillis,
    not_after: UnixMillis,
) -> CertificateParams {
    let mut name = DistinguishedName::new();
    for (kind, text) in subject {
        name.push(kind.clone(), *text);
    }
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial::bytes(number)));
    parameters.not_before = date(not_before);
    parameters.not_after = date(not_after);
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

/// An authority under which `below` further authorities may stand.
pub(crate) fn authority_parameters(
    name: &str,
    unit: Option<&str>,
    kind: &str,
    below: u8,
    not_before: UnixMillis,
    not_after: UnixMillis,
) -> Result<CertificateParams, KeyError> {
    // Its own name each time: verifiers that look issuers up by name never take an old one for a new one.
    let common_name = format!("Rollcall {kind} {}", hex::encode(crate::random::<4>()?));
    let mut subject = vec![(DnType::OrganizationName, name)];
    subject.extend(unit.map(|unit| (DnType::OrganizationalUnitName, unit)));
    subject.push((DnType::CommonName, &common_name));
    let mut parameters = parameters(&subject, &serial::draw()?, not_before, not_after);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

/// A certificate in PEM.
pub(crate) fn to_pem(certificate: &CertificateDer<'_>) -> String {
    pem::encode("CERTIFICATE", certificate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Facts::of(&bytes).is_err());
        }

        #[test]
        fn every_instant_has_a_date(at in any::<u64>()) {
            prop_assert!(date(UnixMillis(at)).year() <= 9999);
        }
    }
}
