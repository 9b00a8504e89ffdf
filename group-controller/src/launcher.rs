//! How a check-in service is run at this place (Z7): as a process of its own, or in this one.

mod process;

use std::net::IpAddr;
use std::pin::Pin;

use ipnet::IpNet;
use rollcall_enrolment::IdentityConfig;
use rollcall_model::Name;
use rollcall_startup::Shutdown;

pub use self::process::ProcessLauncher;

/// A check-in service that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckinService {
    /// Name of its zone.
    pub zone: Name,
    /// Its name; with the zone it makes its id.
    pub name: Name,
    /// The addresses it is responsible for.
    pub ranges: Vec<IpNet>,
    /// Its own address, where this controller was told one.
    pub address: Option<IpAddr>,
    /// Where its certificate lies, which this controller got for it.
    pub identity: Option<IdentityConfig>,
}

/// The life of a service; its outcome says why it ended, for people.
pub type Life = Pin<Box<dyn Future<Output = String> + Send>>;

/// Runs check-in services.
pub trait Launcher: Send + Sync {
    /// Runs a service until it ends by itself, or `stop` is asked for and it has ended. What keeps it from starting is
    /// an end, too. Whoever drops the future ends the service.
    fn run(&self, service: CheckinService, stop: Shutdown) -> Life;
}

/// Runs services inside this process: for the demo and for tests.
pub struct InProcess<F>(F);

impl<F> InProcess<F>
where
    F: Fn(CheckinService, Shutdown) -> Life + Send + Sync,
{
    /// From what runs one service.
    pub const fn new(run: F) -> Self {
        Self(run)
    }
}

impl<F> Launcher for InProcess<F>
where
    F: Fn(CheckinService, Shutdown) -> Life + Send + Sync,
{
    fn run(&self, service: CheckinService, stop: Shutdown) -> Life {
        (self.0)(service, stop)
    }
}
