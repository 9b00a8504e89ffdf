//! Who may act for a zone: a lease in the database, whose generation fences everybody who held it before.
//!
//! The lease is one row. Whoever takes it raises its generation, and from then on nothing is written by a store that took an
//! older one: each transaction looks at the row before it ends ([`CommitError::Fenced`](crate::CommitError::Fenced)). That is
//! what keeps two zone controllers from writing, whatever clocks and pauses do. When a lease may be taken from a holder is
//! decided elsewhere, by watching its beats: no clock of another machine is compared with any.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall_model::{InstanceId, Name, ZoneId};
use serde::Deserialize;

use crate::{Backend, CommitError, LoadError, OpenError, Store, postgres, sqlite};

/// A zone controller of several that might act for a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// This run of it.
    pub instance: InstanceId,
    /// Its name; no other replica of the zone has it.
    pub name: Name,
    /// Where its API is, for people.
    pub address: String,
}

/// The lease as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Lease {
    /// Grows whenever it is taken.
    pub generation: u64,
    /// Grows whenever it is renewed.
    pub beats: u64,
    /// The run that took it.
    pub instance: InstanceId,
    /// The name of that replica.
    pub name: Name,
    /// Where its API is.
    pub address: String,
    /// Whether that run gave it back.
    pub is_released: bool,
}

/// What a replica that stands by sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Whose the database is, once a zone controller has started on it.
    pub zone: Option<ZoneId>,
    /// The lease; `None` before anybody ever took it.
    pub lease: Option<Lease>,
    /// Whether a connection holds the lock of the zone's one writer.
    pub is_locked: bool,
}

/// A lease that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// Its generation.
    pub generation: u64,
    /// What stood there before.
    pub from: Option<Lease>,
}

/// Whether a lease is still one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It is.
    Kept,
    /// Somebody took it, in this generation or a later one.
    Lost(u64),
}

/// A replica that has not opened the database yet, because another may act.
#[derive(Debug)]
pub struct Contest {
    place: Place,
    me: Replica,
}

#[derive(Debug)]
enum Place {
    Sqlite(String),
    Postgres(Box<postgres::Contest>),
}

impl Contest {
    /// A contest for the database of a URL; see [`Store::open`]. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(url: &str, me: Replica) -> Result<Self, OpenError> {
        let place = if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Place::Postgres(Box::new(postgres::Contest::new(postgres::Place::parse(url)?)))
        } else {
            sqlite::Place::parse(url)?;
            Place::Sqlite(url.to_owned())
        };
        Ok(Self { place, me })
    }

    /// Looks at the lease, and leaves word that this replica stands by. SQLite has one process only: there is nothing to see.
    ///
    /// # Errors
    /// When the server cannot be asked, or will not do.
    pub async fn look(&mut self) -> Result<Sight, OpenError> {
        match &mut self.place {
            Place::Sqlite(_) => Ok(Sight::default()),
            Place::Postgres(contest) => contest.look(&self.me).await,
        }
    }

    /// Opens the database and takes the lease, if it stands as it was seen; `None` if it does not any more, or if the lock of
    /// the zone's writer is held by somebody who holds no lease. The writing connection of a holder whose lease is taken from
    /// it is ended first, so that nothing of it is under way afterwards.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn take(&mut self, seen: &Sight) -> Result<Option<Store>, OpenError> {
        let store = match &mut self.place {
            Place::Sqlite(url) => Store::open(url).await?,
            Place::Postgres(contest) => match contest.open(seen).await? {
                Some(store) => Store::of(Backend::Postgres(Arc::new(store))),
                None => return Ok(None),
            },
        };
        let seen = match &self.place {
            // Whoever has the file's lock is alone.
            Place::Sqlite(_) => store.lease().await.map_err(|error| self.says(error))?,
            Place::Postgres(_) => seen.lease.clone(),
        };
        let taken = store.take(&self.me, seen.as_ref()).await.map_err(|error| self.says(error))?;
        Ok(taken.map(|_| store))
    }

    fn says(&self, source: sqlx::Error) -> OpenError {
        let place = match &self.place {
            Place::Sqlite(url) => url.clone(),
            Place::Postgres(contest) => contest.shown().to_owned(),
        };
        OpenError::Database { place, doing: "taking the zone's lease", source }
    }
}

/// The tenure that a store has, shared by its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence {
    tenure: Arc<Mutex<Option<Tenure>>>,
    /// Whoever renews the lease, or takes it again, has it: neither sees what the other has half done.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Fence {
    pub(crate) fn tenure(&self) -> Option<Tenure> {
        self.tenure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, tenure: Tenure) {
        *self.tenure.lock().unwrap_or_else(PoisonError::into_inner) = Some(tenure);
    }

    /// Whether what stands in the row lets this store write.
    pub(crate) fn judge(&self, stored: Option<u64>) -> Result<(), CommitError> {
        match (self.tenure(), stored) {
            (Some(own), Some(stored)) if stored != own.generation => {
                Err(CommitError::Fenced { own: own.generation, stored })
            }
            _ => Ok(()),
        }
    }

    /// Whether there is anything to judge.
    pub(crate) fn is_up(&self) -> bool {
        self.tenure().is_some()
    }
}

/// How long one renewal may take, the making of a connection included: two fit into a lease.
const PATIENCE: Duration = Duration::from_millis(1_500);

impl Store {
    /// The tenure in which this store writes; `None` where nobody took the lease, and nothing is fenced.
    #[must_use]
    pub fn tenure(&self) -> Option<Tenure> {
        self.fence().tenure()
    }

    /// Whether several processes may have the database open, so that the lease has to be renewed.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    /// Takes the lease if it stands as it was seen: the generation becomes greater than any before, and this store writes in
    /// it from now on. `None` if it does not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take(&self, me: &Replica, seen: Option<&Lease>) -> Result<Option<Tenure>, sqlx::Error> {
        let taken = match &self.backend {
            Backend::Sqlite(store) => store.take(me, seen).await?,
            Backend::Postgres(store) => store.take(me, seen).await?,
        };
        let tenure = taken.map(|generation| Tenure { generation, from: seen.cloned() });
        if let Some(tenure) = &tenure {
            self.fence().set(tenure.clone());
        }
        Ok(tenure)
    }

    /// Takes the lease again that is this store's own: for a zone that starts anew without ending.
    ///
    /// # Errors
    /// When the database does not answer. [`CommitError::Fenced`] when somebody else took it.
    pub async fn take_again(&self, me: &Replica) -> Result<Option<Tenure>, CommitError> {
        let _turn = self.fence().turn.lock().await;
        let Some(own) = self.tenure() else { return Ok(None) };
        let again = async {
            let stored = self.lease().await?;
            let taken = match &stored {
                Some(lease) if lease.generation == own.generation => self.take(me, Some(lease)).await?,
                _ => None,
            };
            let stored = stored.map_or(0, |lease| lease.generation);
            taken.ok_or(CommitError::Fenced { own: own.generation, stored })
        };
        let (tenure, done) = match again.await {
            Ok(tenure) => (Some(tenure), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.tell(&done);
        done.map(|()| tenure)
    }

    /// The lease as it stands; `None` before anybody ever took it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease(&self) -> Result<Option<Lease>, sqlx::Error> {
        match &self.backend {
            Backend::Sqlite(store) => store.lease().await,
            Backend::Postgres(store) => store.lease().await,
        }
    }

    /// Renews the lease, over a connection of its own; takes a second and a half at most.
    ///
    /// # Errors
    /// When the database does not answer in time: whether the lease is still one's own is not known.
    pub async fn renew(&self) -> Result<Renewal, LoadError> {
        let _turn = self.fence().turn.lock().await;
        let Some(own) = self.tenure() else { return Ok(Renewal::Kept) };
        let lost = match &self.backend {
            Backend::Sqlite(store) => store.renew(own.generation).await?,
            Backend::Postgres(store) => store.renew(own.generation, PATIENCE).await?,
        };
        Ok(lost.map_or(Renewal::Kept, Renewal::Lost))
    }

    /// Gives the lease back, so that another takes it at once. The zone must have stopped to act.
    ///
    /// # Errors
    /// When the database does not answer: then it runs out.
    pub async fn release(&self) -> Result<(), LoadError> {
        let Some(own) = self.tenure() else { return Ok(()) };
        match &self.backend {
            Backend::Sqlite(store) => store.release(own.generation).await?,
            Backend::Postgres(store) => store.release(own.generation, PATIENCE).await?,
        }
        Ok(())
    }

    fn fence(&self) -> &Fence {
        match &self.backend {
            Backend::Sqlite(store) => store.fence(),
            Backend::Postgres(store) => store.fence(),
        }
    }
}
