//! ETags, and what whoever asks makes depend on them (RFC 9110, sections 8.8.3 and 13).
//!
//! A tag has two parts, `"state.whole"`: `whole` changes with anything in the representation that does not merely age, and
//! decides whether it has to be sent again (304); `state` changes with what a write would overwrite, and decides whether a
//! write may go on (412). So a policy can be changed on condition while the groups are still taking the one before.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::errors::Problem;

/// Of each digest in a tag, bytes.
const PART: usize = 9;
/// Most tags in a header.
const MOST_TAGS: usize = 32;

/// Writes that may depend on what is there.
const CONDITIONAL: [(Method, &str); 9] = [
    (Method::PUT, "/v1/policy"),
    (Method::POST, "/v1/policy/rollback"),
    (Method::POST, "/v1/groups"),
    (Method::DELETE, "/v1/groups/{group}"),
    (Method::POST, "/v1/alerts/{alert}/acknowledge"),
    (Method::POST, "/v1/joins/{join}/approve"),
    (Method::POST, "/v1/joins/{join}/deny"),
    (Method::DELETE, "/v1/tokens/{token}"),
    (Method::DELETE, "/v1/users/{name}"),
];

/// Whether a route does what these headers ask for.
#[must_use]
pub fn are_honoured(method: &Method, path: &str) -> bool {
    CONDITIONAL.iter().any(|(known, at)| known == method && *at == path)
}

/// Refuses a write that is to depend on something where that is not looked at: it would be done all the same.
///
/// # Errors
/// 400, with the header at fault.
pub fn refuse_unhonoured(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let dated = [header::IF_UNMODIFIED_SINCE, header::IF_MODIFIED_SINCE];
    let tagged = [header::IF_MATCH, header::IF_NONE_MATCH];
    let refused = dated.iter().chain(tagged.iter().filter(|_| !are_honoured(method, path)));
    match refused.clone().find(|name| headers.contains_key(*name)) {
        Some(name) => Err(Problem::at(name.as_str(), "this request cannot be made to depend on that; leave it out")),
        None => Ok(()),
    }
}

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    state: String,
    whole: String,
}

impl Tag {
    /// Of something whose `state` a write would overwrite, and which is told as `whole`.
    pub fn of(state: &Value, whole: &Value) -> Self {
        Self { state: digest(state), whole: digest(whole) }
    }

    /// Of a row, of which a write would overwrite these columns. How long something has lasted is no change of it.
    pub fn of_row(row: &Value, state: &[&str]) -> Self {
        let state: Vec<&Value> = state.iter().map(|column| &row[*column]).collect();
        let mut whole = row.clone();
        if let Some(whole) = whole.as_object_mut() {
            whole.remove("lasted_ms");
        }
        Self::of(&serde_json::json!(state), &whole)
    }

    fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("\"{}.{}\"", self.state, self.whole)).ok()
    }
}

/// Objects keep their keys in order, so the same value is the same text.
fn digest(value: &Value) -> String {
    let digest: [u8; 32] = Sha256::digest(value.to_string().as_bytes()).into();
    URL_SAFE_NO_PAD.encode(&digest[..PART])
}

/// What a header names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Any,
    /// What stands between the quotes, and whether it is weak.
    These(Vec<(String, bool)>),
}

/// What a request depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    if_match: Option<Named>,
    if_none_match: Option<Named>,
}

impl Conditions {
    /// The representation with its tag, or 304 where whoever asks has it already.
    pub fn answer(&self, tag: &Tag, body: Value) -> Response {
        let text = format!("{}.{}", tag.state, tag.whole);
        let is_known = match &self.if_none_match {
            None => false,
            Some(Named::Any) => true,
            Some(Named::These(tags)) => tags.iter().any(|(known, _)| *known == text),
        };
        let mut answer = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { Json(body).into_response() };
        if let Some(tag) = tag.header() {
            answer.headers_mut().insert(header::ETAG, tag);
        }
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        answer
    }

    /// Whether anything has to be looked up.
    #[must_use]
    pub const fn are_none(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether a write may go on; `there` is the tag of what it would change, if there is something.
    ///
    /// # Errors
    /// 412.
    pub fn allow(&self, there: Option<&Tag>) -> Result<(), Problem> {
        let state_of = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
        let is_one_of =
            |tags: &[(String, bool)]| there.is_some_and(|tag| tags.iter().any(|(it, _)| state_of(it) == tag.state));
        let matches = match &self.if_match {
            None => true,
            Some(Named::Any) => there.is_some(),
            Some(Named::These(tags)) => is_one_of(tags),
        };
        let matches_none = match &self.if_none_match {
            None => true,
            Some(Named::Any) => there.is_none(),
            Some(Named::These(tags)) => !is_one_of(tags),
        };
        match (matches, matches_none) {
            (true, true) => Ok(()),
            (false, _) if there.is_none() => Err(Problem::stale("if-match: it is not there; nothing was changed")),
            (false, _) => {
                Err(Problem::stale("if-match: somebody changed it since; look at it again, nothing was changed"))
            }
            (_, false) => Err(Problem::stale("if-none-match: it is there already; nothing was changed")),
        }
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let if_match = named(headers, &header::IF_MATCH)?;
        if let Some(Named::These(tags)) = &if_match
            && tags.iter().any(|(_, is_weak)| *is_weak)
        {
            return Err(Problem::at("if-match", "a weak tag (W/…) matches nothing; give the one of the answer's etag"));
        }
        Ok(Self { if_match, if_none_match: named(headers, &header::IF_NONE_MATCH)? })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}

fn named(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Named>, Problem> {
    let wrong = || Problem::at(name.as_str(), "expected * or tags in quotes with commas between, like \"a.b\"");
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| wrong())?.trim();
        if text == "*" {
            return if headers.get_all(name).iter().count() == 1 { Ok(Some(Named::Any)) } else { Err(wrong()) };
        }
        for tag in text.split(',').map(str::trim) {
            let (tag, is_weak) = tag.strip_prefix("W/").map_or((tag, false), |tag| (tag, true));
            let inside = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let inside = inside.filter(|inside| !inside.contains(['"', ' '])).ok_or_else(wrong)?;
            tags.push((inside.to_owned(), is_weak));
        }
    }
    match tags.len() {
        0 => Ok(None),
        1..=MOST_TAGS => Ok(Some(Named::These(tags))),
        _ => Err(Problem::at(name.as_str(), format!("has more than {MOST_TAGS} tags"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(name: HeaderName, value: &str) -> Result<Conditions, u16> {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
        Conditions::read(&headers).map_err(|problem| problem.into_response().status().as_u16())
    }

    fn shown(tag: &Tag) -> String {
        tag.header().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_write_looks_at_the_state_and_a_read_at_the_whole() {
        let (old, new) = (Tag::of(&json!(1), &json!("a")), Tag::of(&json!(1), &json!("b")));
        let changed = Tag::of(&json!(2), &json!("b"));
        let write = with(header::IF_MATCH, &shown(&old)).unwrap();
        assert!(write.allow(Some(&old)).is_ok() && write.allow(Some(&new)).is_ok());
        assert!(write.allow(Some(&changed)).is_err() && write.allow(None).is_err());
        let read = with(header::IF_NONE_MATCH, &format!("\"x\", W/{}", shown(&old))).unwrap();
        assert_eq!(read.answer(&old, json!({})).status(), 304);
        assert_eq!(read.answer(&new, json!({})).status(), 200);
    }

    #[test]
    fn a_star_stands_for_whatever_is_there() {
        let tag = Tag::of(&json!(1), &json!(1));
        let there = with(header::IF_MATCH, "*").unwrap();
        assert!(there.allow(Some(&tag)).is_ok() && there.allow(None).is_err());
        let absent = with(header::IF_NONE_MATCH, " * ").unwrap();
        assert!(absent.allow(Some(&tag)).is_err() && absent.allow(None).is_ok());
        assert_eq!(absent.answer(&tag, json!({})).status(), 304);
        assert!(Conditions::default().allow(None).is_ok());
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for bad in ["", "a.b", "\"a", "W/\"a.b\"", "\"a\" \"b\"", "*, \"a\"", "\"a\",", "W/*"] {
            assert_eq!(with(header::IF_MATCH, bad), Err(400), "{bad}");
        }
        assert_eq!(with(header::IF_NONE_MATCH, &["\"a\""; 33].join(",")), Err(400));
    }

    #[test]
    fn a_write_that_would_not_look_at_it_is_refused() {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static("\"a.b\""))]);
        assert!(refuse_unhonoured(&Method::POST, "/v1/actions", &headers).is_err());
        assert!(refuse_unhonoured(&Method::PUT, "/v1/policy", &headers).is_ok());
        assert!(refuse_unhonoured(&Method::GET, "/v1/nodes", &headers).is_ok());
    }
}
