//! Joins: with a token at once, without one as the policy says.

use rollcall_model::policy::UnknownJoiners;
use rollcall_model::{JoinId, Millis, Now, Principal, Serial, UnixMillis};
use rollcall_store::{IssuedBy, JoinRecord, JoinState, TrustChange};
use serde_json::{Value, json};

use super::super::audit::{CERTIFICATE_ISSUED, line};
use super::super::{By, Effect, Rejection, Zone};
use super::certificates::Holder;
use super::judging::{Verdict, kept_out};
use super::{Applicant, Grant, JoinAnswer};

/// Most joins that wait at a time: somebody who makes up names fills no table.
const MOST_WAITING: usize = 1_000;
/// Joins older than this are forgotten.
const REMEMBERED: Millis = Millis(30 * 24 * 3_600_000);
/// Longest request that is kept, bytes.
const LONGEST_CSR: usize = 8 * 1024;
/// Longest reason of a denial, characters.
const LONGEST_REASON: usize = 200;

impl Zone {
    pub(super) fn join(
        &mut self,
        now: Now,
        applicant: Applicant,
        effects: &mut Vec<Effect>,
    ) -> Result<JoinAnswer, Rejection> {
        if applicant.csr.len() > LONGEST_CSR {
            return Err(Rejection::invalid(format!("a certificate request has {LONGEST_CSR} bytes at most")).at("csr"));
        }
        let objection = self.object(now, &applicant).err();
        let name = applicant.name.to_string();
        if let Some((reason, message)) = objection {
            return Err(self.refuse_trust(now, (reason, &name), message, effects));
        }
        match applicant.token.clone() {
            None => self.join_without(now, applicant, effects),
            Some(hash) => match self.enrolment.judge_token(now, &applicant, &hash) {
                Ok(verdict) => self.join_with(now, applicant, (hash.short(), verdict), effects).map(JoinAnswer::Issued),
                Err((reason, message)) => Err(self.refuse_trust(now, (reason, &name), message, effects)),
            },
        }
    }

    fn join_with(
        &mut self,
        now: Now,
        applicant: Applicant,
        (token, verdict): (&str, Verdict),
        effects: &mut Vec<Effect>,
    ) -> Result<Grant, Rejection> {
        let issued_by = IssuedBy::Token(token.to_owned());
        if verdict == Verdict::Again {
            let of_one = self.enrolment.live.get(&applicant.principal).map_or(&[][..], Vec::as_slice);
            return match of_one.iter().find(|it| it.issued_by == issued_by.text() && it.expires > now.wall) {
                Some(known) => Ok(self.grant(known, true)),
                None => {
                    let message = format!("the certificate for token {token} was replaced since");
                    Err(self.refuse_trust(now, ("token_used", applicant.name.as_str()), message, effects))
                }
            };
        }
        if let Err(busy) = self.pass_the_door(now, &applicant.principal) {
            if let Some(known) = self.enrolment.tokens.get_mut(token) {
                known.expected = Some((applicant.principal, applicant.key));
            }
            return Err(busy);
        }
        let principal = applicant.principal.clone();
        let created_by = self.enrolment.tokens.get_mut(token).map(|known| {
            known.record.used_by = Some(principal.clone());
            known.used_with = Some(applicant.key.clone());
            known.record.created_by.clone()
        });
        let used = TrustChange::TokenUsed { token: token.to_owned(), principal: principal.clone(), at: now.wall };
        effects.push(Effect::Save(used.into()));
        if self.enrolment.revoked.remove(&principal).is_some() {
            let by = created_by.unwrap_or_default();
            effects.push(Effect::Save(TrustChange::PrincipalLifted { principal, by, at: now.wall }.into()));
        }
        Ok(self.admit(now, applicant, &issued_by, effects))
    }

    /// Whether somebody may come in now, or has to ask again because many are on the way in. Group controllers are few, and
    /// nodes wait for them.
    fn pass_the_door(&mut self, now: Now, principal: &Principal) -> Result<(), Rejection> {
        if !matches!(principal, Principal::Node(_)) {
            return Ok(());
        }
        self.enrolment.door.pass(now.tick, principal).map_err(|after| {
            self.count("trust", "busy");
            Rejection::busy("many nodes are coming in at this moment; ask again after the time in retry-after", after)
        })
    }

    /// Issues the certificate, with its line in the audit log.
    fn admit(&mut self, now: Now, applicant: Applicant, issued_by: &IssuedBy, effects: &mut Vec<Effect>) -> Grant {
        let Applicant { principal, name, place, origin, key, serial, .. } = applicant;
        let grant = self.issue(now, Holder { principal, name, place, key, serial }, issued_by, effects);
        effects.push(issued_line(now, &origin, issued_by, &grant));
        grant
    }

    fn join_without(
        &mut self,
        now: Now,
        applicant: Applicant,
        effects: &mut Vec<Effect>,
    ) -> Result<JoinAnswer, Rejection> {
        let name = applicant.name.to_string();
        if let Some(revoked) = self.enrolment.revoked.get(&applicant.principal) {
            let message = kept_out(&applicant.principal, &revoked.name);
            return Err(self.refuse_trust(now, ("revoked", &name), message, effects));
        }
        let same = |join: &&JoinRecord| join.principal == applicant.principal && join.key == applicant.key;
        // The latest: ids do not grow with time.
        let before = self.enrolment.joins.values().filter(same).max_by_key(|join| join.requested);
        match before.map(|before| (before.join, before.state)) {
            Some((join, JoinState::Pending)) => return Ok(JoinAnswer::Pending { join }),
            Some((join, JoinState::Approved)) => return self.collect(now, join, applicant.serial, effects),
            Some((join, JoinState::Denied)) => {
                let message = format!("somebody denied this join ({join}); they may approve it still");
                return Err(self.refuse_trust(now, ("denied", &name), message, effects));
            }
            Some((join, JoinState::Issued)) if self.issued_to(now, join).is_some() => {
                return self.collect(now, join, applicant.serial, effects);
            }
            Some((_, JoinState::Issued)) | None => {}
        }
        if self.policies.document().join.unknown == UnknownJoiners::Refuse {
            let message =
                format!("{} {name} brings no token, and this zone lets nobody in without", applicant.principal.kind());
            return Err(self.refuse_trust(now, ("no_token", &name), message, effects));
        }
        self.hold_join(now, applicant, effects)
    }

    fn hold_join(
        &mut self,
        now: Now,
        applicant: Applicant,
        effects: &mut Vec<Effect>,
    ) -> Result<JoinAnswer, Rejection> {
        let kept = UnixMillis(now.wall.0.saturating_sub(REMEMBERED.0));
        self.enrolment.joins.retain(|_, join| join.requested >= kept);
        let waiting = self.enrolment.joins.values().filter(|join| join.state == JoinState::Pending).count();
        if waiting >= MOST_WAITING {
            let message = format!("{MOST_WAITING} joins wait for approval already; decide on some first");
            return Err(self.refuse_trust(now, ("too_many_waiting", "joins"), message, effects));
        }
        let Applicant { principal, name, place, address, origin, key, csr, .. } = applicant;
        let join = JoinId::derived_from(&format!("join {principal} {key} {}", now.wall.0));
        tracing::info!(target: "rollcall::step", step = "join_held", %principal, "{} {name} waits for approval", principal.kind());
        let record = JoinRecord {
            join,
            principal: principal.clone(),
            name: name.clone(),
            place: place.clone(),
            key: key.clone(),
            csr: csr.clone(),
            requested: now.wall,
            state: JoinState::Pending,
            decided_by: None,
            reason: None,
        };
        self.enrolment.joins.insert(join, record);
        let at = now.wall;
        let held = TrustChange::JoinHeld { join, principal, name, place, address, origin, key, csr, at };
        effects.push(Effect::Save(held.into()));
        Ok(JoinAnswer::Pending { join })
    }

    /// The certificate of a join that has one, while it is valid and the newest.
    fn issued_to(&self, now: Now, join: JoinId) -> Option<Grant> {
        let join = self.enrolment.joins.get(&join)?;
        let newest = self.enrolment.newest(&join.principal, now.wall)?;
        let is_its = newest.key == join.key && newest.issued_by.starts_with("approval ");
        is_its.then(|| Grant { csr: Some(join.csr.clone()), ..self.grant(newest, true) })
    }

    pub(super) fn collect(
        &mut self,
        now: Now,
        join: JoinId,
        serial: Serial,
        effects: &mut Vec<Effect>,
    ) -> Result<JoinAnswer, Rejection> {
        let Some(record) = self.enrolment.joins.get(&join).cloned() else {
            return Err(unknown(join));
        };
        match record.state {
            JoinState::Pending => return Ok(JoinAnswer::Pending { join }),
            JoinState::Denied => return Ok(JoinAnswer::Denied { join, why: record.reason.unwrap_or_default() }),
            JoinState::Issued => {
                let over = || Rejection::forbidden("collected", "its certificate is over or was replaced; join again");
                return self.issued_to(now, join).map(JoinAnswer::Issued).ok_or_else(over);
            }
            JoinState::Approved => {}
        }
        let JoinRecord { principal, name, place, key, csr, decided_by, .. } = record;
        // What speaks against it may have come up since it was approved.
        let objection = self.enrolment.object_to_key(now.wall, &key, &principal).err();
        if let Some((reason, message)) = objection {
            return Err(self.refuse_trust(now, (reason, name.as_str()), message, effects));
        }
        self.pass_the_door(now, &principal)?;
        let issued_by = IssuedBy::Approval(decided_by.unwrap_or_default());
        let grant = self.issue(now, Holder { principal, name, place, key, serial }, &issued_by, effects);
        if let Some(record) = self.enrolment.joins.get_mut(&join) {
            record.state = JoinState::Issued;
        }
        effects.push(Effect::Save(TrustChange::JoinIssued { join }.into()));
        effects.push(issued_line(now, "", &issued_by, &grant));
        Ok(JoinAnswer::Issued(Grant { csr: Some(csr), ..grant }))
    }

    pub(super) fn decide_join(
        &mut self,
        now: Now,
        join: JoinId,
        approved: bool,
        reason: String,
        by: &By,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        if reason.chars().count() > LONGEST_REASON {
            return Err(Rejection::invalid(format!("reason has more than {LONGEST_REASON} characters")).at("reason"));
        }
        let Some(record) = self.enrolment.joins.get(&join) else { return Err(unknown(join)) };
        if record.state == JoinState::Issued {
            let message = format!("{} has its certificate already; revoke it instead", record.name);
            return Err(Rejection::conflict(message));
        }
        if let Some(revoked) = self.enrolment.revoked.get(&record.principal).filter(|_| approved) {
            return Err(Rejection::conflict(kept_out(&record.principal, &revoked.name)));
        }
        let state = if approved { JoinState::Approved } else { JoinState::Denied };
        let told = json!({
            "join": join, "principal": record.principal, "name": record.name, "state": state,
        });
        if record.state != state {
            let before = json!({ "state": record.state });
            let action = if approved { "join_approved" } else { "join_denied" };
            effects.push(line(now, by, action, &record.principal.to_string(), before, told.clone()));
            let (by, at) = (by.who.clone(), now.wall);
            if let Some(record) = self.enrolment.joins.get_mut(&join) {
                record.state = state;
                record.decided_by = Some(by.clone());
                record.reason = Some(reason.clone());
            }
            effects.push(Effect::Save(TrustChange::JoinDecided { join, approved, by, reason, at }.into()));
        }
        Ok(told)
    }
}

fn unknown(join: JoinId) -> Rejection {
    Rejection::missing(format!("there is no join {join}; `rollcall join list` lists those that wait"))
}

/// The line of the audit log about somebody who came in.
pub(super) fn issued_line(now: Now, origin: &str, issued_by: &IssuedBy, grant: &Grant) -> Effect {
    let by = By { who: grant.principal.to_string(), origin: origin.to_owned() };
    let after = json!({
        "name": grant.name, "serial": grant.serial, "key_sha256": grant.key, "issued_by": issued_by.text(),
        "expires_ms": grant.not_after_ms,
    });
    line(now, &by, CERTIFICATE_ISSUED, &grant.principal.to_string(), Value::Null, after)
}
