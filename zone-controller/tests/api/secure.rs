//! A zone controller with an identity, on the in-process bus, and clients with credentials of every kind.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, Identity, Method, header, tls};
use rollcall_bus::{Connector, LocalBroker};
use rollcall_discovery::Discovery;
use rollcall_identity::{Issue, Key, Names, Site, Validity, ZoneAuthority, make_csr};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{Principal, UnixMillis, ZoneId};
use rollcall_startup::{Clock, Pulse, Shutdown};
use rollcall_store::Store;
use rollcall_zone_controller::config::{Config, IdentityConfig};
use rollcall_zone_controller::{Parts, run};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::stage::{config, name};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running zone with an identity.
pub struct Secure {
    pub api: SocketAddr,
    pub zone: ZoneId,
    pub authority: ZoneAuthority,
    pub database: PathBuf,
    administrator: PathBuf,
    shutdown: Shutdown,
    _directory: tempfile::TempDir,
}

/// Somebody with a key and a certificate.
pub struct Holder {
    pub key: Key,
    pub chain: String,
}

pub fn now() -> UnixMillis {
    Clock::start().now().wall
}

pub fn site(directory: &Path) -> Site {
    Site::create(&directory.join("site"), &name("lab"), now()).expect("a site")
}

impl Secure {
    pub async fn up() -> Self {
        Self::with(|_| {}).await
    }

    /// A zone that is up, with something else in its configuration.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(async |config, _| {
            change(config);
            Connector::Local(LocalBroker::new())
        })
        .await
    }

    /// A zone that is up, on the broker that is made when its directory is there.
    pub async fn on(broker: impl AsyncFnOnce(&mut Config, &Path) -> Connector) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let zone_directory = directory.path().join("zone");
        site(directory.path()).make_zone(&name("hall-1"), &zone_directory, now()).expect("a zone directory");
        let mut config = config(directory.path());
        config.identity = Some(IdentityConfig { directory: zone_directory.clone() });
        let connector = broker(&mut config, &zone_directory).await;
        let database = directory.path().join("zone.db");
        let parts = Parts {
            connector,
            endpoint: BrokerEndpoint { host: "here".into(), port: 5671, vhost: "test".into() },
            store: Store::open(&format!("sqlite:{}", database.display())).await.expect("a database"),
            discovery: Discovery::off(),
            pulse: Pulse::default(),
        };
        let (shutdown, (running, up)) = (Shutdown::new(), oneshot::channel());
        let asked = shutdown.clone();
        tokio::spawn(async move { run(config, parts, asked, running).await.expect("an orderly end") });
        let up = up.await.expect("a zone");
        let administrator = zone_directory.join("administrator");
        let stage = Self {
            api: up.api,
            zone: up.zone,
            authority: ZoneAuthority::load(&zone_directory).expect("authorities"),
            database,
            administrator,
            shutdown,
            _directory: directory,
        };
        stage.wait_for(&stage.administrator.join("cert.pem")).await;
        stage
    }

    async fn wait_for(&self, path: &Path) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !path.exists() {
            assert!(tokio::time::Instant::now() < deadline, "there is no {}", path.display());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Somebody whom the zone's authority gave a certificate of this validity.
    pub fn holder(&self, principal: &Principal, validity: Validity) -> Holder {
        self.holder_in(principal, self.zone, validity)
    }

    pub fn holder_in(&self, principal: &Principal, zone: ZoneId, validity: Validity) -> Holder {
        let key = Key::generate().expect("a key");
        let csr = make_csr(&key).expect("a request");
        let serial = rollcall_identity::serial::draw().expect("a number");
        let names = &Names::default();
        let issued =
            self.authority.issue(&Issue { principal, zone, user: None, csr_pem: &csr, serial, validity, names });
        Holder { key, chain: issued.expect("a certificate").chain_pem }
    }

    pub fn stranger(&self) -> Client {
        self.client(None, None)
    }

    pub fn certified(&self, holder: &Holder) -> Client {
        self.client(Some(&format!("{}\n{}", holder.chain, *holder.key.pem())), None)
    }

    pub fn administrator(&self) -> Client {
        let read = |file: &str| std::fs::read_to_string(self.administrator.join(file)).expect("a file");
        self.client(Some(&format!("{}\n{}", read("cert.pem"), read("key.pem"))), None)
    }

    pub fn bearer(&self, token: &str) -> Client {
        self.client(None, Some(token))
    }

    fn client(&self, identity: Option<&str>, token: Option<&str>) -> Client {
        let roots = Certificate::from_pem_bundle(self.authority.bundle().roots_pem().as_bytes()).expect("roots");
        let mut client = Client::builder().no_proxy().tls_certs_only(roots).tls_version_min(tls::Version::TLS_1_3);
        if let Some(pem) = identity {
            client = client.identity(Identity::from_pem(pem.as_bytes()).expect("an identity"));
        }
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().expect("a header");
            client = client.default_headers(header::HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]));
        }
        client.timeout(PATIENCE).build().expect("a client")
    }

    /// Asks; waits where it is told to ask less often.
    pub async fn ask(&self, client: &Client, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        loop {
            let mut request = client.request(method.clone(), format!("https://{}{path}", self.api));
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = request.send().await.expect("an answer");
            let code = answer.status().as_u16();
            if code == 429 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            return (code, answer.json().await.unwrap_or(Value::Null));
        }
    }

    pub async fn get(&self, client: &Client, path: &str) -> (u16, Value) {
        self.ask(client, Method::GET, path, None).await
    }

    pub async fn post(&self, client: &Client, path: &str, body: Value) -> (u16, Value) {
        self.ask(client, Method::POST, path, Some(body)).await
    }

    /// A user with this role, by token.
    pub async fn user(&self, user: &str, role: &str) -> String {
        let asked = json!({ "name": user, "role": role });
        let (code, answer) = self.post(&self.administrator(), "/v1/users", asked).await;
        assert_eq!(code, 201, "{answer}");
        answer["secret"].as_str().expect("a token").to_owned()
    }

    /// A token for a node, or whatever is asked for.
    pub async fn token(&self, asked: Value) -> String {
        let (code, answer) = self.post(&self.administrator(), "/v1/tokens", asked).await;
        assert_eq!(code, 201, "{answer}");
        answer["secret"].as_str().expect("a token").to_owned()
    }

    /// What somebody who trusts the site's root sends on a connection of their own.
    pub async fn connect(&self) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
        let config = rollcall_identity::tls::client(self.authority.bundle(), None).expect("a configuration");
        let stream = tokio::net::TcpStream::connect(self.api).await.expect("a connection");
        let server = self.api.ip().into();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(server, stream).await.expect("a handshake")
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}
