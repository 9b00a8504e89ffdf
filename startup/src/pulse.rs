//! The pulse of a daemon: when the way it works over was last proven, both ways.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// When one way was last proven; `None` before the first time.
pub type Proven = watch::Receiver<Option<Instant>>;

/// How often somebody who waits for the first proof looks.
const LOOK: Duration = Duration::from_millis(100);

/// The ways a daemon works over. Clones are the same pulse: the daemon adds its ways, the service manager asks.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<watch::Sender<Vec<Proven>>>);

impl Pulse {
    /// A way that is proven from now on. One whose other end is gone counts no longer.
    pub fn follow(&self, way: Proven) {
        self.0.send_modify(|ways| {
            ways.retain(|way| way.has_changed().is_ok());
            ways.push(way);
        });
    }

    /// Whether any way was proven within this span. Of several zones one that is away must not cost the others the daemon.
    #[must_use]
    pub fn is_felt(&self, within: Duration) -> bool {
        self.0.borrow().iter().any(|way| way.borrow().is_some_and(|proven| proven.elapsed() <= within))
    }

    /// Waits for the first proof. May be cancelled and called again.
    pub async fn first(&self) {
        while !self.0.borrow().iter().any(|way| way.borrow().is_some()) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_felt_while_any_way_is_proven_and_not_for_ever() {
        let (pulse, span) = (Pulse::default(), Duration::from_secs(20));
        assert!(!pulse.is_felt(span));
        let (one, other) = (watch::Sender::new(None), watch::Sender::new(None));
        pulse.follow(one.subscribe());
        pulse.follow(other.subscribe());
        assert!(tokio::time::timeout(Duration::from_secs(60), pulse.first()).await.is_err(), "no proof yet");
        one.send_replace(Some(Instant::now()));
        pulse.first().await;
        assert!(pulse.is_felt(span));
        tokio::time::advance(Duration::from_secs(21)).await;
        assert!(!pulse.is_felt(span), "an old proof proves nothing");
        other.send_replace(Some(Instant::now()));
        assert!(pulse.clone().is_felt(span));
    }
}
