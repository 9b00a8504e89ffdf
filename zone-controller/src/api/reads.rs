//! Reads under way: whoever asks for much waits behind their own questions, and not everybody else behind theirs.
//!
//! A request of a caller who is known takes a [`Reader`] along, in the task that answers it; what reads the store asks it for
//! a turn first ([`turn`], [`question`]) and gives it back with the answer. A handler that waits for something to happen
//! holds no turn meanwhile.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall_model::Millis;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::caller::{Caller, Means};
use super::errors::Problem;
use super::limits::origin;

/// Reads of one caller that the store answers at a time: one fewer than it answers at all.
const AT_ONCE: usize = 3;
/// Questions in SQL of one caller at a time: one fewer than there are answered at all.
const QUESTIONS: usize = 1;
/// Reads of one caller that are under way, those that wait for their turn included.
const UNDER_WAY: usize = 64;
/// A read that waited so long for its turn is refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// When it is worth it to ask again.
const AGAIN: Millis = Millis(1_000);
/// Readers that may be remembered before those who read nothing are forgotten.
const REMEMBERED: usize = 256;

tokio::task_local! {
    static READER: Reader;
}

/// Who reads.
#[derive(Debug, Default)]
pub struct Reads(Mutex<HashMap<String, Reader>>);

/// The reads of one caller. Clones are those of the same one.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Turns>);

#[derive(Debug)]
struct Turns {
    under_way: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    asking: Arc<Semaphore>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code, reason = "held")] Option<[OwnedSemaphorePermit; 2]>);

impl Reads {
    /// Who asks, as far as it counts; nobody where the zone has no identity, whose API is for programs of its own machine.
    #[must_use]
    pub fn of(&self, caller: &Caller) -> Option<Reader> {
        let who = match &caller.means {
            Means::OwnMachine => return None,
            Means::Nothing => origin(caller.origin).to_string(),
            _ => caller.who.clone(),
        };
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() >= REMEMBERED && !readers.contains_key(&who) {
            readers.retain(|_, reader| Arc::strong_count(&reader.0) > 1);
        }
        Some(readers.entry(who).or_insert_with(Reader::new).clone())
    }
}

impl Reader {
    fn new() -> Self {
        let turns = |most| Arc::new(Semaphore::new(most));
        Self(Arc::new(Turns { under_way: turns(UNDER_WAY), reading: turns(AT_ONCE), asking: turns(QUESTIONS) }))
    }

    async fn turn(&self, kind: &Arc<Semaphore>) -> Result<Turn, Problem> {
        let full = || {
            let why =
                format!("{UNDER_WAY} of your reads are under way, and more are not taken; ask one after the other");
            Problem::too_many(AGAIN, why).because("too_many_reads")
        };
        let place = Arc::clone(&self.0.under_way).try_acquire_owned().map_err(|_| full())?;
        match timeout(PATIENCE, Arc::clone(kind).acquire_owned()).await {
            Ok(turn) => Ok(Turn(Some([place, turn.map_err(|_| Problem::stopping())?]))),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                let why =
                    format!("this waited {seconds} s behind your other reads; ask one after the other, or for less");
                Err(Problem::too_many(AGAIN, why).because("too_many_reads"))
            }
        }
    }
}

/// Answers a request, whose reads are those of `reader`.
pub async fn by<T>(reader: Option<Reader>, answering: impl Future<Output = T>) -> T {
    match reader {
        Some(reader) => READER.scope(reader, answering).await,
        None => answering.await,
    }
}

/// A turn to read the store, in the name of whoever is being answered.
///
/// # Errors
/// 429 where they read too much at once.
pub async fn turn() -> Result<Turn, Problem> {
    match READER.try_with(Clone::clone) {
        Ok(reader) => reader.turn(&reader.0.reading).await,
        Err(_) => Ok(Turn(None)),
    }
}

/// The same for a question in SQL, of which the store answers fewer.
///
/// # Errors
/// As [`turn`].
pub async fn question() -> Result<Turn, Problem> {
    match READER.try_with(Clone::clone) {
        Ok(reader) => reader.turn(&reader.0.asking).await,
        Err(_) => Ok(Turn(None)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures::FutureExt;
    use rollcall_model::Role;

    use super::*;

    fn caller(who: &str, means: Means) -> Caller {
        let (role, origin) = (Some(Role::Viewer), IpAddr::from([10, 1, 0, 7]));
        Caller { principal: None, who: who.into(), role, origin, means, serial: None }
    }

    fn ada(reads: &Reads) -> Option<Reader> {
        reads.of(&caller("user.ada", Means::Token))
    }

    #[tokio::test]
    async fn one_reads_a_few_at_once_and_others_are_not_concerned() {
        let reads = Reads::default();
        let first = by(ada(&reads), async { [turn().await, turn().await, turn().await] }).await;
        assert!(first.iter().all(Result::is_ok));
        by(ada(&reads), async {
            assert!(turn().now_or_never().is_none(), "it waits for its turn");
            assert!(question().await.is_ok(), "a question in SQL has turns of its own");
        })
        .await;
        by(reads.of(&caller("user.bob", Means::Token)), async { assert!(turn().await.is_ok()) }).await;
        drop(first);
        by(ada(&reads), async { assert!(turn().await.is_ok()) }).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_too_much_is_told_so_at_once_or_after_a_while() {
        let reads = Reads::default();
        by(ada(&reads), async {
            let turns = futures::future::join_all((0..AT_ONCE).map(|_| turn())).await;
            let mut waiting: Vec<_> = (0..UNDER_WAY - AT_ONCE).map(|_| Box::pin(turn())).collect();
            for turn in &mut waiting {
                assert!(turn.now_or_never().is_none());
            }
            let refused = turn().now_or_never().expect("at once").unwrap_err();
            assert_eq!((refused.status().as_u16(), refused.reason()), (429, Some("too_many_reads")));
            drop(waiting);
            let late = turn().await.unwrap_err();
            assert!(late.detail().starts_with("this waited 10 s"), "{}", late.detail());
            drop(turns);
            assert!(turn().await.is_ok());
        })
        .await;
    }

    #[tokio::test]
    async fn on_its_own_machine_and_inside_nobody_is_counted() {
        let reads = Reads::default();
        assert!(reads.of(&caller("api", Means::OwnMachine)).is_none());
        let turns = futures::future::join_all((0..UNDER_WAY * 2).map(|_| turn())).await;
        assert!(turns.iter().all(Result::is_ok));
        for number in 0..REMEMBERED * 2 {
            assert!(reads.of(&caller(&format!("user.{number}"), Means::Token)).is_some());
        }
        assert!(reads.0.lock().unwrap().len() <= REMEMBERED, "who reads nothing is forgotten");
    }
}
