//! The identity directory: `key.pem` (secret), `cert.pem`, `site.pem`, and while a join waits for approval `join`.

use std::path::{Path, PathBuf};

use rollcall_identity::files::{self, FileError};
use rollcall_identity::{Key, Token, TokenUse, TrustBundle};
use rollcall_model::{JoinId, Sha256};
use zeroize::Zeroizing;

use crate::{EnrolError, Settings};

#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub fn open(path: &Path) -> Result<Self, EnrolError> {
        files::make_directory(path)?;
        Ok(Self(path.to_owned()))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Result<Option<String>, FileError> {
        match files::read_public(&self.file(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The key; made and saved where there is none, so that a join that was interrupted goes on with the same.
    pub fn key(&self) -> Result<Key, EnrolError> {
        let path = self.file("key.pem");
        match Key::load(&path) {
            Err(rollcall_identity::KeyError::File(error)) if error.is_missing() => {
                let key = Key::generate()?;
                key.save(&path)?;
                Ok(key)
            }
            other => Ok(other?),
        }
    }

    pub fn certificate(&self) -> Result<Option<String>, EnrolError> {
        Ok(self.read("cert.pem")?)
    }

    /// The bundle that came with the last certificate; the administrator's, where there is none or that was exchanged.
    pub fn bundle(&self, settings: &Settings) -> Result<TrustBundle, EnrolError> {
        let given = files::read_public(&settings.bundle_file)?;
        if self.read("given")?.is_some_and(|seen| seen.trim() == Sha256::of(given.as_bytes()).as_str())
            && let Ok(newer) = TrustBundle::load(&self.file("site.pem"))
        {
            return Ok(newer);
        }
        Ok(TrustBundle::load(&settings.bundle_file)?)
    }

    /// Bundle first: a certificate under a root that is not known would be useless.
    pub fn save(&self, settings: &Settings, chain_pem: &str, bundle: &TrustBundle) -> Result<(), EnrolError> {
        let given = files::read_public(&settings.bundle_file)?;
        bundle.save(&self.file("site.pem"))?;
        files::write_public(&self.file("given"), &format!("{}\n", Sha256::of(given.as_bytes())))?;
        files::write_public(&self.file("cert.pem"), chain_pem)?;
        // The token that was there has done its work: to show it again would look like theft.
        if let Ok(Some(token)) = read_token(settings) {
            files::write_public(&self.file("spent"), &format!("{}\n", token.hash()))?;
        }
        self.forget_join();
        Ok(())
    }

    /// The join token, where there is a file of one that was not used here before.
    pub fn token(&self, settings: &Settings) -> Result<Option<Zeroizing<String>>, EnrolError> {
        let Some(token) = read_token(settings)? else { return Ok(None) };
        let spent = self.read("spent")?.is_some_and(|hash| hash.trim() == token.hash().as_str());
        Ok((!spent).then(|| token.reveal()))
    }

    /// A join that waits for approval.
    pub fn join(&self) -> Result<Option<JoinId>, EnrolError> {
        Ok(self.read("join")?.and_then(|text| text.trim().parse().ok()))
    }

    pub fn remember_join(&self, join: JoinId) -> Result<(), EnrolError> {
        Ok(files::write_public(&self.file("join"), &format!("{join}\n"))?)
    }

    pub fn forget_join(&self) {
        // It may not be there; and where it stays, the zone says it knows no such join.
        let _ = std::fs::remove_file(self.file("join"));
    }
}

fn read_token(settings: &Settings) -> Result<Option<Token>, EnrolError> {
    let Some(path) = &settings.token_file else { return Ok(None) };
    let text = match files::read_secret(path) {
        Ok(text) => text,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Token::parse(TokenUse::Join, &text).map(Some).map_err(|_| EnrolError::NoToken { path: path.clone() })
}
