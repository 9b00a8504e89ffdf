//! A site of the tests' own: a root, one authority below it, certificates, and a secured RabbitMQ that trusts the root.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rollcall_bus::admin::{Admin, AdminSettings};
use rollcall_bus::private_broker::{PrivateBroker, ServerCertificate};
use rollcall_bus::{Credentials, TlsIdentity};

pub struct Site {
    root: CertifiedIssuer<'static, KeyPair>,
    authority: CertifiedIssuer<'static, KeyPair>,
}

/// PEM.
pub struct Leaf {
    pub chain: String,
    pub key: String,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

impl Site {
    pub fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority("a root"), key()).expect("a root");
        let authority = CertifiedIssuer::signed_by(authority("an authority"), key(), &root).expect("an authority");
        Self { root, authority }
    }

    /// What everybody pins.
    pub fn roots(&self) -> String {
        self.root.pem()
    }

    fn issue(&self, name: &str, alternatives: &[&str], usage: ExtendedKeyUsagePurpose) -> Leaf {
        let alternatives: Vec<String> = alternatives.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(alternatives).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let key = key();
        let leaf = params.signed_by(&key, &self.authority).expect("a certificate");
        Leaf { chain: format!("{}{}", leaf.pem(), self.authority.pem()), key: key.serialize_pem() }
    }

    /// A certificate to log in with.
    pub fn client(&self, user: &str) -> Leaf {
        self.issue(user, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// What a process logs in with.
    #[allow(dead_code, reason = "some tests speak to the broker without the bus")]
    pub fn identity(&self, user: &str) -> TlsIdentity {
        let Leaf { chain, key } = self.client(user);
        let roots = self.roots();
        TlsIdentity::new(Credentials { user, chain: &chain, key: &key, roots: &roots }).expect("an identity")
    }

    /// The broker's certificate, in files.
    pub fn server(&self, dir: &Path) -> ServerCertificate {
        std::fs::create_dir_all(dir).expect("a directory");
        let Leaf { chain, key } =
            self.issue("broker", &["127.0.0.1", "localhost"], ExtendedKeyUsagePurpose::ServerAuth);
        let file = |name: &str, text: &str| -> PathBuf {
            let path = dir.join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        ServerCertificate {
            chain: file("broker.crt", &chain),
            key: file("broker.key", &key),
            roots: file("roots.pem", &self.roots()),
        }
    }
}

/// A secured broker, its site and its administrator.
pub struct Secured {
    pub broker: PrivateBroker,
    pub site: Site,
    pub settings: AdminSettings,
    pub dir: PathBuf,
}

impl Secured {
    /// With its data in a directory of this name; tells how long it took. `ROLLCALL_TEST_RABBITMQ_ROOT` names another root
    /// directory whose RabbitMQ it is (`scripts/rabbitmq4`).
    pub async fn start(name: &str) -> Self {
        let root = std::env::var_os("ROLLCALL_TEST_RABBITMQ_ROOT").map(PathBuf::from);
        let temporary = root.as_ref().map_or_else(std::env::temp_dir, |root| root.join("tmp"));
        let (dir, site) = (temporary.join(name), Site::new());
        let certificate = site.server(&dir.join("tls"));
        let starting = async {
            match &root {
                Some(root) => PrivateBroker::start_secured_in(root, &dir, certificate).await,
                None => PrivateBroker::start_secured(&dir, certificate).await,
            }
        };
        let began = std::time::Instant::now();
        let broker = starting.await.expect("a secured RabbitMQ starts; apt-get install rabbitmq-server");
        println!("a secured RabbitMQ was ready after {} ms", began.elapsed().as_millis());
        let management = broker.management().expect("it is secured");
        let settings = AdminSettings {
            url: management.url,
            vhost: management.vhost,
            user: management.user,
            password: management.password,
            roots: site.roots(),
        };
        Self { broker, site, settings, dir }
    }

    /// One for each test: its connections belong to the test's runtime.
    pub fn admin(&self) -> Admin {
        Admin::new(self.settings.clone()).expect("settings that can be used")
    }

    /// Stops the broker, and leaves nothing behind.
    #[allow(dead_code, reason = "some tests share one, which cannot be stopped")]
    pub async fn stop(self) {
        self.broker.stop().await;
        std::fs::remove_dir_all(&self.dir).expect("it was ours");
    }
}
