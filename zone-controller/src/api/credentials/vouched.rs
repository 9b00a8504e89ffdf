//! Who may read the zone's figures while the database, which knows who is who, is away: a monitor that went blind with the database would
//! miss what it is there for. Nothing else is told on such a word, and nobody is let in by it whom the database refused since.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::api::caller::Caller;

/// Most callers that are remembered: monitors are few.
const MOST: usize = 64;

/// Whom the database vouched for, as long as nobody changed who is who. While the database is away nobody can.
#[derive(Debug, Default)]
pub struct Vouched(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How often who is who was changed, or may have been.
    changes: u64,
    /// By what they showed.
    callers: BTreeMap<String, Caller>,
}

/// From before the database is asked: what it said is kept only if nobody changed anything meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Since(u64);

impl Vouched {
    /// The database is about to be asked.
    pub fn since(&self) -> Since {
        Since(self.0.lock().unwrap_or_else(PoisonError::into_inner).changes)
    }

    /// The database vouched for who showed this.
    pub fn keep(&self, since: Since, shown: String, caller: &Caller) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = known.callers.len() < MOST || known.callers.contains_key(&shown);
        if known.changes == since.0 && has_room {
            known.callers.insert(shown, caller.clone());
        }
    }

    /// Who is who may be another by now.
    pub fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.changes += 1;
        known.callers.clear();
    }

    /// Who shows this was refused: nobody is known by it any more.
    pub fn refused(&self, shown: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).callers.remove(shown);
    }

    /// Who showed this to the database when it was there; asking from here now.
    pub fn caller(&self, shown: &str, origin: IpAddr) -> Option<Caller> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Caller { origin, ..known.callers.get(shown)?.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn caller(who: &str) -> Caller {
        Caller { who: who.into(), ..Caller::stranger(origin(1)) }
    }

    #[test]
    fn who_was_vouched_for_is_known_until_somebody_changes_who_is_who() {
        let vouched = Vouched::default();
        assert_eq!(vouched.caller("a", origin(2)), None);
        vouched.keep(vouched.since(), "a".into(), &caller("monitor"));
        assert_eq!(vouched.caller("a", origin(2)), Some(Caller { origin: origin(2), ..caller("monitor") }));
        assert_eq!(vouched.caller("b", origin(2)), None, "somebody else's");
        vouched.refused("a");
        assert_eq!(vouched.caller("a", origin(2)), None, "the database refused it since");
        vouched.keep(vouched.since(), "a".into(), &caller("monitor"));
        vouched.forget();
        assert_eq!(vouched.caller("a", origin(2)), None);
    }

    #[test]
    fn what_the_database_said_before_a_change_is_not_kept_after_it() {
        let vouched = Vouched::default();
        let since = vouched.since();
        vouched.forget();
        vouched.keep(since, "a".into(), &caller("removed"));
        assert_eq!(vouched.caller("a", origin(1)), None);
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let vouched = Vouched::default();
        for number in 0..=MOST {
            vouched.keep(vouched.since(), number.to_string(), &caller("one of many"));
        }
        assert!(vouched.caller("0", origin(1)).is_some() && vouched.caller(&MOST.to_string(), origin(1)).is_none());
        vouched.keep(vouched.since(), "0".into(), &caller("first"));
        assert_eq!(vouched.caller("0", origin(1)).map(|it| it.who), Some("first".into()), "who is known is known anew");
    }
}
