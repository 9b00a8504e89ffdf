//! Who may join, who is who, and for how long (design §5): tokens, joins that wait, certificates, revocations, users.
//!
//! The core decides and remembers; it draws no random number and signs nothing. Whoever asks brings a serial number
//! and the digest of a token, gets a [`Grant`], and signs that. A question that is repeated because its answer was lost
//! gets the same grant again.
//!
//! ```text
//! token ──────────────────────────────▶ certificate ──renewal──▶ certificate ──▶ …
//! no token ──held──▶ approved ──▶ ───────┘   │ revoked: out, until a token is made for its name
//! ```

mod alarms;
mod certificates;
mod command;
mod door;
mod joining;
mod judging;
mod revoking;
mod tokens;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{JoinId, Name, Now, Principal, Role, Serial, Sha256, Tick, UnixMillis};
use rollcall_store::{CertificateRecord, IssuedBy, JoinRecord, RevokedRecord, TokenRecord, TrustRecord};
use serde_json::Value;

use self::alarms::Alarms;
pub use self::command::{Applicant, Grant, JoinAnswer, Trust, TrustSettings};
use self::door::Door;
use super::{Effect, Rejection, Zone};

/// After so many certificates what is over is forgotten.
const TIDY_EVERY: u32 = 1_000;

/// What the zone knows of trust.
#[derive(Debug, Default)]
pub(super) struct Enrolment {
    /// By public id.
    tokens: BTreeMap<String, Token>,
    pub(super) joins: BTreeMap<JoinId, JoinRecord>,
    /// Certificates that may be renewed, the newest of each last.
    pub(super) live: BTreeMap<Principal, Vec<CertificateRecord>>,
    /// Whose a key is, and until when.
    keys: BTreeMap<Sha256, (Principal, UnixMillis)>,
    /// Certificates that were revoked and would still be valid.
    ended: BTreeSet<Serial>,
    /// As which users somebody could log in with such certificates, and until when.
    former: BTreeMap<Principal, Former>,
    revoked: BTreeMap<Principal, RevokedRecord>,
    users: BTreeMap<Name, User>,
    alarms: Alarms,
    door: Door,
    issued: u32,
}

/// Users of certificates that count no more.
#[derive(Debug, Default)]
struct Former {
    users: BTreeSet<String>,
    until: UnixMillis,
}

/// A user of the API.
#[derive(Clone, Copy, Debug)]
struct User {
    role: Role,
    /// When role or token was changed, if ever.
    changed: Option<UnixMillis>,
}

/// A token, and with which key it was used.
#[derive(Debug)]
struct Token {
    record: TokenRecord,
    /// The key is not saved with the token: the certificate has it.
    used_with: Option<Sha256>,
    /// Who came in time with it, with which key, and was told to come again.
    expected: Option<(Principal, Sha256)>,
}

impl Enrolment {
    /// As it was saved.
    pub(super) fn start(saved: TrustRecord) -> Self {
        let mut enrolment = Self {
            joins: saved.joins.into_iter().map(|join| (join.join, join)).collect(),
            revoked: saved.revoked.into_iter().map(|revoked| (revoked.principal.clone(), revoked)).collect(),
            users: saved.users.into_iter().map(|it| (it.name, User { role: it.role, changed: it.changed })).collect(),
            ..Self::default()
        };
        for certificate in saved.ended {
            enrolment.end(&certificate);
            enrolment.keys.insert(certificate.key, (certificate.principal, certificate.expires));
        }
        // Most certificates were renewed since, and their tokens are forgotten.
        let by_token = |token: &TokenRecord| IssuedBy::Token(token.hash.short().to_owned()).text();
        let mut used_with: BTreeMap<String, Option<Sha256>> =
            saved.tokens.iter().map(|token| (by_token(token), None)).collect();
        for certificate in saved.certificates {
            if let Some(key) = used_with.get_mut(&certificate.issued_by) {
                *key = Some(certificate.key.clone());
            }
            enrolment.remember(certificate);
        }
        for record in saved.tokens {
            let id = record.hash.short().to_owned();
            let used_with = used_with.remove(&by_token(&record)).flatten();
            enrolment.tokens.insert(id, Token { record, used_with, expected: None });
        }
        enrolment
    }

    /// A certificate counts no more, though its day may not be over.
    fn end(&mut self, certificate: &CertificateRecord) {
        self.ended.insert(certificate.serial.clone());
        let former = self.former.entry(certificate.principal.clone()).or_default();
        former.until = former.until.max(certificate.expires);
        former.users.insert(certificate.user.clone());
    }

    /// The users somebody had.
    fn former_users(&self, principal: &Principal) -> Vec<String> {
        self.former.get(principal).into_iter().flat_map(|former| former.users.iter().cloned()).collect()
    }

    /// Takes a certificate that was issued.
    fn remember(&mut self, certificate: CertificateRecord) {
        self.keys.insert(certificate.key.clone(), (certificate.principal.clone(), certificate.expires));
        let of_one = self.live.entry(certificate.principal.clone()).or_default();
        // As a rule there is one, or the one before as well: room for four would be most of what is held.
        of_one.reserve_exact(1);
        of_one.push(certificate);
    }

    /// Forgets what is over, from time to time.
    fn tidy(&mut self, now: UnixMillis) {
        self.issued += 1;
        if !self.issued.is_multiple_of(TIDY_EVERY) {
            return;
        }
        self.keys.retain(|_, (_, until)| *until > now);
        self.live.retain(|_, certificates| {
            certificates.retain(|certificate| certificate.expires > now);
            !certificates.is_empty()
        });
        self.former.retain(|_, former| former.until > now);
        if self.live.is_empty() {
            self.ended.clear();
        }
    }

    /// The certificate somebody should be using now.
    fn newest(&self, principal: &Principal, now: UnixMillis) -> Option<&CertificateRecord> {
        self.live.get(principal)?.last().filter(|certificate| certificate.expires > now)
    }

    /// Somebody checked in: their connection to the broker stands.
    pub(super) fn is_through(&mut self, now: Tick, who: &Principal) {
        self.door.is_through(now, who);
    }

    /// Whether somebody is kept out.
    pub(super) fn is_revoked(&self, principal: &Principal) -> bool {
        self.revoked.contains_key(principal)
    }

    /// Whether somebody has a certificate that is valid still.
    pub(super) fn has_certificate(&self, principal: &Principal, now: UnixMillis) -> bool {
        self.newest(principal, now).is_some()
    }
}

impl Zone {
    /// Decides a command about trust. What a refusal has to tell (events, alarms) is in the effects as well.
    pub(super) fn trust(&mut self, now: Now, command: Trust, effects: &mut Vec<Effect>) -> Result<Value, Rejection> {
        match command {
            Trust::CreateToken { hash, kind, name, place, not_before, life, by } => {
                self.create_token(now, hash, kind, (name, place), (not_before, life), &by, effects)
            }
            Trust::RevokeToken { token, by } => self.revoke_token(now, &token, &by, effects),
            Trust::Join(applicant) => self.join(now, applicant, effects).and_then(told),
            Trust::Collect { join, serial } => self.collect(now, join, serial, effects).and_then(told),
            Trust::ApproveJoin { join, by } => self.decide_join(now, join, true, String::new(), &by, effects),
            Trust::DenyJoin { join, reason, by } => self.decide_join(now, join, false, reason, &by, effects),
            Trust::Renew { principal, presented, key, serial, origin } => {
                self.renew(now, principal, &presented, (key, serial), &origin, effects).and_then(told)
            }
            Trust::CheckinCertificate { group, presented, name, key, serial, origin } => {
                self.checkin_certificate(now, (group, &presented), name, (key, serial), &origin, effects).and_then(told)
            }
            Trust::Revoke { whom, reason, by } => self.revoke(now, (&whom, &reason), &by, effects),
            Trust::SetUser { name, role, token, serial, by } => {
                self.set_user(now, &name, role, (token, &serial), &by, effects)
            }
            Trust::RemoveUser { name, by } => self.remove_user(now, name, &by, effects),
            Trust::Audit { by, action, subject, before, after } => {
                effects.push(super::audit::line(now, &by, &action, &subject, before, after));
                Ok(serde_json::json!({}))
            }
        }
    }
}

/// What tells somebody who is let in anew from who they were: the beginning of a serial number.
fn entry_of(serial: &Serial) -> String {
    serial.to_string().chars().take(8).collect()
}

/// An answer as JSON.
fn told<T: serde::Serialize>(answer: T) -> Result<Value, Rejection> {
    serde_json::to_value(answer).map_err(|error| Rejection::invalid(format!("the answer cannot be written: {error}")))
}
