//! Tokens, joins that wait, certificates, who is kept out.

use rollcall_model::{Name, Principal, UnixMillis};
use serde_json::json;

use super::{Plan, written};
use crate::row::{CertificateRow, JoinRow, RevokedRow, TokenRow};
use crate::{CommitError, IssuedBy, JoinState, TrustChange};

impl Plan {
    pub(super) fn trust(&mut self, change: &TrustChange) -> Result<(), CommitError> {
        match change {
            TrustChange::TokenCreated { .. } => self.token_created(change),
            TrustChange::TokenUsed { token, principal, at } => self.token_used(token, principal, written(*at))?,
            TrustChange::TokenRevoked { token, by, at } => self.token_revoked(token, by, written(*at)),
            TrustChange::JoinHeld { .. } => self.join_held(change),
            TrustChange::JoinDecided { .. } => self.join_decided(change),
            TrustChange::JoinIssued { join } => {
                if let Some(row) = self.stored.joins.get_mut(join).filter(|row| row.state == JoinState::Approved) {
                    row.state = JoinState::Issued;
                    self.writes.touched.joins.insert(*join);
                }
            }
            TrustChange::CertificateIssued { .. } => self.certificate_issued(change)?,
            TrustChange::CertificatesEnded { principal, except, by, reason, at } => {
                let others = |row: &CertificateRow| Some(&row.serial) != except.as_ref();
                self.end_certificates(principal, others, (by, reason), written(*at));
            }
            TrustChange::PrincipalRevoked { principal, name, by, reason, at } => {
                self.principal_revoked(principal, name, (by, reason), written(*at));
            }
            TrustChange::PrincipalLifted { principal, by, at } => self.principal_lifted(principal, by, written(*at)),
            TrustChange::UserSet { .. } => self.user_set(change),
            TrustChange::UserRemoved { name, by, at } => self.user_removed(name, by, written(*at)),
            TrustChange::Audited { .. } => self.audited(change),
        }
        Ok(())
    }

    fn token_created(&mut self, change: &TrustChange) {
        let TrustChange::TokenCreated { hash, kind, name, place, not_before, expires, by, at } = change else { return };
        let token = hash.short().to_owned();
        if self.stored.tokens.contains_key(&token) {
            return;
        }
        let at = written(*at);
        let row = TokenRow {
            token: token.clone(),
            sha256: hash.clone(),
            kind: *kind,
            name: name.clone(),
            place: place.clone(),
            created_ms: at,
            created_by: by.clone(),
            not_before_ms: written(*not_before),
            expires_ms: written(*expires),
            used_ms: None,
            used_by: None,
            revoked_ms: None,
            revoked_by: None,
        };
        self.stored.tokens.insert(token.clone(), row);
        self.writes.touched.tokens.insert(token.clone());
        let bounds = [("named", name), ("at", place)];
        let bounds = bounds.into_iter().filter_map(|(word, bound)| Some(format!(" {word} {}", bound.as_ref()?)));
        let message = format!("token {token} for a {}{} made by {by}", kind.as_str(), bounds.collect::<String>());
        let detail = json!({ "kind": kind, "name": name, "place": place, "by": by });
        self.event(at, "token_created", ("other", token), message, &detail);
    }

    /// No event of its own: what it was used for has one. Used by the same again is a repetition.
    fn token_used(&mut self, token: &str, principal: &Principal, at: UnixMillis) -> Result<(), CommitError> {
        let missing = || CommitError::Missing { what: "token", id: token.to_owned(), wanted_by: "a join" };
        let row = self.stored.tokens.get_mut(token).ok_or_else(missing)?;
        if row.used_by.as_ref() == Some(principal) {
            return Ok(());
        }
        if row.used_ms.is_some() || row.revoked_ms.is_some() {
            let how = if row.used_ms.is_some() { "used" } else { "revoked" };
            return Err(CommitError::TokenSpent { token: token.to_owned(), how });
        }
        (row.used_ms, row.used_by) = (Some(at), Some(principal.clone()));
        self.writes.touched.tokens.insert(token.to_owned());
        Ok(())
    }

    /// One whose row was pruned meanwhile has expired long ago: there is nothing left to revoke.
    fn token_revoked(&mut self, token: &str, by: &str, at: UnixMillis) {
        let Some(row) = self.stored.tokens.get_mut(token) else { return };
        if row.used_ms.is_some() || row.revoked_ms.is_some() {
            return;
        }
        (row.revoked_ms, row.revoked_by) = (Some(at), Some(by.to_owned()));
        self.writes.touched.tokens.insert(token.to_owned());
        let message = format!("token {token} revoked by {by}");
        self.event(at, "token_revoked", ("other", token.to_owned()), message, &json!({ "by": by }));
    }

    fn join_held(&mut self, change: &TrustChange) {
        let TrustChange::JoinHeld { join, principal, name, place, address, origin, key, csr, at } = change else {
            return;
        };
        if self.stored.joins.contains_key(join) {
            return;
        }
        let at = written(*at);
        let row = JoinRow {
            join_id: *join,
            principal: principal.clone(),
            name: name.clone(),
            place: place.clone(),
            address: *address,
            origin: origin.clone(),
            key_sha256: key.clone(),
            csr: csr.clone(),
            requested_ms: at,
            state: JoinState::Pending,
            decided_ms: None,
            decided_by: None,
            reason: None,
        };
        self.stored.joins.insert(*join, row);
        self.writes.touched.joins.insert(*join);
        let message = format!("{} {name} at {origin} waits for approval to join", principal.kind());
        let detail = json!({ "join": join, "principal": principal, "origin": origin });
        self.event(at, "join_held", subject(principal), message, &detail);
    }

    /// The same decision again changes nothing, nor does any on one that has its certificate, or whose row was pruned.
    fn join_decided(&mut self, change: &TrustChange) {
        let TrustChange::JoinDecided { join, approved, by, reason, at } = change else { return };
        let Some(row) = self.stored.joins.get_mut(join) else { return };
        let (state, kind) = match approved {
            true => (JoinState::Approved, "join_approved"),
            false => (JoinState::Denied, "join_denied"),
        };
        if row.state == state || row.state == JoinState::Issued {
            return;
        }
        let at = written(*at);
        row.state = state;
        (row.decided_ms, row.decided_by, row.reason) = (Some(at), Some(by.clone()), Some(reason.clone()));
        let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let message = format!("{} {} {} to join by {by}{because}", row.principal.kind(), row.name, state.as_str());
        let (about, detail) = (subject(&row.principal), json!({ "join": join, "by": by, "reason": reason }));
        self.writes.touched.joins.insert(*join);
        self.event(at, kind, about, message, &detail);
    }

    /// Somebody who comes in is an event; who renews is not, they are many.
    fn certificate_issued(&mut self, change: &TrustChange) -> Result<(), CommitError> {
        let TrustChange::CertificateIssued { serial, principal, user, name, place, key, issued_by, at, expires } =
            change
        else {
            return Ok(());
        };
        if let Some(had) = self.stored.certificates.get(serial) {
            let is_same = (&had.principal, &had.key_sha256) == (principal, key);
            return if is_same { Ok(()) } else { Err(CommitError::SerialTaken { serial: serial.clone() }) };
        }
        let at = written(*at);
        let row = CertificateRow {
            serial: serial.clone(),
            principal: principal.clone(),
            user_name: user.clone(),
            name: name.clone(),
            place: place.clone(),
            issued_ms: at,
            expires_ms: written(*expires),
            key_sha256: key.clone(),
            issued_by: issued_by.text(),
            revoked_ms: None,
            revoked_by: None,
            reason: None,
        };
        self.stored.certificates.insert(serial.clone(), row);
        self.writes.touched.certificates.insert(serial.clone());
        if issued_by.is_entry() {
            let message = format!("{} {name} has a certificate: {}", principal.kind(), said(issued_by));
            let detail = json!({ "serial": serial, "key_sha256": key, "issued_by": issued_by.text() });
            self.event(at, "certificate_issued", subject(principal), message, &detail);
        }
        Ok(())
    }

    /// Revokes what is valid still; says how many that were.
    fn end_certificates(
        &mut self,
        principal: &Principal,
        which: impl Fn(&CertificateRow) -> bool,
        (by, reason): (&str, &str),
        at: UnixMillis,
    ) -> usize {
        let mut ended = 0;
        let valid =
            |row: &&mut CertificateRow| row.principal == *principal && row.revoked_ms.is_none() && row.expires_ms > at;
        for row in self.stored.certificates.values_mut().filter(valid).filter(|row| which(row)) {
            (row.revoked_ms, row.revoked_by, row.reason) = (Some(at), Some(by.to_owned()), Some(reason.to_owned()));
            self.writes.touched.certificates.insert(row.serial.clone());
            ended += 1;
        }
        ended
    }

    fn principal_revoked(&mut self, principal: &Principal, name: &Name, (by, reason): (&str, &str), at: UnixMillis) {
        if self.stored.revoked.contains_key(principal) {
            return;
        }
        let certificates = self.end_certificates(principal, |_| true, (by, reason), at);
        let row = RevokedRow {
            principal: principal.clone(),
            name: name.clone(),
            since_ms: at,
            by: by.to_owned(),
            reason: reason.to_owned(),
        };
        self.stored.revoked.insert(principal.clone(), row);
        self.writes.touched.revoked.insert(principal.clone());
        let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let message = format!("{} {name} revoked by {by}{because}", principal.kind());
        let detail = json!({ "by": by, "reason": reason, "certificates": certificates });
        self.event(at, "principal_revoked", subject(principal), message, &detail);
    }

    fn principal_lifted(&mut self, principal: &Principal, by: &str, at: UnixMillis) {
        let Some(row) = self.stored.revoked.remove(principal) else { return };
        self.writes.lifted.insert(principal.clone());
        let message = format!("{} {} may come back, by {by}", principal.kind(), row.name);
        self.event(at, "principal_lifted", subject(principal), message, &json!({ "by": by }));
    }
}

/// What an event about a principal is about.
fn subject(principal: &Principal) -> (&'static str, String) {
    match principal {
        Principal::Zone(id) => ("zone", id.to_string()),
        Principal::Group(id) => ("group", id.to_string()),
        Principal::Checkin(id) => ("checkin", id.to_string()),
        Principal::Node(id) => ("node", id.to_string()),
        Principal::User(_) => ("other", principal.to_string()),
    }
}

fn said(issued_by: &IssuedBy) -> String {
    match issued_by {
        IssuedBy::Token(token) => format!("it brought token {token}"),
        IssuedBy::Approval(by) => format!("approved by {by}"),
        IssuedBy::Renewal(_) => "renewed".into(),
        IssuedBy::Group(group) => format!("run by {group}"),
    }
}
