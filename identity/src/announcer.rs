//! The zone's announcer: an Ed25519 key, and the site root's word that it may sign for a zone of this name.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_model::wire::bytes::Bytes;
use rollcall_model::wire::txt::Hello;
use rollcall_model::{Name, UnixMillis};

use crate::bundle::{Fingerprint, TrustBundle};
use crate::certificate::{Authority, Facts};
use crate::files;
use crate::hello::{HELLO_LIVES, signed_bytes};
use crate::issuer::{LoadError, file_names};
use crate::key::is_signed_by;
use crate::site::{ANNOUNCER_CREDENTIAL, ANNOUNCER_KEY, BUNDLE_FILE};
use crate::{AnnounceKey, KeyError, pem};

/// Bytes of a credential: version, public key, expiry, signature.
pub const CREDENTIAL_BYTES: usize = 1 + 32 + 8 + 64;
const VERSION: u8 = 1;

/// The root's word for an announcer, unverified.
pub(crate) struct Credential {
    pub public: [u8; 32],
    /// Seconds since 1970.
    pub expires: u64,
    signature: [u8; 64],
}

impl Credential {
    /// Made by the site root for a zone's announcer.
    pub(crate) fn sign(
        root: &AnnounceKey,
        zone_name: &Name,
        public: [u8; 32],
        expires: u64,
    ) -> Result<[u8; CREDENTIAL_BYTES], KeyError> {
        let signature = root.sign(&signed_text(zone_name, &public, expires))?;
        let mut bytes = [0; CREDENTIAL_BYTES];
        bytes[0] = VERSION;
        bytes[1..33].copy_from_slice(&public);
        bytes[33..41].copy_from_slice(&expires.to_be_bytes());
        bytes[41..].copy_from_slice(&signature);
        Ok(bytes)
    }

    /// Splits the bytes; nothing for another version.
    pub(crate) fn split(bytes: &[u8; CREDENTIAL_BYTES]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (public, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let signature = rest.try_into().ok()?;
        (*version == VERSION).then_some(Self { public: *public, expires: u64::from_be_bytes(*expires), signature })
    }

    /// Whether one of the site's keys signed it for a zone of this name.
    pub(crate) fn is_signed(&self, bundle: &TrustBundle, zone_name: &Name) -> bool {
        let text = signed_text(zone_name, &self.public, self.expires);
        bundle.announce_keys().iter().any(|root| is_signed_by(root, &text, &self.signature))
    }
}

/// The zone's name is part of what is signed, not of the credential: the hello has it already.
fn signed_text(zone_name: &Name, public: &[u8; 32], expires: u64) -> Vec<u8> {
    let mut text = b"rollcall announcer v1\n".to_vec();
    // A name has at most 63 bytes and no line feed, so that the parts cannot move into each other.
    text.extend_from_slice(zone_name.as_str().as_bytes());
    text.push(b'\n');
    text.push(VERSION);
    text.extend_from_slice(public);
    text.extend_from_slice(&expires.to_be_bytes());
    text
}

/// What signs a zone's hellos.
#[derive(Debug)]
pub struct Announcer {
    key: AnnounceKey,
    credential: [u8; CREDENTIAL_BYTES],
    ca: Fingerprint,
    expires: u64,
}

impl Announcer {
    /// Reads a zone directory as `rollcall ca zone` makes it.
    ///
    /// # Errors
    /// When a file is missing, readable by others, or does not fit the rest.
    pub fn load(directory: &Path) -> Result<Self, LoadError> {
        let bundle = TrustBundle::load(&directory.join(BUNDLE_FILE))?;
        let key = AnnounceKey::load(&directory.join(ANNOUNCER_KEY))?;
        let path = directory.join(ANNOUNCER_CREDENTIAL);
        let bad = |what| LoadError::Bad { path: path.clone(), what };
        let credential = parse(&files::read_public(&path)?).ok_or(bad("it is no credential of an announcer"))?;
        let split = Credential::split(&credential).ok_or(bad("it is the credential of another version"))?;
        let [services, _] = file_names(Authority::Services).map(|name| directory.join(name));
        let bad_services =
            || LoadError::Bad { path: services.clone(), what: "none of the roots in site.pem signed it" };
        let chain = pem::certificates(&files::read_public(&services)?).map_err(|_| bad_services())?;
        let der = chain.first().ok_or_else(bad_services)?;
        let ca = Fingerprint::of(bundle.root_of(der).ok_or_else(bad_services)?);
        let zone_name = Facts::of(der).ok().and_then(|facts| facts.authority()).ok_or_else(bad_services)?.1;
        if split.public != key.public() {
            return Err(bad("it does not belong to announcer.key"));
        }
        if !split.is_signed(&bundle, &zone_name) {
            return Err(bad("none of the keys in site.pem signed it for this zone"));
        }
        Ok(Self { key, credential, ca, expires: split.expires })
    }

    /// The root that the zone's certificates lead to: `ca` of the hello.
    #[must_use]
    pub const fn ca(&self) -> Fingerprint {
        self.ca
    }

    /// Until when the credential counts.
    #[must_use]
    pub const fn expires(&self) -> UnixMillis {
        UnixMillis(self.expires.saturating_mul(1000))
    }

    /// Signs a hello as of `now`: gives it its expiry, root, credential and signature.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn sign(&self, hello: Hello, now: UnixMillis) -> Result<Hello, KeyError> {
        let mut hello = Hello {
            expires: Some(now.0 / 1000 + HELLO_LIVES),
            ca: Some(Bytes(self.ca.0)),
            credential: Some(Bytes(self.credential)),
            signature: None,
            ..hello
        };
        hello.signature = Some(Bytes(self.key.sign(&signed_bytes(&hello))?));
        Ok(hello)
    }
}

pub(crate) fn parse(text: &str) -> Option<[u8; CREDENTIAL_BYTES]> {
    URL_SAFE_NO_PAD.decode(text.trim()).ok()?.try_into().ok()
}

pub(crate) fn to_text(credential: &[u8; CREDENTIAL_BYTES]) -> String {
    URL_SAFE_NO_PAD.encode(credential) + "\n"
}
