//! What happens, as it happens: `GET /v1/events` as server-sent events, resumed where it broke off; of a zone that does
//! not stream yet, by asking it to wait.

mod sse;

use std::time::Duration;

use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use tokio::time::timeout;

use self::sse::Parser;
use super::{ANSWER, Client, ClientError, refusal};

/// How long a zone that does not stream is asked to wait for the next event.
const WAIT: Duration = Duration::from_secs(20);
/// A stream says at least that it lives, several times within this.
const SILENCE: Duration = Duration::from_secs(60);
/// How long to wait before a zone that went away is asked again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// Events, batch by batch, through restarts of the zone.
pub struct Events {
    client: Client,
    last: i64,
    source: Source,
    failures: u32,
}

/// Where the next ones come from.
enum Source {
    /// To be opened, after the zone went away if so.
    Closed { away: bool },
    /// A stream that is open.
    Stream(Response, Parser),
    /// A zone that is asked to wait.
    Asked,
}

impl Events {
    /// Those after the event with this id.
    #[must_use]
    pub fn after(client: &Client, last: i64) -> Self {
        Self { client: client.clone(), last, source: Source::Closed { away: false }, failures: 0 }
    }

    /// The next ones, rows of `v_events`; may be none, when nothing happened for a while. Dropping it loses nothing but the
    /// time.
    ///
    /// # Errors
    /// As the zone answers; asked again, it goes on where it was.
    pub async fn next(&mut self) -> Result<Vec<Value>, ClientError> {
        match self.take().await {
            Ok(rows) => {
                self.failures = 0;
                self.last = rows.iter().filter_map(|row| row["event_id"].as_i64()).fold(self.last, i64::max);
                Ok(rows)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.source = Source::Closed { away: true };
                Err(error)
            }
        }
    }

    /// How long to wait after a failure: longer each time, and not the same for everybody who waits.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let longest = RETRY.0.saturating_mul(1 << self.failures.saturating_sub(1).min(8)).min(RETRY.1);
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    async fn take(&mut self) -> Result<Vec<Value>, ClientError> {
        match &mut self.source {
            Source::Closed { away } => {
                let away = *away;
                self.open(away).await
            }
            Source::Asked => Ok(rows(self.client.events_after(self.last, WAIT).await?.document)),
            Source::Stream(response, parser) => {
                let broken = |reason: &str| ClientError::Unreachable {
                    url: self.client.base.as_str().trim_end_matches('/').to_owned(),
                    reason: reason.to_owned(),
                };
                let bytes = match timeout(SILENCE, response.chunk()).await {
                    Err(_) => return Err(broken("nothing was heard for a minute")),
                    Ok(Err(error)) => return Err(self.client.unreachable(&error)),
                    Ok(Ok(None)) => return Err(broken("the stream ended")),
                    Ok(Ok(Some(bytes))) => bytes,
                };
                let messages = parser.feed(&bytes).map_err(|reason| broken(&reason))?;
                Ok(messages.iter().filter_map(|message| serde_json::from_str(&message.data).ok()).collect())
            }
        }
    }

    /// Opens the stream. A zone that was away is asked first whether it still numbers its events as before: with a new
    /// database it begins anew, and so does what is shown.
    async fn open(&mut self, away: bool) -> Result<Vec<Value>, ClientError> {
        if away {
            let newest = rows(self.client.latest_events(1).await?.document);
            let newest = newest.last().and_then(|row| row["event_id"].as_i64()).unwrap_or_default();
            if newest < self.last {
                self.last = 0;
            }
        }
        let url = self.client.url(&["events"]);
        let request = self.client.http.get(url.clone()).query(&[("after", self.last.to_string())]);
        let request = request.header(header::ACCEPT, "text/event-stream").send();
        let response = match timeout(ANSWER, request).await {
            Err(_) => {
                let reason = "no answer in time".to_owned();
                return Err(ClientError::Unreachable { url: self.client.base.to_string(), reason });
            }
            Ok(response) => response.map_err(|error| self.client.unreachable(&error))?,
        };
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if status.is_success() && kind.starts_with("text/event-stream") {
            self.source = Source::Stream(response, Parser::default());
            return Ok(Vec::new());
        }
        let body = timeout(ANSWER, response.bytes()).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        if is_full(status, &body) {
            self.source = Source::Asked;
            return Ok(Vec::new());
        }
        if !status.is_success() {
            return Err(refusal(status, &body, &url));
        }
        // A zone that does not stream has answered with what there is by now.
        let document = serde_json::from_slice(&body)
            .map_err(|error| ClientError::Foreign { url: url.to_string(), reason: format!("no JSON: {error}") })?;
        self.source = Source::Asked;
        Ok(rows(document))
    }
}

/// Whether there is no place for one more stream; whoever asks again and again needs none.
fn is_full(status: StatusCode, body: &[u8]) -> bool {
    let reason = || serde_json::from_slice::<Value>(body).ok().map(|problem| problem["reason"] == "too_many_streams");
    status == StatusCode::SERVICE_UNAVAILABLE && reason().unwrap_or_default()
}

fn rows(document: Value) -> Vec<Value> {
    match document {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
