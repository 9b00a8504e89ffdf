//! How many connections there may be, for each origin and in all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Bounds;
use crate::api::limits::origin;

/// Places for connections.
#[derive(Clone, Debug)]
pub struct Slots {
    bounds: Bounds,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Never 0, so that origins without a connection take no memory.
    by_origin: HashMap<IpAddr, usize>,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub struct Slot {
    origin: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Slots {
    /// All are free.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, taken: Arc::default() }
    }

    /// A place for a connection from this address, if there is one.
    pub fn take(&self, address: IpAddr) -> Option<Slot> {
        let origin = origin(address);
        let mut taken = locked(&self.taken);
        let here = taken.by_origin.get(&origin).copied().unwrap_or(0);
        if taken.all >= self.bounds.connections || here >= self.bounds.of_one_origin {
            return None;
        }
        taken.all += 1;
        taken.by_origin.insert(origin, here + 1);
        drop(taken);
        Some(Slot { origin, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        taken.all -= 1;
        if let Some(here) = taken.by_origin.get_mut(&self.origin) {
            *here -= 1;
            if *here == 0 {
                taken.by_origin.remove(&self.origin);
            }
        }
    }
}

/// The counts are whole after every statement, also where somebody panicked.
fn locked(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_origin_and_in_all_and_given_back() {
        let slots = Slots::new(Bounds { connections: 3, of_one_origin: 2 });
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = slots.take(address("10.0.0.1")).unwrap();
        let _second = slots.take(address("::ffff:10.0.0.1")).unwrap();
        assert!(slots.take(address("10.0.0.1")).is_none(), "one origin");
        let _third = slots.take(address("10.0.0.2")).unwrap();
        assert!(slots.take(address("10.0.0.3")).is_none(), "all");
        drop(first);
        let fourth = slots.take(address("10.0.0.3")).unwrap();
        drop(fourth);
        assert_eq!(locked(&slots.taken).by_origin.len(), 2, "who left is forgotten");
    }
}
