//! Decides what a batch of changes writes. Pure: from what is stored about the batch's subjects and the changes, to
//! rows. Guards, idempotence, alerts and messages live here, so every backend has the same ones.
//!
//! [`subjects`] says what a backend must fetch, [`plan`] what it must write, in one transaction.

mod combinations;
mod group;
mod health;
mod history;
mod message;
mod node;
mod orders;
mod policies;
mod rules;
mod stored;
mod told;
mod trust;
mod users;
mod writes;

use rollcall_model::{GroupId, NodeId, UnixMillis, ZoneId};
use serde_json::Value;

use self::history::History;
pub(crate) use self::stored::{Stored, Subjects, subjects};
pub(crate) use self::writes::Writes;
use crate::row::{EventRow, GroupRow, PlacedNode, SeenRow, ZoneRow, without_zeros};
use crate::{Change, CommitError, GroupKind};

/// What the changes write, given what is stored.
///
/// # Errors
/// When a guarded number does not grow, or a change needs something that is not stored. The batch is then void.
pub(crate) fn plan(stored: Stored, changes: &[Change]) -> Result<Writes, CommitError> {
    let mut plan = Plan::new(stored);
    for change in changes {
        plan.apply(change)?;
    }
    Ok(plan.finish())
}

/// The last millisecond of the year 9999, the last one SQL's date functions can write.
const LAST_MS: u64 = 253_402_300_799_999;

/// Times come from other machines' clocks; what no calendar can say is cut to what it can.
fn written(at: UnixMillis) -> UnixMillis {
    UnixMillis(at.0.min(LAST_MS))
}

/// SQL integers are signed; no counter ever comes near the difference.
fn counted(number: u64) -> u64 {
    number.min(i64::MAX as u64)
}

/// The stored state as it is while the batch is gone through, and the rows gathered so far.
struct Plan {
    stored: Stored,
    history: History,
    writes: Writes,
}

impl Plan {
    fn new(mut stored: Stored) -> Self {
        let history = History::new(&mut stored);
        Self { stored, history, writes: Writes::default() }
    }

    fn finish(mut self) -> Writes {
        told::age(&mut self.writes);
        once_each(&mut self.writes.seen);
        self.stored.touched(&mut self.writes);
        self.history.finish(&mut self.writes);
        self.writes
    }

    fn apply(&mut self, change: &Change) -> Result<(), CommitError> {
        match change {
            Change::ZoneStarted { zone, name, generation, at } => {
                self.zone_started(*zone, name, counted(*generation), written(*at))
            }
            Change::GroupJoined { .. } => self.group_joined(change),
            Change::GroupCreated { .. } => {
                self.group_created(change);
                Ok(())
            }
            Change::CheckinRegistered { .. } => {
                self.checkin_registered(change);
                Ok(())
            }
            Change::NodeJoined { .. } => self.node_joined(change),
            Change::NodePlaced { node, name, address, group, at } => {
                self.node_placed(*node, name, *address, *group, written(*at))
            }
            Change::NodesSeen { nodes, at } => {
                let at_ms = written(*at);
                let rows = nodes.iter().map(|(node_id, epoch)| SeenRow { node_id: *node_id, epoch: *epoch, at_ms });
                self.writes.seen.extend(rows);
                Ok(())
            }
            Change::NodeChanged { .. } => self.node_changed(change),
            Change::NodeWasDown { .. } => self.node_was_down(change),
            Change::GroupAlarm { group, raised, silent, members, at } => {
                self.group_alarm(*group, *raised, (*silent, *members), written(*at))
            }
            Change::GroupWarning { group, kind, raised, message, at } => {
                self.group_warning(*group, kind, raised.then_some(message), written(*at))
            }
            Change::PolicySet { .. }
            | Change::PolicyApplied { .. }
            | Change::PolicyRefused { .. }
            | Change::RuleGroupSet { .. }
            | Change::GroupDissolved { .. }
            | Change::NodeEntered { .. }
            | Change::NodeLeft { .. } => self.wanted(change),
            Change::AlertAcknowledged { .. }
            | Change::ActionOrdered { .. }
            | Change::ActionMoved { .. }
            | Change::ChannelMessage { .. }
            | Change::Analytics { .. } => self.done_and_told(change),
            Change::CombinationHeld { capability, node, name, at } => {
                self.combination_held(capability, *node, name, written(*at));
                Ok(())
            }
            Change::CombinationDecided { capability, approved, by, at } => {
                self.combination_decided(capability, *approved, by, written(*at));
                Ok(())
            }
            Change::CheckinPlaced { name, group, running, message, at } => {
                self.checkin_placed(name, *group, (*running, message), written(*at))
            }
            Change::Trust(change) => self.trust(change),
            Change::Noted { kind, subject, message, at } => {
                let subject = ("other", subject.clone());
                self.event(written(*at), kind, subject, message.clone(), &serde_json::json!({}));
                Ok(())
            }
        }
    }

    /// Policies and groups by rule.
    fn wanted(&mut self, change: &Change) -> Result<(), CommitError> {
        match change {
            Change::PolicySet { .. } => self.policy_set(change),
            Change::PolicyApplied { nodes, version, at } => {
                self.policy_applied(nodes, *version, written(*at));
                Ok(())
            }
            Change::PolicyRefused { node, version, message, at } => {
                self.policy_refused(*node, *version, message, written(*at));
                Ok(())
            }
            Change::RuleGroupSet { .. } => self.rule_group_set(change),
            Change::GroupDissolved { group, by, at } => self.group_dissolved(*group, by, written(*at)),
            Change::NodeEntered { node, group, reason, at } => self.node_entered(*node, *group, reason, written(*at)),
            Change::NodeLeft { node, group, reason, at } => self.node_left(*node, *group, reason, written(*at)),
            _ => Ok(()),
        }
    }

    /// Alerts somebody has seen, actions, and what is told on channels.
    fn done_and_told(&mut self, change: &Change) -> Result<(), CommitError> {
        match change {
            Change::AlertAcknowledged { alert, by, comment, at } => {
                self.alert_acknowledged(*alert, by, comment, written(*at));
            }
            Change::ActionOrdered { .. } => return self.action_ordered(change),
            Change::ActionMoved { action_id, state, message, at } => {
                self.action_moved(*action_id, *state, message, written(*at));
            }
            Change::ChannelMessage { message, from } => self.channel_message(message, from),
            Change::Analytics { summary, at } => return self.analytics(summary, written(*at)),
            _ => {}
        }
        Ok(())
    }

    fn zone_started(
        &mut self,
        zone: ZoneId,
        name: &rollcall_model::Name,
        generation: u64,
        at: UnixMillis,
    ) -> Result<(), CommitError> {
        let created = match &self.stored.zone {
            None => at,
            Some(had) if had.zone_id != zone => return Err(CommitError::OtherZone { stored: had.zone_id, got: zone }),
            Some(had) => {
                must_grow("generation", || format!("zone {name}"), had.generation, generation)?;
                had.created_ms
            }
        };
        let row = ZoneRow { zone_id: zone, name: name.clone(), generation, created_ms: created, started_ms: at };
        self.stored.zone = Some(row);
        self.writes.touched.zone = true;
        let message = format!("zone {name} started, generation {generation}");
        let detail = serde_json::json!({ "generation": generation });
        self.event(at, "zone_started", ("zone", zone.to_string()), message, &detail);
        Ok(())
    }

    fn event(
        &mut self,
        at: UnixMillis,
        kind: &'static str,
        (subject_type, subject_id): (&'static str, String),
        message: String,
        detail: &Value,
    ) {
        let detail = without_zeros(detail.to_string());
        self.writes.events.push(EventRow { at_ms: at, kind, subject_type, subject_id, message, detail });
    }

    /// The group, which must be stored.
    fn group(&self, group: GroupId, wanted_by: &'static str) -> Result<&GroupRow, CommitError> {
        self.stored.groups.get(&group).ok_or_else(|| CommitError::Missing {
            what: "group",
            id: group.to_string(),
            wanted_by,
        })
    }

    /// The group, which must be stored and of this kind.
    fn group_of(&self, group: GroupId, wanted: GroupKind, by: &'static str) -> Result<&GroupRow, CommitError> {
        let row = self.group(group, by)?;
        if row.kind == wanted { Ok(row) } else { Err(CommitError::WrongKind { group, is: row.kind, wanted }) }
    }

    /// The node, which must be stored.
    fn node(&self, node: NodeId, wanted_by: &'static str) -> Result<&PlacedNode, CommitError> {
        self.stored.nodes.get(&node).ok_or_else(|| CommitError::Missing {
            what: "node",
            id: node.to_string(),
            wanted_by,
        })
    }
}

/// Of several signs of life of a node the one in its newest epoch counts, and of those the last.
fn once_each(seen: &mut Vec<SeenRow>) {
    seen.sort_by_key(|row| std::cmp::Reverse((row.node_id, row.epoch, row.at_ms)));
    seen.dedup_by_key(|row| row.node_id);
}

fn must_grow(what: &'static str, subject: impl FnOnce() -> String, had: u64, got: u64) -> Result<(), CommitError> {
    if got > had { Ok(()) } else { Err(CommitError::Stale { what, subject: subject(), had, got }) }
}
