//! What speaks against somebody who asks to be let in.
//!
//! | reason | why |
//! |---|---|
//! | `no_token` | no token was brought, and the policy holds nobody |
//! | `token_unknown` | nobody made this token, or it is over for a day |
//! | `token_used` | somebody used it, and this is not them asking again: alarm |
//! | `token_revoked`, `token_expired`, `token_not_yet_valid` | as it says |
//! | `wrong_kind`, `wrong_name`, `wrong_place` | the token is for somebody else |
//! | `revoked` | they were thrown out, and the token was not made for their name since: alarm |
//! | `key_in_use` | another principal has this key: alarm |
//! | `principal_in_use` | somebody with another key is this principal, and the token does not say their name: alarm |
//! | `name_taken`, `group_id_taken`, `not_admitted` | a group's name is another group's, its id too, or it is not in the zone's configuration |
//! | `denied`, `too_many_waiting` | somebody denied it; a thousand wait already |
//! | `replaced` | the certificate that was presented was revoked or replaced: alarm |
//! | `not_placed` | the group was not ordered to run this check-in service |
//! | `too_soon` | a certificate was issued to the same a moment ago |

use rollcall_model::{CheckinId, Name, Now, Principal, Sha256, UnixMillis};
use rollcall_store::{GroupKind, TokenRecord};

use super::super::Zone;
use super::{Applicant, Enrolment};

/// A reason, and a text for people.
pub(super) type Objection = (&'static str, String);

/// What a good token may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Let them in.
    Good,
    /// It was used by the same before: tell them again.
    Again,
}

impl Zone {
    /// What speaks against anybody of this kind, name and key.
    pub(super) fn object(&self, now: Now, applicant: &Applicant) -> Result<(), Objection> {
        self.enrolment.object_to_key(now.wall, &applicant.key, &applicant.principal)?;
        match &applicant.principal {
            Principal::Node(_) => Ok(()),
            Principal::Group(group) => {
                let name = &applicant.name;
                if !self.settings.admission.admits(name) {
                    let why = format!(
                        "group controller {name:?} is not among the admitted groups of this zone's configuration"
                    );
                    return Err(("not_admitted", why));
                }
                if let Some(known) = self.groups.get(group).filter(|known| known.name != *name) {
                    return Err(("group_id_taken", format!("group id {group} belongs to {} already", known.name)));
                }
                let mut others = self.groups.values().filter(|known| known.kind == GroupKind::Physical);
                if others.any(|known| known.name == *name && known.group != *group)
                    || self.enrolment.is_anothers(now.wall, name, &applicant.principal)
                {
                    return Err(("name_taken", format!("the name {name} belongs to another group; rename this one")));
                }
                Ok(())
            }
            // One that a group was ordered to run gets its certificate through that group; this one runs by itself.
            Principal::Checkin(checkin) if CheckinId::of_service(&applicant.name) == *checkin => Ok(()),
            Principal::Checkin(_) => {
                let why =
                    format!("the id of a check-in service follows from its name, and {} has another", applicant.name);
                Err(("wrong_name", why))
            }
            other => Err(("wrong_kind", format!("a {} does not join with a request", other.kind()))),
        }
    }
}

impl Enrolment {
    /// Whether a key is somebody else's.
    pub(super) fn object_to_key(&self, now: UnixMillis, key: &Sha256, principal: &Principal) -> Result<(), Objection> {
        let waiting = self.joins.values().find(|join| join.key == *key).map(|join| &join.principal);
        let holder = self.keys.get(key).filter(|(_, until)| *until > now).map(|(holder, _)| holder).or(waiting);
        match holder.filter(|holder| *holder != principal) {
            None => Ok(()),
            Some(holder) => {
                let why = format!(
                    "{principal} comes with the key of {holder}: a copied disk? every one has a key of its own"
                );
                Err(("key_in_use", why))
            }
        }
    }

    /// Whether another group has a certificate under this name.
    fn is_anothers(&self, now: UnixMillis, name: &Name, principal: &Principal) -> bool {
        let mut groups = self.live.keys().filter(|of| matches!(of, Principal::Group(_)) && *of != principal);
        groups.any(|of| self.newest(of, now).is_some_and(|certificate| certificate.name == *name))
    }

    /// Whether a token lets somebody in; `Err` says why not.
    pub(super) fn judge_token(&self, now: Now, applicant: &Applicant, hash: &Sha256) -> Result<Verdict, Objection> {
        let known = self.tokens.get(hash.short()).filter(|token| token.record.hash == *hash);
        let Some(token) = known else {
            return Err(("token_unknown", "this token is unknown; was it typed right, and made in this zone?".into()));
        };
        let (id, record) = (hash.short(), &token.record);
        if record.revoked {
            return Err(("token_revoked", format!("token {id} was revoked")));
        }
        if let Some(user) = &record.used_by {
            let is_same = *user == applicant.principal && token.used_with.as_ref() == Some(&applicant.key);
            if is_same && now.wall < record.expires && !self.is_revoked(user) {
                return Ok(Verdict::Again);
            }
            let why = format!("token {id} was used by {user} already; {} came with it again", applicant.principal);
            return Err(("token_used", why));
        }
        if now.wall < record.not_before {
            return Err(("token_not_yet_valid", format!("token {id} is not valid yet; is this zone's clock right?")));
        }
        // Whoever came in time and was told to come again is in time.
        let is_awaited =
            token.expected.as_ref().is_some_and(|(who, key)| *who == applicant.principal && *key == applicant.key);
        if record.expires <= now.wall && !(is_awaited && self.door.expects(now.tick, &applicant.principal)) {
            return Err(("token_expired", format!("token {id} has expired; make another")));
        }
        fits(id, record, applicant)?;
        self.object_to_principal(now, record, applicant)?;
        Ok(Verdict::Good)
    }

    /// Whether somebody may be, or become again, who they say they are, with this token.
    fn object_to_principal(&self, now: Now, token: &TokenRecord, applicant: &Applicant) -> Result<(), Objection> {
        let principal = &applicant.principal;
        if let Some(revoked) = self.revoked.get(principal) {
            // Tokens for its name were revoked with it: this one was made since.
            return match token.name.as_ref() == Some(&revoked.name) {
                true => Ok(()),
                false => Err(("revoked", kept_out(principal, &revoked.name))),
            };
        }
        match self.newest(principal, now.wall) {
            Some(had) if had.key != applicant.key && token.name.as_ref() != Some(&had.name) => {
                let why = format!(
                    "{principal} is in the zone as {} with another key; revoke it, or make a token for that name",
                    had.name
                );
                Err(("principal_in_use", why))
            }
            _ => Ok(()),
        }
    }
}

/// What somebody is told who was thrown out.
pub(super) fn kept_out(principal: &Principal, name: &Name) -> String {
    format!("{principal} was revoked; a token made for {name} lets it in again")
}

fn fits(id: &str, token: &TokenRecord, applicant: &Applicant) -> Result<(), Objection> {
    let Applicant { principal, name, place, .. } = applicant;
    if token.kind.as_str() != principal.kind() {
        let why = format!("token {id} is for a {}, not for a {}", token.kind.as_str(), principal.kind());
        return Err(("wrong_kind", why));
    }
    if token.name.as_ref().is_some_and(|bound| bound != name) {
        return Err(("wrong_name", format!("token {id} is for another name than {name}")));
    }
    if token.place.is_some() && token.place != *place {
        let place = place.as_ref().map_or("no place", Name::as_str);
        return Err(("wrong_place", format!("token {id} is for another place than {place}")));
    }
    Ok(())
}
