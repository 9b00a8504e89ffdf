//! Word of every commit, for whoever wants to read what is new without asking again and again.

use tokio::sync::watch;

use crate::{CommitError, Store};

impl Store {
    /// How many commits this store and its clones have done since it was opened; grows with each, once what it wrote can
    /// be read. Whoever subscribes before reading misses nothing.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    pub(crate) fn count(&self, tried: &Result<(), CommitError>) {
        if tried.is_ok() {
            self.committed.send_modify(|commits| *commits += 1);
        }
    }
}
