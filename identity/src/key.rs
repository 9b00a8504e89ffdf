//! Private keys: ECDSA P-256 for certificates, Ed25519 for announcements. Generated here, kept in files of mode 0600,
//! wiped from memory when no longer needed.

use std::fmt;
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm, SigningKey as _};
use rollcall_model::Sha256;
use rustls::pki_types::PrivatePkcs8KeyDer;
use zeroize::{Zeroize as _, Zeroizing};

use crate::files::{self, FileError};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no private key of the kind that is wanted. It does not say what the text was.
    #[error("that is no private key of kind {0} in PEM")]
    NotAKey(&'static str),
    /// The file holds no private key of the kind that is wanted.
    #[error("{} holds no private key of kind {wanted}", .path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// The kind.
        wanted: &'static str,
    },
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system gave no randomness, or the cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
}

/// A key pair; its copy of the secret is wiped when it is dropped.
struct Pair(KeyPair);

impl Drop for Pair {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Pair {
    fn generate(algorithm: &'static SignatureAlgorithm) -> Result<Self, KeyError> {
        KeyPair::generate_for(algorithm).map(Self).map_err(|_| KeyError::Library)
    }

    fn from_pem(text: &str, algorithm: &'static SignatureAlgorithm, wanted: &'static str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pem_and_sign_algo(text, algorithm).map_err(|_| KeyError::NotAKey(wanted))?;
        Ok(Self(pair))
    }
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $algorithm:expr, $kind:literal) => {
        $(#[$doc])*
        pub struct $name(Pair);

        impl $name {
            /// Draws a new one.
            ///
            /// # Errors
            /// When the system gives no randomness.
            pub fn generate() -> Result<Self, KeyError> {
                Pair::generate($algorithm).map(Self)
            }

            /// Reads PKCS #8 in PEM.
            ///
            /// # Errors
            /// When it is no key of this kind.
            pub fn from_pem(text: &str) -> Result<Self, KeyError> {
                Pair::from_pem(text, $algorithm, $kind).map(Self)
            }

            /// Reads a key file.
            ///
            /// # Errors
            /// When it cannot be read, others may read it, or it holds no key of this kind.
            pub fn load(path: &Path) -> Result<Self, KeyError> {
                let text = files::read_secret(path)?;
                Self::from_pem(&text).map_err(|_| KeyError::BadFile { path: path.to_owned(), wanted: $kind })
            }

            /// Writes the key file at once and for good, mode 0600.
            ///
            /// # Errors
            /// When it cannot be written.
            pub fn save(&self, path: &Path) -> Result<(), FileError> {
                files::write_secret(path, &self.pem())
            }

            /// The key itself, PKCS #8 in PEM.
            #[must_use]
            pub fn pem(&self) -> Zeroizing<String> {
                Zeroizing::new(self.0.0.serialize_pem())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

key!(
    /// The key of a certificate: ECDSA P-256, which every RabbitMQ from 3.10 on understands.
    Key, &PKCS_ECDSA_P256_SHA256, "ECDSA P-256"
);
key!(
    /// A key that signs announcements or the credentials of those who do: Ed25519, short enough for a TXT record.
    AnnounceKey, &PKCS_ED25519, "Ed25519"
);

impl Key {
    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0.0
    }

    /// SHA-256 of the public key (its SubjectPublicKeyInfo): by this it is recognised.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        use rcgen::PublicKeyData as _;
        Sha256::from_bytes(&crate::sha256(&[&self.0.0.subject_public_key_info()]))
    }

    /// PKCS #8 in DER, for TLS.
    #[must_use]
    pub fn der(&self) -> PrivatePkcs8KeyDer<'static> {
        self.0.0.serialize_der().into()
    }
}

impl AnnounceKey {
    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        // An Ed25519 public key has 32 bytes by definition.
        public.copy_from_slice(self.0.0.public_key_raw());
        public
    }

    /// Signs.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let signature = self.0.0.sign(message).map_err(|_| KeyError::Library)?;
        signature.try_into().map_err(|_| KeyError::Library)
    }
}

/// Whether this is the key's signature under the message.
#[must_use]
pub(crate) fn is_signed_by(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_and_do_not_show_themselves() {
        let root = tempfile::tempdir().unwrap();
        let key = Key::generate().unwrap();
        key.save(&root.path().join("a.key")).unwrap();
        let again = Key::load(&root.path().join("a.key")).unwrap();
        assert_eq!(key.pem(), again.pem());
        assert_eq!(format!("{key:?}"), "Key(…)");
        let announce = AnnounceKey::from_pem(&AnnounceKey::generate().unwrap().pem()).unwrap();
        let signature = announce.sign(b"hello").unwrap();
        assert!(is_signed_by(&announce.public(), b"hello", &signature));
        assert!(!is_signed_by(&announce.public(), b"hullo", &signature));
    }

    #[test]
    fn a_key_of_another_kind_is_refused_without_being_shown() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.key");
        AnnounceKey::generate().unwrap().save(&path).unwrap();
        let said = Key::load(&path).unwrap_err().to_string();
        assert!(said.ends_with("a.key holds no private key of kind ECDSA P-256"), "{said}");
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(matches!(Key::from_pem(text), Err(KeyError::NotAKey(_))));
        }
    }
}
