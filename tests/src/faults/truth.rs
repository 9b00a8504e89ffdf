//! What a run knows by itself: what was confirmed to somebody, what was done to whom, and what the store said when everything
//! was healed. Times are milliseconds since 1970.

use std::collections::{BTreeMap, BTreeSet};

use super::holdings::Holdings;
use super::schedule::{Fault, Target};

/// Something that was confirmed to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// When.
    pub at: i64,
    /// What.
    pub what: Word,
}

/// What was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The API gave a token of this public id.
    Token(String),
    /// The API took an order to a node: the action's id.
    Ordered(String),
    /// A node began to carry an action out: who, and the action's id.
    Begun(String, String),
    /// A node knows how an action ended: who, the action's id, the state.
    Ended(String, String, String),
    /// A join was answered: who, and the session epoch.
    Joined(String, i64),
    /// The API told an event: its number and its kind.
    Event(i64, String),
    /// The API told a change of a node's state.
    Change(Change),
}

/// A row of `v_health_history`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Its number.
    pub number: i64,
    /// When the group controller saw it.
    pub at: i64,
    /// The node's name.
    pub node: String,
    /// The group that saw it.
    pub group: String,
    /// The state from then on.
    pub state: String,
    /// Why.
    pub cause: String,
}

/// A row of `v_alerts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub kind: String,
    /// The node's name; none when it is about a whole group.
    pub node: Option<String>,
    /// The group that saw it.
    pub group: String,
    /// When it was raised.
    pub at: i64,
    /// Whether it lasts.
    pub open: bool,
}

/// Something that was done to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// From when.
    pub from: i64,
    /// Until when.
    pub to: i64,
    /// To whom.
    pub on: Target,
    /// What.
    pub fault: Fault,
}

/// What a run saw for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// When it began.
    pub began: i64,
    /// When everything was healed.
    pub healed: i64,
    /// The rack of each node.
    pub rack_of: BTreeMap<String, String>,
    /// What was confirmed, in the order it was heard.
    pub confirmed: Vec<Confirmed>,
    /// What was done.
    pub done: Vec<Done>,
    /// What everybody held.
    pub holdings: Holdings,
}

/// A clock is moved, and moved back, at some moment so near to the one that was noted, milliseconds.
const NEAR: i64 = 10_000;
const HOUR: i64 = 3_600_000;

impl Truth {
    /// When that was to which a rack's controller gave this time by its wall clock, which may have been moved then.
    #[must_use]
    pub fn true_time(&self, rack: &str, at: i64) -> i64 {
        let moved = |done: &Done| match done.fault {
            Fault::Clock(hours) if done.on.to_string() == rack => Some(at - hours * HOUR)
                .filter(|at| (done.from.saturating_sub(NEAR)..=done.to.saturating_add(NEAR)).contains(at)),
            _ => None,
        };
        self.done.iter().find_map(moved).unwrap_or(at)
    }
}

/// What the store says at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Public ids of all tokens.
    pub tokens: BTreeSet<String>,
    /// The state of every action.
    pub actions: BTreeMap<String, String>,
    /// Every node's state and epoch.
    pub nodes: BTreeMap<String, (String, i64)>,
    /// The kind of every event.
    pub events: BTreeMap<i64, String>,
    /// The history of states.
    pub changes: Vec<Change>,
    /// Deaths told when they were over, as of a node that died and came back while the zone was away: who, and since when.
    pub afterwards: Vec<(String, i64)>,
    /// Alerts.
    pub alerts: Vec<Alert>,
}

impl Store {
    /// The same, with everything at its true time instead of the one by the clock of whoever saw it.
    #[must_use]
    pub fn in_true_time(&self, truth: &Truth) -> Self {
        let mut store = self.clone();
        for change in &mut store.changes {
            change.at = truth.true_time(&change.group, change.at);
        }
        for (node, at) in &mut store.afterwards {
            *at = truth.rack_of.get(node).map_or(*at, |rack| truth.true_time(rack, *at));
        }
        for alert in &mut store.alerts {
            alert.at = truth.true_time(&alert.group, alert.at);
        }
        store
    }
}
