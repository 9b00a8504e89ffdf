//! What every request passes before its handler: who asks, may they, do they ask too often, and is what they send within
//! its bounds of size and time. In that order, so that a stranger's body is not even read where none is wanted.

mod once;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rollcall_model::{Role, TRACEPARENT};
use rollcall_startup::Clock;
use rollcall_startup::traces::{Kind, Span};
use tokio::time::timeout;
use tracing::Instrument;

use self::once::{Checked, Named};
use super::caller::{Caller, Means};
use super::errors::Problem;
use super::limits::{Buckets, Pace, origin};
use super::listener::Peer;
use super::routes::{Access, Route, Surface};
use super::{METRICS, Shared, conditions, idempotency};
use crate::web;

/// Time to send a body.
const BODY: Duration = Duration::from_secs(10);
/// Most callers and origins whose pace is remembered one by one.
const MOST_REMEMBERED: usize = 10_000;
/// Daemons ask for a certificate now and then.
const DAEMON: Pace = Pace { per_second: 5, burst: 20 };

/// How fast each kind of caller may ask.
#[derive(Clone, Copy, Debug)]
pub struct Paces {
    /// Whoever showed nothing, each origin.
    pub open: Pace,
}

/// What is remembered of how often somebody asked.
#[derive(Debug)]
pub struct Paced {
    paces: Paces,
    clock: Clock,
    buckets: Mutex<Buckets<String>>,
}

impl Paced {
    /// Nobody asked yet.
    #[must_use]
    pub fn new(paces: Paces) -> Self {
        Self { paces, clock: Clock::start(), buckets: Mutex::new(Buckets::new(MOST_REMEMBERED)) }
    }

    fn take(&self, caller: &Caller, access: Access) -> Result<(), Problem> {
        let (key, pace) = match (access, &caller.means, caller.role) {
            // Until the zone has an identity its API is for programs of its own machine.
            (_, Means::OwnMachine, _) => return Ok(()),
            (Access::Open, ..) | (_, Means::Nothing, _) => (origin(caller.origin).to_string(), self.paces.open),
            (.., Some(role)) => (caller.who.clone(), pace(role)),
            (.., None) => (caller.who.clone(), DAEMON),
        };
        let taken = self.buckets.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.now().tick, key, pace);
        taken.map_err(|too_often| Problem::too_often(too_often.retry_after))
    }
}

/// Requests each second, and at once, of somebody with this role.
const fn pace(role: Role) -> Pace {
    match role {
        Role::Viewer | Role::Operator => Pace { per_second: 50, burst: 200 },
        Role::Administrator => Pace { per_second: 100, burst: 400 },
    }
}

/// Lets a request through to its handler, or answers it.
pub(super) async fn pass(route: &Route, request: Request, next: Next) -> Response {
    let has_body = request.body().size_hint().upper() != Some(0);
    let asked = web::Asked::of(&request);
    let mut answer = match (check(route, request).await, route.surface) {
        (Ok(checked), Surface::Api) => return carry_out(route, checked, next).await,
        (Ok(checked), Surface::Web) => return asked.dress(carry_out(route, checked, next).await),
        (Err(problem), Surface::Api) => problem.into_response(),
        (Err(problem), Surface::Web) => asked.refused(&problem),
    };
    // What was not read stands in the way of the next request; whoever asks is told, and not cut off.
    if has_body {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// As a step of the trace that the request names, if it does.
async fn carry_out(route: &Route, checked: Checked, next: Next) -> Response {
    let mut span = traced(route, &checked.request);
    // Who is who, and who may what, is changed by administrators alone. Before, too: whoever asks may not wait for the answer.
    let shared = checked.request.extensions().get::<Arc<Shared>>().filter(|_| route.changes_who_may()).cloned();
    let forget = || shared.iter().for_each(|shared| shared.vouched.forget());
    forget();
    let response = once::carry_out(checked, next).instrument(span.log()).await;
    forget();
    span.note("http.response.status_code", &response.status().as_u16());
    if response.status().is_server_error() {
        span.fail(&response.status());
    }
    response
}

/// Who was turned away is in no trace: strangers would fill them.
fn traced(route: &Route, request: &Request) -> Span {
    let Some(context) = request.headers().get(TRACEPARENT) else { return Span::none() };
    let Some(shared) = request.extensions().get::<Arc<Shared>>() else { return Span::none() };
    let context = context.to_str().ok().and_then(|text| text.parse().ok());
    let mut span = shared.tracer.follow(context, &format!("{} {}", route.method, route.path), Kind::Server);
    span.note("http.request.method", &route.method);
    span.note("http.route", &route.path);
    span
}

async fn check(route: &Route, request: Request) -> Result<Checked, Problem> {
    let (mut parts, body) = request.into_parts();
    let (Some(shared), Some(peer)) = (parts.extensions.get::<Arc<Shared>>(), parts.extensions.get::<Peer>()) else {
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody told the gate who asks"));
    };
    let (shown, since) = (shown(route, shared, peer, &parts.headers), shared.vouched.since());
    let caller = match shared.credentials.who(shared, peer, &parts.headers).await {
        Ok(caller) => caller,
        // What is for everybody is told also while the database, which knows who is who, is away: whether the zone works above all.
        Err(problem) if matches!(route.access, Access::Open) && problem.is_passing() => {
            Caller::stranger(peer.address.ip())
        }
        Err(problem) => {
            let shown = shown.as_deref().unwrap_or_default();
            let known = shared.vouched.caller(shown, peer.address.ip()).filter(|_| problem.is_passing());
            let Some(caller) = known else {
                shared.vouched.refused(shown);
                // Guessing is paced like any asking of a stranger.
                shared.notices.turned_away(peer.address.ip(), problem.detail());
                shared.paced.take(&Caller::stranger(peer.address.ip()), Access::Open)?;
                return Err(problem);
            };
            caller
        }
    };
    shared.paced.take(&caller, route.access)?;
    caller.may(route.access)?;
    // Only now: whoever may not read takes no place of one who may.
    if let Some(shown) = shown {
        shared.vouched.keep(since, shown, &caller);
    }
    if route.surface == Surface::Api {
        refuse_web_pages(&caller, &route.method, &parts.headers)?;
        conditions::refuse_unhonoured(&route.method, route.path, &parts.headers)?;
    }
    let key = if idempotency::is_taken_by(route) { idempotency::key(&parts.headers)? } else { None };
    let body = read(body, route.body).await?;
    if route.surface == Surface::Web && route.method != Method::GET {
        let scheme = web::forms::scheme(shared.trust.is_some());
        web::forms::check((&shared.sessions, scheme), &caller, &parts.headers, &body)?;
    }
    let named = key.map(|key| Named {
        key: (caller.who.clone(), key),
        request: idempotency::request(parts.uri.path_and_query().map_or("", |it| it.as_str()), &body),
        shared: Arc::clone(shared),
    });
    let reader = shared.reads.of(&caller);
    parts.extensions.insert(caller);
    Ok(Checked { request: Request::from_parts(parts, Body::from(body)), named, reader })
}

/// What was shown, where it counts although the database is away.
fn shown(route: &Route, shared: &Shared, peer: &Peer, headers: &HeaderMap) -> Option<String> {
    if route.path == METRICS { shared.credentials.shown(peer, headers) } else { None }
}

/// A browser shows a certificate, and a session's cookie, for whatever page asks: no page may change anything by it.
fn refuse_web_pages(caller: &Caller, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let is_page = headers.contains_key(header::ORIGIN) || matches!(caller.means, Means::Session(_));
    if *method != Method::GET && is_page {
        return Err(Problem::forbidden("no web page may change anything here").because("web_origin"));
    }
    Ok(())
}

async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    let too_long = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {most} bytes"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_long());
    }
    match timeout(BODY, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // The connection ended, or the body is too long; nobody reads the answer to the former.
        Ok(Err(_)) => Err(too_long()),
        Err(_) => {
            let why = format!("the body did not come within {} s", BODY.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_something_is_refused_to_web_pages() {
        let page = HeaderMap::from_iter([(header::ORIGIN, "http://127.0.0.1".parse().unwrap())]);
        let caller = Caller::stranger([127, 0, 0, 1].into());
        assert!(refuse_web_pages(&caller, &Method::POST, &page).is_err());
        assert!(refuse_web_pages(&caller, &Method::DELETE, &page).is_err());
        assert!(refuse_web_pages(&caller, &Method::GET, &page).is_ok());
        assert!(refuse_web_pages(&caller, &Method::POST, &HeaderMap::new()).is_ok());
        let browser = Caller { means: Means::Session("a".into()), ..caller };
        assert!(refuse_web_pages(&browser, &Method::POST, &HeaderMap::new()).is_err(), "a cookie comes by itself");
        assert!(refuse_web_pages(&browser, &Method::GET, &HeaderMap::new()).is_ok());
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_its_bound() {
        assert!(read(Body::from(vec![0; 10]), 10).await.is_ok());
        let refused = read(Body::from(vec![0; 11]), 10).await.unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
