//! What happens, told to a page that is open: each change of a node as little as its cell on the map needs, everything else
//! as a word that something changed, whereupon the page asks for its parts anew. Nothing is looked for: the feed tells.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use futures::stream::unfold;
use rand::random_range;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::answer::Answer;
use crate::api::credentials::Proof;
use crate::api::errors::Problem;
use crate::api::receiving::Params;
use crate::api::streams::{PROVED, Place, SOON};
use crate::api::{Shared, VIEWER};
use crate::feed::{Entry, Feed, Subscription, Told};

/// A sign of life, by which a page knows that it is not cut off.
const BEAT: Duration = Duration::from_secs(10);
/// Events after which nodes stand elsewhere on the map.
const MOVES: [&str; 6] =
    ["group_joined", "node_joined", "node_placed", "group_created", "group_dissolved", "principal_revoked"];

/// Whoever missed more than so many ids asks for everything anew instead of being told each.
const MOST_MISSED: i64 = 2_000;

/// The newest ids of `v_events` and `v_health_history` that somebody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// An `event_id`.
    pub events: i64,
    /// A `history_id`.
    pub health: i64,
}

impl Ids {
    /// What was told so far: all of it is committed.
    pub(super) fn newest(feed: &Feed) -> Self {
        Self { events: *feed.newest_event().borrow(), health: *feed.newest_health().borrow() }
    }
}

/// What a page saw last; none begins with what is new.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    events: Option<i64>,
    health: Option<i64>,
}

impl Seen {
    /// Where a stream begins, and whether too much was missed to be told one by one.
    fn begin(&self, newest: Ids) -> Result<(Ids, bool), Problem> {
        let seen = |name, id: Option<i64>, newest| match id {
            Some(id) if id < 0 => Err(Problem::at(name, "expected an id, a whole number from 0 on")),
            id => Ok(id.unwrap_or(newest)),
        };
        let ids = Ids {
            events: seen("events", self.events, newest.events)?,
            health: seen("health", self.health, newest.health)?,
        };
        // Newer than anything: the database was restored.
        let is_told = |id, newest| id <= newest && newest - id <= MOST_MISSED;
        let is_near = is_told(ids.events, newest.events) && is_told(ids.health, newest.health);
        Ok(if is_near { (ids, false) } else { (newest, true) })
    }
}

/// A page that follows.
struct Following {
    /// Too much was missed since then, which is told first.
    missed: Option<Ids>,
    shared: Arc<Shared>,
    proof: Proof,
    trust: watch::Receiver<u64>,
    /// When the page has to prove anew who it is.
    prove: Instant,
    events: Subscription,
    health: Subscription,
    beat: Interval,
    _place: Place,
}

/// `GET /ui/live?events=&health=`: server-sent events `health`, `change`, `gap` and `alive`, after the ids the page saw last.
pub(super) async fn stream(State(shared): State<Arc<Shared>>, Params(seen): Params<Seen>, proof: Proof) -> Answer {
    let (ids, is_gap) = seen.begin(Ids::newest(&shared.feed))?;
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let following = Following {
        _place: Place::take(&shared)?,
        missed: is_gap.then_some(ids),
        events: shared.feed.events().after(ids.events),
        health: shared.feed.health().after(ids.health),
        trust: shared.feed.trust_changes(),
        beat,
        prove: Instant::now() + PROVED,
        proof,
        shared,
    };
    let frames = unfold(following, async |mut following| {
        let frame = following.frame().await?;
        Some((Ok::<_, Infallible>(frame), following))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

impl Following {
    /// What is sent next; `None` at the end, after which the page comes back by itself.
    async fn frame(&mut self) -> Option<Bytes> {
        if let Some(Ids { events, health }) = self.missed.take() {
            let ids = json!({ "events": events, "health": health });
            return Some(Bytes::from(format!("event: gap\ndata: {ids}\n\n")));
        }
        loop {
            // The feed ends with the zone controller.
            let told = tokio::select! {
                told = self.health.next() => told.ok()??,
                told = self.events.next() => told.ok()??,
                _ = self.beat.tick() => return Some(Bytes::from_static(b"event: alive\ndata: 1\n\n")),
                () = sleep_until(self.prove) => {
                    self.is_still_entitled().await.then_some(())?;
                    self.prove = Instant::now() + PROVED;
                    continue;
                }
                // The feed holds the other end. Not all pages ask the store at the same moment.
                _ = self.trust.changed() => {
                    self.prove = self.prove.min(Instant::now() + random_range(Duration::ZERO..SOON));
                    continue;
                }
            };
            return Some(match told {
                Told::Entry(entry) => Bytes::from(said(&entry)),
                Told::Gap { .. } => Bytes::from_static(b"event: gap\ndata: {}\n\n"),
            });
        }
    }

    /// Nobody is cut off because nothing can be read at this moment.
    async fn is_still_entitled(&self) -> bool {
        self.proof.entitles(&self.shared, VIEWER).await.map_or_else(|problem| problem.is_passing(), |()| true)
    }
}

fn said(entry: &Entry) -> String {
    let number = |column: &str| entry.row.get(column).and_then(Value::as_i64).unwrap_or_default();
    match entry.kind.as_str() {
        "health" => {
            let change = json!({
                "id": entry.id,
                "node": entry.text("node_id"),
                "state": entry.text("state"),
                "bits": number("health_bits"),
                "mask": number("unmeasurable"),
                "since": number("at_ms") / 1_000,
            });
            format!("event: health\ndata: {change}\n\n")
        }
        kind => {
            let change = json!({ "id": entry.id, "moves": MOVES.contains(&kind), "about": entry.text("subject_id") });
            format!("event: change\ndata: {change}\n\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_after_what_it_saw_unless_it_missed_too_much() {
        let newest = Ids { events: 5_000, health: 9_000 };
        let begin = |events, health| Seen { events, health }.begin(newest).map_err(|problem| problem.status().as_u16());
        assert_eq!(begin(None, None), Ok((newest, false)));
        assert_eq!(begin(Some(4_990), Some(8_000)), Ok((Ids { events: 4_990, health: 8_000 }, false)));
        assert_eq!(begin(Some(4_990), Some(0)), Ok((newest, true)), "long ago");
        assert_eq!(begin(Some(5_001), Some(9_000)), Ok((newest, true)), "from before the database was restored");
        assert_eq!(begin(Some(i64::MAX), Some(0)), Ok((newest, true)));
        assert_eq!(begin(Some(-1), None), Err(400));
        assert_eq!(begin(None, Some(i64::MIN)), Err(400));
    }

    #[test]
    fn each_change_is_told_with_its_id() {
        let Value::Object(row) = json!({ "subject_id": "n", "node_id": "n", "state": "down" }) else { panic!() };
        let said = |kind| said(&Entry::new(7, kind, row.clone()));
        assert_eq!(said("node_joined"), "event: change\ndata: {\"about\":\"n\",\"id\":7,\"moves\":true}\n\n");
        assert!(said("health").starts_with("event: health\ndata: {\"bits\":0,\"id\":7,"));
    }
}
