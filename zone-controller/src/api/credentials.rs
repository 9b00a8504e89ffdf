//! How callers are known.

mod own_machine;
mod vouched;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use rollcall_identity::{Token, TokenUse};
use rollcall_model::{Name, Principal, Role, ZoneId};
use rollcall_startup::Clock;
use rollcall_store::Store;

pub use self::own_machine::OwnMachine;
pub use self::vouched::Vouched;
use super::Shared;
use super::caller::{Caller, Means};
use super::errors::Problem;
use super::listener::Peer;
use super::routes::Access;
use crate::trust::Trust;
use crate::web::session::Session;

/// How callers are known.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The zone has no identity yet: whoever is on its own machine may everything, everybody else may look.
    OwnMachine(OwnMachine),
    /// By certificates of this zone's authorities, and by tokens.
    Site(Arc<Trust>),
}

impl Credentials {
    /// Who asks. A certificate counts before a token.
    ///
    /// # Errors
    /// What is wrong with what they showed: 401 where it proves nothing, 403 where it does and is revoked.
    pub async fn who(&self, shared: &Shared, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
        let (origin, store) = (peer.address.ip(), &shared.store);
        let trust = match self {
            Self::OwnMachine(machine) => return machine.who(origin, headers),
            Self::Site(trust) => trust,
        };
        if !peer.chain.is_empty() {
            return by_certificate(trust, store, peer).await;
        }
        match headers.get(header::AUTHORIZATION) {
            None => by_session(shared, origin, headers).await,
            Some(shown) => by_token(store, origin, shown.to_str().unwrap_or_default()).await,
        }
    }

    /// What tells this proof from every other, where it is one for as long as nobody takes it back: a certificate that is good here, or a
    /// token. Not a session, which is a person's.
    #[must_use]
    pub fn shown(&self, peer: &Peer, headers: &HeaderMap) -> Option<String> {
        let Self::Site(trust) = self else { return None };
        if !peer.chain.is_empty() {
            let known = trust.identify(&peer.chain, Clock::start().now().wall).ok()?;
            return Some(format!("{} {}", known.principal, known.serial));
        }
        let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        Some(format!("token {}", token(shown).ok()?.hash()))
    }
}

/// What a request proved its caller by, kept to be looked at again as long as its answer lasts.
#[derive(Clone, Debug)]
pub struct Proof {
    peer: Peer,
    headers: HeaderMap,
    /// Who it proved; nobody on the zone's own machine, where nobody has to prove anything.
    who: Option<String>,
}

impl Proof {
    /// Whether it still proves somebody who may use a route.
    ///
    /// # Errors
    /// As for a request.
    pub async fn entitles(&self, shared: &Shared, access: Access) -> Result<(), Problem> {
        shared.credentials.who(shared, &self.peer, &self.headers).await?.may(access)
    }

    /// Who it proved, where that has to be proved.
    #[must_use]
    pub fn who(&self) -> Option<&str> {
        self.who.as_deref()
    }

    /// From where it was shown.
    #[must_use]
    pub fn origin(&self) -> IpAddr {
        self.peer.address.ip()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Proof {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let nobody = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody told who is at the other end");
        let peer = parts.extensions.get::<Peer>().cloned().ok_or_else(nobody)?;
        let shown = [header::AUTHORIZATION, header::COOKIE];
        let shown = shown.into_iter().filter_map(|name| parts.headers.get(&name).map(|value| (name, value.clone())));
        let caller = parts.extensions.get::<Caller>();
        let who = caller.filter(|caller| caller.means != Means::OwnMachine).map(|caller| caller.who.clone());
        Ok(Self { peer, headers: shown.collect(), who })
    }
}

fn unproven(why: impl Into<String>, reason: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, why).because(reason)
}

async fn by_certificate(trust: &Trust, store: &Store, peer: &Peer) -> Result<Caller, Problem> {
    let known = trust.identify(&peer.chain, Clock::start().now().wall);
    let known = known.map_err(|error| unproven(error.to_string(), error.reason()))?;
    if store.is_revoked(&known.principal, &known.serial).await.map_err(Problem::store)? {
        return Err(Problem::forbidden(format!("{} was revoked", known.principal)).because("revoked"));
    }
    let role = match &known.principal {
        Principal::User(name) => Some(role_of(store, (trust.zone(), name), &known.user).await?),
        _ => None,
    };
    let (who, origin) = (known.principal.to_string(), peer.address.ip());
    Ok(Caller {
        principal: Some(known.principal),
        who,
        role,
        origin,
        means: Means::Certificate,
        serial: Some(known.serial),
    })
}

/// Also tells that a user was removed, whose certificate would be good otherwise, though somebody has the name again.
async fn role_of(store: &Store, (zone, name): (ZoneId, &Name), shown: &str) -> Result<Role, Problem> {
    let user = store.user_named(name).await.map_err(Problem::store)?;
    let gone = |why: String| Problem::forbidden(why).because("no_user");
    let user = user.ok_or_else(|| gone(format!("there is no user {name}, or not any more")))?;
    if user.user_in(zone) != shown {
        let why =
            format!("the user {name} of this certificate was removed; who has the name now has another certificate");
        return Err(gone(why));
    }
    Ok(user.role)
}

fn unknown_token() -> Problem {
    unproven("nobody has this token", "unknown_token")
}

fn token(shown: &str) -> Result<Token, Problem> {
    let (scheme, token) = shown.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unproven("expected `Authorization: Bearer rcu1_…`", "unknown_token"));
    }
    Token::parse(TokenUse::Api, token).map_err(|_| unknown_token())
}

async fn by_token(store: &Store, origin: IpAddr, shown: &str) -> Result<Caller, Problem> {
    // What is looked up is a digest: how long that takes tells nothing of the token.
    let user = store.user_of_token(&token(shown)?.hash()).await.map_err(Problem::store)?.ok_or_else(unknown_token)?;
    let principal = Principal::User(user.name);
    let (who, role) = (principal.to_string(), Some(user.role));
    Ok(Caller { principal: Some(principal), who, role, origin, means: Means::Token, serial: None })
}

/// A session that is over, or never was one, is as good as none: whoever shows it is asked who they are.
async fn by_session(shared: &Shared, origin: IpAddr, headers: &HeaderMap) -> Result<Caller, Problem> {
    let now = Clock::start().now().wall;
    let session = Session::in_cookies(headers, &shared.sessions, now);
    let Some(session) = session.filter(|session| !shared.ended.has(session)) else {
        return Ok(Caller::stranger(origin));
    };
    // The token is looked up each time: revoked, or its user removed, the session is over.
    let user = shared.store.user_of_token(&session.token).await.map_err(Problem::store)?;
    let Some(user) = user.filter(|user| user.name == session.user) else { return Ok(Caller::stranger(origin)) };
    let principal = Principal::User(user.name);
    let (who, role, means) = (principal.to_string(), Some(user.role), Means::Session(session.id()));
    Ok(Caller { principal: Some(principal), who, role, origin, means, serial: None })
}
