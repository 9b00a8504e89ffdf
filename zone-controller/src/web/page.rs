//! A page on its way out: rendered, and with the headers every answer of the web page carries.

use askama::Template;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::Trouble;
use crate::api::errors::Problem;

/// What a page may load and do (CSP level 3): files of this origin, no script or style within a page, no frame, no
/// form to elsewhere. Pictures within style sheets are data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const GUARDS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer` browsers hide the origin of forms from us, by which we know our own.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Puts the headers there that guard a page; what is not meant to be kept says so.
pub(super) fn guard(headers: &mut HeaderMap) {
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A page, or a part of one.
///
/// # Errors
/// When the template cannot be rendered.
pub(super) fn html(template: &impl Template) -> Result<Response, Trouble> {
    with_status(StatusCode::OK, template)
}

/// The same with another status.
///
/// # Errors
/// When the template cannot be rendered.
pub(super) fn with_status(status: StatusCode, template: &impl Template) -> Result<Response, Trouble> {
    let text = template.render().map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the page cannot be made: {error}"))
    })?;
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    Ok((status, kind, text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_may_load_from_elsewhere_or_run_what_stands_in_it() {
        let mut headers = HeaderMap::new();
        guard(&mut headers);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    }
}
