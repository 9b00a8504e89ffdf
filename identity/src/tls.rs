//! TLS for both ends: version 1.3 and nothing older, aws-lc-rs named explicitly, roots from the trust bundle and from
//! nowhere else, no resumption (a resumed session is not checked again, and would outlive a revocation).

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};

use crate::pem::{self, PemError};
use crate::{Key, TrustBundle};

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The chain is no chain.
    #[error("the certificate cannot be read: {0}")]
    Chain(#[from] PemError),
    /// Chain and key do not belong together, or cannot be used.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(rustls::Error),
    /// The bundle's roots cannot be used.
    #[error("the roots cannot be used: {0}")]
    Roots(String),
    /// The library refuses the versions.
    #[error("TLS 1.3 cannot be had: {0}")]
    Library(#[from] rustls::Error),
}

/// Whether clients must show a certificate. A certificate that is shown is checked either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Those without one are let in; each request is then judged for itself.
    MayBeStrangers,
    /// Those without one are turned away.
    MustBeKnown,
}

/// One's own certificate and key, exchanged while the process runs: new connections take the newest.
#[derive(Debug)]
pub struct Certified(RwLock<Arc<CertifiedKey>>);

impl Certified {
    /// Of a chain (own certificate first) and its key.
    ///
    /// # Errors
    /// When they cannot be read or do not belong together.
    pub fn new(chain_pem: &str, key: &Key) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self(RwLock::new(certified(chain_pem, key)?))))
    }

    /// Exchanges both.
    ///
    /// # Errors
    /// As [`Self::new`]; the old ones then stay.
    pub fn replace(&self, chain_pem: &str, key: &Key) -> Result<(), TlsError> {
        let new = certified(chain_pem, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Certified {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl ResolvesClientCert for Certified {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certified(chain_pem: &str, key: &Key) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = pem::certificates(chain_pem)?;
    let pair = CertifiedKey::from_der(chain, PrivateKeyDer::Pkcs8(key.der()), &provider()).map_err(TlsError::Pair)?;
    Ok(Arc::new(pair))
}

/// The one cryptographic provider.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(bundle: &TrustBundle) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    for root in bundle.roots() {
        store.add(root.clone()).map_err(|error| TlsError::Roots(error.to_string()))?;
    }
    Ok(Arc::new(store))
}

pub(crate) fn client_verifier(bundle: &TrustBundle, clients: Clients) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let builder = WebPkiClientVerifier::builder_with_provider(roots(bundle)?, provider());
    let builder = match clients {
        Clients::MayBeStrangers => builder.allow_unauthenticated(),
        Clients::MustBeKnown => builder,
    };
    builder.build().map_err(|error| TlsError::Roots(error.to_string()))
}

/// For a server that shows its own certificate and checks those of its clients against the bundle's roots.
///
/// # Errors
/// When the roots cannot be used.
pub fn server(own: Arc<Certified>, bundle: &TrustBundle, clients: Clients) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(client_verifier(bundle, clients)?)
        .with_cert_resolver(own);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// For a client that trusts the bundle's roots alone, and shows its own certificate where it has one.
///
/// # Errors
/// When the roots cannot be used.
pub fn client(bundle: &TrustBundle, own: Option<Arc<Certified>>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots(bundle)?);
    let mut config = match own {
        Some(own) => builder.with_client_cert_resolver(own),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

#[cfg(test)]
mod tests;
