//! Exchanging the root without locking anybody out, in three steps with a day between them: the new root is *spread*
//! (everybody gets the new bundle with their next certificate), the zones are *switched* to it, and the old root is
//! *dropped*. Which step was done is told by the files, so that an interrupted one is simply done again.

use std::path::Path;

use rollcall_model::UnixMillis;

use super::{
    ANNOUNCE_ROOT_KEY, Authority, BUNDLE_FILE, ROOT_KEY, Site, SiteError, make_root, name_of, root_with,
    zone_certificate,
};
use crate::bundle::TrustBundle;
use crate::certificate::Facts;
use crate::files::{self, FileError};
use crate::issuer::Validity;
use crate::{AnnounceKey, Key};

const NEXT_ROOT_KEY: &str = "root.next.key";
const NEXT_ANNOUNCE_ROOT_KEY: &str = "announce-root.next.key";
const OLD_ROOT_KEY: &str = "root.old.key";
const OLD_ANNOUNCE_ROOT_KEY: &str = "announce-root.old.key";
const SWITCHED_AT: &str = "switched-at";

/// After this every certificate that was issued without the new bundle has ended.
pub const SPREADING_TAKES: u64 = Validity::LEAF + Validity::SKEW;

/// Where a site stands in the exchange of its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// One root, nothing to do.
    None,
    /// The new root is pinned beside the old one, which still signs.
    Spreading {
        /// Since when.
        since: UnixMillis,
    },
    /// The new root signs; the old one is still pinned.
    Switched {
        /// Since when.
        since: UnixMillis,
    },
}

impl Rotation {
    /// Where the site in a directory stands; its keys are not needed.
    ///
    /// # Errors
    /// When the trust bundle cannot be read.
    pub fn of(directory: &Path) -> Result<Self, SiteError> {
        let bundle = TrustBundle::load(&directory.join(BUNDLE_FILE))?;
        if is_there(directory, OLD_ROOT_KEY) && !is_there(directory, NEXT_ROOT_KEY) {
            let text = files::read_public(&directory.join(SWITCHED_AT)).unwrap_or_default();
            return Ok(Self::Switched { since: UnixMillis(text.trim().parse().unwrap_or(0)) });
        }
        let newest = bundle.facts().iter().map(|root| root.not_before).max().unwrap_or_default();
        match bundle.roots().len() {
            1 => Ok(Self::None),
            _ => Ok(Self::Spreading { since: UnixMillis(newest.0 + Validity::SKEW) }),
        }
    }
}

impl Site {
    /// First step: makes a new root and a bundle that holds both, here and in the zone directories. Certificates are
    /// still signed under the old root.
    ///
    /// # Errors
    /// When a rotation is under way, or a file cannot be written.
    pub fn begin_rotation(directory: &Path, zones: &[&Path], now: UnixMillis) -> Result<Self, SiteError> {
        let mut site = Self::load(directory)?;
        if Rotation::of(directory)? != Rotation::None {
            return Err(SiteError::Stage("a rotation is under way; `rollcall ca status` tells what comes next"));
        }
        let (key, announce) = (Key::generate()?, AnnounceKey::generate()?);
        let root = make_root(&site.name, &key, now)?;
        // Keys first: a root without its key could never sign. Left-overs of an interrupted try are overwritten.
        key.save(&directory.join(NEXT_ROOT_KEY))?;
        announce.save(&directory.join(NEXT_ANNOUNCE_ROOT_KEY))?;
        let mut roots = site.bundle.roots().to_vec();
        roots.push(root);
        let mut announce_keys = site.bundle.announce_keys().to_vec();
        announce_keys.push(announce.public());
        site.bundle = TrustBundle::new(roots, announce_keys);
        site.save_bundle(zones)?;
        Ok(site)
    }

    /// Second step: from now on the new root signs; the zones given are signed anew.
    ///
    /// # Errors
    /// When nothing is being spread, or not yet for long enough and not forced.
    pub fn switch(directory: &Path, zones: &[&Path], now: UnixMillis, force: bool) -> Result<Self, SiteError> {
        let since = match Rotation::of(directory)? {
            Rotation::Spreading { since } => since,
            // Again, for zones that were forgotten or a step that was interrupted.
            Rotation::Switched { .. } => return Self::load(directory)?.renew_zones(zones, now),
            Rotation::None => return Err(SiteError::Stage("no new root is being spread; `rollcall ca rotate` begins")),
        };
        wait_for(since, now, force)?;
        let wrong = |source| FileError::Write { path: directory.to_owned(), source };
        files::write_public(&directory.join(SWITCHED_AT), &format!("{}\n", now.0))?;
        for [current, old, next] in [
            [ANNOUNCE_ROOT_KEY, OLD_ANNOUNCE_ROOT_KEY, NEXT_ANNOUNCE_ROOT_KEY],
            // Last: with it the step counts as done.
            [ROOT_KEY, OLD_ROOT_KEY, NEXT_ROOT_KEY],
        ] {
            if is_there(directory, next) {
                if !is_there(directory, old) {
                    std::fs::rename(directory.join(current), directory.join(old)).map_err(wrong)?;
                }
                std::fs::rename(directory.join(next), directory.join(current)).map_err(wrong)?;
            }
        }
        files::sync_directory_of(&directory.join(ROOT_KEY)).map_err(wrong)?;
        Self::load(directory)?.renew_zones(zones, now)
    }

    /// Last step: the old root is no longer pinned, and its keys are deleted.
    ///
    /// # Errors
    /// When the zones were not switched, or not yet for long enough and not forced, or one of them still stands under
    /// the old root.
    pub fn finish_rotation(directory: &Path, zones: &[&Path], now: UnixMillis, force: bool) -> Result<Self, SiteError> {
        let Rotation::Switched { since } = Rotation::of(directory)? else {
            return Err(SiteError::Stage("the zones were not switched yet; `rollcall ca rotate --switch` comes first"));
        };
        wait_for(since, now, force)?;
        let mut site = Self::load(directory)?;
        let only = TrustBundle::new(vec![site.root.clone()], vec![site.announce.public()]);
        for zone in zones {
            for authority in Authority::ALL {
                if only.root_of(&zone_certificate(zone, authority)?).is_none() {
                    return Err(SiteError::OldRoot { path: (*zone).to_owned() });
                }
            }
        }
        site.bundle = only;
        site.save_bundle(zones)?;
        for name in [OLD_ANNOUNCE_ROOT_KEY, SWITCHED_AT, OLD_ROOT_KEY] {
            let path = directory.join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(FileError::Write { path, source: error }.into());
                }
                _ => {}
            }
        }
        Ok(site)
    }

    fn renew_zones(self, zones: &[&Path], now: UnixMillis) -> Result<Self, SiteError> {
        for zone in zones {
            self.renew_zone(zone, now)?;
        }
        Ok(self)
    }

    fn save_bundle(&self, zones: &[&Path]) -> Result<(), SiteError> {
        for directory in std::iter::once(&self.directory.as_path()).chain(zones) {
            self.bundle.save(&directory.join(BUNDLE_FILE))?;
        }
        Ok(())
    }

    /// The root that signs now.
    #[must_use]
    pub fn signing_root(&self) -> Option<Facts> {
        root_with(&self.bundle, &self.key).filter(|root| name_of(root).is_ok()).and_then(|root| Facts::of(&root).ok())
    }
}

fn is_there(directory: &Path, name: &str) -> bool {
    directory.join(name).symlink_metadata().is_ok()
}

fn wait_for(since: UnixMillis, now: UnixMillis, force: bool) -> Result<(), SiteError> {
    let ready = since.0.saturating_add(SPREADING_TAKES);
    if force || now.0 >= ready {
        return Ok(());
    }
    Err(SiteError::TooEarly { minutes: (ready - now.0).div_ceil(60_000) })
}
