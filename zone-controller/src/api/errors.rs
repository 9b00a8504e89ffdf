//! Errors of the API: problem details (RFC 9457).

use axum::Json;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::core::{Rejection, RejectionKind};
use crate::driver::CommandError;

/// What went wrong, for a program and for a person.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    /// More of it, one by one: each problem of a policy, say.
    details: Vec<String>,
    /// A word for programs, where they tell refusals apart.
    reason: Option<String>,
}

impl Problem {
    /// A problem of any kind.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), details: Vec::new(), reason: None }
    }

    /// The request is wrong.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
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
        };
        Self { status, detail: rejection.message, details: rejection.details, reason: rejection.reason }
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
        if let Some(reason) = self.reason {
            body["reason"] = json!(reason);
        }
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
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
