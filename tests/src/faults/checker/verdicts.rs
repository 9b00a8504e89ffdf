//! Whether each node was told down for a reason, and each death was told.

use super::Kind;
use crate::faults::schedule::{Fault, Target};
use crate::faults::truth::{Done, Store, Truth};

/// A node halted for at most so long is promised a good name, milliseconds.
pub const SHORT_PAUSE: i64 = 2_000;
/// What was wrong with a node explains verdicts until so long after: reconnecting takes up to 10 s for an attempt that
/// hangs and 15 s of pause.
const AFTER: i64 = 30_000;
/// A node that is dead for at least so long, while all who watch are well, must have been told.
const LONG_DEATH: i64 = 10_000;

/// Whether this explains that the node was told down.
fn explains(done: &Done, node: &str) -> bool {
    done.on.to_string() == node
        && match &done.fault {
            Fault::Kill => true,
            Fault::Pause => done.to - done.from > SHORT_PAUSE,
            Fault::Cable(cable) => !cable.is_within_promise(),
            Fault::Alarm(_) | Fault::Clock(_) | Fault::Disk => false,
        }
}

/// Whether somebody who watches a node of this rack had a fault then.
fn watchers_were_well(truth: &Truth, rack: &str, from: i64, to: i64) -> bool {
    let watches = |on: Target| match on {
        Target::Zone | Target::Broker | Target::Database => true,
        Target::Rack(_) => on.to_string() == rack,
        Target::Checkin | Target::Agent(_) => false,
    };
    let blinds = |done: &Done| !matches!(done.fault, Fault::Clock(_) | Fault::Disk) && watches(done.on);
    !truth.done.iter().any(|done| blinds(done) && done.from < to && done.to + AFTER > from)
}

pub(super) fn check(truth: &Truth, store: &Store, find: &mut impl FnMut(Kind, String)) {
    let downs = store.changes.iter().filter(|change| change.state == "down");
    let told = downs.map(|change| (change.node.as_str(), change.at, change.cause.as_str()));
    let afterwards = store.afterwards.iter().map(|(node, at)| (node.as_str(), *at, "told afterwards"));
    for (node, at, cause) in told.chain(afterwards).filter(|(_, at, _)| *at >= truth.began) {
        let explains = |done: &Done| explains(done, node) && done.from <= at && at <= done.to + AFTER;
        if !truth.done.iter().any(explains) {
            let after = at - truth.began;
            find(Kind::FalseVerdict, format!("{node} was told down {after} ms after the beginning: {cause}"));
        }
    }
    for done in truth.done.iter().filter(|done| done.fault == Fault::Kill && done.to - done.from >= LONG_DEATH) {
        let node = done.on.to_string();
        let Some(rack) = truth.rack_of.get(&node) else { continue };
        let told = store.changes.iter().any(|change| {
            change.node == node
                && matches!(change.state.as_str(), "down" | "unknown")
                && (done.from..=done.to).contains(&change.at)
        });
        let is_of_it = |at: i64| (done.from..=done.to).contains(&at);
        let told = told || store.afterwards.iter().any(|(name, at)| *name == node && is_of_it(*at));
        if !told && watchers_were_well(truth, rack, done.from, done.to) {
            let after = done.from - truth.began;
            find(Kind::Missed, format!("{node} was dead from {after} ms on for {} ms", done.to - done.from));
        }
    }
}
