//! Requests that gave themselves a key are carried out once.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Shared;
use crate::api::errors::Problem;
use crate::api::idempotency::{self, Given, HEADER, Key, REPLAYED, Turn};
use crate::api::reads::{self, Reader};

/// Headers of an answer that are given again with it.
const KEPT: [&str; 3] = ["content-type", "etag", "location"];

/// A request that may go on to its handler.
pub(super) struct Checked {
    pub request: Request,
    /// Where it has a key.
    pub named: Option<Named>,
    /// Whose reads it makes.
    pub reader: Option<Reader>,
}

/// What a key is remembered by.
pub(super) struct Named {
    pub key: Key,
    pub request: idempotency::Request,
    pub shared: Arc<Shared>,
}

pub(super) async fn carry_out(checked: Checked, next: Next) -> Response {
    let Checked { request, named, reader } = checked;
    let Some(Named { key, request: digest, shared }) = named else { return reads::by(reader, next.run(request)).await };
    let turn = shared.writes.remembered().comes(shared.writes.now(), key.clone(), digest);
    match turn {
        Turn::Again(given) => replay(given),
        Turn::Wait => {
            let why = "the first request with this key is not answered yet; ask again";
            Problem::conflict(format!("{HEADER}: {why}")).because("in_progress").into_response()
        }
        Turn::Other => {
            let why = "this key was given to another request already; take a new one";
            Problem::of_field(StatusCode::UNPROCESSABLE_ENTITY, HEADER, why).because("key_reused").into_response()
        }
        // In a task of its own: it is finished and remembered even when nobody waits for the answer any more.
        Turn::CarryOut => {
            let done = tokio::spawn(async move {
                let unfinished = Unfinished { shared: &shared, key: &key };
                let answer = reads::by(reader, next.run(request)).await;
                std::mem::forget(unfinished);
                remember(&shared, &key, answer).await
            });
            done.await.unwrap_or_else(|_| {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed inside").into_response()
            })
        }
    }
}

/// Forgets the key of a request that failed inside, whether or not somebody still waits for the answer.
struct Unfinished<'a> {
    shared: &'a Shared,
    key: &'a Key,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.shared.writes.remembered().forget(self.key);
    }
}

async fn remember(shared: &Shared, key: &Key, answer: Response) -> Response {
    let keep = |given: Option<Given>| {
        let mut remembered = shared.writes.remembered();
        match given {
            Some(given) => remembered.keep(key, given),
            None => remembered.forget(key),
        }
    };
    if !answer.status().is_success() {
        keep(None);
        return answer;
    }
    let (parts, body) = answer.into_parts();
    // The answers of these routes are small and whole.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        keep(None);
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off").into_response();
    };
    let headers = KEPT.iter().filter_map(|name| Some((*name, parts.headers.get(*name)?.clone())));
    keep(Some(Given { status: parts.status, headers: headers.collect(), body: body.clone() }));
    Response::from_parts(parts, Body::from(body))
}

fn replay(given: Given) -> Response {
    let mut answer = (given.status, given.body).into_response();
    let headers = answer.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in given.headers {
        headers.insert(name, value);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}
