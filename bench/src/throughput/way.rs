//! The way to a broker: with its password, or over TLS with a certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapin::tcp::{AMQPUriTcpExt, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Connection, ConnectionProperties};
use rollcall_bus::{Connector, Credentials, RabbitSettings, TlsIdentity};
use rollcall_identity::tls::{self, Certified};
use rollcall_identity::{Key, TrustBundle, files};
use rollcall_model::{Principal, ZoneId};

/// The trust bundle in a directory of certificates.
pub const BUNDLE: &str = "site.pem";

/// The zone that everybody here is of.
pub fn zone() -> ZoneId {
    ZoneId::derived_from("bench")
}

/// The certificate of somebody in a directory, and its key.
pub fn files_of(directory: &Path, who: &Principal) -> [PathBuf; 2] {
    ["crt", "key"].map(|ending| directory.join(format!("{who}.{ending}")))
}

/// The way to a broker.
#[derive(Clone, Debug)]
pub struct Way {
    url: String,
    /// Where everybody's certificates are; `None` where a password logs in.
    certificates: Option<PathBuf>,
}

impl Way {
    /// With the password in the URL.
    pub const fn plain(url: String) -> Self {
        Self { url, certificates: None }
    }

    /// With a certificate from this directory.
    pub const fn secured(url: String, certificates: PathBuf) -> Self {
        Self { url, certificates: Some(certificates) }
    }

    /// As another process is told it.
    pub fn as_arguments(&self) -> Vec<String> {
        let directory = self.certificates.iter().map(|directory| directory.display().to_string());
        std::iter::once(self.url.clone()).chain(directory).collect()
    }

    /// As it was told.
    pub fn of_arguments(arguments: &[String]) -> Option<Self> {
        let (url, rest) = arguments.split_first()?;
        Some(Self { url: url.clone(), certificates: rest.first().map(PathBuf::from) })
    }

    /// Whether the broker validates user ids, and the session wants its tags.
    pub const fn is_secured(&self) -> bool {
        self.certificates.is_some()
    }

    /// For a bus.
    pub fn connector(&self, who: &Principal) -> anyhow::Result<Connector> {
        let settings = RabbitSettings { url: self.url.clone(), ..RabbitSettings::default() };
        let Some(directory) = &self.certificates else { return Ok(Connector::Rabbit(settings)) };
        let [chain, key] = files_of(directory, who);
        let (chain, key) = (files::read_public(&chain)?, files::read_secret(&key)?);
        let roots = files::read_public(&directory.join(BUNDLE))?;
        let user = who.user_in(zone());
        let identity = TlsIdentity::new(Credentials { user: &user, chain: &chain, key: &key, roots: &roots })?;
        Ok(Connector::Secure { settings, identity })
    }

    /// A bare connection, with the frames that Rollcall uses by default.
    pub async fn connect(&self, who: &Principal, name: &str) -> anyhow::Result<Connection> {
        let mut uri: AMQPUri = self.url.parse().map_err(anyhow::Error::msg)?;
        uri.query.frame_max = Some(RabbitSettings::default().frame_max);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let Some(directory) = &self.certificates else { return Ok(Connection::connect_uri(uri, properties).await?) };
        uri.query.auth_mechanism = Some(SASLMechanism::External);
        let [chain, key] = files_of(directory, who);
        let own = Certified::new(&files::read_public(&chain)?, &Key::load(&key)?)?;
        let config = tls::client(&TrustBundle::load(&directory.join(BUNDLE))?, Some(own))?;
        let connector = RustlsConnector::from(Arc::new(config));
        let connect = async move |uri: AMQPUri, runtime| {
            let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
            let stream = plain.connect_async(&runtime).await?;
            Ok(stream.into_rustls(&connector, &uri.authority.host).await?)
        };
        Ok(Connection::connector(uri, lapin::runtime::default_runtime()?, connect, properties).await?)
    }
}
