//! Holding the lease: renews it, and knows whether the zone may act.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use rollcall_startup::{Clock, Shutdown};
use rollcall_store::{Renewal, Store};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};

use super::core::{Holder, Standing};

/// Who waits to act again looks this often, should no word come.
const LOOK: Duration = Duration::from_millis(100);

/// Whether the zone may act. Clones are the same office. Without a lease, on a database that nobody else can open, it always
/// may.
#[derive(Clone, Debug)]
pub struct Office(Option<Arc<Held>>);

#[derive(Debug)]
struct Held {
    clock: Clock,
    holder: Mutex<Holder>,
    news: watch::Sender<()>,
}

impl Office {
    /// The office of a store: held under a lease where others could take it.
    #[must_use]
    pub fn of(store: &Store, clock: Clock) -> Self {
        if store.tenure().is_none() || !store.is_shared() {
            return Self(None);
        }
        let holder = Mutex::new(Holder::new(clock.now().tick));
        Self(Some(Arc::new(Held { clock, holder, news: watch::Sender::new(()) })))
    }

    /// How it stands at this moment.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.0.as_ref().map_or(Standing::Acting, |held| held.with(|holder| holder.standing(held.clock.now().tick)))
    }

    /// Waits while the lease has lapsed. Says whether the zone may act: else it is over.
    pub async fn entitled(&self) -> bool {
        loop {
            match (self.standing(), &self.0) {
                (Standing::Acting, _) | (_, None) => return true,
                (Standing::Over, _) => return false,
                (Standing::Lapsed, Some(held)) => {
                    let mut news = held.news.subscribe();
                    // The sender is held right here.
                    let _ = tokio::time::timeout(LOOK, news.changed()).await;
                }
            }
        }
    }
}

impl Held {
    /// A holder is whole after every call, also where somebody panicked.
    fn with<T>(&self, what: impl FnOnce(&mut Holder) -> T) -> T {
        what(&mut self.holder.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, what: impl FnOnce(&mut Holder)) {
        self.with(what);
        self.news.send_replace(());
    }
}

/// Renews the lease on a thread of its own: a zone that is busy for seconds with what it loads must not lose it. Dropped, it
/// gives the lease back.
#[derive(Debug)]
pub struct Keeper {
    leave: oneshot::Sender<()>,
    left: oneshot::Receiver<()>,
}

impl Keeper {
    /// Begins to renew. Asks for the end when somebody else has the lease.
    ///
    /// # Errors
    /// When there can be no thread for it.
    pub fn start(office: &Office, store: &Store, shutdown: &Shutdown) -> Result<Self, io::Error> {
        let (leave, leaving) = oneshot::channel();
        let (gone, left) = oneshot::channel();
        if let Some(held) = office.0.clone() {
            let (store, shutdown) = (store.clone(), shutdown.clone());
            let runtime = Builder::new_current_thread().enable_all().build()?;
            thread::Builder::new().name("lease".into()).spawn(move || {
                runtime.block_on(keep(&held, &store, &shutdown, leaving));
                // Nobody may be waiting any more.
                let _ = gone.send(());
            })?;
        }
        Ok(Self { leave, left })
    }

    /// Gives the lease back, so that another takes it at once. The zone must have stopped to act.
    pub async fn leave(self) {
        // Where there is no lease to keep, nobody listens, and nobody answers.
        let _ = self.leave.send(());
        let _ = self.left.await;
    }
}

async fn keep(held: &Held, store: &Store, shutdown: &Shutdown, mut leaving: oneshot::Receiver<()>) {
    let mut said = Standing::Acting;
    loop {
        let next = held.with(|holder| holder.next_renewal());
        tokio::select! {
            () = tokio::time::sleep(held.clock.until(next)) => {}
            _ = &mut leaving => {
                if let Err(error) = store.release().await {
                    tracing::warn!("the zone's lease is not given back, it runs out: {error}");
                }
                return;
            }
        }
        let began = held.clock.now().tick;
        match store.renew().await {
            Ok(Renewal::Kept) => held.tell(|holder| holder.kept(began)),
            Ok(Renewal::Lost(generation)) => {
                held.tell(Holder::lost);
                tracing::error!(
                    "another zone controller acts for this zone, in generation {generation}: this one does nothing more"
                );
                return shutdown.request();
            }
            Err(error) => {
                tracing::debug!("the zone's lease could not be renewed: {error}");
                held.tell(|holder| holder.unanswered(held.clock.now().tick));
            }
        }
        let standing = held.with(|holder| holder.standing(held.clock.now().tick));
        match (said, standing) {
            (Standing::Acting, Standing::Lapsed) => {
                tracing::error!("the zone's lease could not be renewed in time; nothing is sent until it can be");
            }
            (Standing::Lapsed, Standing::Acting) => tracing::info!("the zone's lease is renewed again"),
            _ => {}
        }
        said = standing;
    }
}
