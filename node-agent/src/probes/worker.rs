//! The thread that measures.
//!
//! It is given all probes that are due at once and wakes whoever waits once, when the last of them is back: a thread
//! that is woken for each probe costs an idle server more than the probes do. Which probe it is at, and since when,
//! stands where the other side can see it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use rollcall_model::Tick;
use tokio::sync::Notify;

use super::{Findings, Probe};

/// A probe on its way to a worker, with the number of its place in the set.
pub(super) struct Job {
    pub index: usize,
    pub now: Tick,
    pub probe: Box<dyn Probe>,
    pub findings: Findings,
}

/// A probe that was asked, and how long it took.
pub(super) type Measured = (Job, Duration);

/// Where all workers put what they have measured, those included that were given up before.
#[derive(Default)]
pub(super) struct Returned {
    measured: Mutex<Vec<Measured>>,
    /// A worker has nothing more to do.
    idle: Notify,
}

impl Returned {
    /// All that came back since the last call.
    pub fn take(&self) -> Vec<Measured> {
        std::mem::take(&mut *lock(&self.measured))
    }

    /// Waits until some worker has nothing more to do. Cancel-safe.
    pub async fn idle(&self) {
        self.idle.notified().await;
    }
}

/// A worker's table: what is to be measured, and which of it is being measured since when.
#[derive(Default)]
struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    at: Option<(usize, Instant)>,
    closed: bool,
}

/// The hold on a worker's thread; without it the thread ends, if it hangs then with its wait.
pub(super) struct Worker(Arc<Table>);

impl Drop for Worker {
    fn drop(&mut self) {
        lock(&self.0.state).closed = true;
        self.0.changed.notify_one();
    }
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(returned: &Arc<Returned>) -> io::Result<Self> {
        let table = Arc::<Table>::default();
        let (mine, returned) = (Arc::clone(&table), Arc::clone(returned));
        thread::Builder::new().name("probes".into()).spawn(move || run(&mine, &returned))?;
        Ok(Self(table))
    }

    /// Hands over what is to be measured, in this order. The first one's time runs from now.
    pub fn hand_over(&self, jobs: VecDeque<Job>) {
        let mut state = lock(&self.0.state);
        state.at = jobs.front().map(|first| (first.index, Instant::now()));
        state.jobs = jobs;
        drop(state);
        self.0.changed.notify_one();
    }

    /// Which probe is being measured, and since when; `None` when all are back.
    pub fn at(&self) -> Option<(usize, Instant)> {
        lock(&self.0.state).at
    }

    /// Gives the thread up with the probe it hangs at, and takes back what it has not begun.
    pub fn give_up(self) -> VecDeque<Job> {
        std::mem::take(&mut lock(&self.0.state).jobs)
    }
}

fn run(table: &Table, returned: &Returned) {
    while let Some(mut job) = next(table, returned) {
        let began = Instant::now();
        job.probe.measure(job.now, &mut job.findings);
        lock(&returned.measured).push((job, began.elapsed()));
    }
}

/// The next job; `None` when there will be no more.
fn next(table: &Table, returned: &Returned) -> Option<Job> {
    let mut state = lock(&table.state);
    loop {
        if let Some(job) = state.jobs.pop_front() {
            state.at = Some((job.index, Instant::now()));
            return Some(job);
        }
        if state.at.take().is_some() {
            returned.idle.notify_one();
        }
        if state.closed {
            return None;
        }
        state = table.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Probes run, and panic, while nothing is locked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
