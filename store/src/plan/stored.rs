//! What must be known before a batch can be planned.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{
    ActionId, Capability, CheckinId, GroupId, JoinId, Name, NodeId, Principal, Purpose, Serial, UnixMillis,
};

use super::{Writes, written};
use crate::audit::AuditMark;
use crate::row::{
    ActionRow, Bookmark, CertificateRow, CheckinPlaceRow, CheckinRow, CombinationRow, GroupRow, JoinRow, KnownNode,
    MessageRow, NodePolicyRow, OpenAlert, OpenMembership, PlacedNode, PolicyRow, RevokedRow, TokenRow, UnseenAlert,
    UserRow, ZoneRow,
};
use crate::{Change, TrustChange};

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
    /// Whether the policy in force.
    pub policy: bool,
    /// Name and policy of these nodes.
    pub known: BTreeSet<NodeId>,
    /// The groups by rule these nodes are in.
    pub entrants: BTreeSet<NodeId>,
    /// Who is in these groups by rule.
    pub dissolving: BTreeSet<GroupId>,
    /// These alerts, where they are open and nobody has seen them.
    pub alerts: BTreeSet<i64>,
    /// These orders, with name and policy of their nodes.
    pub actions: BTreeSet<ActionId>,
    /// How far these channels are numbered, and what they hold of these moments.
    pub messages: BTreeSet<(Purpose, UnixMillis)>,
    /// These combinations, where they were held.
    pub combinations: BTreeSet<Capability>,
    /// These check-in services at places.
    pub places: BTreeSet<Name>,
    /// These tokens.
    pub tokens: BTreeSet<String>,
    /// These requests to join.
    pub joins: BTreeSet<JoinId>,
    /// These certificates.
    pub serials: BTreeSet<Serial>,
    /// Certificates of these that are not revoked, and whether they are kept out.
    pub principals: BTreeSet<Principal>,
    /// These users.
    pub users: BTreeSet<Name>,
    /// Whether the end of the audit log.
    pub audit: bool,
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
    /// The policy in force.
    pub policy: Option<PolicyRow>,
    /// Name and policy of nodes.
    pub known: BTreeMap<NodeId, KnownNode>,
    /// Who is in which group by rule.
    pub memberships: Vec<OpenMembership>,
    /// Alerts somebody may acknowledge.
    pub unseen: BTreeMap<i64, UnseenAlert>,
    /// Orders.
    pub actions: BTreeMap<ActionId, ActionRow>,
    /// How far channels are numbered.
    pub channel_ends: BTreeMap<Purpose, u64>,
    /// Messages of a channel and moment.
    pub messages: BTreeMap<(Purpose, UnixMillis), Vec<MessageRow>>,
    /// Combinations nobody foresaw.
    pub combinations: BTreeMap<Capability, CombinationRow>,
    /// Check-in services at places.
    pub places: BTreeMap<Name, CheckinPlaceRow>,
    /// Tokens.
    pub tokens: BTreeMap<String, TokenRow>,
    /// Requests to join.
    pub joins: BTreeMap<JoinId, JoinRow>,
    /// Certificates.
    pub certificates: BTreeMap<Serial, CertificateRow>,
    /// Who is kept out.
    pub revoked: BTreeMap<Principal, RevokedRow>,
    /// Users.
    pub users: BTreeMap<Name, UserRow>,
    /// The end of the audit log; `None` while it is empty.
    pub audit_end: Option<AuditMark>,
}

impl Stored {
    /// Hands over the facts that changed.
    pub(super) fn touched(self, writes: &mut Writes) {
        let touched = std::mem::take(&mut writes.touched);
        writes.zone = self.zone.filter(|_| touched.zone);
        writes.groups = self.groups.into_values().filter(|row| touched.groups.contains(&row.group_id)).collect();
        writes.checkins =
            self.checkins.into_values().filter(|row| touched.checkins.contains(&row.checkin_id)).collect();
        let nodes = self.nodes.into_values().map(|row| row.node);
        writes.nodes = nodes.filter(|row| touched.nodes.contains(&row.node_id)).collect();
        let policies = self.known.into_values().filter(|known| touched.policies.contains(&known.node_id));
        writes.node_policies = policies.map(obeyed).collect();
        writes.actions = self.actions.into_values().filter(|row| touched.actions.contains(&row.action_id)).collect();
        let combinations = self.combinations.into_values();
        writes.combinations = combinations.filter(|row| touched.combinations.contains(&row.capability)).collect();
        writes.places = self.places.into_values().filter(|row| touched.places.contains(&row.name)).collect();
        writes.tokens = self.tokens.into_values().filter(|row| touched.tokens.contains(&row.token)).collect();
        writes.joins = self.joins.into_values().filter(|row| touched.joins.contains(&row.join_id)).collect();
        let certificates = self.certificates.into_values();
        writes.certificates = certificates.filter(|row| touched.certificates.contains(&row.serial)).collect();
        writes.revoked = self.revoked.into_values().filter(|row| touched.revoked.contains(&row.principal)).collect();
        writes.users = self.users.into_values().filter(|row| touched.users.contains(&row.name)).collect();
    }
}

fn obeyed(known: KnownNode) -> NodePolicyRow {
    let KnownNode { node_id, version, applied_ms, refused_version, refused_ms, problem, .. } = known;
    NodePolicyRow { node_id, version, applied_ms, refused_version, refused_ms, problem }
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
            Change::NodePlaced { node, group, .. }
            | Change::NodeChanged { node, group, .. }
            | Change::NodeWasDown { node, group, .. } => {
                subjects.groups.insert(*group);
                subjects.nodes.insert(*node);
            }
            Change::GroupAlarm { group, .. } | Change::GroupWarning { group, .. } => {
                subjects.groups.insert(*group);
                subjects.alarms.insert(*group);
            }
            _ => subjects.of_later(change),
        }
    }
    subjects
}

impl Subjects {
    /// Policies, groups by rule, and what follows from health.
    fn of_later(&mut self, change: &Change) {
        match change {
            Change::PolicySet { .. } => self.policy = true,
            Change::PolicyApplied { nodes, .. } => self.known.extend(nodes),
            Change::PolicyRefused { node, .. } => {
                self.known.insert(*node);
            }
            Change::RuleGroupSet { group, .. } => {
                self.groups.insert(*group);
            }
            Change::CheckinPlaced { name, group, .. } => {
                self.groups.insert(*group);
                self.places.insert(name.clone());
            }
            Change::GroupDissolved { group, .. } => {
                self.groups.insert(*group);
                self.dissolving.insert(*group);
            }
            Change::NodeEntered { node, group, .. } | Change::NodeLeft { node, group, .. } => {
                self.groups.insert(*group);
                self.known.insert(*node);
                self.entrants.insert(*node);
            }
            Change::AlertAcknowledged { alert, .. } => {
                self.alerts.insert(*alert);
            }
            Change::ActionOrdered { action_id, node, .. } => {
                self.actions.insert(*action_id);
                self.known.insert(*node);
            }
            Change::ActionMoved { action_id, .. } => {
                self.actions.insert(*action_id);
            }
            Change::ChannelMessage { message, .. } => {
                self.messages.insert((message.channel.clone(), written(message.at)));
            }
            Change::Analytics { summary, .. } => {
                self.groups.insert(summary.group);
            }
            Change::CombinationHeld { capability, .. } | Change::CombinationDecided { capability, .. } => {
                self.combinations.insert(capability.clone());
            }
            Change::Trust(change) => self.of_trust(change),
            // These two need nothing; the others are the topology's own, and were gone through.
            Change::Noted { .. }
            | Change::NodesSeen { .. }
            | Change::ZoneStarted { .. }
            | Change::GroupJoined { .. }
            | Change::GroupCreated { .. }
            | Change::CheckinRegistered { .. }
            | Change::NodeJoined { .. }
            | Change::NodePlaced { .. }
            | Change::NodeChanged { .. }
            | Change::NodeWasDown { .. }
            | Change::GroupAlarm { .. }
            | Change::GroupWarning { .. } => {}
        }
    }

    fn of_trust(&mut self, change: &TrustChange) {
        match change {
            TrustChange::TokenCreated { hash, .. } => {
                self.tokens.insert(hash.short().to_owned());
            }
            TrustChange::TokenUsed { token, .. } | TrustChange::TokenRevoked { token, .. } => {
                self.tokens.insert(token.clone());
            }
            TrustChange::JoinHeld { join, .. }
            | TrustChange::JoinDecided { join, .. }
            | TrustChange::JoinIssued { join } => {
                self.joins.insert(*join);
            }
            TrustChange::CertificateIssued { serial, .. } => {
                self.serials.insert(serial.clone());
            }
            TrustChange::CertificatesEnded { principal, .. }
            | TrustChange::PrincipalRevoked { principal, .. }
            | TrustChange::PrincipalLifted { principal, .. } => {
                self.principals.insert(principal.clone());
            }
            TrustChange::UserSet { name, .. } | TrustChange::UserRemoved { name, .. } => {
                self.users.insert(name.clone());
            }
            TrustChange::Audited { .. } => self.audit = true,
        }
    }
}
