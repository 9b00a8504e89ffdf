//! The service manager's protocol (sd_notify): ready, stopping, and a watchdog that is told the truth.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

/// The service manager this process was started by; without one everything here does nothing.
#[derive(Clone, Debug)]
pub struct ServiceManager {
    watchdog: Option<Duration>,
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
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled() }
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
        Watchdog(self.watchdog.map(|period| tokio::spawn(feed(period / 3, healthy))))
    }
}

async fn feed(period: Duration, healthy: impl Fn() -> bool + Send + 'static) {
    let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut fed = true;
    loop {
        ticks.tick().await;
        let healthy = healthy();
        if healthy {
            tell(&[NotifyState::Watchdog]);
        } else if fed {
            tracing::warn!("not healthy: the service manager's watchdog is no longer fed");
        }
        fed = healthy;
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
