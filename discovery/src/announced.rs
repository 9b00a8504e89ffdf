//! An announcement that is being made.

use std::sync::Arc;

use rollcall_model::wire::txt::Announcement;

use crate::DiscoveryError;
use crate::discovery::Inner;

/// An announcement, made as long as this lives. Dropping it says good-bye without waiting for it to be sent.
#[must_use = "the announcement is withdrawn when this is dropped"]
pub struct Announced {
    discovery: Arc<Inner>,
    instance: String,
    number: u64,
}

impl Announced {
    pub(crate) fn new(discovery: Arc<Inner>, instance: String, number: u64) -> Self {
        Self { discovery, instance, number }
    }

    /// The DNS-SD instance.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Announces the changed state at once. An announcement of another instance takes the place of this one.
    ///
    /// # Errors
    /// As [`Discovery::announce`](crate::Discovery::announce); also when a later announcement of the same
    /// instance in this process has replaced this one. What was announced before is then still announced.
    pub async fn update(&mut self, announcement: Announcement) -> Result<(), DiscoveryError> {
        let instance = announcement.instance();
        if instance == self.instance {
            self.discovery.put(announcement, Some(self.number)).await?;
            return Ok(());
        }
        let number = self.discovery.put(announcement, None).await?;
        let old = std::mem::replace(&mut self.instance, instance);
        let old_number = std::mem::replace(&mut self.number, number);
        self.discovery.withdraw(&old, old_number).await
    }

    /// Says good-bye, and waits until it is sent.
    ///
    /// # Errors
    /// When multicast DNS does not take the command.
    pub async fn withdraw(self) -> Result<(), DiscoveryError> {
        self.discovery.withdraw(&self.instance, self.number).await
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.discovery.withdraw_soon(&self.instance, self.number);
    }
}

impl std::fmt::Debug for Announced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Announced").field(&self.instance).finish()
    }
}
