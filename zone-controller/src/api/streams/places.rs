//! Places for streams: a bounded number, of which nobody takes more than a share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places for streams. Clones are the same places.
#[derive(Clone, Debug)]
pub struct Places {
    /// How many there are.
    pub most: usize,
    /// How many of them one caller may have.
    pub of_one: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Of those who have any.
    of: HashMap<String, usize>,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Arc<Mutex<Taken>>,
    who: Option<String>,
}

/// Why somebody gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    All,
    /// They have as many as one may.
    Share,
}

impl Places {
    /// So many, all free.
    #[must_use]
    pub fn new(most: usize, of_one: usize) -> Self {
        Self { most, of_one, taken: Arc::default() }
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        whole(&self.taken).all
    }

    /// A place for one more stream, of somebody where they are counted.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(&self, who: Option<&str>) -> Result<Place, Full> {
        let mut taken = whole(&self.taken);
        if let Some(who) = who
            && taken.of.get(who).is_some_and(|has| *has >= self.of_one)
        {
            return Err(Full::Share);
        }
        if taken.all >= self.most {
            return Err(Full::All);
        }
        taken.all += 1;
        if let Some(who) = who {
            *taken.of.entry(who.to_owned()).or_default() += 1;
        }
        Ok(Place { taken: Arc::clone(&self.taken), who: who.map(str::to_owned) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = whole(&self.taken);
        taken.all -= 1;
        let Some(who) = self.who.take() else { return };
        if let Some(has) = taken.of.get_mut(&who) {
            *has -= 1;
            if *has == 0 {
                taken.of.remove(&who);
            }
        }
    }
}

/// Counts are right after every call, also where somebody panicked.
fn whole(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_nobody_is_remembered_who_has_none() {
        let places = Places::new(1, 1);
        let place = places.take(Some("ada"));
        assert!(place.is_ok());
        assert_eq!(places.take(Some("bob")).unwrap_err(), Full::All);
        assert_eq!(places.taken(), 1);
        drop(place);
        assert_eq!(places.taken(), 0);
        assert!(places.take(Some("bob")).is_ok());
        assert!(whole(&places.taken).of.is_empty());
    }

    #[test]
    fn one_has_a_share_and_leaves_the_rest_to_others() {
        let places = Places::new(4, 2);
        let of_ada = [places.take(Some("ada")), places.take(Some("ada"))];
        assert!(of_ada.iter().all(Result::is_ok));
        assert_eq!(places.take(Some("ada")).unwrap_err(), Full::Share);
        let of_others = [places.take(Some("bob")), places.take(None)];
        assert!(of_others.iter().all(Result::is_ok), "programs of the zone's own machine have no share");
        assert_eq!(places.take(None).unwrap_err(), Full::All);
        drop(of_ada);
        assert!(places.take(Some("ada")).is_ok());
    }
}
