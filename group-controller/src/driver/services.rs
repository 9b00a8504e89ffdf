//! The check-in services the core wants to run: started and ended as it says, their ends told to it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rollcall_enrolment::Entrance;
use rollcall_model::Name;
use rollcall_startup::Shutdown;
use tokio::task::JoinSet;

use crate::launcher::{CheckinService, Launcher};

/// All services are given this long when the controller itself ends.
const PATIENCE: Duration = Duration::from_secs(6);

/// The services of one zone.
pub(super) struct Services {
    zone: Name,
    address: Option<IpAddr>,
    launcher: Option<Arc<dyn Launcher>>,
    entrance: Option<Arc<Entrance>>,
    stops: HashMap<Name, Shutdown>,
    lives: JoinSet<(Name, String)>,
}

impl Services {
    pub(super) fn new(zone: Name, address: Option<IpAddr>) -> Self {
        Self { zone, address, launcher: None, entrance: None, stops: HashMap::new(), lives: JoinSet::new() }
    }

    pub(super) fn use_launcher(&mut self, launcher: Arc<dyn Launcher>, entrance: Option<Arc<Entrance>>) {
        self.launcher = Some(launcher);
        self.entrance = entrance;
    }

    pub(super) fn start(&mut self, name: Name, ranges: Vec<IpNet>) {
        let Some(launcher) = &self.launcher else {
            let why = "this group controller was started without a way to run check-in services".to_owned();
            self.lives.spawn(async move { (name, why) });
            return;
        };
        let stop = Shutdown::new();
        self.stops.insert(name.clone(), stop.clone());
        let (zone, address) = (self.zone.clone(), self.address);
        let (launcher, entrance) = (Arc::clone(launcher), self.entrance.clone());
        self.lives.spawn(async move {
            let identity = match entrance {
                Some(entrance) => match entrance.for_checkin(&name).await {
                    Ok(identity) => Some(identity),
                    Err(error) => return (name, format!("it gets no certificate: {error}")),
                },
                None => None,
            };
            let service = CheckinService { zone, name: name.clone(), ranges, address, identity };
            (name, launcher.run(service, stop).await)
        });
    }

    pub(super) fn end(&self, name: &Name) {
        if let Some(stop) = self.stops.get(name) {
            stop.request();
        }
    }

    /// The next service that ended, and why. Cancel-safe; pending while none runs.
    pub(super) async fn ended(&mut self) -> (Name, String) {
        match self.lives.join_next().await {
            Some(Ok((name, why))) => {
                self.stops.remove(&name);
                (name, why)
            }
            // A panic of a service is one of this process, which is not to go on half.
            Some(Err(panic)) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// Ends all of them, in order where they let it.
    pub(super) async fn end_all(mut self) {
        self.stops.values().for_each(Shutdown::request);
        let all = async { while self.lives.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("a check-in service did not end in time and is killed");
        }
    }
}
