//! One stream of sightings for many watchers.
//!
//! A hub remembers the newest sighting of each instance, so that a late watcher is told what is there and
//! an unchanged announcement is told once. A watcher that is slow is told the newest only.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rollcall_model::wire::txt::Announcement;
use tokio::sync::Notify;

use crate::{HelloTrust, Sighting};

/// Most instances of one tag that are remembered. A flood beyond it pushes out what was refused first, and
/// is then ignored.
pub const MAX_INSTANCES: usize = 4_096;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks leaves a state half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
pub(crate) struct Hub(Mutex<HubState>);

#[derive(Default)]
struct HubState {
    known: HashMap<String, Sighting>,
    watchers: Vec<Weak<Queue>>,
    closed: bool,
}

impl Hub {
    /// A watch that begins with all that is known.
    pub(crate) fn watch(&self) -> Watch {
        let mut state = lock(&self.0);
        let queue = Arc::new(Queue::default());
        state.known.values().for_each(|sighting| queue.push(sighting));
        if state.closed {
            queue.close();
        }
        state.watchers.retain(|watcher| watcher.strong_count() > 0);
        state.watchers.push(Arc::downgrade(&queue));
        Watch { queue, trust: None }
    }

    /// Tells the watchers, unless it is what they know.
    pub(crate) fn tell(&self, sighting: &Sighting) {
        let mut state = lock(&self.0);
        if state.note(sighting) {
            state.push(sighting);
        }
    }

    /// Forgets all, as if everybody had said good-bye.
    pub(crate) fn forget_all(&self) {
        let mut state = lock(&self.0);
        for instance in std::mem::take(&mut state.known).into_keys() {
            state.push(&Sighting::Gone { instance });
        }
    }

    /// Ends every watch, once it has delivered what it holds.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        state.watchers.drain(..).filter_map(|watcher| watcher.upgrade()).for_each(|queue| queue.close());
    }
}

impl HubState {
    /// Whether this is news.
    fn note(&mut self, sighting: &Sighting) -> bool {
        let instance = sighting.instance();
        if matches!(sighting, Sighting::Gone { .. }) {
            return self.known.remove(instance).is_some();
        }
        if self.known.get(instance) == Some(sighting) {
            return false;
        }
        if !self.known.contains_key(instance) && !self.make_room() {
            return false;
        }
        self.known.insert(instance.to_owned(), sighting.clone());
        true
    }

    fn make_room(&mut self) -> bool {
        if self.known.len() < MAX_INSTANCES {
            return true;
        }
        let refused = self.known.values().find(|known| matches!(known, Sighting::Refused { .. }));
        let Some(instance) = refused.map(|refused| refused.instance().to_owned()) else {
            tracing::warn!(limit = MAX_INSTANCES, "more announcements than are believed: a new one is ignored");
            return false;
        };
        self.known.remove(&instance);
        true
    }

    fn push(&self, sighting: &Sighting) {
        self.watchers.iter().filter_map(Weak::upgrade).for_each(|queue| queue.push(sighting));
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Notify,
}

#[derive(Default)]
struct QueueState {
    order: VecDeque<String>,
    newest: HashMap<String, Sighting>,
    closed: bool,
}

impl Queue {
    fn push(&self, sighting: &Sighting) {
        let mut state = lock(&self.state);
        let instance = sighting.instance();
        if state.newest.insert(instance.to_owned(), sighting.clone()).is_none() {
            state.order.push_back(instance.to_owned());
            // Names that come and go faster than they are taken.
            if state.order.len() > 2 * MAX_INSTANCES
                && let Some(oldest) = state.order.pop_front()
            {
                state.newest.remove(&oldest);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_one();
    }

    /// The next sighting, or whether the watch has ended.
    fn pop(&self) -> Result<Sighting, bool> {
        let mut state = lock(&self.state);
        let instance = state.order.pop_front().ok_or(state.closed)?;
        state.newest.remove(&instance).ok_or(state.closed)
    }
}

/// Sightings of one tag, beginning with what is known already.
pub struct Watch {
    queue: Arc<Queue>,
    trust: Option<Arc<HelloTrust>>,
}

impl Watch {
    /// The next sighting; of an instance that changed several times meanwhile, the newest. `None` once the
    /// last [`Discovery`](crate::Discovery) of the process is gone. May be cancelled: nothing is lost.
    pub async fn next(&mut self) -> Option<Sighting> {
        loop {
            match self.queue.pop() {
                Ok(sighting) => return Some(self.judged(sighting)),
                Err(true) => return None,
                Err(false) => self.queue.changed.notified().await,
            }
        }
    }

    /// A watch that judges the hellos it hears.
    pub(crate) fn trusting(self, trust: Option<Arc<HelloTrust>>) -> Self {
        Self { trust, ..self }
    }

    fn judged(&self, sighting: Sighting) -> Sighting {
        match (&self.trust, sighting) {
            (Some(trust), Sighting::Seen { announcement: Announcement::Hello(hello), instance, from }) => {
                match trust.check(&hello) {
                    Ok(()) => Sighting::Seen { announcement: Announcement::Hello(hello), instance, from },
                    Err(distrust) => Sighting::Distrusted { hello, instance, distrust },
                }
            }
            (_, sighting) => sighting,
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("waiting", &lock(&self.queue.state).order.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::wire::txt::TxtError;

    use super::*;

    fn refused(instance: usize, size: usize) -> Sighting {
        Sighting::Refused { instance: instance.to_string(), error: TxtError::Oversized(size), from: Vec::new() }
    }

    fn gone(instance: usize) -> Sighting {
        Sighting::Gone { instance: instance.to_string() }
    }

    #[tokio::test]
    async fn a_watcher_is_told_the_newest_of_each_instance_once() {
        let hub = Hub::default();
        let mut watch = hub.watch();
        hub.tell(&gone(1));
        for sighting in [refused(1, 1), refused(2, 1), refused(1, 1), refused(1, 2)] {
            hub.tell(&sighting);
        }
        assert_eq!(watch.next().await, Some(refused(1, 2)));
        assert_eq!(watch.next().await, Some(refused(2, 1)));
        hub.tell(&refused(2, 1));
        hub.tell(&gone(1));
        assert_eq!(watch.next().await, Some(gone(1)), "the unchanged one is not told again");
    }

    #[tokio::test]
    async fn a_late_watcher_is_told_what_is_there_and_the_end_comes_last() {
        let hub = Hub::default();
        hub.tell(&refused(1, 1));
        hub.tell(&refused(2, 1));
        hub.tell(&gone(1));
        let mut late = hub.watch();
        hub.close();
        assert_eq!(late.next().await, Some(refused(2, 1)));
        assert_eq!(late.next().await, None);
        assert_eq!(hub.watch().next().await, Some(refused(2, 1)));
    }

    #[tokio::test]
    async fn a_flood_is_bounded_and_what_was_refused_makes_room() {
        let hub = Hub::default();
        let _slow = hub.watch();
        for instance in 0..3 * MAX_INSTANCES {
            hub.tell(&refused(instance, 1));
        }
        let state = lock(&hub.0);
        assert_eq!(state.known.len(), MAX_INSTANCES);
        let queue = state.watchers[0].upgrade().unwrap();
        assert_eq!(lock(&queue.state).order.len(), 2 * MAX_INSTANCES);
        assert_eq!(lock(&queue.state).newest.len(), 2 * MAX_INSTANCES);
    }

    #[tokio::test]
    async fn after_all_is_forgotten_the_same_is_news_again() {
        let hub = Hub::default();
        let mut watch = hub.watch();
        hub.tell(&refused(1, 1));
        assert_eq!(watch.next().await, Some(refused(1, 1)));
        hub.forget_all();
        assert_eq!(watch.next().await, Some(gone(1)));
        hub.tell(&refused(1, 1));
        assert_eq!(watch.next().await, Some(refused(1, 1)));
    }
}
