//! Certificates: issued, renewed, and those of check-in services.

use rollcall_model::{CheckinId, GroupId, Millis, Name, Now, Principal, Serial, Sha256, UnixMillis};
use rollcall_store::{CertificateRecord, IssuedBy, TrustChange};

use super::super::{Effect, Rejection, Zone};
use super::judging::kept_out;
use super::{Grant, entry_of};

/// Most certificates of one principal that are remembered; who renews forgets the former ones soon.
const MOST_OF_ONE: usize = 4;
/// At most one certificate for the same in this time, or a tenth of its life if that is less.
const PACE: Millis = Millis(60_000);

/// Somebody a certificate is issued to.
pub(super) struct Holder {
    pub(super) principal: Principal,
    pub(super) name: Name,
    pub(super) place: Option<Name>,
    pub(super) key: Sha256,
    pub(super) serial: Serial,
}

impl Zone {
    /// Issues a certificate. One that lets somebody in ends those that were there before.
    pub(super) fn issue(&mut self, now: Now, holder: Holder, issued_by: &IssuedBy, effects: &mut Vec<Effect>) -> Grant {
        let Holder { principal, name, place, key, serial } = holder;
        let expires = UnixMillis(now.wall.0.saturating_add(self.settings.trust.certificate_life.0));
        let user = self.user_of(now.wall, &principal, &serial);
        let had = self.enrolment.live.get(&principal).is_some_and(|had| had.iter().any(|it| it.expires > now.wall));
        if issued_by.is_entry() && had {
            let (by, reason) = (issued_by.text(), "replaced by another".to_owned());
            self.end_certificates(now, &principal, (by, reason), effects);
        }
        let replaces: Vec<String> =
            self.enrolment.former_users(&principal).into_iter().filter(|former| *former != user).collect();
        effects.push(Effect::Save(
            TrustChange::CertificateIssued {
                serial: serial.clone(),
                principal: principal.clone(),
                user: user.clone(),
                name: name.clone(),
                place: place.clone(),
                key: key.clone(),
                issued_by: issued_by.clone(),
                at: now.wall,
                expires,
            }
            .into(),
        ));
        if issued_by.is_entry() {
            tracing::info!(target: "rollcall::step", step = "certificate_issued", %principal, by = %issued_by.text(),
                "{} {name} has a certificate", principal.kind());
        }
        let issued_by = issued_by.text();
        let issued = now.wall;
        let record = CertificateRecord { serial, principal, user, name, place, key, issued, expires, issued_by };
        let grant = Grant { replaces, ..self.grant(&record, false) };
        self.enrolment.remember(record);
        let of_one = self.enrolment.live.entry(grant.principal.clone()).or_default();
        of_one.retain(|it| it.expires > now.wall);
        of_one.drain(..of_one.len().saturating_sub(MOST_OF_ONE));
        self.enrolment.tidy(now.wall);
        grant
    }

    /// Which user a certificate names. Whoever has a certificate stays who they are, also where it is replaced and not
    /// renewed: that may be a copied disk, of which both ends have to be seen. Whoever was thrown out comes back as another
    /// than those whose certificates could still be shown.
    fn user_of(&self, now: UnixMillis, principal: &Principal, serial: &Serial) -> String {
        let zone = self.settings.zone;
        if let Some(had) = self.enrolment.newest(principal, now) {
            return had.user.clone();
        }
        match self.enrolment.former.get(principal).filter(|former| former.until > now) {
            Some(_) => principal.user_anew_in(zone, &entry_of(serial)),
            None => principal.user_in(zone),
        }
    }

    /// What is to be signed for a certificate.
    pub(super) fn grant(&self, record: &CertificateRecord, repeated: bool) -> Grant {
        Grant {
            principal: record.principal.clone(),
            user: record.user.clone(),
            replaces: Vec::new(),
            name: record.name.clone(),
            serial: record.serial.clone(),
            key: record.key.clone(),
            not_before_ms: UnixMillis(record.issued.0.saturating_sub(self.settings.trust.back_dated.0)),
            not_after_ms: record.expires,
            repeated,
            csr: None,
        }
    }

    /// Ends every certificate somebody has, without throwing them out.
    pub(super) fn end_certificates(
        &mut self,
        now: Now,
        principal: &Principal,
        (by, reason): (String, String),
        effects: &mut Vec<Effect>,
    ) {
        self.forget_certificates(now.wall, principal);
        let (principal, except, at) = (principal.clone(), None, now.wall);
        effects.push(Effect::Save(TrustChange::CertificatesEnded { principal, except, by, reason, at }.into()));
    }

    /// None of somebody's certificates is renewed any more; says how many were valid.
    pub(super) fn forget_certificates(&mut self, now: UnixMillis, principal: &Principal) -> usize {
        let gone = self.enrolment.live.remove(principal).unwrap_or_default();
        let valid: Vec<_> = gone.into_iter().filter(|certificate| certificate.expires > now).collect();
        valid.iter().for_each(|certificate| self.enrolment.end(certificate));
        valid.len()
    }

    pub(super) fn renew(
        &mut self,
        now: Now,
        principal: Principal,
        presented: &Serial,
        (key, serial): (Sha256, Serial),
        origin: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<Grant, Rejection> {
        if !matches!(principal, Principal::Node(_) | Principal::Group(_) | Principal::Checkin(_)) {
            let message = format!("the certificate of a {} is not renewed here", principal.kind());
            return Err(Rejection::forbidden("wrong_kind", message));
        }
        self.stands(now, &principal, presented, origin, effects)?;
        if let Err((reason, message)) = self.enrolment.object_to_key(now.wall, &key, &principal) {
            return Err(self.refuse_trust(now, (reason, &principal.to_string()), message, effects));
        }
        let issued_by = IssuedBy::Renewal(presented.clone());
        let of_one = self.enrolment.live.get(&principal).map_or(&[][..], Vec::as_slice);
        let same = of_one.iter().rev().find(|it| it.issued_by == issued_by.text());
        let is_again = same.is_some_and(|it| it.key == key);
        if let (Some(same), true) = (same, is_again) {
            return Ok(self.grant(same, true));
        }
        self.keeps_pace(now, &principal)?;
        let of_one = self.enrolment.live.get(&principal).map_or(&[][..], Vec::as_slice);
        let (name, place) = match of_one.iter().find(|it| it.serial == *presented).or_else(|| of_one.last()) {
            Some(known) => (known.name.clone(), known.place.clone()),
            None => self.described(&principal),
        };
        if same_was_renewed(of_one, &issued_by) {
            let message = format!(
                "{principal} renewed one certificate twice with two keys, now from {origin}: its answer was lost, or its \
                 disk was copied"
            );
            self.alarm(now, ("renewed_twice", name.as_str()), &message, effects);
        }
        Ok(self.issue(now, Holder { principal, name, place, key, serial }, &issued_by, effects))
    }

    /// Whether who presents a certificate may still come with it. One the zone knows nothing of was signed by its own
    /// authority all the same: its database was lost or restored, which is worth a word and no reason to lose a fleet.
    fn stands(
        &mut self,
        now: Now,
        principal: &Principal,
        presented: &Serial,
        origin: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejection> {
        if let Some(revoked) = self.enrolment.revoked.get(principal) {
            let (name, message) = (revoked.name.to_string(), kept_out(principal, &revoked.name));
            return Err(self.refuse_trust(now, ("revoked", &name), message, effects));
        }
        if self.enrolment.ended.contains(presented) {
            let message =
                format!("certificate {presented} of {principal} was replaced or revoked; it came from {origin}");
            return Err(self.refuse_trust(now, ("replaced", &principal.to_string()), message, effects));
        }
        let of_one = self.enrolment.live.get(principal).map_or(&[][..], Vec::as_slice);
        match of_one.iter().find(|it| it.serial == *presented) {
            Some(known) if known.expires <= now.wall => {
                let message = format!("certificate {presented} of {principal} has expired; join again with a token");
                Err(self.refuse_trust(now, ("expired", &principal.to_string()), message, effects))
            }
            Some(_) => Ok(()),
            None => {
                let message = format!(
                    "{principal} came from {origin} with certificate {presented}, which this database does not know"
                );
                self.alarm(now, ("certificate_unknown", &principal.to_string()), &message, effects);
                Ok(())
            }
        }
    }

    /// Somebody who asks again and again fills no table.
    fn keeps_pace(&self, now: Now, principal: &Principal) -> Result<(), Rejection> {
        let pace = PACE.0.min(self.settings.trust.certificate_life.0 / 10);
        match self.enrolment.newest(principal, now.wall) {
            Some(newest) if now.wall.0 < newest.issued.0.saturating_add(pace) => {
                let message = format!("{principal} was given a certificate less than {pace} ms ago; use that one");
                Err(Rejection { reason: Some("too_soon".into()), ..Rejection::conflict(message) })
            }
            _ => Ok(()),
        }
    }

    /// Name and place of somebody whose certificate the zone does not know.
    fn described(&self, principal: &Principal) -> (Name, Option<Name>) {
        let known = match principal {
            Principal::Node(node) => self.nodes.get(node).map(|known| (known.name.clone(), known.place.clone())),
            Principal::Group(group) => self.groups.get(group).map(|known| (known.name.clone(), known.place.clone())),
            _ => None,
        };
        known.unwrap_or_else(|| (Name::nearest(&principal.id(), "unnamed"), None))
    }

    /// A certificate for a check-in service at a place, for the group that runs it.
    pub(super) fn checkin_certificate(
        &mut self,
        now: Now,
        (group, presented): (GroupId, &Serial),
        name: Name,
        (key, serial): (Sha256, Serial),
        origin: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<Grant, Rejection> {
        let runner = Principal::Group(group);
        self.stands(now, &runner, presented, origin, effects)?;
        let principal = Principal::Checkin(CheckinId::of_service(&name));
        let Some(place) = self.places.place_of(&name, group) else {
            let message = format!("group {group} was not ordered to run the check-in service {name}");
            return Err(self.refuse_trust(now, ("not_placed", name.as_str()), message, effects));
        };
        if let Err((reason, message)) = self.enrolment.object_to_key(now.wall, &key, &principal) {
            return Err(self.refuse_trust(now, (reason, name.as_str()), message, effects));
        }
        let issued_by = IssuedBy::Group(runner);
        let half = self.settings.trust.certificate_life.0 / 2;
        if let Some(newest) = self.enrolment.newest(&principal, now.wall)
            && newest.key == key
            && newest.issued_by == issued_by.text()
            && now.wall.0 < newest.issued.0.saturating_add(half)
        {
            return Ok(self.grant(newest, true));
        }
        let holder = Holder { principal, name, place: Some(place), key, serial };
        let grant = self.issue(now, holder, &issued_by, effects);
        effects.push(super::joining::issued_line(now, origin, &issued_by, &grant));
        Ok(grant)
    }
}

/// Whether a certificate was made of this one already.
fn same_was_renewed(of_one: &[CertificateRecord], issued_by: &IssuedBy) -> bool {
    let text = issued_by.text();
    of_one.iter().any(|it| it.issued_by == text)
}
