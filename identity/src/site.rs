//! The site: the root of all trust, and the zones under it. The root's two keys sign a zone's authorities and its
//! announcer, and nothing else: between those occasions the site directory can lie in a safe.
//!
//! Site directory: `root.key`, `announce-root.key` (secret), `site.pem` (public, pinned by everybody).
//! Zone directory: `nodes-ca`, `services-ca`, `users-ca` (`.crt`, `.key`), `announcer.key`, `announcer.credential`,
//! `site.pem`.

mod rotation;

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, Issuer};
use rollcall_model::{Name, UnixMillis};
use rustls::pki_types::CertificateDer;

pub use self::rotation::{Rotation, SPREADING_TAKES};
use crate::announcer::{self, Credential};
use crate::bundle::{BundleError, TrustBundle};
use crate::certificate::{self, Authority, Facts};
use crate::files::{self, FileError};
use crate::issuer::{LoadError, Validity, file_names};
use crate::{AnnounceKey, Key, KeyError, pem};

/// The trust bundle's file in a site, zone or identity directory.
pub const BUNDLE_FILE: &str = "site.pem";
/// The announcer's key in a zone directory.
pub const ANNOUNCER_KEY: &str = "announcer.key";
/// The announcer's credential in a zone directory.
pub const ANNOUNCER_CREDENTIAL: &str = "announcer.credential";
const ROOT_KEY: &str = "root.key";
const ANNOUNCE_ROOT_KEY: &str = "announce-root.key";

const DAY: u64 = 24 * 60 * 60 * 1000;
/// A root counts for ten years.
const ROOT_LIVES: u64 = 3652 * DAY;
/// A zone's authorities and its announcer count for two years, or as long as the root.
const ZONE_LIVES: u64 = 730 * DAY;

/// Why a site cannot be made or used. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The trust bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The zone directory cannot be used.
    #[error(transparent)]
    Zone(#[from] LoadError),
    /// `root.key` or `announce-root.key` is of another site.
    #[error("{} does not belong to the site.pem beside it", .path.display())]
    Foreign {
        /// The key file.
        path: PathBuf,
    },
    /// The root has ended.
    #[error("the site's root has expired; make a new site, and give its site.pem to everybody")]
    RootExpired,
    /// The rotation is at another stage.
    #[error("{0}")]
    Stage(&'static str),
    /// Somebody would be locked out.
    #[error(
        "too early: {minutes} more minutes until everybody has had the time to get the new root; --force does it at once"
    )]
    TooEarly {
        /// How much longer to wait.
        minutes: u64,
    },
    /// A zone still stands under the old root.
    #[error("the zone in {} still stands under the old root; give it with --zone-dir to `rollcall ca rotate --switch`", .path.display())]
    OldRoot {
        /// The zone directory.
        path: PathBuf,
    },
}

impl SiteError {
    /// Whether a file of the site or zone is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::File(error)
            | Self::Key(KeyError::File(error))
            | Self::Bundle(BundleError::File(error))
            | Self::Zone(LoadError::File(error)) => error.is_missing(),
            _ => false,
        }
    }
}

/// A site with its root's keys.
#[derive(Debug)]
pub struct Site {
    directory: PathBuf,
    name: Name,
    bundle: TrustBundle,
    root: CertificateDer<'static>,
    key: Key,
    announce: AnnounceKey,
}

impl Site {
    /// Makes a site: root, announce root and trust bundle.
    ///
    /// # Errors
    /// When one of its files is there already, or cannot be written.
    pub fn create(directory: &Path, name: &Name, now: UnixMillis) -> Result<Self, SiteError> {
        files::make_directory(directory)?;
        files::refuse_existing(directory, &[BUNDLE_FILE, ROOT_KEY, ANNOUNCE_ROOT_KEY])?;
        let (key, announce) = (Key::generate()?, AnnounceKey::generate()?);
        let root = make_root(name, &key, now)?;
        let bundle = TrustBundle::new(vec![root.clone()], vec![announce.public()]);
        key.save(&directory.join(ROOT_KEY))?;
        announce.save(&directory.join(ANNOUNCE_ROOT_KEY))?;
        // Last: where there is a bundle, there is a whole site.
        bundle.save(&directory.join(BUNDLE_FILE))?;
        Ok(Self { directory: directory.to_owned(), name: name.clone(), bundle, root, key, announce })
    }

    /// Reads a site directory with its keys.
    ///
    /// # Errors
    /// When a file is missing, readable by others, or does not fit the rest.
    pub fn load(directory: &Path) -> Result<Self, SiteError> {
        let bundle = TrustBundle::load(&directory.join(BUNDLE_FILE))?;
        let (key_path, announce_path) = (directory.join(ROOT_KEY), directory.join(ANNOUNCE_ROOT_KEY));
        let key = Key::load(&key_path)?;
        let announce = AnnounceKey::load(&announce_path)?;
        let root = root_with(&bundle, &key).ok_or(SiteError::Foreign { path: key_path })?;
        if !bundle.announce_keys().contains(&announce.public()) {
            return Err(SiteError::Foreign { path: announce_path });
        }
        let name = name_of(&root)?;
        Ok(Self { directory: directory.to_owned(), name, bundle, root, key, announce })
    }

    /// The site's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What everybody pins.
    #[must_use]
    pub const fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// Makes a zone directory: three authorities, announcer, credential, bundle.
    ///
    /// # Errors
    /// When one of its files is there already, or cannot be written; a directory that was begun is to be deleted.
    pub fn make_zone(&self, zone_name: &Name, directory: &Path, now: UnixMillis) -> Result<(), SiteError> {
        files::make_directory(directory)?;
        let names: Vec<String> = Authority::ALL.into_iter().flat_map(file_names).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.extend([ANNOUNCER_KEY, ANNOUNCER_CREDENTIAL, BUNDLE_FILE]);
        files::refuse_existing(directory, &names)?;
        for authority in Authority::ALL {
            Key::generate()?.save(&directory.join(&file_names(authority)[1]))?;
        }
        AnnounceKey::generate()?.save(&directory.join(ANNOUNCER_KEY))?;
        self.sign_zone(zone_name, directory, now)
    }

    /// Signs a zone's authorities and announcer anew, with the keys they have, and brings its bundle up to date. Also
    /// after the root was exchanged. The zone takes it up at its next start.
    ///
    /// # Errors
    /// When it is no zone directory, or cannot be written.
    pub fn renew_zone(&self, directory: &Path, now: UnixMillis) -> Result<Name, SiteError> {
        let zone_name = zone_name(directory)?;
        self.sign_zone(&zone_name, directory, now)?;
        Ok(zone_name)
    }

    fn sign_zone(&self, zone_name: &Name, directory: &Path, now: UnixMillis) -> Result<(), SiteError> {
        let ends = Facts::of(&self.root).map_or(UnixMillis(0), |root| root.not_after);
        let validity = Validity::from(now, ZONE_LIVES);
        let not_after = validity.not_after.min(ends);
        if not_after <= now {
            return Err(SiteError::RootExpired);
        }
        let issuer = Issuer::from_ca_cert_der(&self.root, &self.key).map_err(|_| KeyError::Library)?;
        // Bundle first: whoever meets a certificate of a new root must know the root.
        self.bundle.save(&directory.join(BUNDLE_FILE))?;
        for authority in Authority::ALL {
            let [certificate, key] = file_names(authority).map(|name| directory.join(name));
            let key = Key::load(&key)?;
            let kind = authority.as_str();
            let parameters = certificate::authority_parameters(
                zone_name.as_str(),
                Some(kind),
                &format!("{kind} authority"),
                0,
                validity.not_before,
                not_after,
            )?;
            let signed = parameters.signed_by(&key, &issuer).map_err(|_| KeyError::Library)?;
            files::write_public(&certificate, &certificate::to_pem(signed.der()))?;
        }
        let public = AnnounceKey::load(&directory.join(ANNOUNCER_KEY))?.public();
        let credential = Credential::sign(&self.announce, zone_name, public, not_after.0 / 1000)?;
        files::write_public(&directory.join(ANNOUNCER_CREDENTIAL), &announcer::to_text(&credential))?;
        Ok(())
    }
}

fn make_root(name: &Name, key: &Key, now: UnixMillis) -> Result<CertificateDer<'static>, KeyError> {
    let Validity { not_before, not_after } = Validity::from(now, ROOT_LIVES);
    let parameters: CertificateParams =
        certificate::authority_parameters(name.as_str(), None, "root", 1, not_before, not_after)?;
    let signed = parameters.self_signed(key.pair()).map_err(|_| KeyError::Library)?;
    Ok(signed.der().clone())
}

fn root_with(bundle: &TrustBundle, key: &Key) -> Option<CertificateDer<'static>> {
    let has_key = |root: &&CertificateDer<'_>| {
        certificate::parse(root)
            .is_ok_and(|root| root.public_key().subject_public_key.data.as_ref() == key.pair().public_key_raw())
    };
    bundle.roots().iter().find(has_key).cloned()
}

fn name_of(root: &CertificateDer<'_>) -> Result<Name, SiteError> {
    let facts = Facts::of(root).map_err(|_| KeyError::Library)?;
    Name::new(facts.organisation).map_err(|_| SiteError::Stage("the site's root has no usable name"))
}

/// The name of the zone in a zone directory.
fn zone_name(directory: &Path) -> Result<Name, SiteError> {
    let path = directory.join(&file_names(Authority::Nodes)[0]);
    let text = files::read_public(&path)?;
    let name = Facts::of_chain(&text).ok().and_then(|facts| facts.authority()).map(|(_, name)| name);
    Ok(name.ok_or(LoadError::Bad { path, what: "it is not the certificate of a zone's authority" })?)
}

/// The certificate of a zone's authority, unverified.
fn zone_certificate(directory: &Path, authority: Authority) -> Result<CertificateDer<'static>, SiteError> {
    let path = directory.join(&file_names(authority)[0]);
    let found = pem::certificates(&files::read_public(&path)?).ok().and_then(|chain| chain.into_iter().next());
    Ok(found.ok_or(LoadError::Bad { path, what: "it is no certificate" })?)
}

#[cfg(test)]
mod tests;
