//! Rows with a beginning and an end: alerts, assignments, memberships, hardware. At most one of a kind is open at a
//! time, whether it was open in the database or was opened earlier in the same batch.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{GroupId, NodeId, UnixMillis};

use super::{Stored, Writes};
use crate::GroupKind;
use crate::row::{
    AlertEnd, AlertRow, AssignmentEnd, AssignmentRow, HardwareEnd, HardwareRow, MembershipEnd, MembershipRow,
};

/// What an alert is about: one node, or a whole group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Node(NodeId),
    Group(GroupId),
}

/// An open row: in the database, by its id, or in this batch, by its place.
#[derive(Clone, Copy, Debug)]
enum Open<Id> {
    Stored(Id),
    New(usize),
}

#[derive(Debug, Default)]
pub(super) struct History {
    open_alerts: BTreeMap<(About, String), Open<i64>>,
    alerts: Vec<AlertRow>,
    alert_ends: Vec<AlertEnd>,
    open_assignments: BTreeMap<(NodeId, GroupKind), Open<()>>,
    assignments: Vec<AssignmentRow>,
    assignment_ends: Vec<AssignmentEnd>,
    open_hardware: BTreeMap<NodeId, Open<()>>,
    hardware: Vec<HardwareRow>,
    hardware_ends: Vec<HardwareEnd>,
    open_memberships: BTreeMap<(NodeId, GroupId), Open<()>>,
    memberships: Vec<MembershipRow>,
    membership_ends: Vec<MembershipEnd>,
    ended_alerts: BTreeSet<i64>,
}

impl History {
    pub(super) fn new(stored: &mut Stored) -> Self {
        let mut history = Self::default();
        for alert in stored.alerts.drain(..) {
            let about = alert.node_id.map_or(About::Group(alert.group_id), About::Node);
            history.open_alerts.insert((about, alert.kind), Open::Stored(alert.alert_id));
        }
        for (node, row) in &stored.nodes {
            let groups = [(GroupKind::Physical, row.physical), (GroupKind::Logical, row.logical)];
            for (kind, _) in groups.into_iter().filter(|(_, group)| group.is_some()) {
                history.open_assignments.insert((*node, kind), Open::Stored(()));
            }
        }
        for node in stored.hardware.keys() {
            history.open_hardware.insert(*node, Open::Stored(()));
        }
        for open in stored.memberships.drain(..) {
            history.open_memberships.insert((open.node_id, open.group_id), Open::Stored(()));
        }
        history
    }

    pub(super) fn finish(self, writes: &mut Writes) {
        writes.alerts = self.alerts;
        writes.alert_ends = self.alert_ends;
        writes.assignments = self.assignments;
        writes.assignment_ends = self.assignment_ends;
        writes.hardware = self.hardware;
        writes.hardware_ends = self.hardware_ends;
        writes.memberships = self.memberships;
        writes.membership_ends = self.membership_ends;
    }

    /// Opens an alert unless one of this kind is open; says whether it did.
    pub(super) fn raise(&mut self, alert: AlertRow) -> bool {
        let about = alert.node_id.map_or(About::Group(alert.group_id), About::Node);
        let key = (about, alert.kind.to_owned());
        if self.open_alerts.contains_key(&key) {
            return false;
        }
        self.open_alerts.insert(key, Open::New(self.alerts.len()));
        self.alerts.push(alert);
        true
    }

    /// Ends the open alert of this kind, where there is one; says whether there was.
    pub(super) fn clear(&mut self, about: About, kind: &str, at: UnixMillis) -> bool {
        match self.open_alerts.remove(&(about, kind.to_owned())) {
            None => return false,
            Some(Open::Stored(alert_id)) => {
                self.ended_alerts.insert(alert_id);
                self.alert_ends.push(AlertEnd { alert_id, cleared_ms: at });
            }
            Some(Open::New(place)) => self.alerts[place].cleared_ms = Some(at),
        }
        true
    }

    /// Whether an alert of the database was ended in this batch.
    pub(super) fn is_ended(&self, alert_id: i64) -> bool {
        self.ended_alerts.contains(&alert_id)
    }

    /// Begins a membership unless it is in force; says whether it did.
    pub(super) fn enter(&mut self, row: MembershipRow) -> bool {
        let key = (row.node_id, row.group_id);
        if self.open_memberships.contains_key(&key) {
            return false;
        }
        self.open_memberships.insert(key, Open::New(self.memberships.len()));
        self.memberships.push(row);
        true
    }

    /// Ends the membership, where it is in force; says whether it was.
    pub(super) fn leave(&mut self, key: (NodeId, GroupId), until_ms: UnixMillis, reason: &str) -> bool {
        let (node_id, group_id) = key;
        match self.open_memberships.remove(&key) {
            None => return false,
            Some(Open::Stored(())) => {
                let left_reason = reason.to_owned();
                self.membership_ends.push(MembershipEnd { node_id, group_id, until_ms, left_reason });
            }
            Some(Open::New(place)) => {
                let left = &mut self.memberships[place];
                (left.until_ms, left.left_reason) = (Some(until_ms), Some(reason.to_owned()));
            }
        }
        true
    }

    /// Ends every membership of the group; says how many there were.
    pub(super) fn leave_all(&mut self, group: GroupId, until_ms: UnixMillis, reason: &str) -> usize {
        let members: Vec<(NodeId, GroupId)> =
            self.open_memberships.keys().filter(|(_, of)| *of == group).copied().collect();
        for member in &members {
            self.leave(*member, until_ms, reason);
        }
        members.len()
    }

    /// Ends the node's assignment of this kind, where there is one, and begins the new one.
    /// `taken` is how far changes of the group that is left were taken.
    pub(super) fn assign(&mut self, row: AssignmentRow, taken: (u32, u64)) {
        let (node_id, kind, until_ms) = (row.node_id, row.kind, row.from_ms);
        let (change_session, change_number) = taken;
        match self.open_assignments.insert((node_id, kind), Open::New(self.assignments.len())) {
            None => {}
            Some(Open::Stored(())) => {
                let end = AssignmentEnd { node_id, kind, until_ms, change_session, change_number };
                self.assignment_ends.push(end);
            }
            Some(Open::New(place)) => {
                let left = &mut self.assignments[place];
                left.until_ms = Some(until_ms);
                (left.change_session, left.change_number) = taken;
            }
        }
        self.assignments.push(row);
    }

    /// Ends the node's hardware row, where there is one, and begins the new one.
    pub(super) fn rebuild(&mut self, row: HardwareRow) {
        let (node_id, until_ms) = (row.node_id, row.from_ms);
        match self.open_hardware.insert(node_id, Open::New(self.hardware.len())) {
            None => {}
            Some(Open::Stored(())) => self.hardware_ends.push(HardwareEnd { node_id, until_ms }),
            Some(Open::New(place)) => self.hardware[place].until_ms = Some(until_ms),
        }
        self.hardware.push(row);
    }
}
