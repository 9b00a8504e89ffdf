//! The trust bundle (`site.pem`): what everybody of a site pins. Public. One or more root certificates, and one or more
//! Ed25519 public keys that sign announcers' credentials. Several of each overlap while a root is rotated.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::SectionKind;

use crate::certificate::{self, Facts};
use crate::files::{self, FileError};
use crate::pem::{self, PemError};

/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410 §4).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Names a root: the first 16 bytes of the SHA-256 of its certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Of a certificate.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = crate::sha256(&[der]);
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What everybody of a site pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustBundle {
    roots: Vec<CertificateDer<'static>>,
    announce_keys: Vec<[u8; 32]>,
}

/// Why a text is no trust bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is no PEM, or something else stands in it.
    #[error("that is no trust bundle: {0}")]
    Pem(#[from] PemError),
    /// A certificate in it is no root.
    #[error("that is no trust bundle: certificate {number} in it is not a root that signed itself")]
    NotARoot {
        /// Which, from 1.
        number: usize,
    },
    /// A public key in it is not Ed25519.
    #[error("that is no trust bundle: a public key in it is not Ed25519")]
    NotEd25519,
    /// A file holds none.
    #[error("{}: {source}", .path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<BundleError>,
    },
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl TrustBundle {
    /// Of roots and keys, newest first; at least one root.
    pub(crate) fn new(roots: Vec<CertificateDer<'static>>, announce_keys: Vec<[u8; 32]>) -> Self {
        Self { roots, announce_keys }
    }

    /// Reads `site.pem`.
    ///
    /// # Errors
    /// When it is no PEM, holds a certificate that is no root, anything private, or no root or key at all.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let (mut roots, mut announce_keys) = (Vec::new(), Vec::new());
        for (kind, der) in pem::sections(text)? {
            match kind {
                SectionKind::Certificate if is_root(&der) => roots.push(CertificateDer::from(der)),
                SectionKind::Certificate => return Err(BundleError::NotARoot { number: roots.len() + 1 }),
                SectionKind::PublicKey => announce_keys.push(ed25519(&der).ok_or(BundleError::NotEd25519)?),
                other => return Err(PemError::Unexpected { found: pem::named(other) }.into()),
            }
        }
        if roots.is_empty() {
            return Err(PemError::Missing { wanted: "root certificate" }.into());
        }
        if announce_keys.is_empty() {
            return Err(PemError::Missing { wanted: "public key of announcements" }.into());
        }
        Ok(Self { roots, announce_keys })
    }

    /// Reads a bundle file.
    ///
    /// # Errors
    /// As [`Self::parse`], or when the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, BundleError> {
        Self::parse(&files::read_public(path)?)
            .map_err(|source| BundleError::BadFile { path: path.to_owned(), source: Box::new(source) })
    }

    /// Writes a bundle file at once and for good.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        files::write_public(path, &self.to_pem())
    }

    /// The text of `site.pem`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.roots_pem()
            + &self
                .announce_keys
                .iter()
                .map(|key| pem::encode("PUBLIC KEY", &[&ED25519_PREFIX[..], key].concat()))
                .collect::<String>()
    }

    /// The root certificates alone, for programs that want nothing else in the file (RabbitMQ's `cacertfile`).
    #[must_use]
    pub fn roots_pem(&self) -> String {
        self.roots.iter().map(certificate::to_pem).collect()
    }

    /// The root certificates.
    #[must_use]
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// The keys that sign announcers' credentials.
    #[must_use]
    pub fn announce_keys(&self) -> &[[u8; 32]] {
        &self.announce_keys
    }

    /// The fingerprints of the roots.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.roots.iter().map(|root| Fingerprint::of(root))
    }

    /// Whether a root with this fingerprint is pinned.
    #[must_use]
    pub fn knows(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprints().any(|known| known == fingerprint)
    }

    /// Whether one of the roots signed the last certificate of a chain in PEM. What is above its holder only: the holder
    /// is checked where it counts.
    #[must_use]
    pub fn vouches_for(&self, chain_pem: &str) -> bool {
        pem::certificates(chain_pem).is_ok_and(|chain| chain.last().is_some_and(|last| self.root_of(last).is_some()))
    }

    /// Whether both pin a root in common: one is then the other's continuation.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.fingerprints().any(|fingerprint| other.knows(fingerprint))
    }

    /// What stands in the roots.
    #[must_use]
    pub fn facts(&self) -> Vec<Facts> {
        // Each was read when the bundle was.
        self.roots.iter().filter_map(|root| Facts::of(root).ok()).collect()
    }

    /// The root that signed this certificate.
    pub(crate) fn root_of(&self, der: &[u8]) -> Option<&CertificateDer<'static>> {
        let below = certificate::parse(der).ok()?;
        self.roots.iter().find(|root| {
            certificate::parse(root).is_ok_and(|root| {
                root.subject().as_raw() == below.issuer().as_raw()
                    && below.verify_signature(Some(root.public_key())).is_ok()
            })
        })
    }
}

fn is_root(der: &[u8]) -> bool {
    certificate::parse(der).is_ok_and(|certificate| {
        certificate.is_ca()
            && certificate.subject().as_raw() == certificate.issuer().as_raw()
            && certificate.verify_signature(None).is_ok()
    })
}

fn ed25519(spki: &[u8]) -> Option<[u8; 32]> {
    spki.strip_prefix(&ED25519_PREFIX)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_model::{Name, UnixMillis};

    use super::*;
    use crate::{Key, Site};

    fn bundle() -> TrustBundle {
        let root = tempfile::tempdir().unwrap();
        let site = Site::create(root.path(), &Name::new("lab").unwrap(), UnixMillis(1_800_000_000_000)).unwrap();
        site.bundle().clone()
    }

    #[test]
    fn a_bundle_is_read_back_with_several_roots() {
        let (one, other) = (bundle(), bundle());
        let both = TrustBundle::new(
            [one.roots(), other.roots()].concat(),
            [one.announce_keys(), other.announce_keys()].concat(),
        );
        assert_eq!(TrustBundle::parse(&both.to_pem()).unwrap(), both);
        assert!(other.fingerprints().all(|fingerprint| both.knows(fingerprint) && !one.knows(fingerprint)));
        assert_eq!(both.facts().len(), 2);
    }

    #[test]
    fn what_is_no_bundle_is_refused_with_what_is_wrong() {
        let good = bundle();
        let roots = good.roots_pem();
        let key = Key::generate().unwrap();
        let mut broken = good.roots()[0].to_vec();
        *broken.last_mut().unwrap() ^= 1;
        for (text, said) in [
            (String::new(), "holds no root certificate"),
            (roots.clone(), "holds no public key of announcements"),
            (good.to_pem() + &key.pem(), "holds a private key"),
            (good.to_pem() + &pem::encode("CERTIFICATE", &broken), "certificate 2 in it is not a root"),
            (roots.clone() + &pem::encode("PUBLIC KEY", &[0; 44]), "is not Ed25519"),
            (roots.replace("-----END", "----END"), "not PEM"),
        ] {
            let error = TrustBundle::parse(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_changed_root_is_no_root(at in any::<prop::sample::Index>(), bit in 0..8u8) {
            thread_local!(static GOOD: TrustBundle = bundle());
            let mut der = GOOD.with(|good| good.roots()[0].to_vec());
            let signed = certificate::parse(&der).unwrap().tbs_certificate.as_ref().to_vec();
            let begin = der.windows(signed.len()).position(|window| window == signed).unwrap();
            der[begin + at.index(signed.len())] ^= 1 << bit;
            prop_assert!(!is_root(&der));
        }
    }
}
