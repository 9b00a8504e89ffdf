//! How a request of a browser is refused: with a page, with a part of the page it is on, or with the way to the login.

use std::sync::Arc;

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::page;
use crate::api::errors::{self, Problem};

/// Says that a part of a page is asked for, by htmx.
const PART: HeaderName = HeaderName::from_static("hx-request");

/// What a handler of the web page answers.
pub(super) type Answer = Result<Response, Trouble>;

/// What a handler could not do. [`Asked::dress`] makes of it what the browser asked for.
#[derive(Debug)]
pub(super) struct Trouble(Problem);

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(Arc::new(self.0));
        response
    }
}

/// What a browser asked for, as far as the form of the answer goes.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    is_part: bool,
    is_page: bool,
    path: String,
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Page<'a> {
    assets: &'static str,
    status: u16,
    title: &'a str,
    detail: &'a str,
    details: &'a [String],
}

#[derive(Template)]
#[template(path = "part/trouble.html")]
struct Part<'a> {
    detail: &'a str,
    details: &'a [String],
}

impl Asked {
    /// Looks at a request.
    pub(crate) fn of(request: &Request) -> Self {
        let path = request.uri().path_and_query().map_or("/ui/", |path| path.as_str()).to_owned();
        let accepts =
            request.headers().get(header::ACCEPT).is_none_or(|accept| !accept.as_bytes().starts_with(b"text/event"));
        Self {
            is_part: request.headers().contains_key(PART),
            is_page: accepts && *request.method() == Method::GET,
            path,
        }
    }

    /// The answer to a request that is refused.
    pub(crate) fn refused(&self, problem: &Problem) -> Response {
        let is_stranger = problem.status() == StatusCode::UNAUTHORIZED;
        let mut response = match (is_stranger, self.is_part, self.is_page) {
            (true, true, _) => self.to_login_from_part(),
            (true, false, true) => {
                (StatusCode::SEE_OTHER, [(header::LOCATION, self.login(&self.path))]).into_response()
            }
            (_, true, _) => part(problem),
            _ => whole(problem),
        };
        page::guard(response.headers_mut());
        response
    }

    /// What a handler answered, with the headers every page has, and in this form where it is a refusal.
    pub(crate) fn dress(&self, mut response: Response) -> Response {
        if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
            return self.refused(&problem);
        }
        page::guard(response.headers_mut());
        response
    }

    fn login(&self, next: &str) -> String {
        format!("/ui/login?next={}", utf8_percent_encode(next, NON_ALPHANUMERIC))
    }

    /// The page a part belongs to goes to the login as a whole, and comes back to itself.
    fn to_login_from_part(&self) -> Response {
        (StatusCode::UNAUTHORIZED, [("hx-redirect", self.login("/ui/"))]).into_response()
    }
}

fn whole(problem: &Problem) -> Response {
    let title = problem.status().canonical_reason().unwrap_or("Error");
    let page = Page {
        assets: super::assets::VERSION,
        status: problem.status().as_u16(),
        title,
        detail: problem.detail(),
        details: problem.details(),
    };
    page::with_status(problem.status(), &page).unwrap_or_else(|_| problem.status().into_response())
}

fn part(problem: &Problem) -> Response {
    let part = Part { detail: problem.detail(), details: problem.details() };
    let mut response = page::with_status(problem.status(), &part).unwrap_or_else(|_| problem.status().into_response());
    aim_at_notice(response.headers_mut());
    response
}

/// Has htmx put the answer where the page tells what went wrong, and not where it wanted to put it.
fn aim_at_notice(headers: &mut HeaderMap) {
    headers.insert("hx-retarget", HeaderValue::from_static("#notice"));
    headers.insert("hx-reswap", HeaderValue::from_static("innerHTML"));
}

/// Any path there is not.
pub(crate) async fn not_found(uri: Uri) -> Response {
    if !uri.path().starts_with("/ui/") {
        return errors::not_found(uri).await.into_response();
    }
    let mut response = whole(&Problem::missing(format!("there is no page {}", uri.path())));
    page::guard(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn asked(path: &str, part: bool) -> Asked {
        let request = Request::builder().uri(path);
        let request = if part { request.header(PART, "true") } else { request };
        Asked::of(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_stranger_is_led_to_the_login_and_from_there_to_where_they_wanted() {
        let stranger = Problem::new(StatusCode::UNAUTHORIZED, "who are you");
        let response = asked("/ui/nodes/a?window=24h&x=1", false).refused(&stranger);
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::LOCATION], "/ui/login?next=%2Fui%2Fnodes%2Fa%3Fwindow%3D24h%26x%3D1");
        let response = asked("/ui/part/header", true).refused(&stranger);
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["hx-redirect"], "/ui/login?next=%2Fui%2F");
    }

    #[test]
    fn a_refusal_has_the_form_of_what_was_asked_for_and_the_headers_of_every_page() {
        let missing = Problem::missing("there is no node");
        for (part, aimed) in [(false, false), (true, true)] {
            let response =
                asked("/ui/nodes/a", part).dress(Trouble(Problem::missing("there is no node")).into_response());
            assert_eq!(response.status(), missing.status());
            assert_eq!(response.headers().contains_key("hx-retarget"), aimed);
            assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        }
    }
}
