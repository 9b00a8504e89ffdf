//! Saving, also while the database takes nothing for a while: what is to be saved waits, and the API is answered.

use std::time::Duration;

use rand::random_range;
use rollcall_model::{GroupId, Name};
use rollcall_startup::Shutdown;
use rollcall_store::{Change, CommitError, Snapshot, Store, Writable};

use super::{Ask, CommandError, Driver};
use crate::leadership::core::Standing;
use crate::{RunError, leadership};

/// How long is waited before the database is tried again: by chance up to the first, then up to twice as much …
const FIRST: Duration = Duration::from_millis(200);
/// … and never longer than this.
const LONGEST: Duration = Duration::from_secs(10);

/// Whether something can be saved, as far as is known; else why not.
pub(super) fn possible(store: &Store) -> Result<(), String> {
    match &*store.writable().borrow() {
        Writable::Yes => Ok(()),
        Writable::No { reason } => Err(reason.clone()),
    }
}

/// Tries a database that takes nothing until it does, again and again, at random moments: of many that lost the same
/// server not all come back at once. Ends with `shutdown`.
pub async fn keep_trying(store: Store, shutdown: Shutdown) {
    let mut writable = store.writable();
    loop {
        tokio::select! {
            gone = writable.wait_for(|known| !known.is_yes()) => if gone.is_err() { return },
            () = shutdown.requested() => return,
        }
        let mut longest = FIRST;
        while !writable.borrow().is_yes() {
            tokio::select! {
                () = tokio::time::sleep(random_range(Duration::ZERO..longest)) => {}
                () = shutdown.requested() => return,
            }
            longest = (2 * longest).min(LONGEST);
            if let Err(error) = store.try_to_write().await {
                tracing::debug!("the topology is still read-only: {error}");
            }
        }
    }
}

impl Driver {
    /// Saves, and waits for it as long as the database takes nothing for the time being.
    ///
    /// # Errors
    /// When the changes are refused for what they are, and when the end comes first: nothing is written.
    pub(super) async fn save(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        loop {
            match self.try_to_save(changes).await {
                Err(error) if error.is_passing() => {
                    if !self.until_writable().await {
                        return Err(error);
                    }
                }
                ended => return ended,
            }
        }
    }

    /// Saves now or not at all.
    pub(super) async fn try_to_save(&self, changes: &[Change]) -> Result<(), CommitError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.store.commit(changes).await?;
        self.committed.tell(changes);
        Ok(())
    }

    /// What is saved, and where check-in services ran, once both can be had.
    ///
    /// # Errors
    /// When it is damaged, and when the end comes first.
    pub(super) async fn saved(&mut self) -> Result<(Snapshot, Vec<(Name, GroupId)>), RunError> {
        loop {
            match self.look_up().await {
                // A pool that got no connection in time says nothing of why; that the database takes nothing is known then.
                Err(error) if error.is_passing() || possible(&self.store).is_err() => {
                    if !self.until_it_answers().await {
                        return Err(error);
                    }
                }
                ended => return ended,
            }
        }
    }

    async fn look_up(&self) -> Result<(Snapshot, Vec<(Name, GroupId)>), RunError> {
        Ok((self.store.load().await?, crate::placed(&self.store).await?))
    }

    /// Waits for a database that did not answer. It may be back by now, as somebody else found out meanwhile; then it is not asked
    /// again at once all the same. Says whether it takes changes; else the end has come.
    async fn until_it_answers(&mut self) -> bool {
        tokio::time::sleep(random_range(FIRST / 2..FIRST)).await;
        // How it went is kept with the store.
        let _ = self.store.try_to_write().await;
        self.until_writable().await
    }

    /// Waits until the database takes changes again, answering the API meanwhile: questions, and commands with why not.
    /// Says whether it does; else the end has come.
    async fn until_writable(&mut self) -> bool {
        let mut writable = self.store.writable();
        loop {
            tokio::select! {
                () = self.shutdown.requested() => return false,
                known = writable.wait_for(Writable::is_yes) => return known.is_ok(),
                Some(ask) = self.asks.recv() => match ask {
                    Ask::Command(_, asker) => {
                        let reason = possible(&self.store).err().unwrap_or_else(|| "try again".into());
                        drop(asker.send(Err(CommandError::NotSaved(reason))));
                    }
                    ask => self.tell(ask),
                },
            }
        }
    }

    /// A lease that lapses is mostly a database that is away. Nothing is saved meanwhile that would show it; whoever asks is to be
    /// told all the same.
    fn look_at_the_database(&self) {
        let store = self.store.clone();
        // How it went is kept with the store, and [`keep_trying`] goes on from there.
        tokio::spawn(async move { store.try_to_write().await });
    }

    /// The next generation, for a core that starts anew; waits as [`Self::save`] does.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub(super) async fn next_generation(&mut self) -> Result<(), RunError> {
        loop {
            match leadership::anew(&self.store, &mut self.settings).await {
                Err(error) if error.is_passing() => {
                    if !self.until_it_answers().await {
                        return Err(RunError::Commit(error));
                    }
                }
                ended => return ended.map_err(RunError::unsaved),
            }
        }
    }

    /// Waits while the lease has lapsed, answering the API meanwhile as one does that waits for its database. Says whether the
    /// zone may act; else the end has come first.
    ///
    /// # Errors
    /// When another zone controller has the lease by now.
    pub(super) async fn until_entitled(&mut self) -> Result<bool, RunError> {
        let mut looked = false;
        loop {
            match self.office.standing() {
                Standing::Acting => return Ok(true),
                Standing::Over => return Err(leadership::superseded(&self.store).await),
                Standing::Lapsed => {}
            }
            if !std::mem::replace(&mut looked, true) {
                self.look_at_the_database();
            }
            let office = self.office.clone();
            tokio::select! {
                _ = office.entitled() => {}
                () = self.shutdown.requested() => return Ok(false),
                Some(ask) = self.asks.recv() => match ask {
                    Ask::Command(_, asker) => {
                        let why = "the zone's lease could not be renewed in time: try again".into();
                        drop(asker.send(Err(CommandError::NotSaved(why))));
                    }
                    ask => self.tell(ask),
                },
            }
        }
    }
}
