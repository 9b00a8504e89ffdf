//! What the broker refused: counted, told, and written into the audit log, within bounds. The audit log is append-only,
//! so somebody who tries a forbidden thing for ever must not be able to fill the disk with it: each user has a number of
//! lines, which grows again with time; what is beyond it is added up into one line a minute.

use std::collections::BTreeMap;

use rollcall_bus::audit::Refusal;
use rollcall_model::{Millis, Now, Tick};
use serde_json::{Value, json};

use super::{By, Effect, Zone, audit};

/// Lines a user can cause at once.
const LINES: u32 = 200;
/// A line is had again after this.
const REGAINED: Millis = Millis(10_000);
/// What was not written line by line is added up this often.
const ADDED_UP: Millis = Millis(60_000);
/// Most users who are told apart; names come from certificates of the zone, so there are no more than it has signed.
const USERS: usize = 10_000;
/// Users whom the broker does not name, and those beyond [`USERS`].
const OTHERS: &str = "somebody";

/// How much each user may still have written.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    users: BTreeMap<String, Allowance>,
    /// When the sums are due; none while there is nothing to add up.
    due: Option<Tick>,
}

#[derive(Debug)]
struct Allowance {
    /// Lines left at `since`.
    left: u32,
    since: Tick,
    /// What was refused and not written, by operation.
    unwritten: BTreeMap<String, u64>,
}

impl Allowance {
    fn take(&mut self, now: Tick) -> bool {
        let regained = u32::try_from(now.0.saturating_sub(self.since.0) / REGAINED.0).unwrap_or(LINES);
        if regained > 0 {
            self.left = self.left.saturating_add(regained).min(LINES);
            self.since = now;
        }
        let has_one = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has_one
    }
}

impl Refusals {
    /// When [`Zone::tick_refusals`] is wanted at the latest.
    pub(super) const fn next_deadline(&self) -> Option<Tick> {
        self.due
    }

    /// Whether this one is to have a line of its own; else it is remembered for the sum.
    fn admit(&mut self, now: Tick, user: &str, operation: &str) -> bool {
        let user = if self.users.len() < USERS || self.users.contains_key(user) { user } else { OTHERS };
        let fresh = || Allowance { left: LINES, since: now, unwritten: BTreeMap::new() };
        let allowance = self.users.entry(user.to_owned()).or_insert_with(fresh);
        if allowance.take(now) {
            return true;
        }
        *allowance.unwritten.entry(operation.to_owned()).or_default() += 1;
        self.due.get_or_insert(now + ADDED_UP);
        false
    }
}

impl Zone {
    /// The broker refused somebody something.
    pub(super) fn on_broker_refused(&mut self, now: Now, refusal: &Refusal, effects: &mut Vec<Effect>) {
        let Refusal { user, operation, what } = refusal;
        let who = user.as_deref().unwrap_or(OTHERS);
        self.ignore(now, "broker", operation, who, &format!("{operation} by {who}: {what}"), effects);
        if self.refusals.admit(now.tick, who, operation) {
            effects.push(refused(now, who, operation, json!({ "refused": what })));
        }
    }

    /// Adds up what was not written line by line.
    pub(super) fn tick_refusals(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.refusals.due.is_none_or(|due| now.tick < due) {
            return;
        }
        self.refusals.due = None;
        for (who, allowance) in &mut self.refusals.users {
            for (operation, times) in std::mem::take(&mut allowance.unwritten) {
                effects.push(refused(now, who, &operation, json!({ "more_refused": times })));
            }
        }
        // Who has all lines again is as one never heard of.
        let is_known =
            |allowance: &Allowance| now.tick.0.saturating_sub(allowance.since.0) < REGAINED.0 * u64::from(LINES);
        self.refusals.users.retain(|_, allowance| is_known(allowance));
    }
}

fn refused(now: Now, who: &str, operation: &str, after: Value) -> Effect {
    let by = By { who: who.to_owned(), origin: "broker".into() };
    audit::line(now, &by, "broker_refused", operation, Value::Null, after)
}
