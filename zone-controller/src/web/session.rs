//! Logging in and out. A session is a cookie and nothing else: who, until when, and the digest of the token it began with,
//! authenticated by the zone's key. Each request looks the token up anew, so that nothing outlives its user; whoever logs out
//! ends it before its time.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_identity::{SessionKey, Token, TokenUse};
use rollcall_model::{Name, Sha256, UnixMillis};
use rollcall_startup::Clock;
use serde::Deserialize;

use super::answer::Answer;
use super::{assets, page};
use crate::api::errors::Problem;
use crate::api::{Caller, Means, Shared};

/// What the tags of sessions are made for.
const USE: &str = "session";
/// Browsers take a cookie of this name from this host alone, and over TLS only (RFC 6265bis, `__Host-`).
const COOKIE: &str = "__Host-rollcall";
/// How long a session lasts, seconds.
const LASTS: u64 = 12 * 60 * 60;

/// Somebody who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The user.
    pub user: Name,
    /// Digest of the token they came with.
    pub token: Sha256,
    /// When it is over.
    pub until: UnixMillis,
}

impl Session {
    /// The session in a request's cookies; `None` where there is none, it is over, or it was not made here.
    pub(crate) fn in_cookies(headers: &HeaderMap, key: &SessionKey, now: UnixMillis) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut shown = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        shown.find_map(|(name, value)| if name == COOKIE { Self::read(value, key, now) } else { None })
    }

    fn read(value: &str, key: &SessionKey, now: UnixMillis) -> Option<Self> {
        let (text, tag) = value.rsplit_once('.')?;
        if !key.is_tag(USE, text, tag) {
            return None;
        }
        // A name may have dots.
        let mut parts = text.rsplitn(3, '.');
        let (token, until, user) = (parts.next()?, parts.next()?, parts.next()?);
        let session =
            Self { user: user.parse().ok()?, token: token.parse().ok()?, until: UnixMillis(until.parse().ok()?) };
        (session.until > now).then_some(session)
    }

    /// Tells one session from another.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}.{}", self.user, self.until.0, self.token)
    }

    fn cookie(&self, key: &SessionKey) -> String {
        let text = self.id();
        set_cookie(&format!("{text}.{}", key.tag(USE, &text)), LASTS)
    }
}

fn set_cookie(value: &str, seconds: u64) -> String {
    format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict")
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    assets: &'static str,
    zone: &'a str,
    next: &'a str,
    problem: &'a str,
    /// Whoever is known already.
    who: Option<&'a str>,
    /// Whether tokens count here at all.
    takes_tokens: bool,
}

/// Where to go after the login.
#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    next: String,
}

/// `GET /` and `/ui`
pub(super) async fn home() -> Response {
    see_other("/ui/")
}

fn see_other(path: &str) -> Response {
    // What cannot stand in a header is no path of ours.
    let path = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/ui/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// A path of the web page, never another site: what a stranger wrote into a link must not lead away from here.
fn safe(next: &str) -> &str {
    let is_plain = next.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    let is_login = next.starts_with("/ui/login") || next.starts_with("/ui/logout");
    if next.starts_with("/ui/") && is_plain && !is_login { next } else { "/ui/" }
}

/// `GET /ui/login?next=`
pub(super) async fn form(State(shared): State<Arc<Shared>>, caller: Caller, Query(wish): Query<Wish>) -> Answer {
    show(&shared, &caller, &wish.next, StatusCode::OK, "")
}

fn show(shared: &Shared, caller: &Caller, next: &str, status: StatusCode, problem: &str) -> Answer {
    let who = (caller.means != Means::Nothing).then_some(caller.who.as_str());
    let (zone, next) = (shared.name.as_str(), safe(next));
    let takes_tokens = shared.trust.is_some();
    page::with_status(status, &LoginPage { assets: assets::VERSION, zone, next, problem, who, takes_tokens })
}

/// What is typed into the form.
#[derive(Deserialize)]
pub(super) struct Credentials {
    token: String,
    #[serde(default)]
    next: String,
}

/// `POST /ui/login`: the token opens a session of twelve hours.
pub(super) async fn login(State(shared): State<Arc<Shared>>, caller: Caller, Form(shown): Form<Credentials>) -> Answer {
    let (next, now) = (shown.next, Clock::start().now().wall);
    if shared.trust.is_none() {
        return Ok(see_other(safe(&next)));
    }
    let refused = |problem: &str| show(&shared, &caller, &next, StatusCode::UNAUTHORIZED, problem);
    let Ok(token) = Token::parse(TokenUse::Api, &shown.token) else {
        return refused(
            "That is no user token: it begins with rcu1_ and has 64 digits after that. Was it copied whole?",
        );
    };
    let Some(user) = shared.store.user_of_token(&token.hash()).await.map_err(Problem::store)? else {
        shared.notices.turned_away(caller.origin, "nobody has the token that was typed into the login");
        return refused("Nobody has this token. It may have been replaced, or its user removed.");
    };
    let session = Session { user: user.name, token: token.hash(), until: UnixMillis(now.0 + LASTS * 1_000) };
    let mut response = see_other(safe(&next));
    set(&mut response, &session.cookie(&shared.sessions))?;
    Ok(response)
}

/// `POST /ui/logout`: the session is over, its streams end, and the browser forgets it.
pub(super) async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let now = Clock::start().now().wall;
    if let Some(session) = Session::in_cookies(&headers, &shared.sessions, now) {
        shared.ended.end(&session, now);
        shared.feed.prove_again();
    }
    let mut response = see_other("/ui/login");
    set(&mut response, &set_cookie("", 0))?;
    Ok(response)
}

fn set(response: &mut Response, cookie: &str) -> Result<(), Problem> {
    let value = HeaderValue::from_str(cookie)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the session cannot be written down"))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_header(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap_or_default();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&format!("other=1; {pair}")).unwrap())])
    }

    #[test]
    fn a_session_is_read_back_until_it_ends_and_only_with_the_zones_key() {
        let key = SessionKey::random().unwrap();
        let (user, token) = (Name::new("ada.l").unwrap(), Sha256::of(b"token"));
        let session = Session { user, token, until: UnixMillis(1_000) };
        let cookie = session.cookie(&key);
        for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let headers = in_header(&cookie);
        assert_eq!(Session::in_cookies(&headers, &key, UnixMillis(999)), Some(session));
        assert_eq!(Session::in_cookies(&headers, &key, UnixMillis(1_000)), None, "it is over");
        let other = SessionKey::random().unwrap();
        assert_eq!(Session::in_cookies(&headers, &other, UnixMillis(0)), None, "of another zone");
        let longer = in_header(&cookie.replace(".1000.", ".9999."));
        assert_eq!(Session::in_cookies(&longer, &key, UnixMillis(0)), None, "changed");
        for rubbish in ["", ".", "a.b.c.d", "...."] {
            assert_eq!(Session::in_cookies(&in_header(&format!("{COOKIE}={rubbish}")), &key, UnixMillis(0)), None);
        }
    }

    #[test]
    fn nobody_is_led_away_from_here_by_the_login() {
        for good in ["/ui/", "/ui/nodes/a?window=24h", "/ui/search?q=a%20b"] {
            assert_eq!(safe(good), good);
        }
        let bad = [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil",
            "/ui/\r\nset-cookie: a=b",
            "/v1/nodes",
            "/ui/login?next=/ui/login",
        ];
        for bad in bad {
            assert_eq!(safe(bad), "/ui/", "{bad:?}");
        }
    }
}
