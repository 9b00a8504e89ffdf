//! Reads what a starting zone controller needs.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use rollcall_model::{Capability, HardwareTopology, Health, Name};
use serde::Deserialize;

use super::fetch::{THE_POLICY, THE_ZONE, WHERE_PLACED, placed};
use super::link::{Link, rows, rows_as};
use super::shape::{ACTIONS, COMBINATIONS, GROUPS};
use super::{Dialect, Sql};
use crate::row::{
    ActionRow, CombinationRow, CombinationState, GroupRow, OpenMembership, PlacedNode, PolicyRow, ZoneRow,
};
use crate::{ActionRecord, GroupRecord, HeldRecord, LoadError, NodeRecord, PolicyRecord, Snapshot, ZoneRecord};

static LIVE_GROUPS: Sql =
    Sql::new(|d| format!("SELECT {} FROM groups t WHERE t.dissolved_ms IS NULL ORDER BY t.group_id", d.row(&GROUPS)));

/// A name that a group in force has again was dissolved all the same.
static DISSOLVED: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM (SELECT DISTINCT name FROM groups WHERE rule IS NOT NULL AND dissolved_ms IS NOT NULL) g \
         ORDER BY g.name",
        d.quoted("g.name")
    )
});

static ALL_NODES: Sql = Sql::new(|d| {
    let (placed, hardware) = (d.nested(&placed(d)), d.json("h.topology"));
    let node = d.object(&format!("'placed', {placed}, 'hardware', {hardware}, 'policy', coalesce(o.version, 0)"));
    // SQLite looks the other tables up in the order of their indexes then; PostgreSQL would sort whole texts.
    let order = match d {
        Dialect::Sqlite => "ORDER BY t.node_id",
        Dialect::Postgres => "",
    };
    format!(
        "SELECT {node} FROM nodes t {WHERE_PLACED} \
         LEFT JOIN node_hardware h ON h.node_id = t.node_id AND h.until_ms IS NULL \
         LEFT JOIN node_policies o ON o.node_id = t.node_id {order}"
    )
});

static ENTERED: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM memberships t WHERE t.until_ms IS NULL ORDER BY t.node_id, t.group_id",
        d.object("'node_id', t.node_id, 'group_id', t.group_id")
    )
});

static OPEN_ACTIONS: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM actions t WHERE t.state IN ('ordered', 'running') ORDER BY t.ordered_ms, t.action_id",
        d.row(&ACTIONS)
    )
});

static LAPSED_ACTIONS: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM (SELECT * FROM actions WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC LIMIT 1000) t \
         WHERE t.state IN ('expired', 'refused') ORDER BY t.ended_ms, t.action_id",
        d.row(&ACTIONS)
    )
});

static HELD: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM held_combinations t WHERE t.state <> 'approved' ORDER BY t.capability",
        d.row(&COMBINATIONS)
    )
});

#[derive(Deserialize)]
struct WholeNode {
    placed: PlacedNode,
    hardware: Option<HardwareTopology>,
    policy: u64,
}

/// Everything a starting zone controller needs.
pub(crate) async fn snapshot(link: &mut impl Link) -> Result<Snapshot, LoadError> {
    let zone = rows::<ZoneRow>(link, "zone", &THE_ZONE, vec![]).await?.pop();
    let groups = rows::<GroupRow>(link, "groups", &LIVE_GROUPS, vec![]).await?;
    let mut alike = Alike::default();
    let mut nodes = rows_as(link, "nodes", &ALL_NODES, vec![], |row| node_record(row, &mut alike)).await?;
    nodes.sort_unstable_by_key(|node: &NodeRecord| node.node);
    let policy = rows::<PolicyRow>(link, "policies", &THE_POLICY, vec![]).await?.pop();
    let entered = |row: OpenMembership| (row.node_id, row.group_id);
    let entered = rows_as(link, "memberships", &ENTERED, vec![], entered).await?;
    let mut actions = rows::<ActionRow>(link, "actions", &OPEN_ACTIONS, vec![]).await?;
    actions.extend(rows::<ActionRow>(link, "actions", &LAPSED_ACTIONS, vec![]).await?);
    let held = rows::<CombinationRow>(link, "held_combinations", &HELD, vec![]).await?;
    let dissolved = rows::<Name>(link, "groups", &DISSOLVED, vec![]).await?;
    let trust = super::trust::snapshot(link, &mut alike).await?;
    Ok(Snapshot {
        zone: zone.map(|row| ZoneRecord { zone: row.zone_id, name: row.name, generation: row.generation }),
        groups: groups.into_iter().map(group_record).collect(),
        nodes,
        policy: policy.map(|row| PolicyRecord { version: row.version, document: row.document }),
        entered,
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

/// What many rows have the same of, kept once.
#[derive(Default)]
pub(super) struct Alike {
    makes: HashSet<Arc<HardwareTopology>>,
    capabilities: HashSet<Capability>,
    names: HashSet<Name>,
}

fn once<T: Clone + Eq + Hash>(known: &mut HashSet<T>, value: T) -> T {
    if let Some(same) = known.get(&value) {
        return same.clone();
    }
    known.insert(value.clone());
    value
}

impl Alike {
    /// The same name.
    pub(super) fn name(&mut self, name: Name) -> Name {
        once(&mut self.names, name)
    }
}

fn node_record(row: WholeNode, alike: &mut Alike) -> NodeRecord {
    let WholeNode { placed: PlacedNode { node, physical, logical }, hardware, policy } = row;
    NodeRecord {
        node: node.node_id,
        name: alike.name(node.name),
        address: node.address,
        instance: node.instance,
        epoch: node.epoch,
        logical,
        physical,
        state: node.state,
        // The table's own check keeps masked bits from being set.
        health: Health::new(node.bits, node.mask).unwrap_or_else(|_| Health::unmeasured()),
        last_change: (node.change_session, node.change_number),
        place: node.place.map(|place| alike.name(place)),
        capability: node.capability.map(|capability| once(&mut alike.capabilities, capability)),
        hardware: hardware.map(|hardware| once(&mut alike.makes, Arc::new(hardware))),
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
