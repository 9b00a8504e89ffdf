//! Users of the API and their roles.

use rollcall_model::{Name, Now, Role, Serial, Sha256, UnixMillis};
use rollcall_store::TrustChange;
use serde_json::{Value, json};

use super::super::audit::line;
use super::super::{By, Effect, Rejection, Zone};
use super::{Enrolment, User, entry_of};

/// Most users.
const MOST: usize = 10_000;

impl Enrolment {
    /// Whether a user has this role, and was changed last then.
    pub(in crate::core) fn is_user_so(&self, name: &Name, seen: (Role, Option<UnixMillis>)) -> bool {
        self.users.get(name).is_some_and(|user| (user.role, user.changed) == seen)
    }
}

impl Zone {
    pub(super) fn set_user(
        &mut self,
        now: Now,
        name: &Name,
        role: Role,
        (token, serial): (Option<Sha256>, &Serial),
        by: &By,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        let known = self.enrolment.users.get(name).copied();
        let had = known.map(|known| known.role);
        if had.is_none() && self.enrolment.users.len() >= MOST {
            return Err(Rejection::conflict(format!("there are {MOST} users already")));
        }
        if role != Role::Administrator {
            self.is_not_last(name)?;
        }
        let has_new_token = token.is_some();
        if had != Some(role) || has_new_token {
            let before = had.map_or(Value::Null, |role| json!({ "role": role }));
            let after = json!({ "role": role, "new_token": has_new_token });
            effects.push(line(now, by, "user_set", &format!("user.{name}"), before, after));
            self.enrolment.users.insert(name.clone(), User { role, changed: known.map(|_| now.wall) });
            let (entry, by, at) = (entry_of(serial), by.who.clone(), now.wall);
            effects.push(Effect::Save(TrustChange::UserSet { name: name.clone(), role, token, entry, by, at }.into()));
        }
        Ok(json!({ "name": name, "role": role, "created": had.is_none() }))
    }

    pub(super) fn remove_user(
        &mut self,
        now: Now,
        name: Name,
        by: &By,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        self.is_not_last(&name)?;
        let Some(User { role, .. }) = self.enrolment.users.remove(&name) else {
            return Err(Rejection::missing(format!("there is no user {name}")));
        };
        effects.push(line(now, by, "user_removed", &format!("user.{name}"), json!({ "role": role }), Value::Null));
        let told = json!({ "name": name, "removed": true });
        effects.push(Effect::Save(TrustChange::UserRemoved { name, by: by.who.clone(), at: now.wall }.into()));
        Ok(told)
    }

    /// A zone without an administrator could not be given one any more.
    fn is_not_last(&self, name: &Name) -> Result<(), Rejection> {
        let is_administrator = |(_, user): &(&Name, &User)| user.role == Role::Administrator;
        let mut administrators = self.enrolment.users.iter().filter(is_administrator);
        let is_last = administrators.next().is_some_and(|(first, _)| first == name) && administrators.next().is_none();
        if is_last {
            return Err(Rejection {
                reason: Some("last_administrator".into()),
                ..Rejection::conflict(format!("{name} is the last administrator; make another first"))
            });
        }
        Ok(())
    }
}
