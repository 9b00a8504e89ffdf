//! Which node of the broker is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::nodes::beginning_with;

/// Resolves the host of the management API, beginning with another of the broker's nodes after each failure.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolver(Arc<AtomicUsize>);

impl Resolver {
    /// The one that was asked did not answer.
    pub fn failed(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let turn = self.0.load(Ordering::Relaxed);
        Box::pin(async move {
            // The port is that of the URL, whatever is said here.
            let addresses = beginning_with(turn, lookup_host((name.as_str(), 0)).await?);
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
