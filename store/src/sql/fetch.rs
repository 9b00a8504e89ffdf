//! Reads what the planner needs.

use std::collections::BTreeSet;

use rollcall_model::{GroupId, NodeId, UnixMillis};
use serde::{Deserialize, Serialize};

use super::link::{Link, rows};
use super::shape::{ACTIONS, CHECKINS, COMBINATIONS, GROUPS, MESSAGES, NODES, PLACES, POLICIES, ZONE};
use super::{Dialect, Sql};
use crate::CommitError;
use crate::plan::{Stored, Subjects};
use crate::row::{
    ActionRow, Bookmark, ChannelEnd, CheckinPlaceRow, CheckinRow, CombinationRow, GroupRow, KnownNode, MessageRow,
    OpenAlert, OpenMembership, PlacedNode, PolicyRow, UnseenAlert, ZoneRow,
};

/// The groups a node is in.
pub(super) const WHERE_PLACED: &str = "\
     LEFT JOIN assignments p ON p.node_id = t.node_id AND p.kind = 'physical' AND p.until_ms IS NULL \
     LEFT JOIN assignments l ON l.node_id = t.node_id AND l.kind = 'logical' AND l.until_ms IS NULL";

pub(super) static THE_ZONE: Sql = Sql::new(|d| format!("SELECT {} FROM zone t", d.row(&ZONE)));

static THESE_GROUPS: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM groups t WHERE t.group_id IN (SELECT value FROM {}) OR t.group_id IN \
         (SELECT a.group_id FROM {} JOIN assignments a ON a.node_id = i.value AND a.until_ms IS NULL)",
        d.row(&GROUPS),
        d.each(1, "g"),
        d.each(2, "i")
    )
});

static THESE_CHECKINS: Sql = Sql::new(|d| {
    format!("SELECT {} FROM {} JOIN checkins t ON t.checkin_id = i.value", d.row(&CHECKINS), d.each(1, "i"))
});

static THESE_NODES: Sql = Sql::new(|d| {
    let node = d.object(&placed(d));
    format!("SELECT {node} FROM {} JOIN nodes t ON t.node_id = i.value {WHERE_PLACED}", d.each(1, "i"))
});

/// A node with the groups it is in, as the inside of an object.
pub(super) fn placed(d: Dialect) -> String {
    format!("'node', {}, 'physical', p.group_id, 'logical', l.group_id", d.nested(&d.pairs(&NODES)))
}

static HARDWARE: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM {} JOIN node_hardware t ON t.node_id = i.value AND t.until_ms IS NULL",
        d.object("'node_id', t.node_id, 'topology', t.topology"),
        d.each(1, "i")
    )
});

static BOOKMARKS: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM {} JOIN assignments t ON t.node_id = i.value AND t.kind = 'physical' \
         WHERE t.until_ms IS NOT NULL AND t.change_session > 0",
        d.object(
            "'node_id', t.node_id, 'group_id', t.group_id, 'change_session', t.change_session, \
             'change_number', t.change_number"
        ),
        d.each(1, "i")
    )
});

const ALERT: &str = "'alert_id', t.alert_id, 'group_id', t.group_id, 'node_id', t.node_id, 'kind', t.kind";

static NODE_ALERTS: Sql = Sql::new(|d| {
    let (alert, nodes) = (d.object(ALERT), d.each(1, "i"));
    format!("SELECT {alert} FROM {nodes} JOIN alerts t ON t.node_id = i.value AND t.cleared_ms IS NULL")
});

static GROUP_ALERTS: Sql = Sql::new(|d| {
    let (alert, groups) = (d.object(ALERT), d.each(1, "i"));
    format!(
        "SELECT {alert} FROM {groups} JOIN alerts t ON t.group_id = i.value AND t.node_id IS NULL \
         AND t.cleared_ms IS NULL"
    )
});

static ALARMED: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM {} JOIN alerts t ON t.group_id = i.value AND t.node_id IS NULL \
         AND t.kind = 'mass_darkness' GROUP BY t.group_id",
        d.object("'group_id', t.group_id, 'raised_ms', max(t.raised_ms)"),
        d.each(1, "i")
    )
});

pub(super) static THE_POLICY: Sql =
    Sql::new(|d| format!("SELECT {} FROM policies t ORDER BY t.version DESC LIMIT 1", d.row(&POLICIES)));

static KNOWN: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM {} JOIN nodes t ON t.node_id = i.value LEFT JOIN node_policies p ON p.node_id = t.node_id",
        d.object(
            "'node_id', t.node_id, 'name', t.name, 'version', coalesce(p.version, 0), 'applied_ms', p.applied_ms, \
             'refused_version', p.refused_version, 'refused_ms', p.refused_ms, 'problem', p.problem"
        ),
        d.each(1, "i")
    )
});

const MEMBER: &str = "'node_id', t.node_id, 'group_id', t.group_id";

/// The index is named: a node may have left many groups.
static MEMBERSHIPS_OF: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM {} JOIN memberships t {} ON t.node_id = i.value AND t.until_ms IS NULL",
        d.object(MEMBER),
        d.each(1, "i"),
        d.indexed_by("one_current_membership")
    )
});

static MEMBERS_OF: Sql = Sql::new(|d| {
    let (member, groups) = (d.object(MEMBER), d.each(1, "i"));
    format!("SELECT {member} FROM {groups} JOIN memberships t ON t.group_id = i.value AND t.until_ms IS NULL")
});

static UNSEEN: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM {} JOIN alerts t ON t.alert_id = CAST(i.value AS BIGINT) AND t.cleared_ms IS NULL \
         AND t.acknowledged_ms IS NULL",
        d.object(&format!("{ALERT}, 'message', t.message")),
        d.each(1, "i")
    )
});

static THESE_ACTIONS: Sql =
    Sql::new(|d| format!("SELECT {} FROM {} JOIN actions t ON t.action_id = i.value", d.row(&ACTIONS), d.each(1, "i")));

static CHANNEL_ENDS: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM (SELECT DISTINCT {} AS channel FROM {}) i",
        d.object(
            "'channel', i.channel, 'number', \
             coalesce((SELECT max(t.number) FROM channel_messages t WHERE t.channel = i.channel), 0)"
        ),
        d.element("m.value", 0),
        d.each(1, "m")
    )
});

/// The index is named: left alone, SQLite goes through the whole channel for every moment.
static THESE_MESSAGES: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM {} JOIN channel_messages t {} ON t.channel = {} AND t.sent_ms = CAST({} AS BIGINT)",
        d.row(&MESSAGES),
        d.each(1, "i"),
        d.indexed_by("channel_messages_by_time"),
        d.element("i.value", 0),
        d.element("i.value", 1)
    )
});

static THESE_COMBINATIONS: Sql = Sql::new(|d| {
    let (row, wanted) = (d.row(&COMBINATIONS), d.each(1, "i"));
    format!("SELECT {row} FROM {wanted} JOIN held_combinations t ON t.capability = i.value")
});

static THESE_PLACES: Sql = Sql::new(|d| {
    format!("SELECT {} FROM {} JOIN checkin_places t ON t.name = i.value", d.row(&PLACES), d.each(1, "i"))
});

#[derive(Deserialize)]
struct NodeTopology {
    node_id: NodeId,
    topology: String,
}

#[derive(Deserialize)]
struct Alarmed {
    group_id: GroupId,
    raised_ms: UnixMillis,
}

/// What is stored about the subjects of a batch.
pub(crate) async fn stored(link: &mut impl Link, subjects: &Subjects) -> Result<Stored, CommitError> {
    let mut stored = Stored::default();
    if subjects.zone {
        stored.zone = rows::<ZoneRow>(link, "zone", &THE_ZONE, vec![]).await?.pop();
    }
    if !subjects.groups.is_empty() || !subjects.nodes.is_empty() {
        let ids = vec![list(&subjects.groups), list(&subjects.nodes)];
        let rows = rows::<GroupRow>(link, "groups", &THESE_GROUPS, ids.clone()).await?;
        stored.groups = rows.into_iter().map(|row| (row.group_id, row)).collect();
    }
    if !subjects.checkins.is_empty() {
        let rows = rows::<CheckinRow>(link, "checkins", &THESE_CHECKINS, vec![list(&subjects.checkins)]).await?;
        stored.checkins = rows.into_iter().map(|row| (row.checkin_id, row)).collect();
    }
    if !subjects.nodes.is_empty() {
        let ids = vec![list(&subjects.nodes)];
        let nodes = rows::<PlacedNode>(link, "nodes", &THESE_NODES, ids.clone()).await?;
        stored.nodes = nodes.into_iter().map(|row| (row.node.node_id, row)).collect();
        stored.bookmarks = rows::<Bookmark>(link, "assignments", &BOOKMARKS, ids.clone()).await?;
        stored.alerts = rows::<OpenAlert>(link, "alerts", &NODE_ALERTS, ids.clone()).await?;
    }
    if !subjects.hardware.is_empty() {
        let ids = vec![list(&subjects.hardware)];
        let rows = rows::<NodeTopology>(link, "node_hardware", &HARDWARE, ids.clone()).await?;
        stored.hardware = rows.into_iter().map(|row| (row.node_id, row.topology)).collect();
    }
    if !subjects.alarms.is_empty() {
        let ids = vec![list(&subjects.alarms)];
        stored.alerts.extend(rows::<OpenAlert>(link, "alerts", &GROUP_ALERTS, ids.clone()).await?);
        let rows = rows::<Alarmed>(link, "alerts", &ALARMED, ids.clone()).await?;
        stored.alarmed = rows.into_iter().map(|row| (row.group_id, row.raised_ms)).collect();
    }
    wanted(link, subjects, &mut stored).await?;
    told(link, subjects, &mut stored).await?;
    super::trust::stored(link, subjects, &mut stored).await?;
    Ok(stored)
}

/// Policies, orders, groups by rule.
async fn wanted(link: &mut impl Link, subjects: &Subjects, stored: &mut Stored) -> Result<(), CommitError> {
    if subjects.policy {
        stored.policy = rows::<PolicyRow>(link, "policies", &THE_POLICY, vec![]).await?.pop();
    }
    if !subjects.actions.is_empty() {
        let rows = rows::<ActionRow>(link, "actions", &THESE_ACTIONS, vec![list(&subjects.actions)]).await?;
        stored.actions = rows.into_iter().map(|row| (row.action_id, row)).collect();
    }
    let acted_on = stored.actions.values().map(|row| row.node_id);
    let known: BTreeSet<NodeId> = subjects.known.iter().copied().chain(acted_on).collect();
    if !known.is_empty() {
        let rows = rows::<KnownNode>(link, "nodes", &KNOWN, vec![list(&known)]).await?;
        stored.known = rows.into_iter().map(|row| (row.node_id, row)).collect();
    }
    if !subjects.entrants.is_empty() {
        let ids = vec![list(&subjects.entrants)];
        stored.memberships = rows::<OpenMembership>(link, "memberships", &MEMBERSHIPS_OF, ids.clone()).await?;
    }
    if !subjects.dissolving.is_empty() {
        let ids = vec![list(&subjects.dissolving)];
        stored.memberships.extend(rows::<OpenMembership>(link, "memberships", &MEMBERS_OF, ids.clone()).await?);
    }
    if !subjects.alerts.is_empty() {
        let rows = rows::<UnseenAlert>(link, "alerts", &UNSEEN, vec![list(&subjects.alerts)]).await?;
        stored.unseen = rows.into_iter().map(|row| (row.alert_id, row)).collect();
    }
    Ok(())
}

/// Messages on channels, combinations, places.
async fn told(link: &mut impl Link, subjects: &Subjects, stored: &mut Stored) -> Result<(), CommitError> {
    if !subjects.messages.is_empty() {
        let moments = vec![list(&subjects.messages)];
        let ends = rows::<ChannelEnd>(link, "channel_messages", &CHANNEL_ENDS, moments.clone()).await?;
        stored.channel_ends = ends.into_iter().map(|row| (row.channel, row.number)).collect();
        for row in rows::<MessageRow>(link, "channel_messages", &THESE_MESSAGES, moments.clone()).await? {
            stored.messages.entry((row.channel.clone(), row.sent_ms)).or_default().push(row);
        }
    }
    if !subjects.combinations.is_empty() {
        let ids = vec![list(&subjects.combinations)];
        let rows = rows::<CombinationRow>(link, "held_combinations", &THESE_COMBINATIONS, ids.clone()).await?;
        stored.combinations = rows.into_iter().map(|row| (row.capability.clone(), row)).collect();
    }
    if !subjects.places.is_empty() {
        let names = vec![list(&subjects.places)];
        let rows = rows::<CheckinPlaceRow>(link, "checkin_places", &THESE_PLACES, names.clone()).await?;
        stored.places = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
    }
    Ok(())
}

pub(super) fn list<T: Serialize>(ids: &BTreeSet<T>) -> String {
    // Ids are strings: they can always be written as JSON.
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".into())
}
