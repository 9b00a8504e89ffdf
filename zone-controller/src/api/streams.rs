//! Streams of server-sent events (WHATWG HTML, section 9.2): followers of the feed over HTTP.
//!
//! A stream costs one place of a bounded number, of which each caller has a share, and ends when the zone controller does, when whoever opened it may no
//! longer, or when its connection is gone. Its client comes back by itself, with the last id it saw, and gets the rest.

mod places;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;
use rand::random_range;
use rollcall_model::Millis;
use rollcall_store::QueryError;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

pub use self::places::Places;
use self::places::{Full, Place};
use super::credentials::Proof;
use super::errors::Problem;
use super::{Shared, VIEWER};
use crate::feed::{Entry, Subscription, Told};

/// After how long in which nothing else was sent a program gets a sign of life.
const BEAT: Duration = Duration::from_secs(15);
const BEATING: Bytes = Bytes::from_static(b":\n\n");
/// Whoever opened a stream proves anew who they are after so long.
const PROVED: Duration = Duration::from_secs(60);
/// The same, when somebody's rights changed; not all at the same moment.
const SOON: Duration = Duration::from_secs(1);
/// How long clients wait before they come back, milliseconds: not all at the same moment.
const RETRY: std::ops::Range<u32> = 500..3_000;
/// When it is worth it to ask again for a place.
const FULL: Millis = Millis(10_000);

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: &str = "last-event-id";

/// A place for one more stream.
///
/// # Errors
/// 503 where all are taken, 429 where whoever asks has their share of them.
fn place(shared: &Shared, proof: &Proof) -> Result<Place, Problem> {
    let Places { most, of_one, .. } = &shared.streams;
    shared.streams.take(proof.who()).map_err(|full| match full {
        Full::All => {
            let why =
                format!("there are {most} streams already (api.max_streams); ask again later, or ask with wait_ms");
            Problem::full(FULL, why).because("too_many_streams")
        }
        Full::Share => {
            let why = format!(
                "you have {of_one} streams already, as many as one may (api.max_streams_per_caller); close one, or ask with \
                 wait_ms"
            );
            Problem::too_many(FULL, why).because("too_many_streams_of_yours")
        }
    })
}

/// Whether a client asks for a stream.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|accept| accept.to_str().ok());
    let mut kinds = accepted.flat_map(|accept| accept.split(','));
    kinds.any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENT_STREAM))
}

/// The id a stream begins after, if it does not begin with what is new: what the client saw last counts before what it
/// asked for when it came first.
///
/// # Errors
/// 400 for what is no id.
pub fn begin(headers: &HeaderMap, asked: Option<i64>) -> Result<Option<i64>, Problem> {
    let seen = match headers.get(LAST_EVENT_ID).map(HeaderValue::to_str) {
        None | Some(Ok("")) => asked,
        Some(Ok(seen)) => Some(seen.parse().map_err(|_| no_id("Last-Event-ID"))?),
        Some(Err(_)) => return Err(no_id("Last-Event-ID")),
    };
    match seen {
        Some(id) if id < 0 => Err(no_id("after")),
        seen => Ok(seen),
    }
}

fn no_id(what: &str) -> Problem {
    Problem::bad_request(format!("{what}: expected an id, a whole number from 0 on"))
}

/// What is sent of what the feed tells, if anything.
pub type Says = Box<dyn Fn(&Told) -> Option<Bytes> + Send + Sync>;

/// What a client of a stream hears.
pub struct Wanted {
    /// What it follows.
    pub follows: Subscription,
    /// What it follows beside that.
    pub beside: Option<Subscription>,
    /// Sent at once.
    pub first: Bytes,
    /// A sign of life, and after how long in which nothing else was sent.
    pub beat: (Duration, Bytes),
    /// What is sent of what the feed tells, if anything.
    pub says: Says,
}

impl Wanted {
    /// The rows that `takes` wants, as they stand in their view.
    pub fn rows(follows: Subscription, takes: impl Fn(&Entry) -> bool + Send + Sync + 'static) -> Self {
        let says = move |told: &Told| match told {
            Told::Entry(entry) => takes(entry).then(|| entry.frame()),
            Told::Gap { first } => Some(gap(*first)),
        };
        let first = Bytes::from(format!("retry: {}\n\n", random_range(RETRY)));
        Self { follows, beside: None, first, beat: (BEAT, BEATING), says: Box::new(says) }
    }
}

/// The answer that goes on as long as the client listens.
///
/// # Errors
/// 503 where every place is taken.
pub fn follow(shared: &Arc<Shared>, wanted: Wanted, proof: Proof) -> Result<Response, Problem> {
    let now = Instant::now();
    let first = wanted.first.clone();
    let following = Following {
        _place: place(shared, &proof)?,
        shared: Arc::clone(shared),
        proof,
        trust: shared.feed.trust_changes(),
        beat: now + wanted.beat.0,
        prove: now + PROVED,
        timer: Box::pin(sleep_until(now)),
        wanted,
    };
    let frames = unfold((Some(first), following), async |(first, mut following)| {
        let frame = match first {
            Some(first) => first,
            None => following.frame().await?,
        };
        Some((Ok::<_, Infallible>(frame), (None, following)))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Asks proxies of nginx's kind not to hold anything back.
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((StatusCode::OK, headers, Body::from_stream(frames)).into_response())
}

/// A client that follows the feed.
struct Following {
    shared: Arc<Shared>,
    wanted: Wanted,
    proof: Proof,
    trust: watch::Receiver<u64>,
    /// When the next sign of life is due.
    beat: Instant,
    /// When the client has to prove anew who it is.
    prove: Instant,
    timer: Pin<Box<Sleep>>,
    _place: Place,
}

/// What a stream wakes up for.
enum Woken {
    Told(Told),
    Trust,
    Timer,
    End,
}

impl Following {
    /// What is sent next; `None` at the end.
    async fn frame(&mut self) -> Option<Bytes> {
        loop {
            match self.woken().await {
                Woken::Told(told) => {
                    if let Some(frame) = (self.wanted.says)(&told) {
                        return Some(self.sent(frame));
                    }
                }
                Woken::Trust => self.prove = self.prove.min(Instant::now() + random_range(Duration::ZERO..SOON)),
                Woken::Timer if Instant::now() >= self.prove => {
                    if !self.is_still_entitled().await {
                        return None;
                    }
                    self.prove = Instant::now() + PROVED;
                }
                Woken::Timer => {
                    let sign = self.wanted.beat.1.clone();
                    return Some(self.sent(sign));
                }
                Woken::End => return None,
            }
        }
    }

    async fn woken(&mut self) -> Woken {
        self.timer.as_mut().reset(self.beat.min(self.prove));
        let Wanted { follows, beside, .. } = &mut self.wanted;
        let told = tokio::select! {
            told = follows.next() => told,
            told = next_of(beside) => told,
            // The feed holds the other end.
            _ = self.trust.changed() => return Woken::Trust,
            () = self.timer.as_mut() => return Woken::Timer,
        };
        match told {
            Ok(told) => told.map_or(Woken::End, Woken::Told),
            Err(error) => {
                // The client comes back with the last id it saw.
                tracing::debug!("a stream ends, the topology cannot be read: {error}");
                Woken::End
            }
        }
    }

    fn sent(&mut self, frame: Bytes) -> Bytes {
        self.beat = Instant::now() + self.wanted.beat.0;
        frame
    }

    async fn is_still_entitled(&self) -> bool {
        match self.proof.entitles(&self.shared, VIEWER).await {
            Ok(()) => true,
            // Nothing can be read then, either.
            Err(problem) if problem.is_passing() => true,
            Err(problem) => {
                let why = format!("a stream is ended: {}", problem.detail());
                self.shared.notices.turned_away(self.proof.origin(), &why);
                false
            }
        }
    }
}

async fn next_of(beside: &mut Option<Subscription>) -> Result<Option<Told>, QueryError> {
    match beside {
        Some(subscription) => subscription.next().await,
        None => std::future::pending().await,
    }
}

/// Rows that were asked for are not kept any more. It has no id: whoever comes back is told again.
fn gap(first: i64) -> Bytes {
    Bytes::from(format!("event: gap\ndata: {{\"first\":{first}}}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_stream_is_what_a_client_asks_for_by_name() {
        for accept in ["text/event-stream", "application/json, Text/Event-Stream;q=0.9"] {
            assert!(is_wanted(&headers(&[("accept", accept)])), "{accept}");
        }
        for accept in ["*/*", "application/json", "text/*", ""] {
            assert!(!is_wanted(&headers(&[("accept", accept)])), "{accept}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn what_was_seen_last_counts_before_what_was_asked_for_at_first() {
        let begin = |seen: Option<&'static str>, asked| {
            let seen: Vec<_> = seen.map(|seen| ("last-event-id", seen)).into_iter().collect();
            super::begin(&headers(&seen), asked).map_err(|problem| problem.detail().to_owned())
        };
        assert_eq!(begin(None, None), Ok(None));
        assert_eq!(begin(None, Some(7)), Ok(Some(7)));
        assert_eq!(begin(Some("9"), Some(7)), Ok(Some(9)));
        assert_eq!(begin(Some(""), Some(7)), Ok(Some(7)));
        for bad in ["x", "-1", "9 ", "99999999999999999999"] {
            assert!(begin(Some(bad), None).is_err(), "{bad}");
        }
        assert!(begin(None, Some(-1)).unwrap_err().starts_with("after: expected an id"));
    }
}
