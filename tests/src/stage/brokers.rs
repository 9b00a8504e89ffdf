//! The RabbitMQs of a test run, started when first asked for: secured, as everywhere outside tests of the bus alone.

use std::net::IpAddr;
use std::sync::Arc;

use rollcall_bus::Rights;
use rollcall_bus::admin::{Admin, AdminSettings};
use rollcall_bus::private_broker::{Management, PrivateBroker};
use rollcall_model::{Principal, ZoneId};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::cluster::Cluster;
use super::outsider::Outsider;
use super::site::{Login, Site};
use super::tmpfs::Tmpfs;

/// One broker for most, and one to be killed; all under one site.
#[derive(Default)]
pub struct Brokers {
    site: OnceCell<Arc<Site>>,
    main: OnceCell<Broker>,
    second: OnceCell<Mutex<Broker>>,
}

/// A secured RabbitMQ.
pub struct Broker {
    process: PrivateBroker,
    site: Arc<Site>,
    management: Management,
    /// Somebody who may do everything on it, under a name of no zone that plays here.
    janitor: Login,
    disk: Option<Tmpfs>,
    _directory: TempDir,
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("rollcall-e2e-rabbitmq-").tempdir().expect("a temporary directory")
}

impl Brokers {
    /// The site of this run.
    pub async fn site(&self) -> Arc<Site> {
        Arc::clone(self.site.get_or_init(async || Arc::new(Site::new())).await)
    }

    /// The broker that always runs.
    ///
    /// # Panics
    /// When RabbitMQ cannot be started.
    pub async fn main(&self) -> &Broker {
        let site = self.site().await;
        self.main.get_or_init(|| Broker::start(site)).await
    }

    /// A broker for one case alone, gone with it.
    ///
    /// # Panics
    /// When RabbitMQ cannot be started.
    pub async fn own(&self) -> Broker {
        Broker::start(self.site().await).await
    }

    /// One of three nodes for one case alone, gone with it.
    ///
    /// # Panics
    /// When RabbitMQ cannot be started.
    pub async fn cluster(&self) -> Cluster {
        Cluster::start(self.site().await).await
    }

    /// The same with its data on a disk of this many MiB. Wants root.
    ///
    /// # Panics
    /// When there is no such disk, or RabbitMQ cannot be started.
    pub async fn on_a_small_disk(&self, mib: u32) -> Broker {
        let directory = directory();
        let disk = Tmpfs::mounted(&directory.path().join("disk"), mib);
        Broker::start_in(self.site().await, directory, Some(disk), None).await
    }

    /// The broker that may be killed; whoever does starts it again.
    ///
    /// # Panics
    /// When RabbitMQ cannot be started.
    pub async fn second(&self) -> MutexGuard<'_, Broker> {
        let site = self.site().await;
        self.second.get_or_init(async || Mutex::new(Broker::start(site).await)).await.lock().await
    }
}

impl Broker {
    async fn start(site: Arc<Site>) -> Self {
        Self::start_at(site, None).await
    }

    /// Starts one that takes connections at this address, too.
    ///
    /// # Panics
    /// When RabbitMQ cannot be started.
    pub async fn start_at(site: Arc<Site>, address: Option<IpAddr>) -> Self {
        Self::start_in(site, directory(), None, address).await
    }

    async fn start_in(site: Arc<Site>, directory: TempDir, disk: Option<Tmpfs>, address: Option<IpAddr>) -> Self {
        let data = disk.as_ref().map_or(directory.path(), Tmpfs::path);
        let certificates = site.fresh_directory();
        let certificate = site.broker_certificate(&certificates, address.as_slice());
        let process = match address {
            Some(address) => PrivateBroker::start_secured_at(data, certificate, address).await,
            None => PrivateBroker::start_secured(data, certificate).await,
        };
        let process = process.expect("a private RabbitMQ starts");
        let management = process.management().expect("a secured broker is administered");
        let zone = ZoneId::derived_from("the janitor's");
        let principal = Principal::Zone(zone);
        let janitor = site.login(&certificates.join("zone"), &principal, zone);
        let user = janitor.user.clone();
        let broker = Self { process, site, management, janitor, disk, _directory: directory };
        broker.admin().admit(&[(user, Rights::of(&principal, zone))]).await.expect("the janitor is admitted");
        broker
    }

    /// The site it stands under.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site)
    }

    /// Its URL, without credentials: there are none.
    #[must_use]
    pub fn url(&self) -> String {
        self.process.url()
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// How it is administered.
    #[must_use]
    pub const fn management(&self) -> &Management {
        &self.management
    }

    /// Its administrator.
    ///
    /// # Panics
    /// When the management API cannot be used.
    #[must_use]
    pub fn admin(&self) -> Admin {
        let Management { url, user, password, vhost } = self.management.clone();
        let roots = std::fs::read_to_string(self.site.bundle()).expect("the bundle");
        Admin::new(AdminSettings { url, vhost, user, password, roots }).expect("the management API can be used")
    }

    /// Removes what an earlier zone left on it.
    pub async fn sweep(&self) {
        Outsider::attach(&self.url(), &self.janitor).await.sweep().await;
    }

    /// The disk it was given.
    ///
    /// # Panics
    /// When it was given none.
    #[must_use]
    pub const fn disk(&self) -> &Tmpfs {
        self.disk.as_ref().expect("a broker on a small disk")
    }

    /// Runs `rabbitmqctl`, for some seconds.
    ///
    /// # Panics
    /// When it fails.
    pub fn ctl(&self, arguments: &[&str]) {
        let ended = tokio::task::block_in_place(|| self.process.ctl(arguments));
        assert!(ended.expect("rabbitmqctl runs").success(), "rabbitmqctl {arguments:?} fails");
    }

    /// Kills it.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Halts it with its sockets open.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.process.restart().await.expect("RabbitMQ starts again");
    }
}
