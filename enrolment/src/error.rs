//! Why a daemon has no certificate, for people: what happened, and what to do.

use std::path::PathBuf;
use std::time::Duration;

use rollcall_bus::CredentialsError;
use rollcall_identity::KeyError;
use rollcall_identity::bundle::BundleError;
use rollcall_identity::files::FileError;
use rollcall_identity::tls::TlsError;

/// Why there is no certificate. Key and certificate on disk are as they were.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The zone refused.
    #[error("the zone at {api} does not let us in: {detail} ({reason}){}", hinted(.hint.as_deref()))]
    Refused {
        /// Where the zone is.
        api: String,
        /// Its reason, a short word.
        reason: String,
        /// Its reason in its own words.
        detail: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Whoever answered has a certificate of another site.
    #[error(
        "whoever answers at {api} is not of the site that {} pins; is that the right zone, and is the bundle the site's \
         current site.pem?", .bundle.display()
    )]
    WrongRoot {
        /// Who answered.
        api: String,
        /// What is pinned.
        bundle: PathBuf,
    },
    /// The certificate is of the site, but not for this address.
    #[error("the certificate of whoever answers at {api} is for another name or address; add it to the zone's names")]
    WrongName {
        /// Who answered.
        api: String,
    },
    /// The zone does not take our certificate any more.
    #[error("the zone at {api} does not take our certificate: {why}; is a clock wrong?")]
    OwnCertificate {
        /// Who answered.
        api: String,
        /// Its word.
        why: String,
    },
    /// What came back cannot be used.
    #[error("the zone at {api} answered with a certificate that cannot be used: {why}")]
    BadGrant {
        /// Who answered.
        api: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers, or not now. Worth trying again.
    #[error("the zone at {api} cannot be reached: {why}")]
    Unreachable {
        /// Who was asked.
        api: String,
        /// What came instead.
        why: String,
    },
    /// The zone is there, and asks to wait.
    #[error("the zone at {api} asks to wait: {why}")]
    Busy {
        /// Who was asked.
        api: String,
        /// Its word.
        why: String,
        /// For how long.
        after: Duration,
    },
    /// The token file holds no token.
    #[error("{} holds no join token (rct1_ and 64 hexadecimal digits); `rollcall token create` makes one", .path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The trust bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The broker's client cannot use the certificate.
    #[error(transparent)]
    Login(#[from] CredentialsError),
}

impl EnrolError {
    /// Whether trying again later may help without anybody doing anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }

    /// A short word to count by.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } => reason,
            Self::WrongRoot { .. } => "wrong_root",
            Self::WrongName { .. } => "wrong_server_name",
            Self::OwnCertificate { .. } => "own_certificate",
            Self::BadGrant { .. } => "bad_grant",
            Self::Unreachable { .. } => "unreachable",
            Self::Busy { .. } => "busy",
            Self::NoToken { .. } => "bad_token_file",
            Self::File(_) | Self::Key(_) | Self::Bundle(_) | Self::Tls(_) | Self::Login(_) => "bad_files",
        }
    }
}

fn hinted(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; {hint}")).unwrap_or_default()
}
