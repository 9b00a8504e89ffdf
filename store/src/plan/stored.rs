//! What must be known before a batch can be planned.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{CheckinId, GroupId, NodeId, UnixMillis};

use crate::Change;
use crate::row::{Bookmark, CheckinRow, GroupRow, OpenAlert, PlacedNode, ZoneRow};

/// Whose rows the planner must see.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    /// Whether the zone.
    pub zone: bool,
    /// These groups, and the groups these nodes are in.
    pub groups: BTreeSet<GroupId>,
    /// These check-in services.
    pub checkins: BTreeSet<CheckinId>,
    /// These nodes, with their open alerts and bookmarks.
    pub nodes: BTreeSet<NodeId>,
    /// These nodes' hardware.
    pub hardware: BTreeSet<NodeId>,
    /// The open alerts about these whole groups, and when the latest was raised.
    pub alarms: BTreeSet<GroupId>,
}

/// What a backend found about the subjects.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The zone.
    pub zone: Option<ZoneRow>,
    /// Groups.
    pub groups: BTreeMap<GroupId, GroupRow>,
    /// Check-in services.
    pub checkins: BTreeMap<CheckinId, CheckinRow>,
    /// Nodes.
    pub nodes: BTreeMap<NodeId, PlacedNode>,
    /// Present hardware, as JSON.
    pub hardware: BTreeMap<NodeId, String>,
    /// How far changes of groups the nodes have left were taken.
    pub bookmarks: Vec<Bookmark>,
    /// Open alerts, about the nodes and about whole groups.
    pub alerts: Vec<OpenAlert>,
    /// When the latest alert about a whole group was raised.
    pub alarmed: BTreeMap<GroupId, UnixMillis>,
}

/// Whose rows the planner must see for these changes.
pub(crate) fn subjects(changes: &[Change]) -> Subjects {
    let mut subjects = Subjects::default();
    for change in changes {
        match change {
            Change::ZoneStarted { .. } => subjects.zone = true,
            Change::GroupJoined { group, .. } | Change::GroupCreated { group, .. } => {
                subjects.groups.insert(*group);
            }
            Change::CheckinRegistered { checkin, .. } => {
                subjects.checkins.insert(*checkin);
            }
            Change::NodeJoined { identifier, group, .. } => {
                subjects.groups.insert(*group);
                subjects.nodes.insert(identifier.node);
                subjects.hardware.insert(identifier.node);
            }
            Change::NodePlaced { node, group, .. } | Change::NodeChanged { node, group, .. } => {
                subjects.groups.insert(*group);
                subjects.nodes.insert(*node);
            }
            Change::GroupAlarm { group, .. } => {
                subjects.groups.insert(*group);
                subjects.alarms.insert(*group);
            }
            Change::Noted { .. } => {}
        }
    }
    subjects
}
