//! Groups and check-in services.

use rollcall_model::indicator::Severity;
use rollcall_model::{Capability, GroupId, UnixMillis};
use serde_json::json;

use super::history::About;
use super::{Plan, must_grow, written};
use crate::row::{AlertRow, CapabilityRow, ChannelRow, CheckinRow, GroupRow};
use crate::{Change, CommitError, GroupKind};

const MASS_DARKNESS: &str = "mass_darkness";

impl Plan {
    pub(super) fn group_joined(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::GroupJoined { group, name, place, addresses, instance, session, channels, at } = change else {
            return Ok(());
        };
        let at = written(*at);
        let created = match self.stored.groups.get(group) {
            None => at,
            Some(had) if had.kind != GroupKind::Physical => {
                return Err(CommitError::WrongKind { group: *group, is: had.kind, wanted: GroupKind::Physical });
            }
            Some(had) => {
                must_grow("session", || format!("group {name}"), had.session.into(), (*session).into())?;
                had.created_ms
            }
        };
        let row = GroupRow {
            group_id: *group,
            kind: GroupKind::Physical,
            name: name.clone(),
            place: Some(place.clone()),
            capability: None,
            origin: "ack".into(),
            addresses: addresses.clone(),
            session: *session,
            instance: Some(*instance),
            created_ms: created,
            joined_ms: Some(at),
            rule: None,
            enter_dwell_ms: None,
            leave_dwell_ms: None,
            dissolved_ms: None,
            dissolved_by: None,
        };
        self.stored.groups.insert(*group, row);
        self.writes.touched.groups.insert(*group);
        self.writes.channels_of.insert(*group);
        self.writes.channels.retain(|row| row.group_id != *group);
        let rows =
            channels.iter().map(|channel| ChannelRow { group_id: *group, channel: channel.clone(), since_ms: at });
        self.writes.channels.extend(rows);
        let purposes: Vec<&str> = channels.iter().map(|channel| channel.purpose.as_str()).collect();
        let message = format!("group {name} at {place} joined, membership {session}");
        let detail = json!({ "session": session, "instance": instance, "addresses": addresses, "channels": purposes });
        self.event(at, "group_joined", ("group", group.to_string()), message, &detail);
        Ok(())
    }

    /// A group that exists stays as it is.
    pub(super) fn group_created(&mut self, change: &Change) {
        let Change::GroupCreated { group, kind, name, capability, origin, at } = change else { return };
        if self.stored.groups.contains_key(group) {
            return;
        }
        let at = written(*at);
        if let Some(capability) = capability {
            self.capability_seen(capability, at);
        }
        let row = GroupRow {
            group_id: *group,
            kind: *kind,
            name: name.clone(),
            place: None,
            capability: capability.clone(),
            origin: (*origin).to_owned(),
            addresses: Vec::new(),
            session: 0,
            instance: None,
            created_ms: at,
            joined_ms: None,
            rule: None,
            enter_dwell_ms: None,
            leave_dwell_ms: None,
            dissolved_ms: None,
            dissolved_by: None,
        };
        self.stored.groups.insert(*group, row);
        self.writes.touched.groups.insert(*group);
        let message = format!("{} group {name} created from {origin}", kind.as_str());
        let detail = json!({ "kind": kind, "capability": capability, "origin": origin });
        self.event(at, "group_created", ("group", group.to_string()), message, &detail);
    }

    pub(super) fn capability_seen(&mut self, capability: &Capability, at: UnixMillis) {
        if self.writes.capabilities.iter().any(|row| row.capability == *capability) {
            return;
        }
        let digest = capability.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        self.writes.capabilities.push(CapabilityRow { capability: capability.clone(), digest, first_seen_ms: at });
    }

    /// An event only when something about the service is new; it asks for the group table often.
    pub(super) fn checkin_registered(&mut self, change: &Change) {
        let Change::CheckinRegistered { checkin, name, address, ranges, at } = change else { return };
        let at = written(*at);
        let had = self.stored.checkins.get(checkin);
        let is_news = had.is_none_or(|had| (&had.name, &had.address, &had.ranges) != (name, address, ranges));
        let row = CheckinRow {
            checkin_id: *checkin,
            name: name.clone(),
            address: *address,
            ranges: ranges.clone(),
            first_seen_ms: had.map_or(at, |had| had.first_seen_ms),
            last_seen_ms: had.map_or(at, |had| had.last_seen_ms.max(at)),
        };
        self.stored.checkins.insert(*checkin, row);
        self.writes.touched.checkins.insert(*checkin);
        if is_news {
            let responsible = if ranges.is_empty() { "no range".to_owned() } else { ranges.join(", ") };
            let message = format!("check-in service {name} at {address} registered for {responsible}");
            let detail = json!({ "address": address, "ranges": ranges });
            self.event(at, "checkin_registered", ("checkin", checkin.to_string()), message, &detail);
        }
    }

    /// A beginning that is known (the alert is open, or was raised at this very moment) and an end without a
    /// beginning are repetitions.
    pub(super) fn group_alarm(
        &mut self,
        group: GroupId,
        raised: bool,
        (silent, members): (u32, u32),
        at: UnixMillis,
    ) -> Result<(), CommitError> {
        let name = self.group(group, "a group alarm")?.name.clone();
        let (kind, message) = if raised {
            if self.stored.alarmed.get(&group) == Some(&at) {
                return Ok(());
            }
            let message = format!(
                "group {name}: {silent} of {members} nodes fell silent at once; the group's own link is in doubt"
            );
            let alert = AlertRow {
                group_id: group,
                node_id: None,
                kind: MASS_DARKNESS,
                severity: Severity::Critical,
                raised_ms: at,
                cleared_ms: None,
                message: message.clone(),
            };
            if !self.history.raise(alert) {
                return Ok(());
            }
            self.stored.alarmed.insert(group, at);
            ("group_alarm_raised", message)
        } else {
            if !self.history.clear(About::Group(group), MASS_DARKNESS, at) {
                return Ok(());
            }
            ("group_alarm_cleared", format!("group {name} is heard again: {silent} of {members} nodes are silent"))
        };
        let detail = json!({ "silent": silent, "members": members });
        self.event(at, kind, ("group", group.to_string()), message, &detail);
        Ok(())
    }

    /// A beginning that is known and an end without a beginning are repetitions. `begins` is what the alert says.
    pub(super) fn group_warning(
        &mut self,
        group: GroupId,
        kind: &'static str,
        begins: Option<&String>,
        at: UnixMillis,
    ) -> Result<(), CommitError> {
        let name = self.group(group, "a group's warning")?.name.clone();
        let (event, message) = if let Some(message) = begins {
            let alert = AlertRow {
                group_id: group,
                node_id: None,
                kind,
                severity: Severity::Warning,
                raised_ms: at,
                cleared_ms: None,
                message: message.clone(),
            };
            if !self.history.raise(alert) {
                return Ok(());
            }
            ("group_warning_raised", message.clone())
        } else {
            if !self.history.clear(About::Group(group), kind, at) {
                return Ok(());
            }
            ("group_warning_cleared", format!("group {name}: {kind} is over"))
        };
        self.event(at, event, ("group", group.to_string()), message, &json!({ "kind": kind }));
        Ok(())
    }
}
