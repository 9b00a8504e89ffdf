//! The zone's authority: certificates for nodes, services and users, each from an intermediate of its own kind. The
//! server sets every name; of a request only the key is taken.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, SanType};
use rollcall_model::{Name, Principal, Serial, UnixMillis, ZoneId};
use rustls::pki_types::CertificateDer;

use crate::bundle::{BundleError, TrustBundle};
use crate::certificate::{self, Authority, Facts};
use crate::csr::{self, CsrError, URI_SCHEME};
use crate::files::{self, FileError};
use crate::site::BUNDLE_FILE;
use crate::{Key, KeyError, SessionKey, pem};

/// Longest common name (X.520 `ub-common-name`).
const LONGEST_NAME: usize = 64;

/// Names a server answers to, beside its principal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// DNS names.
    pub dns: Vec<String>,
    /// Addresses.
    pub ips: Vec<IpAddr>,
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before; whole seconds.
    pub not_before: UnixMillis,
    /// Not after; whole seconds.
    pub not_after: UnixMillis,
}

impl Validity {
    /// A certificate lives a day.
    pub const LEAF: u64 = 24 * 60 * 60 * 1000;
    /// Clocks differ: a certificate is valid a while before it is made. A clock that is an hour behind, as after a mistake about summer
    /// time, locks nobody out.
    pub const SKEW: u64 = 90 * 60 * 1000;

    /// From a little before `now` for so many milliseconds after it.
    #[must_use]
    pub const fn from(now: UnixMillis, lives: u64) -> Self {
        Self {
            not_before: UnixMillis(now.0.saturating_sub(Self::SKEW)),
            not_after: UnixMillis(now.0.saturating_add(lives)),
        }
    }

    /// A day from `now`.
    #[must_use]
    pub const fn leaf(now: UnixMillis) -> Self {
        Self::from(now, Self::LEAF)
    }
}

/// A certificate to be issued.
#[derive(Clone, Debug)]
pub struct Issue<'a> {
    /// For whom: the server's decision, never the request's.
    pub principal: &'a Principal,
    /// In which zone.
    pub zone: ZoneId,
    /// As which of its users; `None` for the one it has at first.
    pub user: Option<&'a str>,
    /// Their request, PEM.
    pub csr_pem: &'a str,
    /// The certificate's number.
    pub serial: Serial,
    /// From when to when; cut to the authority's own days.
    pub validity: Validity,
    /// What it answers to; for the zone, which is a server.
    pub names: &'a Names,
}

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate and the intermediate that signed it, PEM; public.
    pub chain_pem: String,
    /// Common name, and user at the broker.
    pub user: String,
    /// Its number.
    pub serial: Serial,
    /// From when to when it is valid in the end.
    pub validity: Validity,
}

/// Why no certificate is issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The request is refused.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The name is too long for a certificate.
    #[error(
        "{0:?} has more than {LONGEST_NAME} bytes, the most that a certificate's name may have; take a shorter one"
    )]
    NameTooLong(String),
    /// A name it should answer to cannot stand in a certificate.
    #[error("{0:?} is no DNS name")]
    BadName(String),
    /// The authority itself is no longer, or not yet, valid.
    #[error(
        "the {authority} authority of this zone has expired; `rollcall ca status` tells, `rollcall ca zone --renew` renews"
    )]
    AuthorityExpired {
        /// Which.
        authority: &'static str,
    },
    /// Not after lies before not before.
    #[error("a certificate cannot end before it begins")]
    BadValidity,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
}

impl IssueError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Csr(error) => error.reason(),
            Self::NameTooLong(_) | Self::BadName(_) => "bad_name",
            Self::AuthorityExpired { .. } => "authority_expired",
            Self::BadValidity => "bad_validity",
            Self::Library => "crypto_failed",
        }
    }
}

/// Why a zone directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The trust bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A file holds something else than it should.
    #[error("{}: {what}", .path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

struct Intermediate {
    der: CertificateDer<'static>,
    facts: Facts,
    issuer: Issuer<'static, Key>,
}

impl rcgen::PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.pair().der_bytes()
    }
    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.pair().algorithm()
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.pair().sign(message)
    }
}

/// The three intermediate authorities of a zone, with their keys.
pub struct ZoneAuthority {
    bundle: TrustBundle,
    zone_name: Name,
    /// In the order of [`Authority::ALL`].
    intermediates: [Intermediate; 3],
}

impl fmt::Debug for ZoneAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZoneAuthority").field("zone_name", &self.zone_name).finish_non_exhaustive()
    }
}

impl ZoneAuthority {
    /// Reads a zone directory as `rollcall ca zone` makes it.
    ///
    /// # Errors
    /// When a file is missing, readable by others, or does not fit the rest.
    pub fn load(directory: &Path) -> Result<Self, LoadError> {
        let bundle = TrustBundle::load(&directory.join(BUNDLE_FILE))?;
        let [nodes, services, users] = Authority::ALL.map(|authority| load(directory, authority, &bundle));
        let (nodes, zone_name) = nodes?;
        let ((services, services_name), (users, users_name)) = (services?, users?);
        if services_name != zone_name || users_name != zone_name {
            return Err(LoadError::Bad {
                path: directory.to_owned(),
                what: "its authorities are those of several zones",
            });
        }
        Ok(Self { bundle, zone_name, intermediates: [nodes, services, users] })
    }

    /// What everybody pins.
    #[must_use]
    pub const fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// The key of people's sessions at this zone's web page: the same as long as the authority over users is.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn session_key(&self) -> Result<SessionKey, KeyError> {
        let [.., users] = &self.intermediates;
        SessionKey::derived_from(users.issuer.key().der().secret_pkcs8_der())
    }

    /// The name of the zone these authorities are for.
    #[must_use]
    pub const fn zone_name(&self) -> &Name {
        &self.zone_name
    }

    /// When the first of the authorities ends.
    #[must_use]
    pub fn expires(&self) -> UnixMillis {
        self.intermediates.iter().map(|one| one.facts.not_after).min().unwrap_or_default()
    }

    /// Issues a certificate to a principal: common name and URI are set here, the kind of the authority follows from the
    /// kind of principal.
    ///
    /// # Errors
    /// When the request is refused, a name cannot stand in a certificate, or the authority has ended.
    pub fn issue(&self, issue: &Issue<'_>) -> Result<Issued, IssueError> {
        let principal = issue.principal;
        let request = csr::read(issue.csr_pem, Some((principal, issue.zone)))?;
        let mut names = vec![uri(&principal.to_string())?];
        names.extend(server_names(issue.names)?);
        let usages = match principal {
            Principal::Zone(_) => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            _ => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        let user = issue.user.map_or_else(|| principal.user_in(issue.zone), str::to_owned);
        if !principal.is_user_in(&user, issue.zone) {
            return Err(IssueError::BadName(user));
        }
        let leaf = Leaf { user, names, usages, serial: issue.serial.clone() };
        self.sign(Authority::of(principal), &leaf, issue.validity, &request)
    }

    /// Issues a server's certificate for a program that is no principal, such as the broker: it may serve, and log in
    /// nowhere.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_server(
        &self,
        name: &Name,
        names: &Names,
        csr_pem: &str,
        serial: Serial,
        validity: Validity,
    ) -> Result<Issued, IssueError> {
        let request = csr::read(csr_pem, None)?;
        let leaf = Leaf {
            user: name.to_string(),
            names: server_names(names)?,
            usages: vec![ExtendedKeyUsagePurpose::ServerAuth],
            serial,
        };
        self.sign(Authority::Services, &leaf, validity, &request)
    }

    fn sign(
        &self,
        authority: Authority,
        leaf: &Leaf,
        asked: Validity,
        request: &csr::Request,
    ) -> Result<Issued, IssueError> {
        let [nodes, services, users] = &self.intermediates;
        let intermediate = match authority {
            Authority::Nodes => nodes,
            Authority::Services => services,
            Authority::Users => users,
        };
        if asked.not_before >= asked.not_after {
            return Err(IssueError::BadValidity);
        }
        let validity = Validity {
            not_before: asked.not_before.max(intermediate.facts.not_before),
            not_after: asked.not_after.min(intermediate.facts.not_after),
        };
        if validity.not_before >= validity.not_after {
            return Err(IssueError::AuthorityExpired { authority: authority.as_str() });
        }
        let parameters = leaf.parameters(validity)?;
        let signed = parameters.signed_by(&request.key, &intermediate.issuer).map_err(|_| IssueError::Library)?;
        let chain_pem = certificate::to_pem(signed.der()) + &certificate::to_pem(&intermediate.der);
        Ok(Issued { chain_pem, user: leaf.user.clone(), serial: leaf.serial.clone(), validity })
    }
}

struct Leaf {
    user: String,
    names: Vec<SanType>,
    usages: Vec<ExtendedKeyUsagePurpose>,
    serial: Serial,
}

impl Leaf {
    fn parameters(&self, validity: Validity) -> Result<CertificateParams, IssueError> {
        if self.user.len() > LONGEST_NAME {
            return Err(IssueError::NameTooLong(self.user.clone()));
        }
        let subject = [(DnType::CommonName, self.user.as_str())];
        let mut parameters = certificate::parameters(&subject, &self.serial, validity.not_before, validity.not_after);
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages.clone_from(&self.usages);
        parameters.subject_alt_names.clone_from(&self.names);
        Ok(parameters)
    }
}

fn uri(principal: &str) -> Result<SanType, IssueError> {
    let text = format!("{URI_SCHEME}{principal}");
    text.clone().try_into().map(SanType::URI).map_err(|_| IssueError::BadName(text))
}

fn server_names(names: &Names) -> Result<Vec<SanType>, IssueError> {
    let mut found = Vec::new();
    for name in &names.dns {
        let bad = || IssueError::BadName(name.chars().take(80).collect());
        // What TLS clients can ask for, and nothing that only looks like it (an address, a wildcard over all).
        match rustls::pki_types::ServerName::try_from(name.as_str()) {
            Ok(rustls::pki_types::ServerName::DnsName(_)) => {}
            _ => return Err(bad()),
        }
        found.push(SanType::DnsName(name.as_str().try_into().map_err(|_| bad())?));
    }
    found.extend(names.ips.iter().copied().map(SanType::IpAddress));
    Ok(found)
}

/// The certificate file of an authority, and its key file.
pub(crate) fn file_names(authority: Authority) -> [String; 2] {
    ["crt", "key"].map(|ending| format!("{}-ca.{ending}", authority.as_str()))
}

fn load(directory: &Path, authority: Authority, bundle: &TrustBundle) -> Result<(Intermediate, Name), LoadError> {
    let [certificate, key] = file_names(authority).map(|name| directory.join(name));
    let bad = |what| LoadError::Bad { path: certificate.clone(), what };
    let key = Key::load(&key)?;
    let chain = pem::certificates(&files::read_public(&certificate)?).map_err(|_| bad("it is no certificate"))?;
    let [der] = chain.as_slice() else { return Err(bad("it is not one certificate")) };
    let parsed = certificate::parse(der).map_err(|_| bad("it is no certificate"))?;
    let facts = Facts::of_parsed(&parsed);
    let zone_name = match facts.authority() {
        Some((found, name)) if found == authority && parsed.is_ca() => name,
        _ => return Err(bad("it is not the authority of this kind")),
    };
    if parsed.public_key().subject_public_key.data.as_ref() != key.pair().public_key_raw() {
        return Err(bad("it does not belong to the key beside it"));
    }
    if bundle.root_of(der).is_none() {
        return Err(bad("none of the roots in site.pem signed it"));
    }
    let issuer = Issuer::from_ca_cert_der(der, key).map_err(|_| bad("it is no authority"))?;
    Ok((Intermediate { der: der.clone(), facts, issuer }, zone_name))
}

#[cfg(test)]
mod tests;
