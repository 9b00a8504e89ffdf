//! A line for each route: what it is for, what it takes beside the parameters of its lists, and what it answers.

mod fleet;
mod placing;
mod trust;

use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

use super::parameters::Query;
use super::shapes::Shape;
use crate::api::lists::List;
use crate::api::routes::Route;

/// What a body is.
#[derive(Clone, Copy)]
pub enum Sent {
    /// There is none.
    Nothing,
    /// JSON with this schema.
    Json(fn() -> RefOr<Schema>),
    /// Text, a policy in TOML.
    Toml,
}

/// What may be answered.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// JSON, with a code.
    Json(u16, Shape),
    /// JSON, or live as server-sent events where they are accepted.
    Live(Shape),
    /// JSON, with a tag.
    Tagged(Shape),
    /// A page of a list.
    Page(Shape),
    /// Text of one of these kinds, with a code.
    Text(u16, &'static [&'static str]),
}

impl Answer {
    /// Its code.
    pub fn code(&self) -> String {
        match self {
            Self::Json(code, _) | Self::Text(code, _) => code.to_string(),
            Self::Live(_) | Self::Tagged(_) | Self::Page(_) => "200".into(),
        }
    }
}

/// A route, described.
#[derive(Clone, Copy)]
pub struct Operation {
    /// Its method.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// What programs call it.
    pub id: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What its query takes beside the parameters of its lists.
    pub query: &'static [Query],
    /// Lists of which it answers pages.
    pub lists: &'static [&'static List],
    /// What is sent.
    pub sent: Sent,
    /// What may be answered when it is done.
    pub answers: &'static [Answer],
}

impl Operation {
    const fn get(path: &'static str, id: &'static str, about: &'static str, answers: &'static [Answer]) -> Self {
        Self { method: "GET", path, id, about, query: &[], lists: &[], sent: Sent::Nothing, answers }
    }

    const fn post(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        body: fn() -> RefOr<Schema>,
        answers: &'static [Answer],
    ) -> Self {
        Self { method: "POST", sent: Sent::Json(body), ..Self::get(path, id, about, answers) }
    }

    const fn delete(path: &'static str, id: &'static str, about: &'static str, answers: &'static [Answer]) -> Self {
        Self { method: "DELETE", ..Self::get(path, id, about, answers) }
    }

    const fn of_lists(self, lists: &'static [&'static List]) -> Self {
        Self { lists, ..self }
    }

    const fn with(self, query: &'static [Query]) -> Self {
        Self { query, ..self }
    }
}

/// The schema of a body.
fn body<T: PartialSchema>() -> RefOr<Schema> {
    T::schema()
}

const fn query(name: &'static str, about: &'static str, shape: Shape) -> Query {
    Query { name, about, shape }
}

/// What those take who wait for something to come.
const LATEST: [Query; 3] = [
    query("after", "only what has a greater number; without it the latest", Shape::Integer),
    query("limit", "at most so many; 100 unless said, at most 1,000", Shape::Integer),
    query("wait_ms", "wait so long for the first one, milliseconds; at most 30,000", Shape::Integer),
];

const AFTER: Query = query("after", "only what has a greater number; without it the latest", Shape::Integer);
const MOST: Query = query("limit", "at most so many; 100 unless said, at most 1,000", Shape::Integer);
const WAIT: Query =
    query("wait_ms", "wait so long for the first one, milliseconds; at most 30,000; wants `after`", Shape::Integer);

/// What events are chosen by.
const OF_EVENTS: [Query; 5] = [
    query("kind", "kinds of events, with commas between", Shape::Text),
    query("subject", "the id of what it is about", Shape::Text),
    AFTER,
    MOST,
    WAIT,
];
/// What changes of health are chosen by.
const OF_CHANGES: [Query; 5] = [
    query("node", "a node, by name or id", Shape::Text),
    query("group", "changes a group saw, by name or id", Shape::Text),
    AFTER,
    MOST,
    WAIT,
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    fleet::ALL.iter().chain(placing::ALL).chain(trust::ALL)
}

/// That of a route.
pub fn of(route: &Route) -> Option<&'static Operation> {
    all().find(|operation| operation.method == route.method.as_str() && operation.path == route.path)
}
