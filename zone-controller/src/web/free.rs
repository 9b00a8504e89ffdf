//! How free a node is, on pages: a bar and a number, with how exactly that is known; and the part of a node's page that
//! puts what was heard beside what the node says itself.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use rollcall_placement::Kind;
use serde::Deserialize;

use super::answer::Answer;
use super::node::find;
use super::page;
use crate::api::Shared;
use crate::api::availability::{heard, sent};
use crate::availability::NodeAvailability;

/// A bar of a hundred, and what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Template)]
#[template(
    source = r#"<span class="free"><svg class="gauge" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="g0" width="100" height="8"/><rect class="g1" width="{{ width }}" height="8"/></svg> {{ said }}</span>"#,
    ext = "html"
)]
pub(super) struct Gauge {
    width: u64,
    said: String,
}

/// A part of one, in a hundred.
fn percent(part: f64) -> u64 {
    (part.clamp(0.0, 1.0) * 100.0).round() as u64
}

/// A bar for how free a node is, `error` the relative one; a dash where it cannot be told.
pub(super) fn gauge(availability: Option<f64>, error: Option<f64>) -> String {
    let Some(availability) = availability else { return "–".into() };
    let width = percent(availability);
    let said = match error {
        Some(error) => format!("{width} % ±{} %", percent(availability * error).max(1)),
        None => format!("{width} %"),
    };
    // A template without a loop that writes into memory cannot fail.
    Gauge { width, said }.render().unwrap_or_default()
}

/// A node and a kind, as a page shows them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub kind: &'static str,
    pub free: String,
    pub rate: String,
    pub age: String,
    pub why_not: String,
}

impl Heard {
    pub(super) fn of(heard: &NodeAvailability) -> Self {
        let barred: Vec<&str> = heard.barriers.iter().map(|barrier| barrier.as_str()).collect();
        let why_not = match (barred.is_empty(), heard.age, heard.frequency) {
            (false, ..) => barred.join(", "),
            (true, None, _) => "not heard yet".into(),
            (true, Some(_), None) => "silent, or heard once".into(),
            (true, Some(_), Some(_)) => String::new(),
        };
        Self {
            kind: heard.kind.as_str(),
            free: gauge(heard.availability, heard.frequency.map(|_| heard.error)),
            rate: heard.frequency.map_or_else(|| "–".into(), rate),
            age: heard.age.map_or_else(|| "–".into(), |age| ago(age.0)),
            why_not,
        }
    }
}

/// Messages per second; what a person reads of it.
pub(super) fn rate(per_second: f64) -> String {
    format!("{per_second:.3}")
}

/// How long ago, to a tenth of a second while that says something.
pub(super) fn ago(millis: u64) -> String {
    match millis {
        ..10_000 => format!("{:.1} s ago", millis as f64 / 1_000.0),
        _ => format!("{} ago", super::moment::span(i64::try_from(millis).unwrap_or(i64::MAX))),
    }
}

/// What a node says of how it speaks.
#[derive(Deserialize)]
struct Sent {
    storage: f64,
    processing: f64,
    communications: Option<f64>,
    share: f64,
    kinds: Vec<SentKind>,
}

#[derive(Deserialize)]
struct SentKind {
    kind: String,
    availability: f64,
    messages_per_second: f64,
}

impl Sent {
    fn told(&self) -> String {
        let communications = self.communications.map_or_else(|| "not measured".into(), |c| format!("{} %", percent(c)));
        format!(
            "In use: storage {} %, processing {} %, communications {communications}. It is {:.2} of the largest node.",
            percent(self.storage),
            percent(self.processing),
            self.share
        )
    }
}

/// A kind, as it was heard and as the node says it.
struct Row {
    heard: Heard,
    own: String,
    own_rate: String,
}

/// The part of a node's page.
#[derive(Template)]
#[template(path = "part/free.html")]
pub(super) struct Free {
    node: String,
    rows: Vec<Row>,
    /// What the node says beside that; empty while it is being asked.
    told: String,
}

impl Free {
    /// As it was heard, what the node says to come; `None` where no policy has nodes speak.
    pub(super) fn element(shared: &Shared, node: &str) -> Option<String> {
        shared.availability.plan()?;
        let free = Self { node: node.to_owned(), rows: rows(shared, node, None), told: String::new() };
        free.render().ok()
    }
}

fn rows(shared: &Shared, node: &str, own: Option<&Sent>) -> Vec<Row> {
    let mut heard = heard(shared, node);
    heard.sort_unstable_by_key(|it| it.kind);
    let row = |it: &NodeAvailability| {
        let own = own.and_then(|own| own.kinds.iter().find(|own| own.kind == it.kind.as_str()));
        Row {
            heard: Heard::of(it),
            own: own.map_or_else(|| "–".into(), |own| gauge(Some(own.availability), None)),
            own_rate: own.map_or_else(|| "–".into(), |own| rate(own.messages_per_second)),
        }
    };
    heard.iter().map(row).collect()
}

/// `GET /ui/nodes/{node}/availability`: the part with what the node says itself.
pub(super) async fn part(State(shared): State<Arc<Shared>>, Path(wanted): Path<String>) -> Answer {
    let node = find(&shared, &wanted).await?.node_id;
    let (own, problem) = sent(&shared, &node).await;
    let own: Option<Sent> = serde_json::from_value(own).ok();
    let told = match (&own, problem) {
        (Some(own), _) => own.told(),
        (None, problem) => format!("It does not say: {}.", problem.unwrap_or_else(|| "it answered oddly".into())),
    };
    page::html(&Free { rows: rows(&shared, &node, own.as_ref()), node, told })
}

/// What nodes are listened to for, balance before power; `None` where no policy has nodes speak.
pub(super) fn first_kind(shared: &Shared) -> Option<Kind> {
    shared.availability.plan()?.sending.kinds.kinds().first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_free_a_node_is_is_a_bar_and_a_number_with_its_error() {
        let told = gauge(Some(0.624), Some(0.02));
        assert!(told.contains("width=\"62\"") && told.contains("62 % ±1 %") && !told.contains("style"), "{told}");
        assert!(gauge(Some(7.0), None).contains("width=\"100\" height=\"8\"/></svg> 100 %"));
        assert_eq!(gauge(None, Some(1.0)), "–");
        assert_eq!((ago(340), ago(61_000)), ("0.3 s ago".into(), "61 s ago".into()));
    }
}
