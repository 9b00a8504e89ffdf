//! What the zone itself is made of where trust is concerned: its three authorities, which sign everybody's certificates,
//! and its own certificate, with which it serves its API and logs in to its broker.
//!
//! Who gets a certificate is decided by the core and saved by the store; here it is only signed.

mod administrator;
mod users;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall_bus::{Credentials, CredentialsError, TlsIdentity};
use rollcall_discovery::{Distrust, HelloTrust};
use rollcall_identity::hello;
use rollcall_identity::issuer::{IssueError, LoadError};
use rollcall_identity::tls::{self, Certified, Clients, TlsError};
use rollcall_identity::{
    Announcer, Issue, Issued, Key, KeyError, Names, Peer, PeerError, SessionKey, Validity, ZoneAuthority, make_csr,
    peer, serial,
};
use rollcall_model::wire::txt::Hello;
use rollcall_model::{Name, Principal, Serial, UnixMillis, ZoneId};
use rollcall_startup::{Clock, Shutdown};
use rollcall_store::UserRecord;
use serde_json::{Value, json};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

pub use self::administrator::{ADMINISTRATOR, Administrator, AdministratorError, make_first};
pub use self::users::{BrokerUsers, UsersError};
use crate::core::Grant;

/// A certificate is renewed after this part of its life, percent.
const RENEWED_AT: u64 = 60;
/// Pause after a renewal that failed.
const RETRY: Duration = Duration::from_secs(60);

/// Why the zone has no identity.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The zone directory cannot be used.
    #[error("{source} (identity.directory is {}; `rollcall ca init` makes one)", .directory.display())]
    Directory {
        /// Where it should be.
        directory: PathBuf,
        /// What is wrong with it.
        source: LoadError,
    },
    /// It was made for another zone.
    #[error("identity.directory was made for zone {made_for}, but this zone's name is {name}")]
    OtherZone {
        /// The name in the authorities.
        made_for: Name,
        /// The configured name.
        name: Name,
    },
    /// No key could be drawn.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The zone's own certificate cannot be signed.
    #[error("the zone's own certificate cannot be signed: {0}")]
    Issue(#[from] IssueError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The broker's client cannot use the certificate.
    #[error(transparent)]
    Login(#[from] CredentialsError),
}

/// What somebody is given who may have a certificate.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The certificate and the intermediate that signed it, PEM.
    pub chain: String,
    /// Common name, and user at the broker.
    pub user: String,
    /// Its number.
    pub serial: Serial,
    /// Until when it is valid.
    pub expires: UnixMillis,
}

impl Signed {
    /// What the audit log says of it, under [`CERTIFICATE_ISSUED`](crate::core::CERTIFICATE_ISSUED).
    #[must_use]
    pub fn noted(&self) -> Value {
        json!({ "user": self.user, "serial": self.serial, "expires_ms": self.expires })
    }
}

/// A zone's identity.
#[derive(Debug)]
pub struct Trust {
    zone: ZoneId,
    authority: ZoneAuthority,
    verifier: peer::Verifier,
    key: Key,
    names: Names,
    announcer: Announcer,
    own: Arc<Certified>,
    login: TlsIdentity,
    validity: Mutex<Validity>,
}

impl Trust {
    /// Reads the zone directory, and signs the zone its own first certificate, which answers to `names`.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn open(
        directory: &Path,
        name: &Name,
        zone: ZoneId,
        names: Names,
        now: UnixMillis,
    ) -> Result<Arc<Self>, TrustError> {
        let unusable = |source| TrustError::Directory { directory: directory.to_owned(), source };
        let authority = ZoneAuthority::load(directory).map_err(unusable)?;
        let announcer = Announcer::load(directory).map_err(unusable)?;
        if authority.zone_name() != name {
            return Err(TrustError::OtherZone { made_for: authority.zone_name().clone(), name: name.clone() });
        }
        let verifier = peer::Verifier::new(authority.bundle(), name, zone)?;
        let key = Key::generate()?;
        let first = sign_own(&authority, zone, &key, &names, now)?;
        let own = Certified::new(&first.chain_pem, &key)?;
        let (roots, pem) = (authority.bundle().roots_pem(), key.pem());
        let login = TlsIdentity::new(credentials(&first, &pem, &roots))?;
        let validity = Mutex::new(first.validity);
        Ok(Arc::new(Self { zone, authority, verifier, key, names, announcer, own, login, validity }))
    }

    /// The hello with the announcer's signature, which counts for ten minutes.
    #[must_use]
    pub fn signed(&self, hello: Hello, now: UnixMillis) -> Hello {
        self.announcer.sign(hello.clone(), now).unwrap_or_else(|error| {
            // Then nobody believes it, which is said where it is heard.
            tracing::error!("the hello cannot be signed: {error}");
            hello
        })
    }

    /// Believes hellos of this zone's name that the site vouches for, as every listener of the site does. Zones of other
    /// names are neighbours, perhaps of another site.
    #[must_use]
    pub fn belief(&self, clock: Clock) -> HelloTrust {
        let (bundle, own) = (self.authority.bundle().clone(), self.authority.zone_name().clone());
        HelloTrust::new(move |heard| {
            if heard.name != own {
                return Ok(());
            }
            hello::verify(&bundle, None, heard, clock.now().wall).map_err(|error| Distrust {
                reason: error.reason(),
                message: format!("a hello of a zone called {} is not believed: {error}", heard.name),
            })
        })
    }

    /// How the API is served.
    ///
    /// # Errors
    /// When the site's roots cannot be used.
    pub fn server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        tls::server(Arc::clone(&self.own), self.authority.bundle(), Clients::MayBeStrangers).map(Arc::new)
    }

    /// How the zone logs in to its broker.
    #[must_use]
    pub fn login(&self) -> TlsIdentity {
        self.login.clone()
    }

    /// The public trust bundle of the site, PEM.
    #[must_use]
    pub fn bundle(&self) -> String {
        self.authority.bundle().to_pem()
    }

    /// The roots of the site alone, PEM.
    #[must_use]
    pub fn roots(&self) -> String {
        self.authority.bundle().roots_pem()
    }

    /// The zone.
    #[must_use]
    pub const fn zone(&self) -> ZoneId {
        self.zone
    }

    /// Who showed these certificates.
    ///
    /// # Errors
    /// When they prove nothing.
    pub fn identify(&self, chain: &[CertificateDer<'_>], now: UnixMillis) -> Result<Peer, PeerError> {
        self.verifier.identify(chain, now)
    }

    /// Signs what the core granted, over the request it was granted for.
    ///
    /// # Errors
    /// When the request is not what it was, or the authority has ended.
    pub fn sign(&self, grant: &Grant, csr: &str) -> Result<Signed, IssueError> {
        let validity = Validity { not_before: grant.not_before_ms, not_after: grant.not_after_ms };
        self.issue((&grant.principal, Some(&grant.user)), csr, grant.serial.clone(), validity)
    }

    /// Signs a day's certificate for a user of the API, in whose name nobody comes who had the name before.
    ///
    /// # Errors
    /// When the request is refused, or the authority has ended.
    pub fn sign_user(&self, user: &UserRecord, csr: &str, now: UnixMillis) -> Result<Signed, IssueError> {
        let serial = serial::draw().map_err(|_| IssueError::Library)?;
        let (principal, named) = (Principal::User(user.name.clone()), user.user_in(self.zone));
        self.issue((&principal, Some(&named)), csr, serial, Validity::leaf(now))
    }

    fn issue(
        &self,
        (principal, user): (&Principal, Option<&str>),
        csr_pem: &str,
        serial: Serial,
        validity: Validity,
    ) -> Result<Signed, IssueError> {
        let names = &Names::default();
        let issued =
            self.authority.issue(&Issue { principal, zone: self.zone, user, csr_pem, serial, validity, names })?;
        let Issued { chain_pem: chain, user, serial, validity } = issued;
        Ok(Signed { chain, user, serial, expires: validity.not_after })
    }

    /// When the zone's own certificate is to be renewed.
    #[must_use]
    pub fn renewal(&self) -> UnixMillis {
        let Validity { not_before, not_after } = *self.validity.lock().unwrap_or_else(PoisonError::into_inner);
        UnixMillis(not_before.0 + not_after.0.saturating_sub(not_before.0) * RENEWED_AT / 100)
    }

    /// Renews the zone's own certificate: connections made from now on see the new one, here and at the broker.
    ///
    /// # Errors
    /// [`TrustError`]; the old one then stays.
    pub fn renew(&self, now: UnixMillis) -> Result<(), TrustError> {
        let next = sign_own(&self.authority, self.zone, &self.key, &self.names, now)?;
        self.own.replace(&next.chain_pem, &self.key)?;
        let (roots, pem) = (self.authority.bundle().roots_pem(), self.key.pem());
        self.login.replace(credentials(&next, &pem, &roots))?;
        *self.validity.lock().unwrap_or_else(PoisonError::into_inner) = next.validity;
        Ok(())
    }

    /// Renews the zone's own certificate, time and again, until the end.
    pub async fn keep_fresh(&self, clock: Clock, shutdown: &Shutdown) {
        loop {
            let now = clock.now().wall;
            let wait = match self.renewal().0.saturating_sub(now.0) {
                0 => match self.renew(now) {
                    Ok(()) => continue,
                    Err(error) => {
                        tracing::error!("the zone's own certificate cannot be renewed: {error}");
                        RETRY
                    }
                },
                // Looked at now and then, since the wall clock may be set.
                early => Duration::from_millis(early).min(RETRY),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.requested() => return,
            }
        }
    }
}

/// What tells the browsers of people who logged in. It outlives the process where the zone has an identity.
///
/// # Errors
/// When the cryptographic library fails.
pub fn session_key(trust: Option<&Trust>) -> Result<SessionKey, TrustError> {
    Ok(trust.map_or_else(SessionKey::random, |trust| trust.authority.session_key())?)
}

fn sign_own(
    authority: &ZoneAuthority,
    zone: ZoneId,
    key: &Key,
    names: &Names,
    now: UnixMillis,
) -> Result<Issued, TrustError> {
    let (principal, csr) = (Principal::Zone(zone), make_csr(key)?);
    let serial = serial::draw()?;
    let validity = Validity::leaf(now);
    let issue = Issue { principal: &principal, zone, user: None, csr_pem: &csr, serial, validity, names };
    Ok(authority.issue(&issue)?)
}

const fn credentials<'a>(issued: &'a Issued, key: &'a str, roots: &'a str) -> Credentials<'a> {
    Credentials { user: issued.user.as_str(), chain: issued.chain_pem.as_str(), key, roots }
}

/// The names and addresses the API is reached by.
#[must_use]
pub fn names(listen: IpAddr, addresses: &[IpAddr], public: &[String]) -> Names {
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut names = Names { dns: vec!["localhost".into()], ips: loopback.to_vec() };
    let named = public.iter().map(|name| name.parse::<IpAddr>().map_err(|_| name.clone()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let own = addresses.iter().chain([&listen]).filter(|address| !address.is_unspecified()).map(|ip| Ok(*ip));
    for name in own.chain(named).chain([Err(host)]) {
        match name {
            Ok(address) if !names.ips.contains(&address) => names.ips.push(address),
            Err(name) if is_host_name(&name) && !names.dns.contains(&name) => names.dns.push(name),
            _ => {}
        }
    }
    names
}

/// What can stand in a certificate as a DNS name; a machine may be called otherwise.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_answers_to_loopback_its_addresses_and_its_public_names() {
        let any = IpAddr::from([0, 0, 0, 0]);
        let names =
            names(any, &[[10, 1, 0, 10].into()], &["zone.example".into(), "192.0.2.7".into(), "bad_name".into()]);
        let ips: Vec<String> = names.ips.iter().map(IpAddr::to_string).collect();
        assert_eq!(ips, ["127.0.0.1", "::1", "10.1.0.10", "192.0.2.7"]);
        assert_eq!(&names.dns[..2], ["localhost", "zone.example"]);
        assert!(!names.dns.iter().any(|name| name == "bad_name"), "it cannot stand in a certificate");
    }
}
