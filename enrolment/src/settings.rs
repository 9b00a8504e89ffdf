//! What a daemon must know to be let in.

use std::net::IpAddr;
use std::path::PathBuf;

use rollcall_model::{Name, Principal, TraceContext};

/// What a daemon must know to be let in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where key, certificate and trust bundle are kept; made if it is not there.
    pub directory: PathBuf,
    /// The site's trust bundle as the administrator gave it to this machine. Newer ones that come with certificates are
    /// kept in the directory; when this file's content changes, it counts again.
    pub bundle_file: PathBuf,
    /// A join token, where there is one. Read at each try, so that it may be put there while the daemon waits.
    pub token_file: Option<PathBuf>,
    /// Who this is.
    pub principal: Principal,
    /// Its name.
    pub name: Name,
    /// Where it stands.
    pub place: Option<Name>,
    /// Its address, for people.
    pub address: Option<IpAddr>,
    /// The step of a trace that being let in is.
    pub trace: Option<TraceContext>,
}
