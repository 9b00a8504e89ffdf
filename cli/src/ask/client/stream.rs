//! What happens, as it happens: `GET /v1/events` as server-sent events, resumed where it broke off; of a zone that does
//! not stream yet, by asking it to wait.

mod sse;

use std::time::Duration;

use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use tokio::time::timeout;

use self::sse::{Message, Parser};
use super::{ANSWER, Client, ClientError, refusal};

/// How long a zone that does not stream is asked to wait for the next event.
const WAIT: Duration = Duration::from_secs(20);
/// A stream says at least that it lives, several times within this.
const SILENCE: Duration = Duration::from_secs(60);
/// The message of a stream that is no event: some are not kept any more.
const GAP: &str = "gap";
/// How long to wait before a zone that went away is asked again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What happened, rows of `v_events`.
    pub rows: Vec<Value>,
    /// What happened before them and is not told.
    pub missed: Vec<Missed>,
}

/// Why something that happened is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The zone's history kept it no longer.
    Forgotten {
        /// Id of the first event that is kept.
        first: i64,
    },
    /// The zone's events end before the last one heard: its database is another one now, or a restored one.
    Replaced,
}

impl Missed {
    /// For people.
    #[must_use]
    pub fn told(self) -> String {
        match self {
            Self::Forgotten { first } => {
                format!("what happened before event {first} and was not shown is gone: history kept it no longer")
            }
            Self::Replaced => "the zone has another database, or a restored one: this goes on with what is new; \
                               `rollcall events` shows what there is"
                .into(),
        }
    }
}

/// Events, batch by batch, through restarts of the zone.
pub struct Events {
    client: Client,
    /// Which kinds; all where none is named.
    kinds: Vec<String>,
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
        let (kinds, source) = (Vec::new(), Source::Closed { away: false });
        Self { client: client.clone(), kinds, last, source, failures: 0 }
    }

    /// Of these kinds only: the zone leaves out the others.
    #[must_use]
    pub fn of_kinds(self, kinds: &[String]) -> Self {
        Self { kinds: kinds.to_vec(), ..self }
    }

    /// The next ones; may be none, when nothing happened for a while. Dropping it loses nothing but the time.
    ///
    /// # Errors
    /// As the zone answers; asked again, it goes on where it was.
    pub async fn next(&mut self) -> Result<Heard, ClientError> {
        match self.take().await {
            Ok(heard) => {
                self.failures = 0;
                self.last = heard.rows.iter().filter_map(|row| row["event_id"].as_i64()).fold(self.last, i64::max);
                Ok(heard)
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

    async fn take(&mut self) -> Result<Heard, ClientError> {
        match &mut self.source {
            Source::Closed { away } => {
                let away = *away;
                self.open(away).await
            }
            Source::Asked => Ok(Heard::rows(self.client.events_after(self.last, &self.kinds, WAIT).await?.document)),
            Source::Stream(response, parser) => {
                let broken = |reason: &str| ClientError::Unreachable {
                    url: self.client.addresses.told(),
                    reason: reason.to_owned(),
                };
                let bytes = match timeout(SILENCE, response.chunk()).await {
                    Err(_) => return Err(broken("nothing was heard for a minute")),
                    Ok(Err(error)) => return Err(self.client.unreachable(&error)),
                    Ok(Ok(None)) => return Err(broken("the stream ended")),
                    Ok(Ok(Some(bytes))) => bytes,
                };
                let messages = parser.feed(&bytes).map_err(|reason| broken(&reason))?;
                Ok(Heard::of(&messages))
            }
        }
    }

    /// Opens the stream. A zone that was away is asked first whether its events still end where they did, or later: with
    /// a new or restored database they do not, and it goes on with what is new.
    async fn open(&mut self, away: bool) -> Result<Heard, ClientError> {
        if away {
            let newest = Heard::rows(self.client.latest_events(1).await?.document).rows;
            let newest = newest.last().and_then(|row| row["event_id"].as_i64()).unwrap_or_default();
            if newest < self.last {
                self.last = newest;
                self.source = Source::Closed { away: false };
                return Ok(Heard { missed: vec![Missed::Replaced], ..Heard::default() });
            }
        }
        let url = self.client.url(&["events"]);
        let request = self.client.http.get(url.clone()).query(&[("after", self.last.to_string())]);
        let request = request.query(&super::of_kinds(&self.kinds).as_slice());
        let request = request.header(header::ACCEPT, "text/event-stream");
        let response = match timeout(ANSWER, self.client.execute(request)).await {
            Err(_) => {
                let reason = "no answer in time".to_owned();
                return Err(ClientError::Unreachable { url: self.client.addresses.told(), reason });
            }
            Ok(response) => response.map_err(|error| self.client.unreachable(&error))?,
        };
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if status.is_success() && kind.starts_with("text/event-stream") {
            self.source = Source::Stream(response, Parser::default());
            return Ok(Heard::default());
        }
        let body = timeout(ANSWER, response.bytes()).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        if is_full(status, &body) {
            self.source = Source::Asked;
            return Ok(Heard::default());
        }
        if !status.is_success() {
            return Err(refusal(status, &body, &url));
        }
        // A zone that does not stream has answered with what there is by now.
        let document = serde_json::from_slice(&body)
            .map_err(|error| ClientError::Foreign { url: url.to_string(), reason: format!("no JSON: {error}") })?;
        self.source = Source::Asked;
        Ok(Heard::rows(document))
    }
}

/// Whether there is no place for one more stream, or not for this user; whoever asks again and again needs none.
fn is_full(status: StatusCode, body: &[u8]) -> bool {
    let reason = match status {
        StatusCode::SERVICE_UNAVAILABLE => "too_many_streams",
        StatusCode::TOO_MANY_REQUESTS => "too_many_streams_of_yours",
        _ => return false,
    };
    serde_json::from_slice::<Value>(body).is_ok_and(|problem| problem["reason"] == reason)
}

impl Heard {
    fn rows(document: Value) -> Self {
        let rows = if let Value::Array(rows) = document { rows } else { Vec::new() };
        Self { rows, missed: Vec::new() }
    }

    /// Of a stream's messages.
    fn of(messages: &[Message]) -> Self {
        let mut heard = Self::default();
        for message in messages {
            let Ok(data) = serde_json::from_str::<Value>(&message.data) else { continue };
            if message.event == GAP {
                heard.missed.push(Missed::Forgotten { first: data["first"].as_i64().unwrap_or_default() });
            } else {
                heard.rows.push(data);
            }
        }
        heard
    }
}

#[cfg(test)]
mod tests;
