//! `Idempotency-Key`: what was asked for twice is done once. Pure: the time is passed in, and memory is bounded.
//!
//! Whoever asks for something to be made may give the request a key. The answer is remembered under it for a while, and the
//! same request with the same key gets it again; another request with the same key is refused. What was refused or failed
//! is not remembered: nothing was made. Answers are kept in memory only, since some hold secrets: a restart forgets them.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use rollcall_model::{Millis, Role, Tick};
use sha2::{Digest, Sha256};

use super::errors::Problem;
use super::routes::{Access, Route};

/// The header.
pub const HEADER: &str = "idempotency-key";
/// Says in an answer that it was remembered.
pub const REPLAYED: &str = "idempotency-replayed";
/// Longest key, characters.
pub const LONGEST_KEY: usize = 128;
/// How long an answer is remembered.
pub const RETENTION: Millis = Millis(3_600_000);
/// Most answers remembered; then the oldest are forgotten.
pub const MOST: usize = 2_048;
/// Most of one caller's: whoever takes many keys loses their own.
pub const MOST_OF_ONE: usize = 256;
/// Longest answer remembered, bytes.
pub const LONGEST_ANSWER: usize = 64 * 1024;

/// Whether requests of a route take a key: those by which a person or a program makes something.
#[must_use]
pub fn is_taken_by(route: &Route) -> bool {
    route.method == Method::POST && matches!(route.access, Access::Role(role) if role >= Role::Operator)
}

/// The key a request gives itself.
///
/// # Errors
/// 400 where it is none.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let wrong = || Problem::at(HEADER, format!("expected one of 1 to {LONGEST_KEY} visible ASCII characters"));
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let text = first.to_str().map_err(|_| wrong())?;
    let is_good = (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if given.next().is_some() || !is_good { Err(wrong()) } else { Ok(Some(text.to_owned())) }
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// Its body.
    pub body: Bytes,
}

/// Whose key it is, and which.
pub type Key = (String, String);

/// What a request is, so that another one with the same key is known.
pub type Request = [u8; 32];

/// The digest of a request.
#[must_use]
pub fn request(path_and_query: &str, body: &[u8]) -> Request {
    let mut digest = Sha256::new();
    digest.update((path_and_query.len() as u64).to_be_bytes());
    digest.update(path_and_query.as_bytes());
    digest.update(body);
    digest.finalize().into()
}

#[derive(Debug)]
struct Entry {
    request: Request,
    until: Tick,
    /// In the order they came.
    number: u64,
    /// `None` while it is being made.
    given: Option<Given>,
}

/// What to do with a request.
#[derive(Debug, PartialEq)]
pub enum Turn {
    /// Carry it out, and tell [`Remembered::keep`] or [`Remembered::forget`] of it.
    CarryOut,
    /// It was carried out; give this answer.
    Again(Given),
    /// It is being carried out at this moment.
    Wait,
    /// The key was given to another request.
    Other,
}

/// The answers that are remembered.
#[derive(Debug, Default)]
pub struct Remembered {
    entries: HashMap<Key, Entry>,
    count: u64,
}

impl Remembered {
    /// A request with a key has come.
    pub fn comes(&mut self, now: Tick, key: Key, request: Request) -> Turn {
        self.entries.retain(|_, entry| entry.until > now);
        if let Some(entry) = self.entries.get(&key) {
            return match &entry.given {
                _ if entry.request != request => Turn::Other,
                Some(given) => Turn::Again(given.clone()),
                None => Turn::Wait,
            };
        }
        let of_caller = |known: &Key| known.0 == key.0;
        if self.entries.keys().filter(|known| of_caller(known)).count() >= MOST_OF_ONE {
            self.forget_oldest(of_caller);
        } else if self.entries.len() >= MOST {
            self.forget_oldest(|_| true);
        }
        self.count += 1;
        let until = Tick(now.0.saturating_add(RETENTION.0));
        self.entries.insert(key, Entry { request, until, number: self.count, given: None });
        Turn::CarryOut
    }

    /// It was carried out, with this answer.
    pub fn keep(&mut self, key: &Key, given: Given) {
        if given.body.len() > LONGEST_ANSWER {
            self.forget(key);
        } else if let Some(entry) = self.entries.get_mut(key) {
            entry.given = Some(given);
        }
    }

    /// It was not carried out.
    pub fn forget(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    fn forget_oldest(&mut self, of: impl Fn(&Key) -> bool) {
        let done = self.entries.iter().filter(|(key, entry)| of(key) && entry.given.is_some());
        let oldest = done.min_by_key(|(_, entry)| entry.number).map(|(key, _)| key.clone());
        // Where all are under way the map grows by those only, which are as many as the core is asked at once.
        if let Some(key) = oldest {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: &'static str) -> Given {
        Given { status: StatusCode::OK, headers: Vec::new(), body: Bytes::from_static(body.as_bytes()) }
    }

    fn key_of(who: &str, key: &str) -> Key {
        (who.to_owned(), key.to_owned())
    }

    #[test]
    fn the_same_is_done_once_for_each_who_asks() {
        let (mut remembered, now) = (Remembered::default(), Tick(5));
        let (ada, same) = (key_of("ada", "k"), request("/v1/groups", b"{}"));
        assert_eq!(remembered.comes(now, ada.clone(), same), Turn::CarryOut);
        assert_eq!(remembered.comes(now, ada.clone(), same), Turn::Wait);
        remembered.keep(&ada, given("made"));
        assert_eq!(remembered.comes(now, ada.clone(), same), Turn::Again(given("made")));
        assert_eq!(remembered.comes(now, ada.clone(), request("/v1/groups", b"[]")), Turn::Other);
        assert_eq!(remembered.comes(now, ada.clone(), request("/v1/groups?", b"{}")), Turn::Other);
        assert_eq!(remembered.comes(now, key_of("ben", "k"), same), Turn::CarryOut);
        let later = Tick(5 + RETENTION.0);
        assert_eq!(remembered.comes(later, ada, same), Turn::CarryOut, "forgotten after a while");
    }

    #[test]
    fn what_was_refused_may_be_tried_again() {
        let (mut remembered, key) = (Remembered::default(), key_of("ada", "k"));
        assert_eq!(remembered.comes(Tick(1), key.clone(), [0; 32]), Turn::CarryOut);
        remembered.forget(&key);
        assert_eq!(remembered.comes(Tick(2), key, [1; 32]), Turn::CarryOut);
    }

    fn done(remembered: &mut Remembered, key: &Key) -> Turn {
        let turn = remembered.comes(Tick(1), key.clone(), [0; 32]);
        remembered.keep(key, given("x"));
        turn
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let mut remembered = Remembered::default();
        let key = |number: usize| key_of(&format!("user {}", number % 16), &number.to_string());
        for number in 0..=MOST {
            assert_eq!(done(&mut remembered, &key(number)), Turn::CarryOut);
        }
        assert_eq!(remembered.entries.len(), MOST);
        assert_eq!(remembered.comes(Tick(1), key(0), [0; 32]), Turn::CarryOut);
        assert!(matches!(remembered.comes(Tick(1), key(9), [0; 32]), Turn::Again(_)));
    }

    #[test]
    fn whoever_takes_many_keys_loses_their_own() {
        let mut remembered = Remembered::default();
        done(&mut remembered, &key_of("ada", "token"));
        for number in 0..2 * MOST {
            done(&mut remembered, &key_of("ben", &number.to_string()));
        }
        assert_eq!(remembered.entries.len(), MOST_OF_ONE + 1);
        assert!(matches!(done(&mut remembered, &key_of("ada", "token")), Turn::Again(_)));
    }

    #[test]
    fn a_key_is_visible_text() {
        let read =
            |text: &str| key(&HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_str(text).unwrap())]));
        assert_eq!(read("a-1").unwrap(), Some("a-1".to_owned()));
        for bad in ["", "a b", "\u{fc}", &"x".repeat(129)] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
