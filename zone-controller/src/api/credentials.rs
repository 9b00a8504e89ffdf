//! How callers are known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use rollcall_identity::{Token, TokenUse};
use rollcall_model::{Name, Principal, Role, ZoneId};
use rollcall_startup::Clock;
use rollcall_store::Store;

use super::Shared;
use super::caller::{Caller, Means};
use super::errors::Problem;
use super::listener::Peer;
use super::routes::Access;
use crate::trust::Trust;
use crate::web::session::Session;

/// Header that says who writes, where the zone has no identity yet.
const BY: &str = "x-rollcall-by";
/// Longest name in it, characters.
const LONGEST_BY: usize = 64;

/// How callers are known.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The zone has no identity yet: whoever is on its own machine may everything, everybody else may look.
    OwnMachine,
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
            Self::OwnMachine => return on_own_machine(origin, headers),
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

async fn by_token(store: &Store, origin: IpAddr, shown: &str) -> Result<Caller, Problem> {
    let unknown = || unproven("nobody has this token", "unknown_token");
    let (scheme, token) = shown.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unproven("expected `Authorization: Bearer rcu1_…`", "unknown_token"));
    }
    let token = Token::parse(TokenUse::Api, token).map_err(|_| unknown())?;
    // What is looked up is a digest: how long that takes tells nothing of the token.
    let user = store.user_of_token(&token.hash()).await.map_err(Problem::store)?.ok_or_else(unknown)?;
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

fn on_own_machine(origin: IpAddr, headers: &HeaderMap) -> Result<Caller, Problem> {
    refuse_foreign_names(origin, headers)?;
    let role = if origin.to_canonical().is_loopback() { Role::Administrator } else { Role::Viewer };
    let who = match headers.get(BY) {
        None => "api".to_owned(),
        Some(by) => {
            let by = by.to_str().unwrap_or_default().trim();
            if by.is_empty() || by.chars().count() > LONGEST_BY {
                let why = format!("{BY}: expected a name of 1 to {LONGEST_BY} visible characters");
                return Err(Problem::bad_request(why));
            }
            by.to_owned()
        }
    };
    Ok(Caller { principal: None, who, role: Some(role), origin, means: Means::OwnMachine, serial: None })
}

/// A page of anywhere may have its name lead to this machine (DNS rebinding); the browser then asks here in its own name.
/// An address is nobody's name.
fn refuse_foreign_names(origin: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(host) = headers.get(header::HOST).filter(|_| origin.to_canonical().is_loopback()) else { return Ok(()) };
    let host = host.to_str().unwrap_or_default();
    let is_address = host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if is_address || name.eq_ignore_ascii_case("localhost") {
        return Ok(());
    }
    let why =
        format!("without an identity this zone answers programs of its own machine as localhost, not as {name:?}");
    Err(Problem::forbidden(why).because("foreign_host"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn without_an_identity_only_programs_on_this_machine_may_write() {
        let table = [
            ("127.0.0.1", Role::Administrator),
            ("::1", Role::Administrator),
            ("::ffff:127.0.0.1", Role::Administrator),
            ("10.1.0.7", Role::Viewer),
            ("::ffff:10.1.0.7", Role::Viewer),
        ];
        for (origin, role) in table {
            let caller = on_own_machine(origin.parse().unwrap(), &HeaderMap::new()).unwrap();
            assert_eq!(caller.role, Some(role), "{origin}");
        }
    }

    #[test]
    fn on_this_machine_only_its_own_names_are_answered_to() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let asks = |origin: IpAddr, host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
            on_own_machine(origin, &headers).is_ok()
        };
        for own in ["127.0.0.1:7655", "127.0.0.1", "localhost", "LOCALHOST:7655", "[::1]:7655", "[::1]", "10.1.0.7:1"] {
            assert!(asks(loopback, own), "{own}");
        }
        for foreign in ["evil.example", "evil.example:7655", "localhost.evil.example:7655", "", "127.0.0.1.nip.io"] {
            assert!(!asks(loopback, foreign), "{foreign:?}");
        }
        assert!(asks(IpAddr::from([10, 1, 0, 7]), "zone.example:7655"), "from elsewhere nothing can be changed");
    }

    #[test]
    fn who_writes_is_named_by_a_header_or_is_the_api() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let named = |by: &str| HeaderMap::from_iter([(BY.parse().unwrap(), HeaderValue::from_str(by).unwrap())]);
        assert_eq!(on_own_machine(loopback, &HeaderMap::new()).unwrap().who, "api");
        assert_eq!(on_own_machine(loopback, &named("ada@desk")).unwrap().who, "ada@desk");
        for bad in ["", " ", &"x".repeat(65)] {
            assert!(on_own_machine(loopback, &named(bad)).is_err(), "{bad:?}");
        }
    }
}
