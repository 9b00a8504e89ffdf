//! The broker's users: one for each certificate that counts, made before the certificate is handed out, deleted when it
//! is revoked. Those who are admitted at the same time are admitted in one request.
//!
//! The store is what counts; the broker is brought to it: at once where something is decided, and as a whole at the start
//! and every few minutes, so that a revocation the broker did not hear of is carried out after all.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_bus::Rights;
use rollcall_bus::admin::{Admin, AdminError};
use rollcall_model::{Principal, ZoneId};
use rollcall_startup::Shutdown;
use rollcall_store::{QueryError, Store};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

/// Most who are admitted in one request.
const BATCH: usize = 100;
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
    /// Starts to keep RabbitMQ's users as the store says, the zone's own first.
    #[must_use]
    pub fn rabbit_mq(admin: Admin, zone: ZoneId, store: Store, shutdown: Shutdown) -> Self {
        let (admitted, admissions) = mpsc::channel(WAITING);
        let dismissed = Mutex::default();
        let shared = Arc::new(Shared { admin, zone, store, shutdown, admitted, dismissed });
        tokio::spawn(Arc::clone(&shared).admit_all(admissions));
        tokio::spawn(Arc::clone(&shared).compare_for_ever());
        Self::RabbitMq(Keeper(shared))
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

    /// The zone itself has one user for ever.
    fn own(&self) -> (Principal, String) {
        let own = Principal::Zone(self.zone);
        let user = own.user_in(self.zone);
        (own, user)
    }

    async fn admit_all(self: Arc<Self>, mut admissions: mpsc::Receiver<Admission>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                taken = admissions.recv_many(&mut batch, BATCH) => if taken == 0 { return },
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
        let (mut pause, mut is_first) = (FIRST_PAUSE, true);
        loop {
            let wait = match self.compare(is_first).await {
                Ok(()) => {
                    (pause, is_first) = (FIRST_PAUSE, false);
                    COMPARED
                }
                Err(error) => {
                    tracing::error!("the broker's users cannot be brought to what is saved: {error}; trying again");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    pause
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.shutdown.requested() => return,
            }
        }
    }

    /// Brings the broker to what is saved. The first time everybody gets the rights of this version; later only who is
    /// missing is made.
    async fn compare(&self, everybody: bool) -> Result<(), UsersError> {
        let admin = |error| UsersError::Admin(Arc::new(error));
        if everybody {
            self.admin.ensure_vhost().await.map_err(admin)?;
            let (own, user) = self.own();
            self.admin.admit(&[self.rights((&own, &user))]).await.map_err(admin)?;
        }
        // The broker is asked first: whoever is admitted in between is saved already, and so is not taken for a stranger.
        let there: BTreeSet<String> = self.admin.users_of(self.zone).await.map_err(admin)?.into_iter().collect();
        let entitled = self.entitled().await?;
        let missing: Vec<_> = entitled
            .iter()
            .map(|(principal, user)| self.rights((principal, user)))
            .filter(|(user, _)| everybody || !there.contains(user))
            .collect();
        self.admin.admit(&missing).await.map_err(admin)?;
        let wanted: BTreeSet<String> = entitled.into_iter().map(|(_, user)| user).collect();
        for user in there.difference(&wanted) {
            tracing::warn!(%user, "has no certificate that counts: deleted at the broker");
            self.admin.dismiss(user).await.map_err(admin)?;
        }
        Ok(())
    }

    /// Whoever has a certificate that counts, as the user it names, the users of the API, whose certificates are not kept
    /// but told from those of former users of their names, and the zone itself.
    async fn entitled(&self) -> Result<BTreeSet<(Principal, String)>, UsersError> {
        let sql = "SELECT DISTINCT principal, user_name FROM v_certificates WHERE state = 'valid' \
                   AND principal NOT IN (SELECT principal FROM v_revoked) UNION ALL \
                   SELECT 'user.' || name, entry FROM v_users WHERE removed_at IS NULL";
        let found = self.store.for_zone().select(sql, &[]).await.map_err(|error| UsersError::Store(Arc::new(error)))?;
        let entitled = |row: &Vec<Value>| {
            let principal: Principal = row[0].as_str()?.parse().ok()?;
            let user = match (&principal, row[1].as_str()) {
                (_, None) => principal.user_in(self.zone),
                (Principal::User(_), Some(entry)) => principal.user_anew_in(self.zone, entry),
                (_, Some(user)) => user.to_owned(),
            };
            Some((principal, user))
        };
        Ok(found.rows.iter().filter_map(entitled).chain([self.own()]).collect())
    }
}
