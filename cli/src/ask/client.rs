//! The zone's API as functions. Answers are kept as they came, for `--json`, and read into types to be shown.

mod addresses;
pub mod credential;
mod orders;
mod pages;
mod placing;
mod raw;
pub mod stream;
mod trust;

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{RequestBuilder, Response, StatusCode, Url, header};
use rollcall_startup::{Exit, Failure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::addresses::Addresses;
use self::credential::{Credential, CredentialError};
pub use self::raw::Raw;
use crate::arguments::Listing;
use crate::progress::Progress;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, beyond what the zone was asked to wait.
const ANSWER: Duration = Duration::from_secs(20);
/// More of a foreign answer is not shown, characters.
const SHOWN: usize = 200;

/// Why there is no answer. What the zone refused changed nothing; where it could not be reached or gave no answer in
/// time, an order may have arrived all the same, and giving it again does no harm.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be one of an API.
    #[error("{url:?} is not the address of a zone's API: {reason}; expected something like https://127.0.0.1:7655")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was to be shown to the zone cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Nobody answers.
    #[error("cannot reach the zone's API at {url}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the network says.
        reason: String,
    },
    /// The zone refuses, in its own words.
    #[error("{detail}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// What the zone says.
        detail: String,
    },
    /// Somebody answers, but no zone, or one of another version.
    #[error("{url} answered, but not as a zone's API of this version does: {reason}")]
    Foreign {
        /// What was asked.
        url: String,
        /// What is odd.
        reason: String,
    },
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Url { .. } | ClientError::Credential(_) => Failure::usage(&error),
            ClientError::Unreachable { .. } => Failure::unreachable(&error)
                .hint("is the zone controller running? `rollcall demo` starts one; set --api or ROLLCALL_API"),
            ClientError::Foreign { .. } => {
                Failure::unreachable(&error).hint("is --api (or ROLLCALL_API) the address of a zone controller?")
            }
            ClientError::Refused { status, .. } if status.is_server_error() => Failure::new(Exit::Unreachable, &error),
            ClientError::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                Failure::other(&error).hint("--identity DIR shows the zone who asks; so does ROLLCALL_TOKEN")
            }
            ClientError::Refused { .. } => Failure::other(&error),
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The JSON document, as it came.
    pub document: Value,
    /// The zone's clock when it answered, to the second.
    pub clock: Option<Timestamp>,
    url: String,
    /// What to ask for the next page with.
    next: Option<Vec<(String, String)>>,
}

impl Answer {
    /// The document as a type.
    ///
    /// # Errors
    /// When it lacks what the type needs.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        T::deserialize(&self.document)
            .map_err(|error| ClientError::Foreign { url: self.url.clone(), reason: error.to_string() })
    }
}

/// A zone's API.
#[derive(Clone, Debug)]
pub struct Client {
    addresses: Addresses,
    http: reqwest::Client,
    /// Who gives orders.
    by: Option<String>,
}

impl Client {
    /// A client of the API at `url`, or at several with commas between them, one of each of the zone's controllers. Shows `credential`; connects
    /// when first asked. The scheme may be left out.
    ///
    /// # Errors
    /// When `url` is none, the credential cannot be used, or they do not fit: nothing is shown over plain HTTP.
    pub fn new(url: &str, credential: &Credential) -> Result<Self, ClientError> {
        let wrong = |reason: String| ClientError::Url { url: url.to_owned(), reason };
        let addresses = Addresses::parse(url, credential.wants_tls())?;
        // A zone is asked directly: a proxy meant for the web would not know the way to it.
        let http = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT);
        let http = credential.apply(http.redirect(reqwest::redirect::Policy::none()))?;
        let http = http.build().map_err(|error| wrong(innermost(&error)))?;
        Ok(Self { addresses, http, by: orders::who() })
    }

    /// `GET /v1/status`.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn status(&self) -> Result<Answer, ClientError> {
        self.get(&["status"], &[]).await
    }

    /// `GET /v1/nodes/{name or id}`.
    ///
    /// # Errors
    /// As [`Self::status`]; refused where there is no such node, or more than one.
    pub async fn node(&self, node: &str) -> Result<Answer, ClientError> {
        self.get(&["nodes", node], &[]).await
    }

    /// One thing of a list, `GET /v1/alerts/{id}` and the like.
    ///
    /// # Errors
    /// As [`Self::status`]; refused where there is no such thing.
    pub async fn one(&self, list: &str, id: &str) -> Result<Answer, ClientError> {
        self.get(&[list, id], &[]).await
    }

    /// A whole list, `GET /v1/groups` and the like, with those filters that have a value.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn list(&self, what: &str, filters: &[(&str, Option<&str>)]) -> Result<Answer, ClientError> {
        self.rows(&[what], &given(filters), &Listing::default(), &Progress::new(false)).await
    }

    /// `GET /v1/events`: the latest.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn latest_events(&self, limit: u16) -> Result<Answer, ClientError> {
        self.latest_of(&[], limit).await
    }

    /// The same, of these kinds only; of all where none is named.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn latest_of(&self, kinds: &[String], limit: u16) -> Result<Answer, ClientError> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(of_kinds(kinds));
        self.get(&["events"], &query).await
    }

    /// `GET /v1/events`: those of these kinds after the event with this id. The zone waits for the first one at most as long as
    /// asked to, then its answer is empty.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn events_after(&self, event: i64, kinds: &[String], wait: Duration) -> Result<Answer, ClientError> {
        let url = self.url(&["events"]);
        let query = [("after", event.to_string()), ("wait_ms", wait.as_millis().to_string())];
        let request = self.http.get(url).query(&query).query(&[("limit", "1000")]);
        let request = request.query(&of_kinds(kinds).as_slice());
        self.send(request, wait + ANSWER).await
    }

    /// `POST /v1/sql`.
    ///
    /// # Errors
    /// As [`Self::status`]; refused, in the database's words, where the question is wrong.
    pub async fn sql(&self, query: &str) -> Result<Answer, ClientError> {
        let url = self.url(&["sql"]);
        self.send(self.http.post(url).json(&json!({ "query": query })), ANSWER).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.addresses.first().clone();
        // Only a URL that cannot be a base has no segments; http can.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        url
    }

    async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Answer, ClientError> {
        let url = self.url(path);
        self.send(self.http.get(url).query(query), ANSWER).await
    }

    async fn send(&self, request: RequestBuilder, patience: Duration) -> Result<Answer, ClientError> {
        let response = self.execute(request.timeout(patience)).await.map_err(|error| self.unreachable(&error))?;
        let (status, mut url) = (response.status(), response.url().clone());
        url.set_query(None);
        let (clock, next) = (clock(&response), pages::next(response.headers(), &url));
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if !status.is_success() {
            return Err(refusal(status, &body, &url));
        }
        match serde_json::from_slice(&body) {
            Ok(document) => Ok(Answer { document, clock, url: url.to_string(), next }),
            Err(error) => Err(ClientError::Foreign { url: url.to_string(), reason: format!("no JSON: {error}") }),
        }
    }

    async fn execute(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        self.addresses.execute(&self.http, request.build()?).await
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let reason = match (error.is_timeout(), error.is_connect()) {
            (true, true) => format!("no connection within {} s", CONNECT.as_secs()),
            (true, false) => "no answer in time".into(),
            _ => innermost(error),
        };
        ClientError::Unreachable { url: self.addresses.told(), reason }
    }
}

/// The filters that have a value.
pub(super) fn given<'a>(filters: &[(&'a str, Option<&str>)]) -> Vec<(&'a str, String)> {
    filters.iter().filter_map(|(key, value)| Some((*key, (*value)?.to_owned()))).collect()
}

/// Problem details (RFC 9457), as far as they are told to people.
#[derive(Deserialize)]
struct Problem {
    detail: String,
    /// More of it, one by one.
    #[serde(default)]
    details: Vec<String>,
}

impl Problem {
    /// The whole of it: several details stand below each other, and not a second time in one line.
    fn told(self) -> String {
        let Self { detail, details } = self;
        if details.len() < 2 && details.iter().all(|more| detail.contains(more)) {
            return detail;
        }
        let repeated = details.first().and_then(|first| detail.find(first.as_str()));
        let head = repeated.map_or(detail.as_str(), |at| detail[..at].trim_end_matches([' ', ':']));
        details.iter().fold(head.to_owned(), |told, more| format!("{told}\n  - {more}"))
    }
}

fn refusal(status: StatusCode, body: &[u8], url: &Url) -> ClientError {
    if let Ok(problem) = serde_json::from_slice::<Problem>(body) {
        return ClientError::Refused { status, detail: problem.told() };
    }
    if status.is_server_error() {
        // A gateway in between, whose upstream is away.
        return ClientError::Refused { status, detail: format!("{url} answered {status}") };
    }
    let text: String = String::from_utf8_lossy(body).trim().chars().take(SHOWN).collect();
    ClientError::Foreign { url: url.to_string(), reason: format!("{status} {text}").trim_end().to_owned() }
}

/// The filter for kinds of events; none for all.
fn of_kinds(kinds: &[String]) -> Option<(&'static str, String)> {
    (!kinds.is_empty()).then(|| ("kind", kinds.join(",")))
}

/// What the operating system said, without the layers around it.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn clock(response: &Response) -> Option<Timestamp> {
    let date = response.headers().get(header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

#[cfg(test)]
mod tests;
