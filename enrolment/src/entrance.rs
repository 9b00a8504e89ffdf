//! A daemon's entrance: from a certificate, got or kept, to a way onto the bus that stays good.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_bus::{Connector, Credentials as Login, TlsIdentity};
use rollcall_discovery::{Discovery, Sighting, Tag};
use rollcall_model::wire::txt::Announcement;
use rollcall_model::{Name, Principal, TraceContext};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Credentials, EnrolError, Identity, IdentityConfig, Settings, checkin, ensure, keep_fresh, load};

/// Somebody who has a certificate. As long as it lives, the certificate is kept fresh.
#[derive(Debug)]
pub struct Entrance {
    /// Onto the bus: by certificate where that is RabbitMQ.
    pub connector: Connector,
    identity: Arc<Identity>,
    bundle: PathBuf,
    directory: PathBuf,
    api: watch::Receiver<Option<String>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Who wants in, and where.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// Who.
    pub principal: Principal,
    /// Their name.
    pub name: Name,
    /// Their place.
    pub place: Option<Name>,
    /// Their address, for people.
    pub address: Option<std::net::IpAddr>,
    /// The zone.
    pub zone: Name,
    /// The step of a trace that being let in is, for the first time.
    pub trace: Option<TraceContext>,
}

impl Entrance {
    /// Takes the certificate on disk, or gets one from the zone, which is waited for. May be dropped and begun again.
    ///
    /// # Errors
    /// When the zone refuses, or a file cannot be used.
    pub async fn enter(
        config: &IdentityConfig,
        directory: PathBuf,
        applicant: Applicant,
        connector: Connector,
        discovery: &Discovery,
    ) -> Result<Self, EnrolError> {
        let Applicant { principal, name, place, address, zone, trace } = applicant;
        let settings = Settings {
            directory: directory.clone(),
            bundle_file: config.bundle.clone(),
            token_file: config.token_file.clone(),
            principal,
            name,
            place,
            address,
            trace,
        };
        let (told, api) = watch::channel(config.api.clone());
        let listening = tokio::spawn(listen(discovery.clone(), zone, told));
        let mut tasks = vec![listening];
        let identity = Arc::new(match load(&settings)? {
            Some(identity) => identity,
            None => get(&settings, api.clone()).await?,
        });
        let connector = match connector {
            Connector::Rabbit(settings) | Connector::Secure { settings, .. } => {
                let login = TlsIdentity::new(login(&identity.credentials()))?;
                tasks.push(tokio::spawn(follow(identity.watch(), login.clone())));
                Connector::Secure { settings, identity: login }
            }
            local @ Connector::Local(_) => local,
        };
        let (fresh, heard) = (Arc::clone(&identity), api.clone());
        tasks.push(tokio::spawn(async move { match keep_fresh(&fresh, heard).await {} }));
        Ok(Self { connector, identity, bundle: config.bundle.clone(), directory, api, tasks })
    }

    /// Gets the certificate of a check-in service that this group was ordered to run, and says how the service is
    /// configured with it.
    ///
    /// # Errors
    /// When the zone refuses, was not heard, or a file cannot be used.
    pub async fn for_checkin(&self, name: &Name) -> Result<IdentityConfig, EnrolError> {
        let api = self.api.borrow().clone();
        let directory = self.directory.join(format!("checkin-{name}"));
        checkin::obtain(&self.identity, api.as_deref(), name, &directory, &self.bundle).await?;
        Ok(IdentityConfig { bundle: self.bundle.clone(), directory: Some(directory), token_file: None, api })
    }

    /// Where key and certificate lie.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Joins at whatever address the zone is heard; begins again when it moves.
async fn get(settings: &Settings, mut api: watch::Receiver<Option<String>>) -> Result<Identity, EnrolError> {
    loop {
        let Some(at) = api.borrow_and_update().clone() else {
            if api.changed().await.is_err() {
                // Nobody will ever tell: discovery has ended with the process.
                std::future::pending::<()>().await;
            }
            continue;
        };
        tokio::select! {
            identity = ensure(settings, &at) => return identity,
            Ok(()) = api.changed() => {}
        }
    }
}

/// Where the zone's API is, as its newest hello says.
async fn listen(discovery: Discovery, zone: Name, told: watch::Sender<Option<String>>) {
    let mut hellos = discovery.watch(Tag::Zone);
    if discovery.is_on() {
        while let Some(sighting) = hellos.next().await {
            if let Sighting::Seen { announcement: Announcement::Hello(hello), .. } = sighting
                && hello.name == zone
            {
                told.send_if_modified(|known| {
                    let is_new = known.as_deref() != Some(hello.api.as_str());
                    *known = Some(hello.api);
                    is_new
                });
            }
        }
    }
    // Whoever waits for another address waits on.
    told.closed().await;
}

fn login(credentials: &Credentials) -> Login<'_> {
    let Credentials { user, chain_pem, key_pem, bundle_pem, .. } = credentials;
    Login { user, chain: chain_pem, key: key_pem, roots: bundle_pem }
}

/// Hands each new certificate to the bus.
async fn follow(mut newest: watch::Receiver<Arc<Credentials>>, tls: TlsIdentity) {
    while newest.changed().await.is_ok() {
        let credentials = Arc::clone(&newest.borrow_and_update());
        if let Err(error) = tls.replace(login(&credentials)) {
            tracing::error!("the renewed certificate cannot be used at the broker: {error}");
        }
    }
}
