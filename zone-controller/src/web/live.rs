//! What happens, told to a page that is open: each change of a node as little as its cell on the map needs, everything else
//! as a word that something changed, whereupon the page asks for its parts anew. Nothing is looked for: the feed tells.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::api::Shared;
use crate::api::credentials::Proof;
use crate::api::errors::Problem;
use crate::api::receiving::Params;
use crate::api::streams::{Wanted, follow};
use crate::feed::{Entry, Feed, Told};

/// A sign of life, by which a page knows that it is not cut off.
const BEAT: Duration = Duration::from_secs(10);
const ALIVE: Bytes = Bytes::from_static(b"event: alive\ndata: 1\n\n");
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

/// `GET /ui/live?events=&health=`: server-sent events `health`, `change`, `gap` and `alive`, after the ids the page saw last.
pub(super) async fn stream(State(shared): State<Arc<Shared>>, Params(seen): Params<Seen>, proof: Proof) -> Answer {
    let (ids, is_gap) = seen.begin(Ids::newest(&shared.feed))?;
    let wanted = Wanted {
        follows: shared.feed.health().after(ids.health),
        beside: Some(shared.feed.events().after(ids.events)),
        first: if is_gap { missed(ids) } else { ALIVE },
        beat: (BEAT, ALIVE),
        says: Box::new(|told| {
            Some(match told {
                Told::Entry(entry) => Bytes::from(said(entry)),
                Told::Gap { .. } => Bytes::from_static(b"event: gap\ndata: {}\n\n"),
            })
        }),
    };
    Ok(follow(&shared, wanted, proof)?)
}

/// Too much was missed since what the page saw; what is told begins after these.
fn missed(Ids { events, health }: Ids) -> Bytes {
    Bytes::from(format!("event: gap\ndata: {}\n\n", json!({ "events": events, "health": health })))
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
        let said = |kind, event: &str| -> Value {
            let frame = said(&Entry::new(7, kind, row.clone()));
            let data =
                frame.strip_prefix(&format!("event: {event}\ndata: ")).and_then(|rest| rest.strip_suffix("\n\n"));
            serde_json::from_str(data.expect(&frame)).unwrap()
        };
        assert_eq!(said("node_joined", "change"), json!({ "id": 7, "moves": true, "about": "n" }));
        assert_eq!(said("alert_raised", "change"), json!({ "id": 7, "moves": false, "about": "n" }));
        let health = json!({ "id": 7, "node": "n", "state": "down", "bits": 0, "mask": 0, "since": 0 });
        assert_eq!(said("health", "health"), health);
    }
}
