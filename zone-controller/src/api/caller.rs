//! Who asks, and what they may: one table of who may use which kind of route.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use rollcall_model::{Principal, Role, Serial};

use super::errors::Problem;
use super::routes::Access;
use crate::core::By;

/// By what somebody is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// By nothing.
    Nothing,
    /// By a certificate.
    Certificate,
    /// By a token.
    Token,
    /// By the cookie of a session at the web page, which begins with a token; what tells it from others.
    Session(String),
    /// By being on the zone controller's own machine, where the zone has no identity yet.
    OwnMachine,
}

impl Means {
    /// As it is told.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Session(_) => "session",
            Self::OwnMachine => "own_machine",
        }
    }
}

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who; `None` for somebody who showed nothing, and for programs on this machine while the zone has no identity.
    pub principal: Option<Principal>,
    /// How they are named in the audit log.
    pub who: String,
    /// What they may; daemons have no role.
    pub role: Option<Role>,
    /// From where.
    pub origin: IpAddr,
    /// By what they are known.
    pub means: Means,
    /// Number of the certificate they showed.
    pub serial: Option<Serial>,
}

impl Caller {
    /// Somebody who showed nothing.
    #[must_use]
    pub fn stranger(origin: IpAddr) -> Self {
        Self { principal: None, who: "stranger".into(), role: None, origin, means: Means::Nothing, serial: None }
    }

    /// For the audit log.
    #[must_use]
    pub fn by(&self) -> By {
        By { who: self.who.clone(), origin: self.origin.to_string() }
    }

    /// Whether they may use a route.
    ///
    /// # Errors
    /// 401 where they showed nothing, 403 where it is not enough.
    pub fn may(&self, access: Access) -> Result<(), Problem> {
        let granted = match access {
            Access::Open => return Ok(()),
            Access::Known => self.means != Means::Nothing,
            Access::Certified => self.means == Means::Certificate,
            Access::Group => self.means == Means::Certificate && matches!(self.principal, Some(Principal::Group(_))),
            Access::Role(least) => self.role.is_some_and(|role| role >= least),
        };
        if granted { Ok(()) } else { Err(self.refusal(access)) }
    }

    fn refusal(&self, access: Access) -> Problem {
        let who = &self.who;
        if self.means == Means::Nothing {
            let why = "show who you are: a client certificate of this site, or `Authorization: Bearer rcu1_…`";
            return Problem::new(StatusCode::UNAUTHORIZED, why).because("no_credential");
        }
        match (access, self.role) {
            (Access::Role(least), Some(role)) => {
                Problem::forbidden(format!("{who} is {role}; this takes {least}")).because("role_too_low")
            }
            (Access::Role(least), None) => {
                Problem::forbidden(format!("{who} is no user; this takes a user who is {least}")).because("no_role")
            }
            (Access::Group, _) => {
                Problem::forbidden(format!("only a group controller may ask this, {who} is none")).because("no_group")
            }
            _ => Problem::forbidden("this takes a client certificate; a token is not enough").because("no_certificate"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// Every route's gate puts the caller there.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody looked at who asks"))
    }
}

/// Whoever asks, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author(pub By);

impl<S: Send + Sync> FromRequestParts<S> for Author {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, state).await.map(|caller| Self(caller.by()))
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use rollcall_model::{GroupId, Name, NodeId};

    use super::*;

    fn caller(means: Means, principal: Option<Principal>, role: Option<Role>) -> Caller {
        Caller { principal, who: "x".into(), role, origin: IpAddr::from([10, 0, 0, 1]), means, serial: None }
    }

    fn status(caller: &Caller, access: Access) -> u16 {
        caller.may(access).err().map_or(200, |problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn who_may_what_is_one_table() {
        let user = || Some(Principal::User(Name::new("ada").unwrap()));
        let accesses = [
            Access::Open,
            Access::Known,
            Access::Certified,
            Access::Group,
            Access::Role(Role::Viewer),
            Access::Role(Role::Operator),
            Access::Role(Role::Administrator),
        ];
        let table = [
            (Caller::stranger(IpAddr::from([10, 0, 0, 1])), [200, 401, 401, 401, 401, 401, 401]),
            (caller(Means::Token, user(), Some(Role::Viewer)), [200, 200, 403, 403, 200, 403, 403]),
            (caller(Means::Certificate, user(), Some(Role::Operator)), [200, 200, 200, 403, 200, 200, 403]),
            (caller(Means::Certificate, user(), Some(Role::Administrator)), [200, 200, 200, 403, 200, 200, 200]),
            (caller(Means::Certificate, user(), None), [200, 200, 200, 403, 403, 403, 403]),
            (
                caller(Means::Certificate, Some(Principal::Node(NodeId::derived_from("n"))), None),
                [200, 200, 200, 403, 403, 403, 403],
            ),
            (
                caller(Means::Certificate, Some(Principal::Group(GroupId::derived_from("g"))), None),
                [200, 200, 200, 200, 403, 403, 403],
            ),
            (caller(Means::OwnMachine, None, Some(Role::Administrator)), [200, 200, 403, 403, 200, 200, 200]),
        ];
        for (caller, expected) in table {
            let got = accesses.map(|access| status(&caller, access));
            assert_eq!(got, expected, "{caller:?}");
        }
    }
}
