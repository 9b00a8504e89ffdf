//! Reads what the planner and a starting zone controller need.

use std::collections::BTreeSet;

use rollcall_model::{GroupId, Health, NodeId, UnixMillis};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::shape::{CHECKINS, GROUPS, NODES, Sql, ZONE};
use crate::plan::{Stored, Subjects};
use crate::row::{Bookmark, CheckinRow, GroupRow, OpenAlert, PlacedNode, ZoneRow};
use crate::{CommitError, Damaged, GroupRecord, LoadError, NodeRecord, Snapshot, ZoneRecord};

const PLACES: &str = "LEFT JOIN assignments p ON p.node_id = t.node_id AND p.kind = 'physical' AND p.until_ms IS NULL \
                      LEFT JOIN assignments l ON l.node_id = t.node_id AND l.kind = 'logical' AND l.until_ms IS NULL";

static THE_ZONE: Sql = Sql::new(|| format!("SELECT json_object({}) FROM zone t", ZONE.object()));

static ALL_GROUPS: Sql =
    Sql::new(|| format!("SELECT json_object({}) FROM groups t ORDER BY t.group_id", GROUPS.object()));

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

static ALL_NODES: Sql = Sql::new(|| format!("SELECT {} FROM nodes t {PLACES} ORDER BY t.node_id", placed()));

static THESE_NODES: Sql =
    Sql::new(|| format!("SELECT {} FROM json_each(?1) i JOIN nodes t ON t.node_id = i.value {PLACES}", placed()));

fn placed() -> String {
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
    Ok(stored)
}

/// Everything a starting zone controller needs.
pub(super) async fn snapshot(connection: &mut SqliteConnection) -> Result<Snapshot, LoadError> {
    let zone = rows::<ZoneRow>(connection, "zone", &THE_ZONE, &[]).await?.pop();
    let groups = rows::<GroupRow>(connection, "groups", &ALL_GROUPS, &[]).await?;
    let nodes = rows::<PlacedNode>(connection, "nodes", &ALL_NODES, &[]).await?;
    Ok(Snapshot {
        zone: zone.map(|row| ZoneRecord { zone: row.zone_id, name: row.name, generation: row.generation }),
        groups: groups.into_iter().map(group_record).collect(),
        nodes: nodes.into_iter().map(node_record).collect(),
    })
}

fn group_record(row: GroupRow) -> GroupRecord {
    GroupRecord {
        group: row.group_id,
        kind: row.kind,
        name: row.name,
        place: row.place,
        capability: row.capability,
        session: row.session,
        instance: row.instance,
    }
}

fn node_record(row: PlacedNode) -> NodeRecord {
    let PlacedNode { node, physical, logical } = row;
    NodeRecord {
        node: node.node_id,
        name: node.name,
        address: node.address,
        instance: node.instance,
        epoch: node.epoch,
        logical,
        physical,
        state: node.state,
        // The table's own check keeps masked bits from being set.
        health: Health::new(node.bits, node.mask).unwrap_or_else(|_| Health::unmeasured()),
        last_change: (node.change_session, node.change_number),
    }
}

fn list<T: Serialize>(ids: &BTreeSet<T>) -> String {
    // Ids are strings: they can always be written as JSON.
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".into())
}

/// Either of the errors that reading rows can end in.
enum RowsError {
    Damaged(Damaged),
    Database(sqlx::Error),
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

async fn rows<T: DeserializeOwned>(
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
