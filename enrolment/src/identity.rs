//! The handle on who a daemon is.

use std::fmt;
use std::sync::Arc;

use rollcall_identity::certificate::Facts;
use rollcall_identity::tls::{self, Certified, TlsError};
use rollcall_identity::{Key, TrustBundle};
use rollcall_model::UnixMillis;
use rustls::ClientConfig;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::core::Grant;
use crate::directory::Directory;
use crate::{EnrolError, Settings};

/// What a daemon proves itself with. Texts are PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Certificate and intermediate.
    pub chain_pem: String,
    /// Key; wiped when dropped.
    pub key_pem: Zeroizing<String>,
    /// The site's trust bundle.
    pub bundle_pem: String,
    /// Common name, and user at the broker.
    pub user: String,
    /// Until when the certificate counts.
    pub expires: UnixMillis,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Who a daemon is: the newest credentials, and how to get newer ones.
#[derive(Debug)]
pub struct Identity {
    pub(crate) settings: Settings,
    pub(crate) directory: Directory,
    pub(crate) key: Key,
    certified: Arc<Certified>,
    current: watch::Sender<Arc<Credentials>>,
}

impl Identity {
    pub(crate) fn new(
        settings: &Settings,
        directory: Directory,
        key: Key,
        chain_pem: String,
        bundle: &TrustBundle,
    ) -> Result<Self, EnrolError> {
        let certified = Certified::new(&chain_pem, &key)?;
        let credentials = credentials(&key, chain_pem, bundle)?;
        Ok(Self {
            // A trace is of the first time.
            settings: Settings { trace: None, ..settings.clone() },
            directory,
            key,
            certified,
            current: watch::Sender::new(Arc::new(credentials)),
        })
    }

    /// The newest credentials.
    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.current.borrow())
    }

    /// Is told of each new certificate.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Credentials>> {
        self.current.subscribe()
    }

    /// Own certificate and key for TLS; follows the renewals by itself.
    #[must_use]
    pub fn certified(&self) -> Arc<Certified> {
        Arc::clone(&self.certified)
    }

    /// The trust bundle as of now.
    ///
    /// # Errors
    /// Never for an identity that was made here: its bundle was read before.
    pub fn bundle(&self) -> Result<TrustBundle, EnrolError> {
        Ok(TrustBundle::parse(&self.current.borrow().bundle_pem)?)
    }

    /// TLS towards the zone, with the own certificate.
    ///
    /// # Errors
    /// When the roots cannot be used.
    pub fn tls_client(&self) -> Result<ClientConfig, EnrolError> {
        Ok(tls::client(&self.bundle()?, Some(self.certified()))?)
    }

    pub(crate) fn facts(&self) -> Result<Facts, EnrolError> {
        Facts::of_chain(&self.current.borrow().chain_pem)
            .map_err(|error| EnrolError::BadGrant { api: String::new(), why: error.to_string() })
    }

    /// Takes a certificate over: on disk first, then for everybody who watches.
    pub(crate) fn renewed(&self, api: &str, grant: Grant) -> Result<(), EnrolError> {
        let bundle = check(api, &self.settings, &self.key, &grant, &self.bundle()?)?;
        self.directory.save(&self.settings, &grant.certificate, &bundle)?;
        self.certified.replace(&grant.certificate, &self.key)?;
        self.current.send_replace(Arc::new(credentials(&self.key, grant.certificate, &bundle)?));
        Ok(())
    }
}

fn credentials(key: &Key, chain_pem: String, bundle: &TrustBundle) -> Result<Credentials, EnrolError> {
    let bad = |why: String| EnrolError::BadGrant { api: String::new(), why };
    let facts = Facts::of_chain(&chain_pem).map_err(|error| bad(error.to_string()))?;
    Ok(Credentials {
        chain_pem,
        key_pem: key.pem(),
        bundle_pem: bundle.to_pem(),
        user: facts.common_name,
        expires: facts.not_after,
    })
}

/// Whether what the zone handed out can be used: for our key and name, under a root we know. A bundle that has no root
/// in common with the one we trust is not taken over, whoever sends it.
pub(crate) fn check(
    api: &str,
    settings: &Settings,
    key: &Key,
    grant: &Grant,
    known: &TrustBundle,
) -> Result<TrustBundle, EnrolError> {
    let bad = |why: String| EnrolError::BadGrant { api: api.to_owned(), why };
    let bundle = TrustBundle::parse(&grant.bundle).map_err(|error| bad(error.to_string()))?;
    if !bundle.overlaps(known) {
        return Err(bad("its trust bundle has no root in common with the one that is pinned".into()));
    }
    if !bundle.vouches_for(&grant.certificate) {
        return Err(bad("none of the site's roots stands behind it".into()));
    }
    Certified::new(&grant.certificate, key).map_err(|error: TlsError| bad(error.to_string()))?;
    let facts = Facts::of_chain(&grant.certificate).map_err(|error| bad(error.to_string()))?;
    if rollcall_model::Principal::of_user(&facts.common_name).as_ref() != Ok(&settings.principal) {
        return Err(bad(format!("it names {:?}, and we are {}", facts.common_name, settings.principal)));
    }
    Ok(bundle)
}
