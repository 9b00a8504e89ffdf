//! A small world to write changes about: zone, racks, combinations, nodes, all by number.

use std::net::{IpAddr, Ipv4Addr};

use rollcall_model::hardware::{Cpu, Memory, Nic};
use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::Channel;
use rollcall_model::{
    Capability, CheckinId, GroupId, HardwareTopology, Health, HealthBits, InstanceId, Name, NodeId, NodeIdentifier,
    NodeState, Purpose, SessionEpoch, UnixMillis, ZoneId, indicator,
};
use rollcall_store::{AskLimits, Change, GroupKind, Store};
use serde_json::Value;

/// 2026-11-20T08:00:00.000Z.
pub const START: u64 = 1_795_161_600_000;

pub fn at(seconds: u64) -> UnixMillis {
    UnixMillis(START + seconds * 1_000)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn zone() -> ZoneId {
    ZoneId::derived_from("zone")
}

pub fn rack(number: u32) -> GroupId {
    GroupId::derived_from(&format!("rack {number}"))
}

pub fn node(number: u32) -> NodeId {
    NodeId::derived_from(&format!("node {number}"))
}

pub fn address(number: u32) -> IpAddr {
    let [_, b, c, d] = number.to_be_bytes();
    Ipv4Addr::new(10, b, c, d).into()
}

pub fn hardware(kind: u32) -> HardwareTopology {
    HardwareTopology {
        cpu: Cpu {
            vendor: Some("AuthenticAMD".into()),
            family: Some(25),
            model: Some(kind),
            cores: Some(32),
            threads: Some(64),
            ..Cpu::default()
        },
        memory: Memory { total_bytes: Some(256 << 30), technology: Some("DDR5".into()), ..Memory::default() },
        nics: vec![Nic { name: "eth0".into(), driver: Some("ice".into()), speed_mbps: Some(25_000), ..Nic::default() }],
        ..HardwareTopology::default()
    }
}

pub fn capability(kind: u32) -> Capability {
    Capability::of(&hardware(kind), &[])
}

pub fn zone_started(generation: u64) -> Change {
    Change::ZoneStarted { zone: zone(), name: name("east"), generation, at: at(0) }
}

pub fn channel(purpose: &str, queue: &str) -> Channel {
    Channel {
        purpose: Purpose::new(purpose).unwrap(),
        address: "10.0.0.1".into(),
        port: 5672,
        exchange: "rollcall.zone".into(),
        queue: queue.into(),
        key: format!("{purpose}.x"),
    }
}

pub fn rack_joined(number: u32, session: u32) -> Change {
    Change::GroupJoined {
        group: rack(number),
        name: name(&format!("rack-{number}")),
        place: name(&format!("row-{number}")),
        addresses: vec![address(number << 8)],
        instance: InstanceId::derived_from(&format!("rack {number} run {session}")),
        session,
        channels: vec![channel("alerts", "a"), channel("policies", "p"), channel("analytics", "n")],
        at: at(session.into()),
    }
}

pub fn combination_created(kind: u32) -> Change {
    Change::GroupCreated {
        group: capability(kind).group_id(),
        kind: GroupKind::Logical,
        name: capability(kind).group_name(),
        capability: Some(capability(kind)),
        origin: "check-in",
        at: at(1),
    }
}

pub fn checkin_registered(seconds: u64) -> Change {
    Change::CheckinRegistered {
        checkin: CheckinId::derived_from("checkin"),
        name: name("checkin-1"),
        address: address(9),
        ranges: vec!["10.0.0.0/8".into()],
        at: at(seconds),
    }
}

pub fn joined(number: u32, epoch: u32, kind: u32) -> Change {
    Change::NodeJoined {
        identifier: NodeIdentifier {
            node: node(number),
            evidence: Evidence {
                source: EvidenceSource::Simulated,
                product_uuid: None,
                board_serial: Some(format!("serial-{number}")),
                cpu: None,
                machine_id: None,
                mac: None,
            },
        },
        name: name(&format!("node-{number}")),
        address: address(number),
        place: None,
        instance: InstanceId::derived_from(&format!("node {number} run {epoch}")),
        epoch: SessionEpoch(epoch),
        group: capability(kind).group_id(),
        capability: capability(kind),
        hardware: Box::new(hardware(kind)),
        reason: "same combination".into(),
        checkin: CheckinId::derived_from("checkin"),
        at: at(10 * u64::from(epoch)),
    }
}

pub fn placed(number: u32, rack_number: u32, seconds: u64) -> Change {
    Change::NodePlaced {
        node: node(number),
        name: name(&format!("node-{number}")),
        address: address(number),
        group: rack(rack_number),
        at: at(seconds),
    }
}

/// Bits by name; nothing masked.
pub fn bits(names: &[&str]) -> Health {
    let bits = names.iter().fold(HealthBits::NONE, |bits, it| bits.with(indicator::by_name(it).unwrap().bit, true));
    Health::new(bits, HealthBits::NONE).unwrap()
}

/// A change of a node in rack 1, of membership 1, epoch 1, at second `number`.
pub fn changed(number_of_node: u32, number: u64, state: NodeState, health: Health, cause: &str) -> Change {
    Change::NodeChanged {
        node: node(number_of_node),
        group: rack(1),
        session: 1,
        number,
        epoch: SessionEpoch(1),
        state,
        health,
        cause: cause.into(),
        at: at(100 + number),
    }
}

/// Zone, racks 1 and 2, combinations 1 and 2, and so many nodes in rack 1 and combination 1.
pub fn beginning(nodes: u32) -> Vec<Change> {
    let mut changes = vec![
        zone_started(1),
        rack_joined(1, 1),
        rack_joined(2, 1),
        combination_created(1),
        combination_created(2),
        checkin_registered(1),
    ];
    for number in 1..=nodes {
        changes.push(joined(number, 1, 1));
        changes.push(placed(number, 1, 11));
    }
    changes
}

/// The rows of a question that must succeed.
pub async fn rows(store: &Store, sql: &str) -> Vec<Vec<Value>> {
    match store.ask(sql, AskLimits { rows: 100_000, ..AskLimits::default() }).await {
        Ok(table) => table.rows,
        Err(error) => panic!("{sql}: {error}"),
    }
}

/// The one value of a question that has one.
pub async fn one(store: &Store, sql: &str) -> Value {
    let rows = rows(store, sql).await;
    assert_eq!((rows.len(), rows.first().map(Vec::len)), (1, Some(1)), "{sql}: {rows:?}");
    rows[0][0].clone()
}

/// The first column.
pub async fn column(store: &Store, sql: &str) -> Vec<Value> {
    rows(store, sql).await.into_iter().map(|mut row| row.remove(0)).collect()
}

/// Everything in the tables that a batch may write, to compare.
pub async fn everything(store: &Store) -> Vec<(&'static str, Vec<Vec<Value>>)> {
    let tables = [
        ("zone", "SELECT * FROM zone"),
        ("groups", "SELECT * FROM groups ORDER BY group_id"),
        ("channels", "SELECT * FROM channels ORDER BY group_id, purpose"),
        ("checkins", "SELECT * FROM checkins ORDER BY checkin_id"),
        ("capabilities", "SELECT * FROM capabilities ORDER BY capability"),
        ("nodes", "SELECT * FROM nodes ORDER BY node_id"),
        ("node_hardware", "SELECT * FROM node_hardware ORDER BY hardware_id"),
        ("assignments", "SELECT * FROM assignments ORDER BY assignment_id"),
        ("node_health_bits", "SELECT * FROM node_health_bits ORDER BY node_id, bit"),
        ("health_history", "SELECT * FROM health_history ORDER BY history_id"),
        ("alerts", "SELECT * FROM alerts ORDER BY alert_id"),
        ("policies", "SELECT * FROM policies ORDER BY version"),
        ("node_policies", "SELECT * FROM node_policies ORDER BY node_id"),
        ("memberships", "SELECT * FROM memberships ORDER BY membership_id"),
        ("actions", "SELECT * FROM actions ORDER BY action_id"),
        ("held_combinations", "SELECT * FROM held_combinations ORDER BY capability"),
        ("checkin_places", "SELECT * FROM checkin_places ORDER BY name"),
        ("channel_messages", "SELECT * FROM channel_messages ORDER BY channel, number"),
        ("analytics", "SELECT * FROM analytics ORDER BY group_id, at_ms"),
        ("join_tokens", "SELECT * FROM join_tokens ORDER BY token"),
        ("join_requests", "SELECT * FROM join_requests ORDER BY join_id"),
        ("certificates", "SELECT * FROM certificates ORDER BY serial"),
        ("revoked_principals", "SELECT * FROM revoked_principals ORDER BY principal"),
        ("api_users", "SELECT * FROM api_users ORDER BY name"),
        ("audit", "SELECT * FROM audit ORDER BY seq"),
        ("events", "SELECT * FROM events ORDER BY event_id"),
    ];
    let mut found = Vec::new();
    for (table, sql) in tables {
        found.push((table, store.select(sql, &[]).await.unwrap().rows));
    }
    found
}
