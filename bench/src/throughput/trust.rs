//! A site for one run, its zone's authorities, and who is let in to its broker.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use reqwest::{Client, Method, Url};
use rollcall_bus::Rights;
use rollcall_bus::admin::{Admin, AdminSettings};
use rollcall_bus::private_broker::{Management, PrivateBroker, ServerCertificate};
use rollcall_identity::{Issue, Key, Names, Site, TrustBundle, Validity, ZoneAuthority, files, make_csr, serial, tls};
use rollcall_model::{Name, Principal, UnixMillis};
use rollcall_startup::Clock;
use serde_json::{Value, json};

use super::way::{BUNDLE, Way, files_of, zone};

/// The authorities of a run.
pub struct Trust {
    authority: ZoneAuthority,
    /// Certificates are put here.
    directory: PathBuf,
}

fn now() -> UnixMillis {
    Clock::start().now().wall
}

impl Trust {
    /// Makes a site and its zone.
    pub fn make(directory: &Path) -> anyhow::Result<Self> {
        let name = Name::nearest("bench", "bench");
        let (site, zone) = (directory.join("site"), directory.join("zone"));
        Site::create(&site, &name, now())?.make_zone(&name, &zone, now())?;
        let authority = ZoneAuthority::load(&zone)?;
        authority.bundle().save(&directory.join(BUNDLE))?;
        Ok(Self { authority, directory: directory.to_owned() })
    }

    /// The way to its broker.
    pub fn way(&self, broker: &PrivateBroker) -> Way {
        Way::secured(broker.url(), self.directory.clone())
    }

    /// The broker's certificate.
    pub fn broker(&self) -> anyhow::Result<ServerCertificate> {
        let (key, name) = (Key::generate()?, Name::nearest("broker", "broker"));
        let names = Names { dns: vec!["localhost".into()], ips: vec![[127, 0, 0, 1].into()] };
        let (csr, validity) = (make_csr(&key)?, Validity::leaf(now()));
        let issued = self.authority.issue_server(&name, &names, &csr, serial::draw()?, validity)?;
        let file = |name: &str| self.directory.join(name);
        let files = ServerCertificate { chain: file("broker.crt"), key: file("broker.key"), roots: file("roots.pem") };
        files::write_public(&files.chain, &issued.chain_pem)?;
        files::write_secret(&files.key, &key.pem())?;
        files::write_public(&files.roots, &self.authority.bundle().roots_pem())?;
        Ok(files)
    }

    fn issue(&self, who: &Principal) -> anyhow::Result<String> {
        let (key, names) = (Key::generate()?, Names::default());
        let (csr_pem, serial) = (&make_csr(&key)?, serial::draw()?);
        let (principal, names) = (who, &names);
        let validity = Validity::leaf(now());
        let issued =
            self.authority.issue(&Issue { principal, zone: zone(), user: None, csr_pem, serial, validity, names })?;
        let [chain_file, key_file] = files_of(&self.directory, who);
        files::write_public(&chain_file, &issued.chain_pem)?;
        key.save(&key_file)?;
        Ok(issued.user)
    }

    /// Gives somebody a certificate, and the rights at the broker that such a principal has.
    pub async fn admit(&self, broker: &PrivateBroker, who: &Principal) -> anyhow::Result<()> {
        let Management { url, user, password, vhost } = administration(broker)?;
        let roots = self.authority.bundle().roots_pem();
        let admin = Admin::new(AdminSettings { url, vhost, user, password, roots })?;
        Ok(admin.admit(&[(self.issue(who)?, Rights::of(who, zone()))]).await?)
    }

    /// Gives somebody a certificate and leave to speak under any name: one connection stands for a thousand nodes. No
    /// node of Rollcall's is ever let in like this.
    pub async fn admit_impersonator(&self, broker: &PrivateBroker, who: &Principal) -> anyhow::Result<()> {
        let user = self.issue(who)?;
        let management = administration(broker)?;
        let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        let tagged = json!({ "password_hash": "", "tags": "impersonator" });
        put(&management, self.authority.bundle(), &["users", &user], tagged).await?;
        put(&management, self.authority.bundle(), &["permissions", &management.vhost, &user], everything).await
    }
}

fn administration(broker: &PrivateBroker) -> anyhow::Result<Management> {
    broker.management().context("a secured broker is administered")
}

async fn put(management: &Management, bundle: &TrustBundle, path: &[&str], body: Value) -> anyhow::Result<()> {
    let client = Client::builder().tls_backend_preconfigured(tls::client(bundle, None)?).no_proxy().build()?;
    let mut url: Url = management.url.parse()?;
    let segments = url.path_segments_mut();
    segments.map_err(|()| anyhow::anyhow!("the management API's URL has no path"))?.pop().push("api").extend(path);
    let asked = client.request(Method::PUT, url).basic_auth(&management.user, Some(&management.password)).json(&body);
    let answer = asked.send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "the broker answers {status} to PUT {path:?}: {}", answer.text().await?);
    Ok(())
}
