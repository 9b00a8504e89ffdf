//! Reads what the planner needs.

use std::collections::BTreeSet;

use rollcall_model::{GroupId, NodeId, UnixMillis};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::shape::{ACTIONS, CHECKINS, COMBINATIONS, GROUPS, MESSAGES, NODES, PLACES, POLICIES, Sql, ZONE};
use crate::plan::{Stored, Subjects};
use crate::row::{
    ActionRow, Bookmark, ChannelEnd, CheckinPlaceRow, CheckinRow, CombinationRow, GroupRow, KnownNode, MessageRow,
    OpenAlert, OpenMembership, PlacedNode, PolicyRow, UnseenAlert, ZoneRow,
};
use crate::{AuditError, CommitError, Damaged, LoadError};

/// The groups a node is in.
pub(super) const WHERE_PLACED: &str = "\
     LEFT JOIN assignments p ON p.node_id = t.node_id AND p.kind = 'physical' AND p.until_ms IS NULL \
     LEFT JOIN assignments l ON l.node_id = t.node_id AND l.kind = 'logical' AND l.until_ms IS NULL";

pub(super) static THE_ZONE: Sql = Sql::new(|| format!("SELECT json_object({}) FROM zone t", ZONE.object()));

static THESE_GROUPS: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM groups t WHERE t.group_id IN (SELECT value FROM json_each(?1)) OR t.group_id IN \
         (SELECT a.group_id FROM json_each(?2) i JOIN assignments a ON a.node_id = i.value AND a.until_ms IS NULL)",
        GROUPS.object()
    )
});

static THESE_CHECKINS: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM json_each(?1) i JOIN checkins t ON t.checkin_id = i.value", CHECKINS.object())
});

static THESE_NODES: Sql =
    Sql::new(|| format!("SELECT {} FROM json_each(?1) i JOIN nodes t ON t.node_id = i.value {WHERE_PLACED}", placed()));

pub(super) fn placed() -> String {
    format!("json_object({}, 'physical', p.group_id, 'logical', l.group_id)", NODES.object())
}

const HARDWARE: &str = "SELECT json_object('node_id', t.node_id, 'topology', t.topology) \
     FROM json_each(?1) i JOIN node_hardware t ON t.node_id = i.value AND t.until_ms IS NULL";

const BOOKMARKS: &str = "SELECT json_object('node_id', t.node_id, 'group_id', t.group_id, \
     'change_session', t.change_session, 'change_number', t.change_number) \
     FROM json_each(?1) i JOIN assignments t ON t.node_id = i.value AND t.kind = 'physical' \
     WHERE t.until_ms IS NOT NULL AND t.change_session > 0";

const NODE_ALERTS: &str = "SELECT json_object('alert_id', t.alert_id, 'group_id', t.group_id, 'node_id', t.node_id, \
     'kind', t.kind) FROM json_each(?1) i JOIN alerts t ON t.node_id = i.value AND t.cleared_ms IS NULL";

const GROUP_ALERTS: &str = "SELECT json_object('alert_id', t.alert_id, 'group_id', t.group_id, 'node_id', NULL, \
     'kind', t.kind) FROM json_each(?1) i JOIN alerts t ON t.group_id = i.value \
     AND t.node_id IS NULL AND t.cleared_ms IS NULL";

const ALARMED: &str = "SELECT json_object('group_id', t.group_id, 'raised_ms', max(t.raised_ms)) \
     FROM json_each(?1) i JOIN alerts t ON t.group_id = i.value AND t.node_id IS NULL GROUP BY t.group_id";

pub(super) static THE_POLICY: Sql =
    Sql::new(|| format!("SELECT json_object({}) FROM policies t ORDER BY t.version DESC LIMIT 1", POLICIES.object()));

const KNOWN: &str = "SELECT json_object('node_id', t.node_id, 'name', t.name, 'version', coalesce(p.version, 0), \
     'applied_ms', p.applied_ms, 'refused_version', p.refused_version, 'refused_ms', p.refused_ms, \
     'problem', p.problem) \
     FROM json_each(?1) i JOIN nodes t ON t.node_id = i.value LEFT JOIN node_policies p ON p.node_id = t.node_id";

/// The index is named: a node may have left many groups.
const MEMBERSHIPS_OF: &str = "SELECT json_object('node_id', t.node_id, 'group_id', t.group_id) \
     FROM json_each(?1) i JOIN memberships t INDEXED BY one_current_membership \
     ON t.node_id = i.value AND t.until_ms IS NULL";

const MEMBERS_OF: &str = "SELECT json_object('node_id', t.node_id, 'group_id', t.group_id) \
     FROM json_each(?1) i JOIN memberships t ON t.group_id = i.value AND t.until_ms IS NULL";

const UNSEEN: &str = "SELECT json_object('alert_id', t.alert_id, 'group_id', t.group_id, 'node_id', t.node_id, \
     'kind', t.kind, 'message', t.message) FROM json_each(?1) i JOIN alerts t ON t.alert_id = i.value \
     AND t.cleared_ms IS NULL AND t.acknowledged_ms IS NULL";

static THESE_ACTIONS: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM json_each(?1) i JOIN actions t ON t.action_id = i.value", ACTIONS.object())
});

const CHANNEL_ENDS: &str = "SELECT json_object('channel', i.channel, 'number', \
     coalesce((SELECT max(t.number) FROM channel_messages t WHERE t.channel = i.channel), 0)) \
     FROM (SELECT DISTINCT value ->> 0 AS channel FROM json_each(?1)) i";

/// The index is named: left alone, SQLite goes through the whole channel for every moment.
static THESE_MESSAGES: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM json_each(?1) i \
         JOIN channel_messages t INDEXED BY channel_messages_by_time ON t.channel = i.value ->> 0 AND t.sent_ms = i.value ->> 1",
        MESSAGES.object()
    )
});

static THESE_COMBINATIONS: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM json_each(?1) i JOIN held_combinations t ON t.capability = i.value",
        COMBINATIONS.object()
    )
});

static THESE_PLACES: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM json_each(?1) i JOIN checkin_places t ON t.name = i.value", PLACES.object())
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
pub(super) async fn stored(connection: &mut SqliteConnection, subjects: &Subjects) -> Result<Stored, CommitError> {
    let mut stored = Stored::default();
    if subjects.zone {
        stored.zone = rows::<ZoneRow>(connection, "zone", &THE_ZONE, &[]).await?.pop();
    }
    if !subjects.groups.is_empty() || !subjects.nodes.is_empty() {
        let ids = [list(&subjects.groups), list(&subjects.nodes)];
        let rows = rows::<GroupRow>(connection, "groups", &THESE_GROUPS, &ids).await?;
        stored.groups = rows.into_iter().map(|row| (row.group_id, row)).collect();
    }
    if !subjects.checkins.is_empty() {
        let rows = rows::<CheckinRow>(connection, "checkins", &THESE_CHECKINS, &[list(&subjects.checkins)]).await?;
        stored.checkins = rows.into_iter().map(|row| (row.checkin_id, row)).collect();
    }
    if !subjects.nodes.is_empty() {
        let ids = [list(&subjects.nodes)];
        let nodes = rows::<PlacedNode>(connection, "nodes", &THESE_NODES, &ids).await?;
        stored.nodes = nodes.into_iter().map(|row| (row.node.node_id, row)).collect();
        stored.bookmarks = rows::<Bookmark>(connection, "assignments", BOOKMARKS, &ids).await?;
        stored.alerts = rows::<OpenAlert>(connection, "alerts", NODE_ALERTS, &ids).await?;
    }
    if !subjects.hardware.is_empty() {
        let ids = [list(&subjects.hardware)];
        let rows = rows::<NodeTopology>(connection, "node_hardware", HARDWARE, &ids).await?;
        stored.hardware = rows.into_iter().map(|row| (row.node_id, row.topology)).collect();
    }
    if !subjects.alarms.is_empty() {
        let ids = [list(&subjects.alarms)];
        stored.alerts.extend(rows::<OpenAlert>(connection, "alerts", GROUP_ALERTS, &ids).await?);
        let rows = rows::<Alarmed>(connection, "alerts", ALARMED, &ids).await?;
        stored.alarmed = rows.into_iter().map(|row| (row.group_id, row.raised_ms)).collect();
    }
    wanted(connection, subjects, &mut stored).await?;
    told(connection, subjects, &mut stored).await?;
    super::trust::stored(connection, subjects, &mut stored).await?;
    Ok(stored)
}

/// Policies, orders, groups by rule.
async fn wanted(
    connection: &mut SqliteConnection,
    subjects: &Subjects,
    stored: &mut Stored,
) -> Result<(), CommitError> {
    if subjects.policy {
        stored.policy = rows::<PolicyRow>(connection, "policies", &THE_POLICY, &[]).await?.pop();
    }
    if !subjects.actions.is_empty() {
        let rows = rows::<ActionRow>(connection, "actions", &THESE_ACTIONS, &[list(&subjects.actions)]).await?;
        stored.actions = rows.into_iter().map(|row| (row.action_id, row)).collect();
    }
    let acted_on = stored.actions.values().map(|row| row.node_id);
    let known: BTreeSet<NodeId> = subjects.known.iter().copied().chain(acted_on).collect();
    if !known.is_empty() {
        let rows = rows::<KnownNode>(connection, "nodes", KNOWN, &[list(&known)]).await?;
        stored.known = rows.into_iter().map(|row| (row.node_id, row)).collect();
    }
    if !subjects.entrants.is_empty() {
        let ids = [list(&subjects.entrants)];
        stored.memberships = rows::<OpenMembership>(connection, "memberships", MEMBERSHIPS_OF, &ids).await?;
    }
    if !subjects.dissolving.is_empty() {
        let ids = [list(&subjects.dissolving)];
        stored.memberships.extend(rows::<OpenMembership>(connection, "memberships", MEMBERS_OF, &ids).await?);
    }
    if !subjects.alerts.is_empty() {
        let rows = rows::<UnseenAlert>(connection, "alerts", UNSEEN, &[list(&subjects.alerts)]).await?;
        stored.unseen = rows.into_iter().map(|row| (row.alert_id, row)).collect();
    }
    Ok(())
}

/// Messages on channels, combinations, places.
async fn told(connection: &mut SqliteConnection, subjects: &Subjects, stored: &mut Stored) -> Result<(), CommitError> {
    if !subjects.messages.is_empty() {
        let moments = [list(&subjects.messages)];
        let ends = rows::<ChannelEnd>(connection, "channel_messages", CHANNEL_ENDS, &moments).await?;
        stored.channel_ends = ends.into_iter().map(|row| (row.channel, row.number)).collect();
        for row in rows::<MessageRow>(connection, "channel_messages", &THESE_MESSAGES, &moments).await? {
            stored.messages.entry((row.channel.clone(), row.sent_ms)).or_default().push(row);
        }
    }
    if !subjects.combinations.is_empty() {
        let ids = [list(&subjects.combinations)];
        let rows = rows::<CombinationRow>(connection, "held_combinations", &THESE_COMBINATIONS, &ids).await?;
        stored.combinations = rows.into_iter().map(|row| (row.capability.clone(), row)).collect();
    }
    if !subjects.places.is_empty() {
        let names = [list(&subjects.places)];
        let rows = rows::<CheckinPlaceRow>(connection, "checkin_places", &THESE_PLACES, &names).await?;
        stored.places = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
    }
    Ok(())
}

pub(super) fn list<T: Serialize>(ids: &BTreeSet<T>) -> String {
    // Ids are strings: they can always be written as JSON.
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".into())
}

/// Either of the errors that reading rows can end in.
pub(super) enum RowsError {
    Damaged(Damaged),
    Database(sqlx::Error),
}

impl From<RowsError> for AuditError {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Damaged(damaged) => Self::Damaged(damaged),
            RowsError::Database(error) => Self::Database(error),
        }
    }
}

impl From<RowsError> for CommitError {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Damaged(damaged) => Self::Damaged(damaged),
            RowsError::Database(error) => Self::Database(error),
        }
    }
}

impl From<RowsError> for LoadError {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Damaged(damaged) => Self::Damaged(damaged),
            RowsError::Database(error) => Self::Database(error),
        }
    }
}

pub(super) async fn rows<T: DeserializeOwned>(
    connection: &mut SqliteConnection,
    table: &'static str,
    sql: &'static str,
    binds: &[String],
) -> Result<Vec<T>, RowsError> {
    let query = binds.iter().fold(sqlx::query_scalar::<_, String>(sql), |query, text| query.bind(text.clone()));
    let texts = query.fetch_all(connection).await.map_err(RowsError::Database)?;
    texts
        .iter()
        .map(|text| serde_json::from_str(text))
        .collect::<Result<_, _>>()
        .map_err(|source| RowsError::Damaged(Damaged { table, source }))
}
