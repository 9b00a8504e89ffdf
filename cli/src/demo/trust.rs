//! What the demo trusts: a site of its own, its zone's authorities, the broker's certificate, and a join token for
//! everybody, made as an administrator would make them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::StatusCode;
use rollcall_bus::private_broker::ServerCertificate;
use rollcall_enrolment::IdentityConfig;
use rollcall_identity::issuer::{Names, Validity};
use rollcall_identity::{Key, Site, ZoneAuthority, files, make_csr, serial};
use rollcall_model::{Name, UnixMillis};
use rollcall_startup::{Clock, Exit, Failure};
use serde_json::json;
use tokio::time::sleep;

use crate::ask::client::credential::Credential;
use crate::ask::client::{Client, ClientError};

/// Pause of somebody who asks too often.
const PAUSE: Duration = Duration::from_millis(250);
/// Tokens asked for at once.
const AT_ONCE: usize = 8;

/// The site of one demo.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The site's trust bundle.
    pub bundle: PathBuf,
    /// The zone's authorities and announcer.
    pub zone: PathBuf,
    directory: PathBuf,
}

/// Somebody who is to join.
#[derive(Clone, Debug)]
pub struct Joiner {
    /// `group` or `node`.
    pub kind: &'static str,
    /// The name the token is for.
    pub name: Name,
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::caused_by(Exit::Failed, error)
}

fn now() -> UnixMillis {
    Clock::start().now().wall
}

impl Trust {
    /// Makes site and zone in a directory.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn make(directory: &Path, zone_name: &Name) -> Result<Self, Failure> {
        let (site, zone) = (directory.join("site"), directory.join("trust"));
        let root = Site::create(&site, zone_name, now()).map_err(|error| failed(&error))?;
        root.make_zone(zone_name, &zone, now()).map_err(|error| failed(&error))?;
        Ok(Self { bundle: site.join("site.pem"), zone, directory: directory.to_owned() })
    }

    /// Issues the broker's certificate.
    ///
    /// # Errors
    /// When it cannot be issued or written.
    pub fn broker_certificate(&self) -> Result<ServerCertificate, Failure> {
        let authority = ZoneAuthority::load(&self.zone).map_err(|error| failed(&error))?;
        let key = Key::generate().map_err(|error| failed(&error))?;
        let csr = make_csr(&key).map_err(|error| failed(&error))?;
        let serial = serial::draw().map_err(|error| failed(&error))?;
        let names = Names { dns: vec!["localhost".into()], ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] };
        let issued = authority
            .issue_server(&Name::nearest("broker", "broker"), &names, &csr, serial, Validity::leaf(now()))
            .map_err(|error| failed(&error))?;
        let file = |name: &str| self.directory.join(name);
        let files = ServerCertificate { chain: file("broker.crt"), key: file("broker.key"), roots: file("roots.pem") };
        let written = files::write_public(&files.chain, &issued.chain_pem)
            .and_then(|()| files::write_secret(&files.key, &key.pem()))
            .and_then(|()| files::write_public(&files.roots, &authority.bundle().roots_pem()));
        written.map_err(|error| failed(&error))?;
        Ok(files)
    }

    /// Who asks the zone on this machine: its first administrator.
    #[must_use]
    pub fn administrator(&self) -> PathBuf {
        self.zone.join("administrator")
    }

    /// How somebody of this name proves who they are.
    #[must_use]
    pub fn identity(&self, name: &Name) -> IdentityConfig {
        IdentityConfig {
            bundle: self.bundle.clone(),
            directory: Some(self.directory.join(format!("identity-{name}"))),
            token_file: Some(self.token_file(name)),
            api: None,
        }
    }

    fn token_file(&self, name: &Name) -> PathBuf {
        self.directory.join(format!("token-{name}"))
    }

    /// Gets a token for each from the zone.
    ///
    /// # Errors
    /// When the zone gives none.
    pub async fn hand_out(&self, api: SocketAddr, joiners: Vec<Joiner>) -> Result<(), Failure> {
        let client = Client::new(&format!("https://{api}"), &Credential::Directory(self.administrator()))?;
        let asked = joiners.into_iter().map(|joiner| self.token(&client, joiner));
        stream::iter(asked).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
    }

    /// A token for a browser: that of an operator made for it, which is all the web page asks for.
    ///
    /// # Errors
    /// When the zone gives none.
    pub async fn browser(&self, api: SocketAddr) -> Result<String, Failure> {
        let client = Client::new(&format!("https://{api}"), &Credential::Directory(self.administrator()))?;
        let answer = client.set_user(&json!({ "name": "browser", "role": "operator" })).await?;
        Ok(answer.document["secret"].as_str().unwrap_or_default().to_owned())
    }

    async fn token(&self, client: &Client, joiner: Joiner) -> Result<(), Failure> {
        let Joiner { kind, name } = joiner;
        let asked = json!({ "for": kind, "name": name, "ttl_s": 600 });
        let answer = loop {
            match client.create_token(&asked).await {
                // A thousand at once are more than the zone takes from anybody.
                Err(ClientError::Refused { status: StatusCode::TOO_MANY_REQUESTS, .. }) => sleep(PAUSE).await,
                answer => break answer?,
            }
        };
        let text = answer.document["secret"].as_str().unwrap_or_default();
        files::write_secret(&self.token_file(&name), text).map_err(|error| failed(&error))
    }
}
