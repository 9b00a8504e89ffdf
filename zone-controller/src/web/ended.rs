//! Sessions that ended before their time. Kept in memory as long as they would have lasted: a restart forgets them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use rollcall_model::{Sha256, UnixMillis};

use super::session::Session;

/// So many are told apart for each token.
const MOST: usize = 256;

/// Sessions that ended before their time, by the token they began with: at most as many tokens as users had within the
/// length of a session.
#[derive(Debug, Default)]
pub struct Ended(Mutex<HashMap<Sha256, OfToken>>);

/// Those of one token, by when they would have been over.
#[derive(Debug, Default)]
struct OfToken {
    these: BTreeSet<UnixMillis>,
    /// Where there were too many: all that would have been over by then.
    through: UnixMillis,
}

impl Ended {
    /// Ends a session.
    pub(crate) fn end(&self, session: &Session, now: UnixMillis) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, ended| ended.these.last().is_some_and(|last| *last > now));
        let ended = tokens.entry(session.token.clone()).or_default();
        ended.these.retain(|until| *until > now);
        ended.these.insert(session.until);
        if ended.these.len() > MOST {
            ended.through = ended.these.pop_first().unwrap_or_default();
        }
    }

    /// Whether a session was ended.
    pub(crate) fn has(&self, session: &Session) -> bool {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = tokens.get(&session.token);
        ended.is_some_and(|ended| ended.through >= session.until || ended.these.contains(&session.until))
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::Name;

    use super::*;

    fn session(token: &[u8], until: u64) -> Session {
        Session { user: Name::new("ada").unwrap(), token: Sha256::of(token), until: UnixMillis(until) }
    }

    #[test]
    fn what_was_ended_is_over_and_nothing_else() {
        let ended = Ended::default();
        ended.end(&session(b"a", 20), UnixMillis(1));
        assert!(ended.has(&session(b"a", 20)));
        assert!(!ended.has(&session(b"a", 19)) && !ended.has(&session(b"a", 21)) && !ended.has(&session(b"b", 20)));
        ended.end(&session(b"b", 40), UnixMillis(20));
        assert!(!ended.has(&session(b"a", 20)), "over by itself: forgotten");
    }

    #[test]
    fn too_many_take_older_ones_of_the_same_token_with_them_and_none_comes_back() {
        let ended = Ended::default();
        for until in 0..2 * MOST as u64 {
            ended.end(&session(b"a", 1_000 + 2 * until), UnixMillis(1));
        }
        assert!((0..2 * MOST as u64).all(|until| ended.has(&session(b"a", 1_000 + 2 * until))));
        assert!(ended.has(&session(b"a", 1_001)), "an older one");
        assert!(!ended.has(&session(b"a", 1_001 + 4 * MOST as u64)) && !ended.has(&session(b"b", 1_001)));
        assert_eq!(ended.0.lock().unwrap()[&Sha256::of(b"a")].these.len(), MOST);
    }
}
