//! What a command depends on. Whoever gives it has looked, in the store; the core knows what was decided since, saved or not.

use rollcall_model::{GroupId, JoinId, Name, Role, UnixMillis};
use rollcall_store::{GroupKind, GroupRule, JoinState};

use super::super::Zone;
use super::Rejection;

/// How things have to be for a command to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// The policy in force is this version, 0 for none.
    Policy(u64),
    /// The group by rule that a name or an id names is this one with this rule; `None` where there is none.
    Rule {
        /// Its name or id.
        group: String,
        /// As it was seen.
        seen: Option<(GroupId, GroupKind, GroupRule)>,
    },
    /// A join stands so.
    Join(JoinId, JoinState),
    /// A token is in use so.
    Token {
        /// Its public id.
        token: String,
        /// Whether it was used.
        used: bool,
        /// Whether it was revoked.
        revoked: bool,
    },
    /// A user has this role, and was changed last then.
    User {
        /// The user.
        name: Name,
        /// Their role.
        role: Role,
        /// When role or token was changed, if ever.
        changed: Option<UnixMillis>,
    },
}

impl Zone {
    /// Refuses what depends on something that is not so any more.
    ///
    /// # Errors
    /// [`Rejection::stale`].
    pub(super) fn is_as(&self, expected: &Expected) -> Result<(), Rejection> {
        let is_so = match expected {
            Expected::Policy(version) => self.policies.version() == *version,
            Expected::Rule { group, seen } => {
                let known =
                    self.rule_group(group).and_then(|known| Some((known.group, known.kind, known.rule.as_ref()?)));
                known == seen.as_ref().map(|(group, kind, rule)| (*group, *kind, rule))
            }
            Expected::Join(join, state) => self.enrolment.joins.get(join).is_some_and(|known| known.state == *state),
            Expected::Token { token, used, revoked } => self.enrolment.is_token_so(token, (*used, *revoked)),
            Expected::User { name, role, changed } => self.enrolment.is_user_so(name, (*role, *changed)),
        };
        if is_so {
            Ok(())
        } else {
            Err(Rejection::stale("somebody changed it just now; look at it again, nothing was changed"))
        }
    }
}
