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
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::answer::Answer;
use crate::api::credentials::Proof;
use crate::api::streams::Place;
use crate::api::{Shared, VIEWER};
use crate::feed::{Entry, Subscription, Told};

/// A sign of life, by which a page knows that it is not cut off.
const BEAT: Duration = Duration::from_secs(10);
/// Events after which nodes stand elsewhere on the map.
const MOVES: [&str; 6] =
    ["group_joined", "node_joined", "node_placed", "group_created", "group_dissolved", "principal_revoked"];

/// Whoever opened a page's stream proves anew who they are after so long, and at once when somebody's rights changed.
const PROVED: Duration = Duration::from_secs(60);

/// A page that follows.
struct Following {
    shared: Arc<Shared>,
    proof: Proof,
    trust: watch::Receiver<u64>,
    prove: Interval,
    events: Subscription,
    health: Subscription,
    beat: Interval,
    _place: Place,
}

/// `GET /ui/live`: server-sent events `health`, `change`, `gap` and `alive`.
pub(super) async fn stream(State(shared): State<Arc<Shared>>, proof: Proof) -> Answer {
    let every = |pause| {
        let mut ticks = interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let following = Following {
        _place: Place::take(&shared)?,
        events: shared.feed.events(),
        health: shared.feed.health(),
        trust: shared.feed.trust_changes(),
        beat: every(BEAT),
        prove: every(PROVED),
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
        loop {
            // The feed ends with the zone controller.
            let told = tokio::select! {
                told = self.health.next() => told.ok()??,
                told = self.events.next() => told.ok()??,
                _ = self.beat.tick() => return Some(Bytes::from_static(b"event: alive\ndata: 1\n\n")),
                _ = self.prove.tick() => {
                    self.is_still_entitled().await.then_some(())?;
                    continue;
                }
                // The feed holds the other end.
                _ = self.trust.changed() => {
                    self.is_still_entitled().await.then_some(())?;
                    continue;
                }
            };
            return Some(match told {
                Told::Entry(entry) => Bytes::from(said(&entry)),
                Told::Gap { .. } => Bytes::from_static(b"event: gap\ndata: 1\n\n"),
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
                "node": entry.text("node_id"),
                "state": entry.text("state"),
                "bits": number("health_bits"),
                "mask": number("unmeasurable"),
                "since": number("at_ms") / 1_000,
            });
            format!("event: health\ndata: {change}\n\n")
        }
        kind => {
            let change = json!({ "moves": MOVES.contains(&kind), "about": entry.text("subject_id") });
            format!("event: change\ndata: {change}\n\n")
        }
    }
}
