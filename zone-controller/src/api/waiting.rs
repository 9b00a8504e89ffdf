//! Waiting for something to come, instead of asking for it again and again.

use std::future::Future;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::errors::Problem;

/// Longest a client may wait for something to come.
pub const LONGEST: Duration = Duration::from_secs(30);
/// Shortest time between two looks of one client, however much is committed meanwhile.
const PACE: Duration = Duration::from_millis(100);

/// When the wait that a client asks for is over.
pub fn deadline(wait_ms: Option<u64>) -> Instant {
    Instant::now() + Duration::from_millis(wait_ms.unwrap_or(0)).min(LONGEST)
}

/// Looks after each commit until there is something, the wait is over, or the zone controller ends.
pub async fn wait_for<F>(shared: &Shared, wait_ms: Option<u64>, look: impl Fn() -> F) -> Result<Vec<Value>, Problem>
where
    F: Future<Output = Result<Vec<Value>, Problem>>,
{
    let (deadline, mut commits) = (deadline(wait_ms), shared.store.committed());
    loop {
        commits.mark_unchanged();
        let next = Instant::now() + PACE;
        let found = look().await?;
        if !found.is_empty() || Instant::now() >= deadline {
            return Ok(found);
        }
        let committed = async {
            // The store lives as long as the API.
            let _ = commits.changed().await;
            sleep_until(next).await;
        };
        tokio::select! {
            () = committed => {}
            () = sleep_until(deadline) => {}
            // Whoever waits asks again elsewhere, or later: an orderly end waits for nobody.
            () = shared.shutdown.requested() => return Ok(Vec::new()),
        }
    }
}
