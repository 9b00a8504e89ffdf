//! What comes from strangers: bodies, query strings, parts of paths. Unknown keys are refused, and what is wrong is said as
//! a problem that names the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::errors::Problem;

/// A JSON body of type `T`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let why = "expected a body of JSON, with `content-type: application/json`";
            return Err(Problem::of_field(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", why));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let body = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            let status = if inner.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
            at_fault(status, &path, &inner.to_string(), "the body")
        })?;
        reader.end().map_err(|error| Problem::bad_request(format!("the body: {error}")))?;
        Ok(Self(body))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// A query string of type `T`.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        let read = serde_path_to_error::deserialize(reader);
        read.map(Self).map_err(|error| {
            at_fault(StatusCode::BAD_REQUEST, &error.path().to_string(), &error.inner().to_string(), "the query")
        })
    }
}

/// The part of a path in `{…}`.
#[derive(Debug)]
pub struct InPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(part)) => Ok(Self(part)),
            Err(rejection) => {
                let matched = parts.extensions.get::<MatchedPath>().map_or("", |path| path.as_str());
                let name = matched.rsplit_once('{').and_then(|(_, rest)| rest.split_once('}'));
                let why = rejection.body_text();
                let why = why.strip_prefix("Invalid URL: ").unwrap_or(&why);
                Err(Problem::at(name.map_or("path", |(name, _)| name), why))
            }
        }
    }
}

/// A problem that names what is at fault: serde tells of an unknown or a missing key by the path of what it should be in.
fn at_fault(status: StatusCode, path: &str, message: &str, whole: &str) -> Problem {
    let path = path.trim_matches('.').trim_matches('?');
    let quoted = |word: &str| message.strip_prefix(word)?.strip_prefix(" field `")?.split('`').next();
    let key = quoted("unknown").or_else(|| quoted("missing")).or_else(|| quoted("duplicate"));
    let field = match (path, key) {
        ("", None) => return Problem::new(status, format!("{whole}: {message}")),
        ("", Some(key)) => key.to_owned(),
        (path, Some(key)) if path.rsplit('.').next() != Some(key) => format!("{path}.{key}"),
        (path, _) => path.to_owned(),
    };
    Problem::of_field(status, field, message)
}

/// A text for people that stands in one line, of logs and of tables.
///
/// # Errors
/// 422 where it is longer than `longest` characters or has a control character in it, such as a line break.
pub fn one_line(field: &'static str, text: &str, longest: usize) -> Result<(), Problem> {
    let wrong = |why: String| Problem::of_field(StatusCode::UNPROCESSABLE_ENTITY, field, why);
    if text.chars().count() > longest {
        return Err(wrong(format!("has more than {longest} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong("has a line break or another control character in it".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_at_fault_is_named() {
        for (path, message, field) in [
            (".", "unknown field `sate`, expected `state`", "sate"),
            ("sate", "unknown field `sate`, expected `state`", "sate"),
            (".", "missing field `node` at line 1 column 2", "node"),
            ("action", "missing field `seconds`", "action.seconds"),
            ("action.seconds", "invalid type: string \"x\", expected u32", "action.seconds"),
        ] {
            let problem = at_fault(StatusCode::BAD_REQUEST, path, message, "the body");
            assert!(problem.detail().starts_with(&format!("{field}: ")), "{path} {message}: {problem:?}");
        }
        assert_eq!(at_fault(StatusCode::BAD_REQUEST, ".", "EOF", "the body").detail(), "the body: EOF");
    }

    #[test]
    fn a_line_is_one_line() {
        assert!(one_line("comment", "seen, {{7*7}} ü", 20).is_ok());
        for bad in ["a\r\nSet-Cookie: x", "a\u{1b}[31m", "a\0", &"x".repeat(21)] {
            assert!(one_line("comment", bad, 20).is_err(), "{bad:?}");
        }
    }
}
