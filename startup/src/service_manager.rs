//! The service manager's protocol (sd_notify): ready, stopping, and a watchdog that is told the truth. Where there is no
//! service manager but somebody who looks at a file, as in a container, the file is told the same.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rollcall_alarm::Alarm;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;

use crate::{Pulse, Shutdown};

/// Variable that names the file whose time of modification is renewed while the process is well.
const ALIVE: &str = "ROLLCALL_ALIVE_FILE";
/// It is renewed this often, where no watchdog asks for more.
const ALIVE_PERIOD: Duration = Duration::from_secs(5);

/// The service manager this process was started by; without one everything here does nothing.
#[derive(Clone, Debug)]
pub struct ServiceManager {
    watchdog: Option<Duration>,
    alive: Option<PathBuf>,
}

/// Keeps the watchdog fed while it lives.
#[derive(Debug)]
pub struct Watchdog(Option<JoinHandle<()>>);

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl ServiceManager {
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID` and `ROLLCALL_ALIVE_FILE` say.
    #[must_use]
    pub fn from_environment() -> Self {
        let alive = std::env::var_os(ALIVE).filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { watchdog: sd_notify::watchdog_enabled(), alive }
    }

    /// [`Self::attend`] for a daemon that is ready with the first beat of its pulse, and healthy while it was felt within
    /// `stands`.
    #[must_use = "the service manager is told only while this value lives"]
    pub fn attend_pulse(self, pulse: Pulse, stands: Duration, status: String, shutdown: Shutdown) -> Watchdog {
        let first = pulse.clone();
        let ready = async move {
            first.first().await;
            status
        };
        self.attend(ready, move || pulse.is_felt(stands), shutdown)
    }

    /// All a daemon has to say from its start to its end: ready with the line that `ready` gives, once it does; from then
    /// on the watchdog is fed while `healthy` says so, as with [`Self::watch`]; and the end when `shutdown` is asked for.
    /// To be called inside a tokio runtime.
    #[must_use = "the service manager is told only while this value lives"]
    pub fn attend(
        self,
        ready: impl Future<Output = String> + Send + 'static,
        healthy: impl Fn() -> bool + Send + 'static,
        shutdown: Shutdown,
    ) -> Watchdog {
        Watchdog(Some(tokio::spawn(async move {
            tokio::select! {
                status = ready => self.ready(&status),
                () = shutdown.requested() => return self.stopping(),
            }
            let _fed = self.watch(healthy);
            shutdown.requested().await;
            self.stopping();
        })))
    }

    /// The start is over and the work begins: `READY=1`, with a line for `systemctl status`.
    pub fn ready(&self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// A line for `systemctl status`.
    pub fn status(&self, status: &str) {
        tell(&[NotifyState::Status(&one_line(status))]);
    }

    /// The end has begun: `STOPPING=1`.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// How soon the service manager gives up on a process whose watchdog is not fed; `None` when it never does.
    #[must_use]
    pub const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Feeds the watchdog three times in its period, but only while `healthy` says so: a process that lost
    /// its broker for too long is then started again. Ends with the value that is returned. To be called
    /// inside a tokio runtime; a runtime that hangs starves the watchdog too, as it should.
    #[must_use = "the watchdog is fed only while this value lives"]
    pub fn watch(&self, healthy: impl Fn() -> bool + Send + 'static) -> Watchdog {
        let asked = self.alive.is_some().then_some(ALIVE_PERIOD);
        let period = self.watchdog.map(|period| period / 3).into_iter().chain(asked).min();
        Watchdog(period.map(|period| tokio::spawn(feed(period, self.alive.clone(), healthy))))
    }
}

async fn feed(period: Duration, alive: Option<PathBuf>, healthy: impl Fn() -> bool + Send + 'static) {
    let period = period.max(Duration::from_millis(1));
    let (mut fed, mut alarm) = (true, Alarm::new());
    loop {
        let healthy = healthy();
        if healthy {
            tell(&[NotifyState::Watchdog]);
            if let Some(path) = &alive
                && let Err(error) = std::fs::write(path, "alive\n")
            {
                tracing::warn!("{} cannot be written, so nobody sees that all is well: {error}", path.display());
            }
        } else if fed {
            tracing::warn!("not healthy: the service manager's watchdog is no longer fed");
        }
        fed = healthy;
        alarm.at(Some(Instant::now() + period)).await;
    }
}

/// The protocol is made of lines.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how this process is");
    }
}
