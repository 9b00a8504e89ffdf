//! Compares what was confirmed with what the store says when everything is healed, and every verdict with what was done to
//! whom. Pure.

mod verdicts;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::truth::{Store, Truth, Word};

/// How something is not as promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It was confirmed, and is not there.
    Lost,
    /// It is there twice, or took effect twice.
    Doubled,
    /// Later things stand before earlier ones.
    Reordered,
    /// The store says what is not so any more.
    Stale,
    /// A node was told down which was not.
    FalseVerdict,
    /// A node was dead, and nobody said so.
    Missed,
    /// A daemon holds more and more.
    Leaked,
}

/// Something that is not as promised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How.
    pub kind: Kind,
    /// What.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Lost => "lost",
            Kind::Doubled => "doubled",
            Kind::Reordered => "reordered",
            Kind::Stale => "stale",
            Kind::FalseVerdict => "false verdict",
            Kind::Missed => "missed",
            Kind::Leaked => "leaked",
        };
        write!(f, "{kind}: {}", self.what)
    }
}

/// All that is not as promised; empty when all is well.
#[must_use]
pub fn check(truth: &Truth, store: &Store) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |kind, what: String| findings.push(Finding { kind, what });
    confirmed_is_there(truth, store, &mut find);
    once(truth, &mut find);
    let store = &store.in_true_time(truth);
    epochs(truth, store, &mut find);
    history(store, &mut find);
    alerts(store, &mut find);
    at_rest(store, &mut find);
    verdicts::check(truth, store, &mut find);
    truth.holdings.check(&mut find);
    findings
}

fn confirmed_is_there(truth: &Truth, store: &Store, find: &mut impl FnMut(Kind, String)) {
    let changes: BTreeMap<i64, _> = store.changes.iter().map(|change| (change.number, change)).collect();
    for confirmed in &truth.confirmed {
        match &confirmed.what {
            Word::Token(id) if !store.tokens.contains(id) => find(Kind::Lost, format!("token {id}")),
            Word::Ordered(id) if !store.actions.contains_key(id) => find(Kind::Lost, format!("action {id}")),
            Word::Ended(node, id, state) => match store.actions.get(id) {
                Some(saved) if saved == state => {}
                Some(saved) => {
                    find(Kind::Stale, format!("action {id} is {saved}, and {node} knows that it is {state}"));
                }
                None => find(Kind::Lost, format!("action {id}, {state} by {node}")),
            },
            Word::Event(number, kind) if store.events.get(number) != Some(kind) => {
                find(Kind::Lost, format!("event {number}, {kind}, which somebody read"));
            }
            Word::Change(change) if changes.get(&change.number) != Some(&change) => {
                let what = format!("change {}, {} {}, which somebody read", change.number, change.node, change.state);
                find(Kind::Lost, what);
            }
            _ => {}
        }
    }
}

fn once(truth: &Truth, find: &mut impl FnMut(Kind, String)) {
    let mut begun = BTreeSet::new();
    for confirmed in &truth.confirmed {
        if let Word::Begun(node, id) = &confirmed.what
            && !begun.insert(id)
        {
            find(Kind::Doubled, format!("action {id} was begun again by {node}"));
        }
    }
}

/// What a node was told must be in the store, and never goes back.
fn epochs(truth: &Truth, store: &Store, find: &mut impl FnMut(Kind, String)) {
    let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
    for confirmed in &truth.confirmed {
        if let Word::Joined(node, epoch) = &confirmed.what {
            let before = latest.insert(node, *epoch).unwrap_or(0);
            if *epoch < before {
                find(Kind::Reordered, format!("{node} was given epoch {epoch} after {before}"));
            }
        }
    }
    for (node, told) in latest {
        match store.nodes.get(node) {
            Some((_, saved)) if *saved == told => {}
            Some((_, saved)) => find(Kind::Stale, format!("{node} has epoch {saved}, and was told {told}")),
            None => find(Kind::Lost, format!("{node}, which was told epoch {told}")),
        }
    }
}

/// A node's changes, seen by one group, are in the order of their times, and none is told twice.
fn history(store: &Store, find: &mut impl FnMut(Kind, String)) {
    let mut latest = BTreeMap::new();
    for change in &store.changes {
        let Some(before) = latest.insert((&change.node, &change.group), change) else { continue };
        let what = format!("change {} of {}: {} after {}", change.number, change.node, change.state, before.state);
        if change.at < before.at {
            find(Kind::Reordered, what);
        } else if change.state == "down" && before.state == "down" {
            find(Kind::Doubled, what);
        }
    }
}

/// Each death has one alert.
fn alerts(store: &Store, find: &mut impl FnMut(Kind, String)) {
    for node in store.nodes.keys() {
        let told = store.changes.iter().filter(|change| change.node == *node && change.state == "down").count();
        let deaths = told + store.afterwards.iter().filter(|(name, _)| name == node).count();
        let about = |alert: &&super::truth::Alert| alert.kind == "liveness" && alert.node.as_ref() == Some(node);
        let told = store.alerts.iter().filter(about).count();
        let what = format!("{node} was down {deaths} times, with {told} alerts");
        match told.cmp(&deaths) {
            std::cmp::Ordering::Less => find(Kind::Lost, what),
            std::cmp::Ordering::Greater => find(Kind::Doubled, what),
            std::cmp::Ordering::Equal => {}
        }
    }
}

/// Everybody is heard, and no alarm of a fault that is over lasts.
fn at_rest(store: &Store, find: &mut impl FnMut(Kind, String)) {
    for (node, (state, _)) in &store.nodes {
        if !matches!(state.as_str(), "healthy" | "degraded") {
            find(Kind::Stale, format!("{node} is {state} at rest"));
        }
    }
    for alert in &store.alerts {
        if alert.open && matches!(alert.kind.as_str(), "liveness" | "mass_darkness") {
            let whom = alert.node.as_deref().unwrap_or("a group");
            find(Kind::Stale, format!("the alert {} about {whom} is open at rest", alert.kind));
        }
    }
}

#[cfg(test)]
mod tests;
