//! The in-process broker as many tasks share it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_model::Tick;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Broker, ConsumerId};

/// The broker inside this process; clones are the same broker.
#[derive(Clone, Debug)]
pub struct LocalBroker {
    state: Arc<Mutex<State>>,
    started: Instant,
}

#[derive(Debug, Default)]
struct State {
    broker: Broker,
    wakers: BTreeMap<ConsumerId, Arc<Notify>>,
}

impl Default for LocalBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalBroker {
    /// An empty broker.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::default(), started: Instant::now() }
    }

    /// How many messages wait in a queue; `None` if there is no such queue.
    #[must_use]
    pub fn waiting(&self, queue: &str) -> Option<usize> {
        self.with(|broker, _| broker.waiting(queue))
    }

    /// Works on the broker at the present and wakes who got something by it.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Broker, Tick) -> R) -> R {
        let now = Tick(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
        let mut state = self.lock();
        state.broker.advance(now);
        let result = work(&mut state.broker, now);
        for consumer in state.broker.take_ready() {
            if let Some(waker) = state.wakers.get(&consumer) {
                waker.notify_one();
            }
        }
        result
    }

    /// Registers whom to wake when this consumer gets something.
    pub(super) fn wake_for(&self, consumer: ConsumerId) -> Arc<Notify> {
        let waker = Arc::new(Notify::new());
        // It may have been given deliveries before this waker was known.
        waker.notify_one();
        self.lock().wakers.insert(consumer, Arc::clone(&waker));
        waker
    }

    /// Forgets a consumer's waker, waking it for the last time.
    pub(super) fn forget(&self, consumer: ConsumerId) {
        let waker = self.lock().wakers.remove(&consumer);
        if let Some(waker) = waker {
            waker.notify_one();
        }
    }

    /// Wakes the consumers that no longer exist, so that they see it.
    pub(super) fn wake_ended(&self) {
        let mut state = self.lock();
        let State { broker, wakers } = &mut *state;
        wakers.retain(|consumer, waker| {
            let goes_on = broker.has_consumer(*consumer);
            if !goes_on {
                waker.notify_one();
            }
            goes_on
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is that caller's; the broker's own steps do not panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
