//! Tokens: made by people, used once, minutes to live.

use rollcall_model::{Millis, Name, Now, Sha256, TokenKind, UnixMillis};
use rollcall_store::{TokenRecord, TrustChange};
use serde_json::{Value, json};

use super::super::audit::line;
use super::super::{By, Effect, Rejection, Zone};
use super::{Enrolment, Token};

/// Longest life of a token.
const LONGEST_LIFE: Millis = Millis(10 * 60_000);
/// Farthest a token may be dated ahead.
const FARTHEST: Millis = Millis(7 * 24 * 3_600_000);
/// So long after its end a token is still told apart from one that never was.
const REMEMBERED: Millis = Millis(24 * 3_600_000);
/// Most tokens that are remembered.
const MOST: usize = 50_000;

impl Enrolment {
    /// Whether a token was used, and revoked, as somebody saw it.
    pub(in crate::core) fn is_token_so(&self, token: &str, seen: (bool, bool)) -> bool {
        let known = self.tokens.get(token).map(|token| (token.record.used_by.is_some(), token.record.revoked));
        known == Some(seen)
    }
}

impl Zone {
    #[allow(clippy::too_many_arguments, reason = "what a token is bound to, each said once")]
    pub(super) fn create_token(
        &mut self,
        now: Now,
        hash: Sha256,
        kind: TokenKind,
        (name, place): (Option<Name>, Option<Name>),
        (not_before, life): (Option<UnixMillis>, Millis),
        by: &By,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        if name.is_none() && place.is_none() {
            return Err(Rejection::invalid("a token is for a name or a place: say at least one of them").at("name"));
        }
        if life.0 == 0 || life > LONGEST_LIFE {
            let most = LONGEST_LIFE.0 / 60_000;
            return Err(Rejection::invalid(format!(
                "a token lives for {most} minutes at most, not for {} s",
                life.0 / 1_000
            ))
            .at("ttl_s"));
        }
        let not_before = not_before.unwrap_or(now.wall).max(now.wall);
        if not_before.0 > now.wall.0.saturating_add(FARTHEST.0) {
            return Err(Rejection::invalid("a token is dated ahead by seven days at most").at("not_before_ms"));
        }
        let token = hash.short().to_owned();
        self.forget_tokens(now.wall);
        if self.enrolment.tokens.contains_key(&token) {
            return Err(Rejection::conflict(format!("there is a token {token} already; draw another")));
        }
        if self.enrolment.tokens.len() >= MOST {
            return Err(Rejection::conflict(format!("there are {MOST} tokens of the last day already")));
        }
        let expires = UnixMillis(not_before.0.saturating_add(life.0));
        let told = json!({
            "token": token, "kind": kind, "name": name, "place": place, "not_before_ms": not_before,
            "expires_ms": expires,
        });
        let created_by = by.who.clone();
        effects.push(Effect::Save(
            TrustChange::TokenCreated {
                hash: hash.clone(),
                kind,
                name: name.clone(),
                place: place.clone(),
                not_before,
                expires,
                by: created_by.clone(),
                at: now.wall,
            }
            .into(),
        ));
        effects.push(line(now, by, "token_created", &token, Value::Null, told.clone()));
        let (used_by, revoked) = (None, false);
        let record = TokenRecord { hash, kind, name, place, created_by, not_before, expires, used_by, revoked };
        self.enrolment.tokens.insert(token, Token { record, used_with: None, expected: None });
        Ok(told)
    }

    fn forget_tokens(&mut self, now: UnixMillis) {
        if self.enrolment.tokens.len() >= MOST / 2 {
            let kept = UnixMillis(now.0.saturating_sub(REMEMBERED.0));
            self.enrolment.tokens.retain(|_, token| token.record.expires > kept);
        }
    }

    pub(super) fn revoke_token(
        &mut self,
        now: Now,
        token: &str,
        by: &By,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        let Some(known) = self.enrolment.tokens.get_mut(token) else {
            return Err(Rejection::missing(format!("there is no token {token:?}; `rollcall token list` lists them")));
        };
        if let Some(who) = &known.record.used_by {
            return Err(Rejection::conflict(format!("token {token} was used by {who} already; revoke that instead")));
        }
        let told = json!({ "token": token, "revoked": true });
        if !known.record.revoked {
            known.record.revoked = true;
            let (token, by_whom) = (token.to_owned(), by.who.clone());
            effects.push(line(
                now,
                by,
                "token_revoked",
                &token,
                json!({ "state": "open" }),
                json!({ "state": "revoked" }),
            ));
            effects.push(Effect::Save(TrustChange::TokenRevoked { token, by: by_whom, at: now.wall }.into()));
        }
        Ok(told)
    }

    /// Tokens for somebody of this name that were not used are useless from now on.
    pub(super) fn revoke_tokens_for(&mut self, now: Now, kind: &str, name: &Name, by: &By, effects: &mut Vec<Effect>) {
        for (id, token) in &mut self.enrolment.tokens {
            let record = &mut token.record;
            let is_open = !record.revoked && record.used_by.is_none() && record.expires > now.wall;
            if is_open && record.kind.as_str() == kind && record.name.as_ref() == Some(name) {
                record.revoked = true;
                let revoked = TrustChange::TokenRevoked { token: id.clone(), by: by.who.clone(), at: now.wall };
                effects.push(Effect::Save(revoked.into()));
            }
        }
    }
}
