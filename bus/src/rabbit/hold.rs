//! A broker that takes no messages for now (`connection.blocked`): it is short of memory or disk, and goes on delivering.
//!
//! To whoever publishes the link is down meanwhile, so that nothing piles up and what matters is kept on disk; consumers go on,
//! on the same connection. When the broker takes messages again the link is up at a random moment soon after: of many who waited not
//! all begin in the same instant.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::session::Session;
use super::shared::Shared;
use crate::DownCause;

/// Longest pause after the broker's word, unless a reconnection would be sooner.
const LONGEST_MS: u64 = 2_000;

/// The broker's reason while it takes no messages.
pub(super) type Hold = watch::Sender<Option<String>>;

/// Has the link follow the broker's word, for as long as the connection lasts.
pub(super) async fn follow(shared: &Shared, session: &Arc<Session>, mut held: watch::Receiver<Option<String>>) {
    while let Some(reason) = blocked(&mut held).await {
        shared.down(format!("the broker takes no messages for now: {reason}"), DownCause::Blocked);
        let longest = Duration::from_millis(shared.settings.reconnect_max_ms.min(LONGEST_MS));
        while held.wait_for(Option::is_none).await.is_ok()
            && timeout(longest.mul_f64(rand::random()), blocked(&mut held)).await.is_ok()
        {}
        shared.go_on(Arc::clone(session));
    }
}

async fn blocked(held: &mut watch::Receiver<Option<String>>) -> Option<String> {
    held.wait_for(Option::is_some).await.ok()?.clone()
}
