//! Which node of the broker is asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

/// The addresses of a host that stands for several nodes of one broker: in the resolver's order, beginning with another one after each
/// failure. A node that is halted takes connections and answers nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes(Arc<AtomicUsize>);

impl Nodes {
    /// The one that was asked did not answer.
    pub fn failed(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Resolve for Nodes {
    fn resolve(&self, name: Name) -> Resolving {
        let turn = self.0.load(Ordering::Relaxed);
        Box::pin(async move {
            // The port is that of the URL, whatever is said here.
            let mut addresses: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let first = turn.checked_rem(addresses.len()).unwrap_or(0);
            addresses.rotate_left(first);
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
