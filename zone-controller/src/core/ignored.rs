//! What is ignored, refused or merely worth knowing: counted for `rollcall status`, written down where it helps, told
//! on the security channel, and never a way to fill the database.

use std::collections::BTreeMap;

use rollcall_model::packet::{CheckinReport, Summary};
use rollcall_model::{CheckinId, GroupId, Name, NodeId, Now, UnixMillis, ZoneId};
use rollcall_store::Change;
use serde::Serialize;
use serde_json::Value;

use super::places::PlaceReport;
use super::{Effect, Zone};

/// Counters and the latest reports, for `rollcall status`. Everything else is in the store.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overview {
    /// What was ignored or refused, by `source.reason`.
    pub ignored: BTreeMap<String, u64>,
    /// Latest summary of each group.
    pub summaries: BTreeMap<GroupId, Summary>,
    /// Latest report of each check-in service.
    pub checkins: BTreeMap<CheckinId, CheckinReport>,
    /// Other zones heard: name and addresses.
    pub neighbours: BTreeMap<ZoneId, String>,
    /// Check-in services at configured places, by name.
    pub places: BTreeMap<Name, PlaceReport>,
    /// Nodes that checked in a minute ago and were found by no group controller yet.
    pub unplaced: BTreeMap<NodeId, Name>,
}

impl Zone {
    /// Counts by `source.reason`.
    pub(super) fn count(&mut self, source: &str, reason: &str) {
        *self.overview.ignored.entry(format!("{source}.{reason}")).or_default() += 1;
    }

    /// Counts, and tells of the first few of a kind and of each tenfold, as an event and on the security channel, so that
    /// a flood of strangers fills no table.
    pub(super) fn ignore(
        &mut self,
        now: Now,
        source: &'static str,
        reason: &str,
        subject: &str,
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        self.ignore_of(now, (source, reason), (subject, Value::Null), message, effects);
    }

    /// The same with what programs need to know of the subject.
    pub(super) fn ignore_of(
        &mut self,
        now: Now,
        (source, reason): (&'static str, &str),
        (subject, detail): (&str, Value),
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        let count = self.overview.ignored.entry(format!("{source}.{reason}")).or_default();
        *count += 1;
        if *count <= 10 || count.ilog10() > (*count - 1).ilog10() {
            effects.push(note(now.wall, "ignored", subject, format!("{source} ignored ({reason}): {message}")));
            self.security_of(now, word(source, reason), (subject, detail), message, effects);
        }
    }
}

/// What a refusal is called on the security channel.
fn word(source: &str, reason: &str) -> &'static str {
    match (source, reason) {
        (_, "identity_clash") => "identity_clash",
        (_, "rival_controller") => "rival_controller",
        (_, "same_name") => "namesake_zone",
        ("hello", _) => "hello_refused",
        ("packet", _) => "packet_refused",
        ("broker", _) => "broker_refused",
        ("ack", _) => "ack_refused",
        ("arrival", _) => "arrival_refused",
        _ => "join_refused",
    }
}

/// An event and nothing else.
pub(super) fn note(at: UnixMillis, kind: &'static str, subject: &str, message: String) -> Effect {
    Effect::Save(Change::Noted { kind, subject: subject.chars().take(64).collect(), message, at })
}
