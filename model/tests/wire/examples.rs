//! At least one of every kind of packet, with every field set to something that can be told apart.

use std::collections::BTreeMap;

use rollcall_model::capability::Attribute;
use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::{
    Ack, Alerts, Arrival, ArrivalAccepted, ArrivalDecision, Assigned, Assignment, Channel, CheckinReport,
    ControllerEntry, Decision, GroupAlarm, GroupTable, HelloRequest, IdentityClash, JoinAccepted, JoinDecision,
    JoinRequest, Membership, NodeChange, NodeSubscription, Packet, Presence, PresenceRequest, Quantiles, Roster,
    RosterMember, Summary, TableEntry, TableRequest, ZoneSubscriber,
};
use rollcall_model::wire::bytes::Bytes;
use rollcall_model::wire::txt::{BrokerEndpoint, Hello};
use rollcall_model::{
    Capability, CheckinId, GroupId, Health, HealthBits, InstanceId, Millis, Name, NodeId, NodeIdentifier, NodeState,
    Purpose, SealKey, SessionEpoch, UnixMillis, ZoneId,
};

use crate::hardware::hardware;

pub fn zone() -> ZoneId {
    "3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34".parse().unwrap()
}

pub fn group() -> GroupId {
    "0a010200-0000-8000-8000-000000000018".parse().unwrap()
}

pub fn checkin() -> CheckinId {
    "9b2d0c54-6c57-8a30-bb0e-1f1d62d0f4aa".parse().unwrap()
}

pub fn instance() -> InstanceId {
    "7d444840-9dc0-41d1-b245-5ffdce74fad2".parse().unwrap()
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn health() -> Health {
    Health::new(HealthBits::NONE.with(0, true).with(9, true), HealthBits::NONE.with(23, true)).unwrap()
}

pub fn readings() -> BTreeMap<String, f64> {
    BTreeMap::from([("cpu_temperature".into(), 61.5), ("disk_space".into(), 83.25)])
}

fn channel() -> Channel {
    Channel {
        purpose: Purpose::new("alerts").unwrap(),
        address: "10.1.0.5".into(),
        port: 5671,
        exchange: "rollcall.zone".into(),
        queue: "zone.alerts".into(),
        key: format!("alerts.{}", group()),
    }
}

fn identifier() -> NodeIdentifier {
    let evidence = Evidence {
        source: EvidenceSource::Firmware,
        product_uuid: Some("4C4C4544-0042-3510-8052-B7C04F4B4D32".into()),
        board_serial: None,
        cpu: Some("GenuineIntel-6-106-6".into()),
        machine_id: None,
        mac: None,
    };
    NodeIdentifier::from_evidence(evidence).unwrap()
}

pub fn node() -> NodeId {
    identifier().node
}

fn capability() -> Capability {
    Capability::try_from("v1;cpu=genuineintel-6-106;mem=ddr4;nic=mlx5_core-25000".to_owned()).unwrap()
}

fn subscription() -> NodeSubscription {
    NodeSubscription {
        identifier: identifier(),
        instance: instance(),
        name: name("node-1"),
        address: "10.1.2.3".parse().unwrap(),
        place: Some(name("rack-7")),
        hardware: hardware(),
        epoch: SessionEpoch(3),
    }
}

fn presence() -> Presence {
    Presence {
        node: node(),
        instance: instance(),
        name: name("node-1"),
        address: "fd00::3".parse().unwrap(),
        place: None,
        epoch: SessionEpoch(4),
    }
}

fn refused<T>() -> Decision<T> {
    Decision::Refused { reason: "out_of_range".into(), message: "10.1.2.3 is in none of my ranges".into() }
}

fn join_decision(decision: Decision<JoinAccepted>) -> Packet {
    Packet::JoinDecision(JoinDecision { node: node(), instance: instance(), decision })
}

fn assignment(zone: Option<ZoneId>, decision: Decision<Assigned>) -> Packet {
    Packet::Assignment(Assignment { zone, node: node(), instance: instance(), decision })
}

fn arrival_decision(decision: Decision<ArrivalAccepted>) -> Packet {
    Packet::ArrivalDecision(ArrivalDecision { group: group(), node: node(), instance: instance(), decision })
}

/// Every kind, some with a variation; the word is the snapshot's name.
pub fn all() -> Vec<(&'static str, Packet)> {
    let mut all = joining();
    all.extend(placing());
    all.extend(trusted());
    all.extend(watching());
    all.extend(crate::orders::all());
    all
}

fn joining() -> Vec<(&'static str, Packet)> {
    let accepted = JoinAccepted { epoch: SessionEpoch(4), group: group(), group_name: name("intel-25g") };
    let assigned = Assigned {
        epoch: SessionEpoch(4),
        group: group(),
        group_name: name("intel-25g"),
        capability: capability(),
        channels: vec![channel()],
    };
    let request = JoinRequest {
        checkin: checkin(),
        subscription: subscription(),
        capability: capability(),
        group: group(),
        group_name: name("intel-25g"),
        table_version: 12,
        reason: "known combination".into(),
        granted: Some(SessionEpoch(4)),
    };
    let clash = IdentityClash {
        identifier: identifier(),
        instance: instance(),
        name: name("clone"),
        address: "10.1.2.4".parse().unwrap(),
    };
    vec![
        ("node_subscription", Packet::NodeSubscription(Box::new(subscription()))),
        ("join_request", Packet::JoinRequest(Box::new(request))),
        ("join_decision", join_decision(Decision::Accepted(accepted))),
        ("join_decision_refused", join_decision(refused())),
        ("assignment", assignment(Some(zone()), Decision::Accepted(assigned))),
        ("assignment_refused", assignment(None, refused())),
        ("identity_clash", Packet::IdentityClash(clash)),
    ]
}

fn hello() -> Hello {
    Hello {
        zone: zone(),
        name: name("hall-2"),
        generation: 7,
        broker: BrokerEndpoint { host: "10.1.0.5".into(), port: 5671, vhost: "zone-3f2a1c9e".into() },
        api: "10.1.0.5:8443".into(),
        addresses: vec!["10.1.0.5".parse().unwrap()],
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    }
}

fn signed_hello() -> Hello {
    Hello {
        expires: Some(1_700_086_400),
        ca: Some(Bytes([0xa1; 16])),
        credential: Some(Bytes([0xb2; 105])),
        signature: Some(Bytes([0xc3; 64])),
        ..hello()
    }
}

/// What came with trust, beside what was without: version 1 has both.
fn trusted() -> Vec<(&'static str, Packet)> {
    let digest = Some(capability().short_digest());
    let accepted = ArrivalAccepted { epoch: SessionEpoch(4), capability_digest: digest };
    let member = RosterMember { capability_digest: digest, ..member() };
    let membership = Membership { seal: Some(SealKey::from_bytes([0xd4; 32])), ..membership() };
    vec![
        ("hello_signed", Packet::Hello(signed_hello())),
        ("arrival_decision_digest", arrival_decision(Decision::Accepted(accepted))),
        ("roster_digest", Packet::Roster(Roster { group: group(), session: 3, part: 0, members: vec![member] })),
        ("membership_sealed", Packet::Membership(membership)),
    ]
}

fn member() -> RosterMember {
    RosterMember {
        node: node(),
        name: name("node-1"),
        epoch: SessionEpoch(4),
        state: NodeState::Degraded,
        health: health(),
        capability_digest: None,
    }
}

fn membership() -> Membership {
    Membership {
        node: node(),
        instance: instance(),
        group: group(),
        group_name: name("rack-7"),
        channels: vec![channel()],
        keep_alive: Millis(1_000),
        seal: None,
    }
}

fn placing() -> Vec<(&'static str, Packet)> {
    let ack = Ack {
        zone: zone(),
        generation: 7,
        group: group(),
        name: name("rack-7"),
        place: name("row-a.rack-7"),
        addresses: vec!["10.1.2.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        instance: instance(),
    };
    let subscriber = ZoneSubscriber {
        zone: zone(),
        zone_name: name("hall-2"),
        generation: 7,
        group: group(),
        instance: instance(),
        session: 3,
        channels: vec![channel()],
        keep_alive: Millis(1_000),
        roster_parts: 1,
        status_exchanges: false,
    };
    let request = TableRequest {
        checkin: checkin(),
        name: name("checkin-1"),
        address: "10.1.9.9".parse().unwrap(),
        ranges: vec!["10.1.0.0/16".parse().unwrap(), "fd00::/64".parse().unwrap()],
        have: 11,
    };
    let table = GroupTable {
        zone: zone(),
        version: 12,
        attributes: vec![
            Attribute::Accelerators,
            Attribute::MemorySize,
            Attribute::StorageKind,
            Attribute::Threads,
            Attribute::Virtualisation,
        ],
        entries: vec![TableEntry { capability: capability(), group: group(), name: name("intel-25g") }],
        create_unknown: true,
        hold_unknown: false,
        controllers: vec![ControllerEntry {
            group: group(),
            name: name("rack-7"),
            place: name("row-a.rack-7"),
            addresses: vec!["10.1.2.1".parse().unwrap()],
            channels: vec![channel()],
        }],
    };
    let arrival = Arrival { group: group(), session: 3, presence: presence() };
    vec![
        ("ack", Packet::Ack(ack)),
        ("hello_request", Packet::HelloRequest(HelloRequest { name: name("node-1") })),
        ("hello", Packet::Hello(hello())),
        ("zone_subscriber", Packet::ZoneSubscriber(subscriber)),
        ("roster", Packet::Roster(Roster { group: group(), session: 3, part: 0, members: vec![member()] })),
        ("presence", Packet::Presence(presence())),
        ("arrival", Packet::Arrival(arrival)),
        (
            "arrival_decision",
            arrival_decision(Decision::Accepted(ArrivalAccepted { epoch: SessionEpoch(4), capability_digest: None })),
        ),
        ("arrival_decision_refused", arrival_decision(refused())),
        ("membership", Packet::Membership(membership())),
        ("presence_request", Packet::PresenceRequest(PresenceRequest { group: group(), sign_of_life: false })),
        (
            "presence_request_sign_of_life",
            Packet::PresenceRequest(PresenceRequest { group: group(), sign_of_life: true }),
        ),
        ("table_request", Packet::TableRequest(request)),
        ("group_table", Packet::GroupTable(table)),
    ]
}

fn watching() -> Vec<(&'static str, Packet)> {
    let change = NodeChange {
        number: 17,
        node: node(),
        epoch: SessionEpoch(4),
        state: NodeState::Down,
        health: health(),
        at: UnixMillis(1_700_000_000_500),
        cause: "silent for 3.5 s".into(),
        metrics: readings(),
    };
    let alarm = GroupAlarm {
        group: group(),
        session: 3,
        number: 18,
        raised: true,
        silent: 14,
        members: 40,
        at: UnixMillis(1_700_000_000_600),
    };
    let quantiles = Quantiles { count: 40, min: 31.0, p50: 44.5, p90: 61.0, p99: 88.5, max: 93.0 };
    let summary = Summary {
        group: group(),
        session: 3,
        states: NodeState::ALL.into_iter().zip(1..).collect(),
        bits: BTreeMap::from([("cpu_temperature".to_owned(), 2), ("agent_quality".to_owned(), 1)]),
        statuses: 123_456,
        refused: BTreeMap::from([("bad_length".into(), 1)]),
        metrics: BTreeMap::from([("cpu_temperature".into(), quantiles)]),
        period_ms: Millis(10_000),
    };
    let report = CheckinReport {
        checkin: checkin(),
        assigned: 40,
        refused: BTreeMap::from([("out_of_range".into(), 2)]),
        last_refusal: Some("10.9.9.9 is in none of my ranges".into()),
    };
    vec![
        ("alerts", Packet::Alerts(Alerts { group: group(), session: 3, changes: vec![change] })),
        ("group_alarm", Packet::GroupAlarm(alarm)),
        ("summary", Packet::Summary(summary)),
        ("checkin_report", Packet::CheckinReport(report)),
    ]
}
