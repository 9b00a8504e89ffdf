//! What is told of refusals: an event and a word on the security channel, but no flood of either, whoever knocks.

use std::collections::BTreeMap;

use rollcall_model::{Millis, Now, Tick};

use super::super::ignored::note;
use super::super::{Effect, Rejection, Zone};

/// The same about the same is told once in this time.
const PERIOD: Millis = Millis(60_000);
/// Most that is told in that time of what anybody can provoke.
const MOST: usize = 30;
/// Most that is told in that time altogether: this much is kept for what somebody with a token or a key provokes.
const MOST_SERIOUS: usize = 100;

/// What was told in the last minute.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    told: BTreeMap<(&'static str, String), Tick>,
}

impl Alarms {
    fn is_told(&mut self, now: Tick, reason: &'static str, subject: &str) -> bool {
        let most = if is_serious(reason) { MOST_SERIOUS } else { MOST };
        let key = (reason, subject.to_owned());
        if self.told.len() >= most || self.told.contains_key(&key) {
            self.told.retain(|_, at| now < *at + PERIOD);
        }
        if self.told.len() >= most || self.told.contains_key(&key) {
            return false;
        }
        self.told.insert(key, now);
        true
    }
}

/// What nobody comes to by mistake alone: a secret, or a key, is in the wrong hands.
fn is_serious(reason: &str) -> bool {
    matches!(reason, "token_used" | "revoked" | "key_in_use" | "principal_in_use" | "renewed_twice" | "replaced")
}

impl Zone {
    /// Refuses, and tells of it.
    pub(super) fn refuse_trust(
        &mut self,
        now: Now,
        (reason, subject): (&'static str, &str),
        message: String,
        effects: &mut Vec<Effect>,
    ) -> Rejection {
        self.alarm(now, (reason, subject), &message, effects);
        Rejection::forbidden(reason, message)
    }

    /// Tells of something without refusing it.
    pub(super) fn alarm(
        &mut self,
        now: Now,
        (reason, subject): (&'static str, &str),
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        self.count("trust", reason);
        if self.enrolment.alarms.is_told(now.tick, reason, subject) {
            effects.push(note(now.wall, "trust_refused", subject, format!("{reason}: {message}")));
            let what = if is_serious(reason) { reason } else { "join_refused" };
            self.security(now, what, subject, message, effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_leaves_room_for_what_is_serious() {
        let mut alarms = Alarms::default();
        let told = (0..1_000).filter(|number| alarms.is_told(Tick(0), "no_token", &number.to_string())).count();
        assert_eq!(told, MOST);
        assert!(alarms.is_told(Tick(1), "token_used", "t"));
        assert!(!alarms.is_told(Tick(2), "token_used", "t"), "once a minute");
        assert!(alarms.is_told(Tick(60_001), "token_used", "t"));
        assert!(alarms.is_told(Tick(60_001), "no_token", "again"));
        assert!(alarms.told.len() <= MOST_SERIOUS);
    }
}
