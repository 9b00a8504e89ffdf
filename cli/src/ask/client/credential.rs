//! How the command shows the zone who asks, and how it knows that it is the zone that answers.

use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder, Identity, header, tls};
use rollcall_identity::files::{self, FileError};
use rollcall_startup::Failure;

/// A key is small; what is longer is something else.
const LONGEST: u64 = 64 * 1024;

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{} is not what it should be: {why}", .path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key cannot be read, or others could read it.
    #[error(transparent)]
    Key(#[from] FileError),
    /// A token without the site it belongs to: anybody could take it.
    #[error(
        "ROLLCALL_TOKEN is set, but not ROLLCALL_SITE: without the site's certificates (site.pem) anybody could \
             pretend to be the zone and take the token"
    )]
    NoSite,
    /// The token is none.
    #[error("ROLLCALL_TOKEN holds no user token: expected rcu1_ and 64 hexadecimal digits")]
    NoToken,
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Failure::usage(&error)
    }
}

/// What the command has to show.
#[derive(Clone, Default)]
pub enum Credential {
    /// Nothing.
    #[default]
    None,
    /// Key and certificate in a directory, beside the certificates of the site.
    Directory(PathBuf),
    /// A user token, and the file with the certificates of the site.
    Token {
        /// The text.
        token: String,
        /// The file.
        site: PathBuf,
    },
    /// Only the file with the certificates of the site: enough to ask whether the zone is well.
    Site(PathBuf),
}

impl Credential {
    /// Of what was given; a directory wins over a token.
    ///
    /// # Errors
    /// When a token comes without its site, or is none.
    pub fn of(
        directory: Option<PathBuf>,
        token: Option<String>,
        site: Option<PathBuf>,
    ) -> Result<Self, CredentialError> {
        match (directory, token, site) {
            (Some(directory), ..) => Ok(Self::Directory(directory)),
            (None, Some(_), None) => Err(CredentialError::NoSite),
            (None, Some(token), Some(site)) => {
                let token = token.trim().to_owned();
                if token.strip_prefix("rcu1_").is_none_or(|rest| rest.len() != 64 || !rest.is_ascii()) {
                    return Err(CredentialError::NoToken);
                }
                Ok(Self::Token { token, site })
            }
            (None, None, Some(site)) => Ok(Self::Site(site)),
            (None, None, None) => Ok(Self::None),
        }
    }

    /// Whether there is something that belongs on an encrypted connection only.
    #[must_use]
    pub fn wants_tls(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Makes connections that show it, and that only the site is taken for.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(super) fn apply(&self, http: ClientBuilder) -> Result<ClientBuilder, CredentialError> {
        let http = http.tls_version_min(tls::Version::TLS_1_3);
        match self {
            Self::None => Ok(http),
            Self::Site(site) => Ok(http.tls_certs_only(roots(site)?)),
            Self::Directory(directory) => {
                let http = http.tls_certs_only(roots(&directory.join("site.pem"))?);
                Ok(http.identity(identity(directory)?))
            }
            Self::Token { token, site } => {
                let unusable = |_| CredentialError::NoToken;
                let mut bearer = header::HeaderValue::from_str(&format!("Bearer {token}")).map_err(unusable)?;
                bearer.set_sensitive(true);
                let headers = header::HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
                Ok(http.tls_certs_only(roots(site)?).default_headers(headers))
            }
        }
    }
}

/// The site's roots and no others: not the machine's, which any authority of the web could sign for.
fn roots(path: &Path) -> Result<Vec<Certificate>, CredentialError> {
    let unusable = |why: String| CredentialError::Unusable { path: path.to_owned(), why };
    let certificates = Certificate::from_pem_bundle(&read(path)?).map_err(|error| unusable(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(unusable("it holds no certificate".into())),
        false => Ok(certificates),
    }
}

fn identity(directory: &Path) -> Result<Identity, CredentialError> {
    let path = directory.join("cert.pem");
    let mut pem = read(&path)?;
    pem.push(b'\n');
    pem.extend_from_slice(files::read_secret(&directory.join("key.pem"))?.as_bytes());
    Identity::from_pem(&pem).map_err(|error| CredentialError::Unusable { path, why: super::innermost(&error) })
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialError> {
    let wrong = |source| CredentialError::Read { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(wrong)?.len();
    if length > LONGEST {
        let why = format!("it has {length} bytes; certificates and keys are smaller");
        return Err(CredentialError::Unusable { path: path.to_owned(), why });
    }
    std::fs::read(path).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_shown_to_its_site_only() {
        let token = || Some(format!("rcu1_{}", "a".repeat(64)));
        assert!(matches!(Credential::of(None, token(), None), Err(CredentialError::NoSite)));
        assert!(matches!(Credential::of(None, token(), Some("s".into())), Ok(Credential::Token { .. })));
        assert!(matches!(Credential::of(Some("d".into()), token(), None), Ok(Credential::Directory(_))));
        assert!(matches!(
            Credential::of(None, Some("rct1_00".into()), Some("s".into())),
            Err(CredentialError::NoToken)
        ));
        assert!(!Credential::of(None, None, None).unwrap().wants_tls());
    }

    #[test]
    fn files_that_are_none_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let site = directory.path().join("site.pem");
        let apply = || Credential::Site(site.clone()).apply(reqwest::Client::builder()).unwrap_err().to_string();
        assert!(apply().starts_with("cannot read "), "{}", apply());
        std::fs::write(&site, "hello").unwrap();
        assert!(apply().ends_with("it holds no certificate"), "{}", apply());
    }

    #[test]
    fn a_key_that_others_can_read_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key.pem");
        std::fs::write(directory.path().join("cert.pem"), "none").unwrap();
        files::write_secret(&key, "none").unwrap();
        let refused = || identity(directory.path()).unwrap_err();
        assert!(matches!(refused(), CredentialError::Unusable { .. }), "it is its owner's alone: {}", refused());
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        let told = Failure::from(refused());
        let why =
            format!("{} is a secret, but others on this machine may read it (mode 0640); chmod 0600", key.display());
        assert!(told.exit().code() == 2 && told.to_string().contains(&why), "{told}");
    }
}
