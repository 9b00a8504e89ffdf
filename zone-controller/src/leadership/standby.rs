//! Standing by until the lease may be taken.

use rand::random;
use rollcall_model::{InstanceId, ZoneId};
use rollcall_startup::{Clock, Pulse, Shutdown};
use rollcall_store::{Contest, OpenError, Replica, Sight, Store};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::core::{LOOK, Reason, Standby, Verdict};
use super::door::{self, Known};
use crate::config::Config;
use crate::trust::{self, Trust, TrustError};
use crate::{RunError, addresses, api_address, identify};

/// Opens the zone's topology for the one zone controller that may act, and waits as long as that is another. `None` when the
/// end was asked for first. Tells `pulse` that the way to the database works, and `told`, once, for whom it stands by.
///
/// # Errors
/// When the database cannot be had or belongs to another zone. Once it was seen, one that is away for a while is waited for.
pub async fn open(
    config: &Config,
    pulse: &Pulse,
    told: &mpsc::Sender<String>,
    shutdown: &Shutdown,
) -> Result<Option<Store>, RunError> {
    let zone = identify(config)?;
    let (name, address) = (config.replica.name()?, format!("https://{}", api_address(config, config.api.listen)));
    let me = Replica { instance: InstanceId::from_bytes(random()), name: name.clone(), address };
    let contest = Contest::new(&config.database, me).map_err(RunError::Open)?;
    let standby = Standby::new(name);
    Waiting { config, zone, contest, standby, clock: Clock::start(), lease: watch::Sender::new(None), told, door: None }
        .wait(pulse, shutdown)
        .await
}

struct Waiting<'a> {
    config: &'a Config,
    zone: ZoneId,
    contest: Contest,
    standby: Standby,
    clock: Clock,
    /// For who asks at the door.
    lease: watch::Sender<Option<rollcall_store::Lease>>,
    told: &'a mpsc::Sender<String>,
    door: Option<(Shutdown, tokio::task::JoinHandle<()>)>,
}

impl Waiting<'_> {
    async fn wait(mut self, pulse: &Pulse, shutdown: &Shutdown) -> Result<Option<Store>, RunError> {
        let proven = watch::Sender::new(None);
        pulse.follow(proven.subscribe());
        let mut is_known = false;
        let found = loop {
            match self.look().await {
                Ok(Some(store)) => break Some(store),
                Ok(None) => {
                    is_known = true;
                    proven.send_replace(Some(Instant::now()));
                    self.open_door().await?;
                }
                Err(RunError::Open(error)) if is_known && is_passing(&error) => {
                    self.standby.was_blind();
                    tracing::warn!("the zone's lease cannot be seen: {error}");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK.duration()) => {}
                () = shutdown.requested() => break None,
            }
        };
        if let Some((closing, door)) = self.door.take() {
            closing.request();
            // The port is needed at once; who is being answered asks again.
            door.abort();
            let _ = door.await;
        }
        Ok(found)
    }

    /// Looks once, and takes what may be taken.
    async fn look(&mut self) -> Result<Option<Store>, RunError> {
        let sight = self.contest.look().await.map_err(RunError::Open)?;
        if let Some(stored) = sight.zone.filter(|stored| *stored != self.zone) {
            return Err(RunError::OtherZone { stored, derived: self.zone });
        }
        let verdict = self.standby.saw(self.clock.now().tick, &sight);
        self.lease.send_replace(sight.lease.clone());
        let Verdict::Take(reason) = verdict else { return Ok(None) };
        let taken = self.contest.take(&sight).await.map_err(RunError::Open)?;
        if let Some(tenure) = taken.as_ref().and_then(Store::tenure) {
            say(reason, &sight, tenure.generation);
        }
        Ok(taken)
    }

    /// From the first look on that finds another at work, the API says so.
    async fn open_door(&mut self) -> Result<(), RunError> {
        if self.door.is_some() {
            return Ok(());
        }
        let address = self.config.api.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })?;
        let tls = match &self.config.identity {
            Some(identity) => {
                let names = trust::names(address.ip(), &addresses(self.config), &self.config.api.names());
                let now = self.clock.now().wall;
                let trust = Trust::open(&identity.directory, &self.config.name, self.zone, names, now)?;
                Some(trust.server().map_err(TrustError::from)?)
            }
            None => None,
        };
        let holder = self.lease.borrow().as_ref().map_or_else(
            || "another zone controller".into(),
            |lease| format!("{} (generation {}, {})", lease.name, lease.generation, lease.address),
        );
        tracing::info!(api = %address, "stands by: {holder} acts for zone {}", self.config.name);
        // Nobody may be listening.
        let _ = self.told.try_send(format!("stands by: {holder} acts for the zone"));
        let known = Known { zone: self.config.name.clone(), lease: self.lease.subscribe() };
        let (closing, bounds) = (Shutdown::new(), self.config.api.bounds());
        let serving = tokio::spawn(door::serve(listener, tls, bounds, known, closing.clone()));
        self.door = Some((closing, serving));
        Ok(())
    }
}

fn say(reason: Reason, sight: &Sight, generation: u64) {
    let former = sight.lease.as_ref().map(|lease| lease.name.as_str()).unwrap_or_default();
    match reason {
        Reason::Unheld | Reason::OwnFormerRun => tracing::debug!(generation, "took the zone's lease"),
        Reason::Released => tracing::info!(generation, "took the zone's lease, which {former} gave back"),
        Reason::Silent => tracing::warn!(generation, "took the zone's lease: {former} gave no sign"),
    }
}

/// Whether waiting may help.
fn is_passing(error: &OpenError) -> bool {
    matches!(error, OpenError::Unreachable { .. } | OpenError::Database { .. } | OpenError::Held { .. })
}
