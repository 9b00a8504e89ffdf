//! What stands around every page: where one can go, who one is, and how the zone is at a glance.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use rollcall_bus::Link;
use rollcall_model::{NodeState, Role};
use rollcall_store::Writable;

use super::answer::Answer;
use super::live::Ids;
use super::moment::Present;
use super::state::{Look, look};
use super::{assets, forms, page};
use crate::api::counted::{self, OpenAlerts};
use crate::api::errors::Problem;
use crate::api::{Caller, Means, Shared};

/// The pages there are: word, path, and how they are called.
pub(super) const PAGES: [(&str, &str, &str); 8] = [
    ("map", "/ui/", "Map"),
    ("alerts", "/ui/alerts", "Alerts"),
    ("groups", "/ui/groups", "Groups"),
    ("place", "/ui/place", "Place"),
    ("checkins", "/ui/checkins", "Check-ins"),
    ("policy", "/ui/policy", "Policy"),
    ("sql", "/ui/sql", "SQL"),
    ("audit", "/ui/audit", "Audit"),
];

/// What stands around a page.
#[derive(Debug)]
pub(super) struct Frame {
    pub assets: &'static str,
    pub zone: String,
    /// Which page this is, by its word in the list of pages.
    pub here: &'static str,
    pub who: String,
    pub role: &'static str,
    pub is_operator: bool,
    /// Whether there is a session that can end.
    pub has_session: bool,
    /// The token of every form on the page.
    pub csrf: String,
    /// What was told before anything on the page was read: what is live begins after it.
    pub told: Ids,
    pub header: Header,
}

/// The zone at a glance.
#[derive(Debug)]
pub(super) struct Header {
    pub broker: Light,
    pub database: Light,
    pub states: Vec<Count>,
    pub nodes: i64,
    pub open: Open,
    pub present: Present,
}

/// Whether something works that everything needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Light {
    pub is_on: bool,
    pub word: String,
}

/// How many nodes are in a state.
#[derive(Debug)]
pub(super) struct Count {
    pub look: Look,
    pub state: &'static str,
    pub nodes: i64,
}

impl Count {
    fn of((state, nodes): (NodeState, i64)) -> Self {
        Self { look: look(state.as_str(), 0), state: state.as_str(), nodes }
    }
}

/// What is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    pub critical: i64,
    pub warning: i64,
    /// Of all these: nobody has seen.
    pub unseen: i64,
    /// When the first of them began; empty where none is open.
    pub oldest: String,
}

impl Frame {
    /// The frame of a page, made before anything else is read for it, so that no change is lost between page and stream.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn of(shared: &Shared, caller: &Caller, here: &'static str) -> Result<Self, Problem> {
        let told = Ids::newest(&shared.feed);
        Ok(Self {
            told,
            assets: assets::VERSION,
            zone: shared.name.to_string(),
            here,
            who: caller.who.trim_start_matches("user.").to_owned(),
            role: caller.role.map_or("no role", Role::as_str),
            is_operator: caller.role >= Some(Role::Operator),
            has_session: matches!(caller.means, Means::Session(_)),
            csrf: forms::token(&shared.sessions, caller),
            header: Header::of(shared).await?,
        })
    }

    /// The pages there are.
    #[allow(clippy::unused_self, reason = "templates ask the frame for everything")]
    pub(super) const fn pages(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &PAGES
    }

    /// The present, by which the page tells times.
    pub(super) const fn present(&self) -> Present {
        self.header.present
    }
}

impl Header {
    async fn of(shared: &Shared) -> Result<Self, Problem> {
        let states = counted::nodes(shared).await?;
        let open = counted::alerts(shared).await?;
        Ok(Self {
            broker: broker(shared),
            database: database(shared),
            nodes: states.iter().map(|(_, nodes)| nodes).sum(),
            states: states.into_iter().map(Count::of).collect(),
            open: gather(&open),
            present: Present::now(),
        })
    }
}

fn broker(shared: &Shared) -> Light {
    match &*shared.link.borrow() {
        Link::Up { .. } => Light { is_on: true, word: "up".into() },
        Link::Connecting => Light { is_on: false, word: "connecting".into() },
        Link::Down { reason, .. } => Light { is_on: false, word: format!("out of reach: {reason}") },
    }
}

fn database(shared: &Shared) -> Light {
    match &*shared.store.writable().borrow() {
        Writable::Yes => Light { is_on: true, word: "up".into() },
        Writable::No { reason } => Light { is_on: false, word: format!("read-only: {reason}") },
    }
}

fn gather(rows: &[OpenAlerts]) -> Open {
    let sum = |critically: bool| {
        rows.iter().filter(|row| (row.severity == "critical") == critically).map(|row| row.alerts).sum()
    };
    Open {
        critical: sum(true),
        warning: sum(false),
        unseen: rows.iter().map(|row| row.unseen).sum(),
        oldest: rows.iter().map(|row| row.oldest.as_str()).min().unwrap_or_default().to_owned(),
    }
}

#[derive(Template)]
#[template(path = "part/header.html")]
struct Part {
    frame: Frame,
}

/// `GET /ui/part/header`: the zone at a glance, anew.
pub(super) async fn header(State(shared): State<Arc<Shared>>, caller: Caller) -> Answer {
    page::html(&Part { frame: Frame::of(&shared, &caller, "").await? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_summed_by_severity_and_by_who_saw_it() {
        let row = |severity: &str, alerts, unseen, oldest: &str| OpenAlerts {
            severity: severity.into(),
            alerts,
            unseen,
            oldest: oldest.into(),
        };
        let rows = [row("critical", 3, 2, "a"), row("warning", 4, 4, "c")];
        assert_eq!(gather(&rows), Open { critical: 3, warning: 4, unseen: 6, oldest: "a".into() });
        assert_eq!(gather(&[]), Open::default());
    }
}
