//! Errors of the API: problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rollcall_model::Millis;
use rollcall_store::QueryError;
use serde::Serialize;
use serde_json::json;

use super::lists::Fault;
use crate::core::{Rejection, RejectionKind};
use crate::driver::CommandError;

/// What went wrong, for a program and for a person.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    /// A word for programs, where they tell refusals apart.
    reason: Option<String>,
    /// When asking again is worth it.
    retry_after: Option<Millis>,
    /// More of it, one by one: each problem of a policy, say.
    details: Vec<String>,
    /// Which parts of body, query, path or headers are wrong, and how.
    errors: Vec<AtFault>,
}

/// A part of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AtFault {
    /// A key of the body (`action.seconds`), a parameter, or the name of a header.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Problem {
    /// A problem of any kind.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let (details, errors) = (Vec::new(), Vec::new());
        Self { status, detail: detail.into(), reason: None, retry_after: None, details, errors }
    }

    /// A part of the request cannot be read.
    pub fn at(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of_field(StatusCode::BAD_REQUEST, field, message)
    }

    /// A part of the request is wrong.
    pub fn of_field(status: StatusCode, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let problem = Self::new(status, format!("{field}: {message}"));
        Self { errors: vec![AtFault { field, message }], ..problem }
    }

    /// The same, with the field that is at fault.
    pub fn of(self, field: &str) -> Self {
        let errors = vec![AtFault { field: field.to_owned(), message: self.detail.clone() }];
        Self { errors, ..self }
    }

    /// It was another one than whoever asks believes.
    pub fn stale(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, detail).because("stale")
    }

    /// What is wrong, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// A word for programs.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Every single problem, where there are several.
    #[must_use]
    pub fn details(&self) -> &[String] {
        &self.details
    }

    /// The same, with a word for programs.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// The same, with every single problem.
    #[must_use]
    pub fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// Whoever asks, asks too often.
    pub fn too_often(retry_after: Millis) -> Self {
        let why = "too many requests; ask again after the time in retry-after";
        Self::too_many(retry_after, why).because("too_often")
    }

    /// Whoever asks has too much under way.
    pub fn too_many(retry_after: Millis, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// Something is full for the moment.
    pub fn full(retry_after: Millis, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// Whether the same may be answered otherwise in a moment.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// The request is wrong.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// What is asked for is wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// There is no such thing.
    pub fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The request does not fit how things stand.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// Whoever asks may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// The store did not answer one of the zone's own statements.
    #[must_use]
    pub fn unread(error: &QueryError) -> Self {
        if error.took_too_long() {
            let why = "this took the database too long and was stopped; ask for less, by filters or a smaller limit";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, why).because("too_slow");
        }
        Self::store(error)
    }

    /// The store cannot answer.
    pub fn store(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("the topology cannot be read: {error}"))
    }

    /// The zone controller is ending, or forgot the question because it started anew.
    pub fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the zone controller is stopping or starting anew; ask again")
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.kind {
            RejectionKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            RejectionKind::Missing => StatusCode::NOT_FOUND,
            RejectionKind::Conflict => StatusCode::CONFLICT,
            RejectionKind::Silent => StatusCode::GATEWAY_TIMEOUT,
            RejectionKind::Forbidden => StatusCode::FORBIDDEN,
            RejectionKind::Stale => StatusCode::PRECONDITION_FAILED,
            RejectionKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        let errors = rejection.field.map(|field| AtFault { field, message: rejection.message.clone() });
        let problem = Self { errors: errors.into_iter().collect(), ..Self::new(status, rejection.message) };
        Self { reason: rejection.reason, details: rejection.details, retry_after: rejection.retry_after, ..problem }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::at(fault.parameter, fault.message)
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Rejected(rejection) => rejection.into(),
            CommandError::NotSaved(_) | CommandError::NotSent(_) | CommandError::NotUp => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let mut body =
            json!({ "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail });
        if !self.details.is_empty() {
            body["details"] = json!(self.details);
        }
        if !self.errors.is_empty() {
            body["errors"] = json!(self.errors);
        }
        if let Some(reason) = self.reason {
            body["reason"] = json!(reason);
        }
        if let Some(retry_after) = self.retry_after {
            body["retry_after_ms"] = json!(retry_after);
        }
        let mut answer =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Json(body)).into_response();
        let headers = answer.headers_mut();
        if let Some(Millis(retry_after)) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.div_ceil(1_000).max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rollcall\""));
        }
        answer
    }
}

/// Any path there is not.
pub async fn not_found(uri: Uri) -> Problem {
    Problem::missing(format!("there is no {}; the API begins at /v1/status", uri.path()))
}

/// A path there is, with a method it does not take.
pub async fn not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} takes no {method}", uri.path()))
}
