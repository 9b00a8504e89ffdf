//! Which of several zone controllers acts for the zone.
//!
//! Two things keep the others from it. The *lease* in the database makes it rare that two believe in themselves: its holder
//! renews it every second and stops to act by its own clock before anybody may take it; who stands by takes it once it gave no
//! sign for three seconds by *their* clock. No clock of another machine is read. The *generation*, which grows whenever the
//! lease is taken, makes it harmless: the database takes no transaction of an older one, and receivers obey no older message.
//! A process that was paused in the middle of what it did is stopped by the second, whatever became of the first.
//!
//! [`core`] decides, [`standby`] waits for the lease, [`office`] holds it.

pub mod core;
mod door;
mod office;
mod standby;

use rollcall_store::{CommitError, Replica, Store};

pub use self::office::{Keeper, Office};
pub use self::standby::open;
use crate::RunError;
use crate::core::Settings;

/// Takes the next generation from itself, for a zone that starts anew without ending.
///
/// # Errors
/// As [`Store::take_again`].
pub(crate) async fn anew(store: &Store, settings: &mut Settings) -> Result<(), CommitError> {
    let Settings { instance, api, succession: Some(succession), .. } = settings else { return Ok(()) };
    let me = Replica { instance: *instance, name: succession.name.clone(), address: format!("https://{api}") };
    if let Some(tenure) = store.take_again(&me).await? {
        succession.tenure = tenure;
    }
    Ok(())
}

/// Why a zone controller ends whose lease somebody else has.
pub(crate) async fn superseded(store: &Store) -> RunError {
    let stored = store.lease().await.ok().flatten();
    RunError::Superseded(stored.map_or(0, |lease| lease.generation))
}
