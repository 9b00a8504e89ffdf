//! Thrown out, and kept out.

use std::collections::BTreeSet;

use rollcall_model::{Name, Now, Principal};
use rollcall_store::{IssuedBy, JoinState, RevokedRecord, TrustChange};
use serde_json::{Value, json};

use super::super::audit::line;
use super::super::{By, Effect, Rejection, Zone};

/// Longest reason, characters.
const LONGEST_REASON: usize = 200;

impl Zone {
    pub(super) fn revoke(
        &mut self,
        now: Now,
        (whom, reason): (&str, &str),
        by: &By,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        if reason.chars().count() > LONGEST_REASON {
            return Err(Rejection::invalid(format!("reason has more than {LONGEST_REASON} characters")).at("reason"));
        }
        let principal = self.meant(whom)?;
        let Some(name) = self.name_of(&principal) else {
            return Err(Rejection::missing(format!(
                "nobody here knows {principal}; `rollcall certificates` lists who is in"
            )));
        };
        let already = self.enrolment.is_revoked(&principal);
        let mut certificates = 0;
        // Deleting their users at the broker again does no harm, where it went wrong the first time.
        let also: Vec<Principal> = self.run_by(&principal);
        if !already {
            certificates = self.forget_certificates(now.wall, &principal);
            self.throw_out(now, &principal, &name, (reason, by), effects);
            for service in &also {
                let why = format!("{principal}, which ran it, was revoked");
                self.end_certificates(now, service, (by.who.clone(), why), effects);
            }
        }
        let user = principal.user_in(self.settings.zone);
        let mut also: Vec<String> = also.iter().flat_map(|it| self.users_of(it)).collect();
        also.extend(self.enrolment.former_users(&principal).into_iter().filter(|former| *former != user));
        let told = json!({
            "principal": principal, "user": user, "name": name, "certificates": certificates, "already": already,
            "also": also,
        });
        if !already {
            let before = json!({ "certificates": certificates });
            let after = json!({ "revoked": true, "reason": reason, "also": told["also"] });
            effects.push(line(now, by, "principal_revoked", &principal.to_string(), before, after));
        }
        Ok(told)
    }

    /// Every user it may have at the broker.
    fn users_of(&self, principal: &Principal) -> Vec<String> {
        let first = principal.user_in(self.settings.zone);
        let live = self.enrolment.live.get(principal).into_iter().flatten().map(|it| it.user.clone());
        let users: BTreeSet<String> =
            self.enrolment.former_users(principal).into_iter().chain(live).chain([first]).collect();
        users.into_iter().collect()
    }

    fn throw_out(
        &mut self,
        now: Now,
        principal: &Principal,
        name: &Name,
        (reason, by): (&str, &By),
        effects: &mut Vec<Effect>,
    ) {
        tracing::warn!(target: "rollcall::step", step = "principal_revoked", %principal, "{} {name} was revoked by {}",
            principal.kind(), by.who);
        let record = RevokedRecord { principal: principal.clone(), name: name.clone(), reason: reason.to_owned() };
        self.enrolment.revoked.insert(principal.clone(), record);
        let (by_whom, at) = (by.who.clone(), now.wall);
        effects.push(Effect::Save(
            TrustChange::PrincipalRevoked {
                principal: principal.clone(),
                name: name.clone(),
                by: by_whom.clone(),
                reason: reason.to_owned(),
                at,
            }
            .into(),
        ));
        self.revoke_tokens_for(now, principal.kind(), name, by, effects);
        let waits = |state| matches!(state, JoinState::Pending | JoinState::Approved);
        for join in self.enrolment.joins.values_mut().filter(|join| join.principal == *principal && waits(join.state)) {
            let (by, reason) = (by_whom.clone(), "revoked".to_owned());
            (join.state, join.decided_by, join.reason) = (JoinState::Denied, Some(by.clone()), Some(reason.clone()));
            let denied = TrustChange::JoinDecided { join: join.join, approved: false, by, reason, at };
            effects.push(Effect::Save(denied.into()));
        }
    }

    /// Whom a text means: a principal, a node by name or id, a group by name.
    fn meant(&self, whom: &str) -> Result<Principal, Rejection> {
        let principal = match whom.parse::<Principal>() {
            Ok(principal) => principal,
            Err(_) => self.named(whom)?,
        };
        match &principal {
            Principal::Node(_) | Principal::Group(_) => Ok(principal),
            Principal::Checkin(_) if !self.is_run(&principal) => Ok(principal),
            Principal::Checkin(_) => {
                Err(Rejection::invalid("revoke the group that runs this check-in service").at("principal"))
            }
            Principal::User(_) => Err(Rejection::invalid("a user is not revoked but removed").at("principal")),
            Principal::Zone(_) => {
                Err(Rejection::invalid("a zone does not revoke itself; make it a new certificate").at("principal"))
            }
        }
    }

    fn named(&self, whom: &str) -> Result<Principal, Rejection> {
        // Whoever has a certificate, or had one, or waits for one, may not have checked in.
        let enrolment = &self.enrolment;
        let certified = enrolment.live.values().filter_map(|of_one| of_one.last()).map(|it| (&it.name, &it.principal));
        let revoked = enrolment.revoked.values().map(|it| (&it.name, &it.principal));
        let waiting =
            enrolment.joins.values().filter(|it| it.state != JoinState::Issued).map(|it| (&it.name, &it.principal));
        let is_meant = |(name, _): &(&Name, &Principal)| name.as_str() == whom;
        let meant: BTreeSet<&Principal> =
            certified.chain(revoked).chain(waiting).filter(is_meant).map(|(_, principal)| principal).collect();
        if meant.len() > 1 {
            let message = format!("{} are named {whom}; say which principal is meant", meant.len());
            return Err(Rejection::conflict(message));
        }
        if let Some(principal) = meant.into_iter().next() {
            return Ok(principal.clone());
        }
        let physical = |known: &&rollcall_store::GroupRecord| known.session > 0 && known.name.as_str() == whom;
        match self.groups.values().find(physical) {
            Some(known) => Ok(Principal::Group(known.group)),
            None => self.find_node(whom).map(Principal::Node),
        }
    }

    fn name_of(&self, principal: &Principal) -> Option<Name> {
        let enrolment = &self.enrolment;
        let revoked = enrolment.revoked.get(principal).map(|revoked| &revoked.name);
        let certified = enrolment.live.get(principal).and_then(|of_one| of_one.last()).map(|it| &it.name);
        let known = match principal {
            Principal::Node(node) => self.nodes.get(node).map(|known| &known.name),
            Principal::Group(group) => self.groups.get(group).map(|known| &known.name),
            _ => None,
        };
        let waiting = || enrolment.joins.values().find(|join| join.principal == *principal).map(|join| &join.name);
        revoked.or(certified).or(known).or_else(waiting).cloned()
    }

    /// Whether a check-in service has its certificate through a group, which would get it another at once.
    fn is_run(&self, service: &Principal) -> bool {
        let of_one = self.enrolment.live.get(service).map_or(&[][..], Vec::as_slice);
        of_one.iter().any(|it| it.issued_by.starts_with("for group"))
    }

    /// The check-in services whose certificates were given to this group.
    fn run_by(&self, group: &Principal) -> Vec<Principal> {
        let by = IssuedBy::Group(group.clone()).text();
        let is_run = |of_one: &Vec<rollcall_store::CertificateRecord>| of_one.iter().any(|it| it.issued_by == by);
        let services =
            self.enrolment.live.iter().filter(|(of, of_one)| matches!(of, Principal::Checkin(_)) && is_run(of_one));
        services.map(|(of, _)| of.clone()).collect()
    }
}
