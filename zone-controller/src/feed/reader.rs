//! The one task that reads what was committed.

use std::time::Duration;

use rollcall_store::QueryError;
use tokio::time::{Instant, sleep, sleep_until};

use super::Feed;
use super::source::Lane;

/// Rows read at once.
const PAGE: usize = 512;
/// Under a load of many commits what is new is read this often, not after each of them.
const PACE: Duration = Duration::from_millis(10);
/// Pause after the store could not be read.
const BREATH: Duration = Duration::from_millis(500);
/// Events after which what somebody proved before has to be proved again.
const OF_TRUST: [&str; 3] = ["principal_revoked", "user_set", "user_removed"];

impl Feed {
    /// Reads what is committed and hands it out, until the end of the zone controller.
    pub async fn keep_reading(&self) {
        tokio::select! {
            () = self.read_on() => {}
            () = self.0.shutdown.requested() => {}
        }
    }

    async fn read_on(&self) {
        let (mut commits, mut is_failing) = (self.0.store.committed(), false);
        loop {
            let next = Instant::now() + PACE;
            commits.mark_unchanged();
            if let Err(error) = self.read().await {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!("what happens is told later, the topology cannot be read: {error}");
                }
                sleep(BREATH).await;
                continue;
            }
            is_failing = false;
            if commits.changed().await.is_err() {
                return;
            }
            sleep_until(next).await;
        }
    }

    async fn read(&self) -> Result<(), QueryError> {
        self.pass_on(&self.0.events).await?;
        let newest = self.0.health.newest_stored(&self.0.own).await?;
        if self.0.health.skip_to(newest) { Ok(()) } else { self.pass_on(&self.0.health).await }
    }

    async fn pass_on(&self, lane: &Lane) -> Result<(), QueryError> {
        loop {
            let after = *lane.newest().borrow();
            let page = lane.page(&self.0.own, (after, i64::MAX), PAGE).await?;
            let is_full = page.len() == PAGE;
            if page.iter().any(|entry| OF_TRUST.contains(&entry.kind.as_str())) {
                self.prove_again();
            }
            lane.send(page);
            if !is_full {
                return Ok(());
            }
            // Those who follow get their turn before the channel is full.
            tokio::task::yield_now().await;
        }
    }
}
