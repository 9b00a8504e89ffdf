//! Reads what a starting zone controller needs.

use rollcall_model::{HardwareTopology, Health, Name};
use serde::Deserialize;
use sqlx::SqliteConnection;

use super::fetch::{THE_POLICY, THE_ZONE, WHERE_PLACED, placed, rows};
use super::shape::{ACTIONS, COMBINATIONS, GROUPS, Sql};
use crate::row::{
    ActionRow, CombinationRow, CombinationState, GroupRow, OpenMembership, PlacedNode, PolicyRow, ZoneRow,
};
use crate::{ActionRecord, GroupRecord, HeldRecord, LoadError, NodeRecord, PolicyRecord, Snapshot, ZoneRecord};

static LIVE_GROUPS: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM groups t WHERE t.dissolved_ms IS NULL ORDER BY t.group_id", GROUPS.object())
});

/// A name that a group in force has again was dissolved all the same.
const DISSOLVED: &str =
    "SELECT DISTINCT json_quote(name) FROM groups WHERE rule IS NOT NULL AND dissolved_ms IS NOT NULL ORDER BY name";

static ALL_NODES: Sql = Sql::new(|| {
    format!(
        "SELECT json_object('placed', {}, 'hardware', json(h.topology), 'policy', coalesce(o.version, 0)) \
         FROM nodes t {WHERE_PLACED} \
         LEFT JOIN node_hardware h ON h.node_id = t.node_id AND h.until_ms IS NULL \
         LEFT JOIN node_policies o ON o.node_id = t.node_id ORDER BY t.node_id",
        placed()
    )
});

const ENTERED: &str = "SELECT json_object('node_id', t.node_id, 'group_id', t.group_id) \
     FROM memberships t WHERE t.until_ms IS NULL ORDER BY t.node_id, t.group_id";

static OPEN_ACTIONS: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM actions t WHERE t.state IN ('ordered', 'running') \
         ORDER BY t.ordered_ms, t.action_id",
        ACTIONS.object()
    )
});

static HELD: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM held_combinations t WHERE t.state <> 'approved' ORDER BY t.capability",
        COMBINATIONS.object()
    )
});

#[derive(Deserialize)]
struct WholeNode {
    placed: PlacedNode,
    hardware: Option<Box<HardwareTopology>>,
    policy: u64,
}

/// Everything a starting zone controller needs.
pub(super) async fn snapshot(connection: &mut SqliteConnection) -> Result<Snapshot, LoadError> {
    let zone = rows::<ZoneRow>(connection, "zone", &THE_ZONE, &[]).await?.pop();
    let groups = rows::<GroupRow>(connection, "groups", &LIVE_GROUPS, &[]).await?;
    let nodes = rows::<WholeNode>(connection, "nodes", &ALL_NODES, &[]).await?;
    let policy = rows::<PolicyRow>(connection, "policies", &THE_POLICY, &[]).await?.pop();
    let entered = rows::<OpenMembership>(connection, "memberships", ENTERED, &[]).await?;
    let actions = rows::<ActionRow>(connection, "actions", &OPEN_ACTIONS, &[]).await?;
    let held = rows::<CombinationRow>(connection, "held_combinations", &HELD, &[]).await?;
    let dissolved = rows::<Name>(connection, "groups", DISSOLVED, &[]).await?;
    let trust = super::trust::snapshot(connection).await?;
    Ok(Snapshot {
        zone: zone.map(|row| ZoneRecord { zone: row.zone_id, name: row.name, generation: row.generation }),
        groups: groups.into_iter().map(group_record).collect(),
        nodes: nodes.into_iter().map(node_record).collect(),
        policy: policy.map(|row| PolicyRecord { version: row.version, document: row.document }),
        entered: entered.into_iter().map(|row| (row.node_id, row.group_id)).collect(),
        actions: actions.into_iter().map(action_record).collect(),
        held: held.into_iter().map(held_record).collect(),
        dissolved,
        trust,
    })
}

fn group_record(row: GroupRow) -> GroupRecord {
    let rule = row.by_rule();
    GroupRecord {
        group: row.group_id,
        kind: row.kind,
        name: row.name,
        place: row.place,
        capability: row.capability,
        session: row.session,
        instance: row.instance,
        rule,
        addresses: row.addresses,
    }
}

fn node_record(row: WholeNode) -> NodeRecord {
    let WholeNode { placed: PlacedNode { node, physical, logical }, hardware, policy } = row;
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
        place: node.place,
        capability: node.capability,
        hardware,
        policy,
    }
}

fn action_record(row: ActionRow) -> ActionRecord {
    ActionRecord {
        action_id: row.action_id,
        node: row.node_id,
        action: row.action,
        automatic: row.automatic,
        deadline: row.deadline_ms,
        time_limit_ms: row.time_limit_ms,
        state: row.state,
    }
}

fn held_record(row: CombinationRow) -> HeldRecord {
    HeldRecord { capability: row.capability, denied: row.state == CombinationState::Denied }
}
