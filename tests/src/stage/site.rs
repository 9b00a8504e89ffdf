//! The site of a test run: one root, under which its brokers and every stage's zone stand.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rollcall_bus::private_broker::ServerCertificate;
use rollcall_identity::tls::{self, Certified as Shown};
use rollcall_identity::{
    Issue, Issued, Key, Names, Site as Root, TrustBundle, Validity, ZoneAuthority, files, make_csr, serial,
};
use rollcall_model::{Name, Principal, Serial, UnixMillis, ZoneId};
use rustls::ClientConfig;
use tempfile::TempDir;

use super::{cluster, namespace};

/// A root and what stands under it, as long as this lives.
pub struct Site {
    directory: TempDir,
    root: Root,
    made: AtomicU32,
}

/// A key and the certificate that was issued for it.
pub struct Certified {
    /// The key.
    pub key: Key,
    /// Certificate and intermediate, with the name in them.
    pub issued: Issued,
}

/// Somebody who can show a certificate.
pub struct Login {
    /// The name in it.
    pub user: String,
    /// With it, and trusting the site.
    pub config: Arc<ClientConfig>,
}

impl Site {
    /// A new site.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("rollcall-e2e-site-").tempdir().expect("a temporary directory");
        let root = Root::create(&directory.path().join("site"), &name("test-site"), founded()).expect("a site is made");
        Self { directory, root, made: AtomicU32::new(0) }
    }

    /// The trust bundle everybody pins.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.directory.path().join("site/site.pem")
    }

    /// Makes a zone directory.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_zone(&self, zone: &str, directory: &Path) {
        self.root.make_zone(&name(zone), directory, founded()).expect("a zone directory is made");
    }

    /// A certificate for a broker on 127.0.0.1, on the gateways of this process's namespaces, at these addresses, and for the name of a
    /// cluster; in files below `directory`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn broker_certificate(&self, directory: &Path, at: &[IpAddr]) -> ServerCertificate {
        let zone = directory.join("zone");
        self.make_zone("broker", &zone);
        let authority = ZoneAuthority::load(&zone).expect("the zone directory is good");
        let key = Key::generate().expect("a key");
        let csr = make_csr(&key).expect("a request");
        let ips = [[127, 0, 0, 1].into()]
            .into_iter()
            .chain(namespace::gateways().map(Into::into))
            .chain(at.iter().copied())
            .collect();
        let names = Names { dns: vec!["localhost".into(), cluster::NAME.into()], ips };
        let serial = serial::draw().expect("a serial number");
        let issued =
            authority.issue_server(&name("broker"), &names, &csr, serial, Validity::leaf(now())).expect("it is issued");
        let files = ServerCertificate {
            chain: directory.join("broker.crt"),
            key: directory.join("broker.key"),
            roots: directory.join("roots.pem"),
        };
        files::write_public(&files.chain, &issued.chain_pem).expect("the chain is written");
        files::write_secret(&files.key, &key.pem()).expect("the key is written");
        files::write_public(&files.roots, &authority.bundle().roots_pem()).expect("the roots are written");
        files
    }

    /// A directory of its own.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn fresh_directory(&self) -> PathBuf {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.path().join(format!("made-{number}"));
        std::fs::create_dir(&directory).expect("a directory");
        directory
    }

    /// Somebody with a certificate of the zone whose directory this is, issued here and now.
    ///
    /// # Panics
    /// When there is no such zone.
    #[must_use]
    pub fn login(&self, zone_directory: &Path, principal: &Principal, zone: ZoneId) -> Login {
        self.show(&self.issue(zone_directory, principal, zone, Validity::leaf(now())))
    }

    /// Somebody who has the key and the certificate in a daemon's identity directory, or in a copy of it.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn thief(&self, directory: &Path) -> Login {
        let chain = std::fs::read_to_string(directory.join("cert.pem")).expect("a certificate");
        let key = Key::load(&directory.join("key.pem")).expect("a key");
        let bundle = TrustBundle::load(&self.bundle()).expect("the bundle");
        let shown = Shown::new(&chain, &key).expect("they belong together");
        let config = Arc::new(tls::client(&bundle, Some(shown)).expect("a TLS configuration"));
        Login { user: String::new(), config }
    }

    /// Somebody who shows this certificate, be it good or not.
    ///
    /// # Panics
    /// When key and certificate do not belong together.
    #[must_use]
    pub fn show(&self, certified: &Certified) -> Login {
        let Certified { key, issued } = certified;
        let bundle = TrustBundle::load(&self.bundle()).expect("the bundle");
        let shown = Shown::new(&issued.chain_pem, key).expect("they belong together");
        let config = tls::client(&bundle, Some(shown)).expect("a TLS configuration");
        Login { user: issued.user.clone(), config: Arc::new(config) }
    }

    /// Issues a certificate past the zone controller, with the keys in the zone's directory.
    ///
    /// # Panics
    /// When there is no such zone.
    #[must_use]
    pub fn issue(&self, zone_directory: &Path, principal: &Principal, zone: ZoneId, validity: Validity) -> Certified {
        let key = Key::generate().expect("a key");
        let serial = serial::draw().expect("a serial number");
        let issued = self.reissue(zone_directory, (principal, zone), &key, serial, validity);
        Certified { key, issued }
    }

    /// The same for a key and a serial number that are there already: a certificate of another age.
    ///
    /// # Panics
    /// When there is no such zone.
    #[must_use]
    pub fn reissue(
        &self,
        zone_directory: &Path,
        (principal, zone): (&Principal, ZoneId),
        key: &Key,
        serial: Serial,
        validity: Validity,
    ) -> Issued {
        let authority = ZoneAuthority::load(zone_directory).expect("the zone directory is good");
        let (csr, names) = (make_csr(key).expect("a request"), &Names::default());
        authority
            .issue(&Issue { principal, zone, user: None, csr_pem: &csr, serial, validity, names })
            .expect("it is issued")
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// Authorities are a few days old, so that there can be certificates of every age.
fn founded() -> UnixMillis {
    UnixMillis(now().0 - 3 * 24 * 3_600_000)
}

/// The wall clock.
///
/// # Panics
/// When it is before 1970.
#[must_use]
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    UnixMillis(u64::try_from(since.as_millis()).expect("not that far in the future"))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}
