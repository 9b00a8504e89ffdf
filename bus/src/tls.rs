//! The certificate a process logs in to the broker with. It is short-lived, so it is replaced while the process runs;
//! every connection is made with the newest.

use std::sync::{Arc, PoisonError, RwLock};

use rollcall_model::Principal;
use rustls::client::{Resumption, WantsClientCert};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

/// Who logs in, and what proves it. Texts are PEM.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// User name at the broker: the certificate's common name. The broker lets nobody publish under another.
    pub user: &'a str,
    /// The certificate, then the intermediates up to the root, which may be left out.
    pub chain: &'a str,
    /// Its private key.
    pub key: &'a str,
    /// The roots that the broker's certificate must lead to, and no others. What is no certificate is passed over, so the
    /// site's trust bundle can be given as it is.
    pub roots: &'a str,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why credentials cannot be used. Those that were in use stay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A text is not what it should be.
    #[error("the {what} cannot be read: {why}")]
    BadPem {
        /// Which text.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The user's name names nobody.
    #[error("the certificate is for {user:?}, which is nobody who can be on the bus")]
    BadUser {
        /// The name.
        user: String,
    },
    /// Certificate and key do not belong together.
    #[error("certificate and key of {user:?} cannot be used together: {why}")]
    Unusable {
        /// Whose they are.
        user: String,
        /// What is wrong with them.
        why: String,
    },
}

/// What one connection is made with.
pub(crate) struct Login {
    pub user: String,
    pub principal: Principal,
    pub config: Arc<ClientConfig>,
}

/// A process's identity at the broker. Clones are the same identity.
#[derive(Clone)]
pub struct TlsIdentity(Arc<RwLock<Arc<Login>>>);

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TlsIdentity").field(&self.login().user).finish()
    }
}

impl TlsIdentity {
    /// Takes the first credentials.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn new(credentials: Credentials<'_>) -> Result<Self, CredentialsError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(Login::new(credentials)?)))))
    }

    /// Takes the credentials that the next connections are made with; the present connection stays as it is.
    ///
    /// # Errors
    /// [`CredentialsError`]; the former ones stay.
    pub fn replace(&self, credentials: Credentials<'_>) -> Result<(), CredentialsError> {
        let login = Arc::new(Login::new(credentials)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = login;
        Ok(())
    }

    pub(crate) fn login(&self) -> Arc<Login> {
        // What is guarded is replaced whole, so a panic elsewhere leaves nothing half-done.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Login {
    fn new(credentials: Credentials<'_>) -> Result<Self, CredentialsError> {
        let user = credentials.user.to_owned();
        let principal = Principal::of_user(&user).map_err(|_| CredentialsError::BadUser { user: user.clone() })?;
        let chain = certificates("certificate", credentials.chain)?;
        let key = PrivateKeyDer::from_pem_slice(credentials.key.as_bytes())
            // The error's own words could quote the key.
            .map_err(|_| CredentialsError::BadPem {
                what: "private key",
                why: "it is no PEM of a private key".into(),
            })?;
        let roots = roots(credentials.roots)?;
        let unusable = |error: rustls::Error| CredentialsError::Unusable { user: user.clone(), why: error.to_string() };
        let mut config = trusting(roots).with_client_auth_cert(chain, key).map_err(unusable)?;
        // A resumed session would not show its certificate again, and so outlive its revocation.
        config.resumption = Resumption::disabled();
        Ok(Self { user, principal, config: Arc::new(config) })
    }
}

/// TLS 1.3 towards a server that leads to these roots; whoever asks shows no certificate.
pub(crate) fn server_only(roots_pem: &str) -> Result<ClientConfig, CredentialsError> {
    Ok(trusting(roots(roots_pem)?).with_no_client_auth())
}

fn trusting(roots: RootCertStore) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        // It fails for providers that have none of the suites of TLS 1.3; this one has all three.
        .expect("the provider speaks TLS 1.3")
        .with_root_certificates(roots)
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let bad = |why: String| CredentialsError::BadPem { what, why };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match certificates {
        Ok(none) if none.is_empty() => Err(bad("there is no certificate in it".into())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(bad(error.to_string())),
    }
}

fn roots(pem: &str) -> Result<RootCertStore, CredentialsError> {
    let what = "trusted root";
    let mut roots = RootCertStore::empty();
    for root in certificates(what, pem)? {
        roots.add(root).map_err(|error| CredentialsError::BadPem { what, why: error.to_string() })?;
    }
    Ok(roots)
}
