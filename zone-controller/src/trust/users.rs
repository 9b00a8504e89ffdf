//! The broker's users: one for each certificate that counts, made before the certificate is handed out, deleted when it
//! is revoked. Those who come to be admitted are taken so few at a time that the broker need not import them: what that costs it grows
//! with the fleet.
//!
//! The store is what counts; the broker is brought to it: at once where something is decided, and as a whole once the zone
//! is up and every few minutes, so that a revocation the broker did not hear of is carried out after all.

mod entitled;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_bus::Rights;
use rollcall_bus::admin::{Admin, AdminError, FEW};
use rollcall_model::{Principal, ZoneId};
use rollcall_startup::Shutdown;
use rollcall_store::{QueryError, Store};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;

use self::entitled::{Entitled, is_entitled};

/// Most who may wait to be admitted.
const WAITING: usize = 1_024;
/// The broker is compared with the store this often.
const COMPARED: Duration = Duration::from_secs(300);
/// Pauses between attempts that fail.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why somebody has no user at the broker.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UsersError {
    /// The broker cannot be administered.
    #[error("{0}")]
    Admin(Arc<AdminError>),
    /// The store does not answer.
    #[error("the topology cannot be read: {0}")]
    Store(Arc<QueryError>),
    /// The zone controller ends.
    #[error("the zone controller is stopping")]
    Stopping,
}

/// The users of the broker.
#[derive(Clone, Debug)]
pub enum BrokerUsers {
    /// The broker is inside this process, and has none.
    InProcess,
    /// RabbitMQ.
    RabbitMq(Keeper),
}

/// Keeps RabbitMQ's users. Clones are the same keeper.
#[derive(Clone, Debug)]
pub struct Keeper(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    admin: Admin,
    zone: ZoneId,
    store: Store,
    shutdown: Shutdown,
    admitted: mpsc::Sender<Admission>,
    /// Told once, when the zone is up.
    is_up: Notify,
    /// Users who are to be deleted, and have not been yet.
    dismissed: Mutex<BTreeSet<String>>,
}

#[derive(Debug)]
struct Admission {
    principal: Principal,
    user: String,
    done: oneshot::Sender<Result<(), UsersError>>,
}

impl BrokerUsers {
    /// Starts to keep RabbitMQ's users as the store says: the zone's own now, all others from [`Self::zone_is_up`] on.
    #[must_use]
    pub fn rabbit_mq(admin: Admin, zone: ZoneId, store: Store, shutdown: Shutdown) -> Self {
        let (admitted, admissions) = mpsc::channel(WAITING);
        let dismissed = Mutex::default();
        let shared = Arc::new(Shared { admin, zone, store, shutdown, admitted, is_up: Notify::new(), dismissed });
        tokio::spawn(Arc::clone(&shared).admit_all(admissions));
        tokio::spawn(Arc::clone(&shared).compare_for_ever());
        Self::RabbitMq(Keeper(shared))
    }

    /// The zone is up: the broker is brought to what is saved from here on.
    pub fn zone_is_up(&self) {
        if let Self::RabbitMq(Keeper(shared)) = self {
            shared.is_up.notify_one();
        }
    }

    /// Makes somebody's user, or brings it to the rights it should have.
    ///
    /// # Errors
    /// When the broker cannot be administered: the certificate is then not to be handed out.
    pub async fn admit(&self, principal: &Principal, user: &str) -> Result<(), UsersError> {
        let Self::RabbitMq(Keeper(shared)) = self else { return Ok(()) };
        let (done, admitted) = oneshot::channel();
        shared.waits().remove(user);
        let admission = Admission { principal: principal.clone(), user: user.to_owned(), done };
        shared.admitted.send(admission).await.map_err(|_| UsersError::Stopping)?;
        admitted.await.map_err(|_| UsersError::Stopping)?
    }

    /// Deletes a user and its connections; where that fails it is tried again until it is done, and at every start.
    ///
    /// # Errors
    /// What the first attempt failed of.
    pub async fn dismiss(&self, user: String) -> Result<(), UsersError> {
        let Self::RabbitMq(Keeper(shared)) = self else { return Ok(()) };
        shared.waits().insert(user.clone());
        let (done, first) = oneshot::channel();
        tokio::spawn(Arc::clone(shared).dismiss(user, done));
        first.await.map_err(|_| UsersError::Stopping)?
    }
}

impl BrokerUsers {
    /// Ends the connections of a user, who may come back.
    ///
    /// # Errors
    /// When the broker cannot be administered.
    pub async fn cut_off(&self, user: &str) -> Result<(), UsersError> {
        let Self::RabbitMq(Keeper(shared)) = self else { return Ok(()) };
        shared.admin.cut_off(user).await.map_err(|error| UsersError::Admin(Arc::new(error)))
    }
}

impl Shared {
    /// A set is whole after every call, also where somebody panicked.
    fn waits(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.dismissed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rights(&self, (principal, user): (&Principal, &str)) -> (String, Rights) {
        (user.to_owned(), Rights::of(principal, self.zone))
    }

    async fn admit_all(self: Arc<Self>, mut admissions: mpsc::Receiver<Admission>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                taken = admissions.recv_many(&mut batch, FEW) => if taken == 0 { return },
                () = self.shutdown.requested() => return,
            }
            let users: Vec<_> = batch.iter().map(|it| self.rights((&it.principal, &it.user))).collect();
            let admitted = self.admin.admit(&users).await.map_err(|error| UsersError::Admin(Arc::new(error)));
            if let Err(error) = &admitted {
                tracing::warn!(users = users.len(), "not admitted at the broker: {error}");
            }
            for admission in batch.drain(..) {
                // Whoever asked may have gone; they ask again.
                let _ = admission.done.send(admitted.clone());
            }
        }
    }

    async fn dismiss(self: Arc<Self>, user: String, first: oneshot::Sender<Result<(), UsersError>>) {
        let (mut first, mut pause) = (Some(first), FIRST_PAUSE);
        while self.waits().contains(&user) {
            let result = self.admin.dismiss(&user).await;
            if result.is_ok() {
                self.waits().remove(&user);
                tracing::info!(%user, "deleted at the broker, with its connections");
            }
            let result = result.map_err(|error| UsersError::Admin(Arc::new(error)));
            if let Err(error) = &result {
                tracing::error!(%user, "REVOKED, BUT STILL KNOWN TO THE BROKER: {error}; trying again");
            }
            if let Some(first) = first.take() {
                let _ = first.send(result);
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                () = self.shutdown.requested() => return,
            }
        }
    }

    async fn compare_for_ever(self: Arc<Self>) {
        let (mut pause, mut step) = (FIRST_PAUSE, Step::Own);
        loop {
            let done = tokio::select! {
                done = self.take(step) => done,
                () = self.shutdown.requested() => return,
            };
            if done.is_ok() {
                pause = FIRST_PAUSE;
            }
            let wait = match (done, step) {
                // Somebody may make the broker anew while the zone waits for it.
                (Ok(()), Step::Own) => LONGEST_PAUSE,
                (Ok(()), Step::Everybody) => {
                    tracing::info!("the broker knows everybody who is entitled to it");
                    step = Step::Missing;
                    COMPARED
                }
                (Ok(()), Step::Missing) => COMPARED,
                (Err(error), _) => {
                    tracing::error!("the broker's users cannot be brought to what is saved: {error}; trying again");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    pause
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                // A zone that starts has enough to do, and the broker need not know anybody else before it has.
                () = self.is_up.notified() => step = Step::Everybody,
                () = self.shutdown.requested() => return,
            }
        }
    }

    async fn take(&self, step: Step) -> Result<(), UsersError> {
        match step {
            Step::Own => self.prepare().await,
            Step::Everybody => self.compare(true).await,
            Step::Missing => self.compare(false).await,
        }
    }

    /// What the zone itself needs at the broker.
    async fn prepare(&self) -> Result<(), UsersError> {
        let admin = |error| UsersError::Admin(Arc::new(error));
        self.admin.ensure_vhost().await.map_err(admin)?;
        let own = Principal::Zone(self.zone);
        let user = own.user_in(self.zone);
        self.admin.admit(&[self.rights((&own, &user))]).await.map_err(admin)
    }

    /// Brings the broker to what is saved. The first time everybody gets the rights of this version; later only who is
    /// missing is made.
    async fn compare(&self, everybody: bool) -> Result<(), UsersError> {
        let admin = |error| UsersError::Admin(Arc::new(error));
        let store = |error| UsersError::Store(Arc::new(error));
        // The broker is asked first: whoever is admitted in between is saved already, and so is not taken for a stranger.
        let mut strangers: BTreeSet<String> =
            self.admin.users_of(self.zone).await.map_err(admin)?.into_iter().collect();
        let mut entitled = Entitled::of(self.zone, &self.store);
        while let Some(page) = entitled.page().await.map_err(store)? {
            let mut is_there = |user: &String| strangers.remove(user);
            let missing = page.iter().filter(|(_, user)| !is_there(user) || everybody);
            let missing: Vec<_> = missing.map(|(principal, user)| self.rights((principal, user))).collect();
            self.admin.admit(&missing).await.map_err(admin)?;
        }
        for user in strangers {
            // Pages take their time: somebody of an earlier one may have got a certificate since.
            if is_entitled(self.zone, &self.store, &user).await.map_err(store)? {
                continue;
            }
            tracing::warn!(%user, "has no certificate that counts: deleted at the broker");
            self.admin.dismiss(&user).await.map_err(admin)?;
        }
        Ok(())
    }
}

/// What is brought to the broker next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Own,
    Everybody,
    Missing,
}
