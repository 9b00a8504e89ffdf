//! The zone's decisions, as tables of events and effects.

use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::{
    Alerts, Arrival, Decision, JoinRequest, NodeChange, NodeSubscription, Presence, TableRequest,
};
use rollcall_model::{
    Capability, HardwareTopology, Health, MessageId, NodeIdentifier, NodeState, SessionEpoch, UnixMillis,
};

use super::*;

mod actions;
mod asking;
mod audit;
mod candidates;
mod certificates;
mod channels;
mod crowd;
mod enrolment;
mod expected;
mod holding;
mod joining;
mod mending;
mod places;
mod policies;
mod refusals;
mod rules;
mod succession;

const NOW: Now = Now { tick: Tick(0), wall: UnixMillis(1_700_000_000_000) };

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn settings(create_unknown: bool) -> Settings {
    Settings {
        zone: ZoneId::derived_from("z"),
        name: name("z"),
        instance: InstanceId::derived_from("run"),
        addresses: vec![],
        broker: BrokerEndpoint { host: "b".into(), port: 5672, vhost: "v".into() },
        api: "a:1".into(),
        channels: Purpose::standard().into_iter().chain(Purpose::new("security")).collect(),
        admission: Admission { groups: vec!["rack-*".into()] },
        table: TablePolicy { create_unknown, ..TablePolicy::default() },
        keep_alive: Millis(1_000),
        places: vec![],
        trust: TrustSettings::default(),
        succession: None,
    }
}

fn zone() -> Zone {
    Zone::start(NOW, settings(true), Snapshot::default()).0
}

fn ack(group: &str, run: &str) -> Ack {
    Ack {
        zone: ZoneId::derived_from("z"),
        generation: 1,
        group: GroupId::derived_from(group),
        name: name(group),
        place: name(group),
        addresses: vec![],
        instance: InstanceId::derived_from(run),
    }
}

fn delivered(packet: Packet) -> Event {
    Event::Delivered(Envelope::new(MessageId::derived_from("m"), "inbox.x", NOW.wall, packet))
}

fn subscription(node: &str, run: &str) -> NodeSubscription {
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: Some(node.into()),
        board_serial: None,
        cpu: None,
        machine_id: None,
        mac: None,
    };
    NodeSubscription {
        identifier: NodeIdentifier::from_evidence(evidence).unwrap(),
        instance: InstanceId::derived_from(run),
        name: name(node),
        address: [10, 0, 0, 1].into(),
        place: None,
        hardware: HardwareTopology::default(),
        epoch: SessionEpoch::default(),
    }
}

fn join(node: &str, run: &str) -> Event {
    join_of(subscription(node, run), None)
}

fn join_of(subscription: NodeSubscription, granted: Option<SessionEpoch>) -> Event {
    let capability = Capability::of(&subscription.hardware, &[]);
    delivered(Packet::JoinRequest(Box::new(JoinRequest {
        checkin: CheckinId::derived_from("c"),
        subscription,
        group: capability.group_id(),
        group_name: capability.group_name(),
        capability,
        table_version: 1,
        reason: "test".into(),
        granted,
    })))
}

fn arrival(group: &str, session: u32, node: &str, run: &str) -> Event {
    let subscription = subscription(node, run);
    let presence = Presence {
        node: subscription.identifier.node,
        instance: subscription.instance,
        name: subscription.name,
        address: subscription.address,
        place: None,
        epoch: SessionEpoch(0),
    };
    delivered(Packet::Arrival(Arrival { group: GroupId::derived_from(group), session, presence }))
}

fn saves(effects: &[Effect]) -> Vec<&Change> {
    effects.iter().filter_map(|effect| if let Effect::Save(change) = effect { Some(change) } else { None }).collect()
}

/// What is published, but for what is said on channels.
fn packets(effects: &[Effect]) -> Vec<(String, Packet)> {
    let is_said = |packet: &Packet| matches!(packet, Packet::ChannelMessage(_));
    all_packets(effects).into_iter().filter(|(_, packet)| !is_said(packet)).collect()
}

fn all_packets(effects: &[Effect]) -> Vec<(String, Packet)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(message) => {
                Some((message.routing_key.clone(), Envelope::decode(&message.body).unwrap().packet))
            }
            _ => None,
        })
        .collect()
}

fn epoch_told(effects: &[Effect]) -> SessionEpoch {
    packets(effects)
        .into_iter()
        .find_map(|(_, packet)| match packet {
            Packet::JoinDecision(decision) => match decision.decision {
                Decision::Accepted(accepted) => Some(accepted.epoch),
                Decision::Refused { message, .. } => panic!("refused: {message}"),
            },
            _ => None,
        })
        .expect("an answer")
}

#[test]
fn a_start_saves_a_generation_above_the_stored_one_and_calls_known_groups() {
    let mut first = zone();
    let effects = first.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    assert!(matches!(saves(&effects)[0], Change::GroupJoined { session: 1, .. }));
    let saved = Snapshot {
        zone: Some(rollcall_store::ZoneRecord { zone: ZoneId::derived_from("z"), name: name("z"), generation: 41 }),
        groups: first.groups.values().cloned().collect(),
        ..Snapshot::default()
    };
    let (second, effects) = Zone::start(NOW, settings(true), saved);
    assert_eq!(second.generation(), 42);
    assert!(matches!(saves(&effects)[0], Change::ZoneStarted { generation: 42, .. }));
    let (key, packet) = packets(&effects).remove(0);
    assert_eq!(key, route::group_inbox(GroupId::derived_from("rack-a")));
    assert!(matches!(packet, Packet::Hello(hello) if hello.generation == 42));
}

#[test]
fn acks_of_strangers_and_of_others_are_ignored_and_counted_by_reason() {
    let table = [
        ("ack.stranger", Ack { name: name("printer"), ..ack("rack-a", "r") }),
        ("ack.other_zone", Ack { zone: ZoneId::derived_from("other"), ..ack("rack-a", "r") }),
        ("ack.wrong_generation", Ack { generation: 7, ..ack("rack-a", "r") }),
        ("ack.group_id_taken", Ack { group: GroupId::derived_from("rack-z"), ..ack("rack-a", "r") }),
        ("ack.name_taken", Ack { group: GroupId::derived_from("another"), ..ack("rack-z", "r") }),
    ];
    for (reason, ack_packet) in table {
        let mut zone = zone();
        zone.step(NOW, Event::AckHeard(ack("rack-z", "r0")));
        let effects = zone.step(NOW, Event::AckHeard(ack_packet));
        assert!(packets(&effects).is_empty(), "{reason} is not answered");
        assert_eq!(zone.overview().ignored.get(reason), Some(&1), "{reason}: {:?}", zone.overview().ignored);
    }
}

#[test]
fn the_same_run_of_a_group_controller_keeps_its_session_and_a_new_run_gets_the_next() {
    let mut zone = zone();
    assert_eq!(saves(&zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")))).len(), 1);
    let again = zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    assert!(saves(&again).is_empty());
    assert!(matches!(&packets(&again)[0].1, Packet::ZoneSubscriber(subscriber) if subscriber.session == 1));
    let restarted = zone.step(NOW, Event::AckHeard(ack("rack-a", "r2")));
    assert!(matches!(&packets(&restarted)[0].1, Packet::ZoneSubscriber(subscriber) if subscriber.session == 2));
}

#[test]
fn every_channel_has_its_own_queue_and_key() {
    let mut zone = zone();
    let effects = zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    let Packet::ZoneSubscriber(subscriber) = &packets(&effects)[0].1 else { panic!("a subscriber packet") };
    let purposes: Vec<&str> = subscriber.channels.iter().map(|channel| channel.purpose.as_str()).collect();
    assert_eq!(purposes, ["alerts", "policies", "analytics", "security"]);
    let group = GroupId::derived_from("rack-a");
    assert_eq!(subscriber.channels[0].queue, "zone.alerts");
    assert_eq!(subscriber.channels[0].key, format!("alerts.{group}"));
    assert_eq!(subscriber.channels[1].queue, format!("inbox.group.{group}"));
}

#[test]
fn a_join_is_saved_before_it_is_answered_and_repeated_with_the_same_epoch() {
    let mut zone = zone();
    let effects = zone.step(NOW, join("n1", "run1"));
    let order: Vec<bool> = effects.iter().map(|effect| matches!(effect, Effect::Save(_))).collect();
    assert_eq!(order, [true, true, false], "group and node are saved, then the answer");
    assert_eq!(epoch_told(&effects), SessionEpoch(1));
    let again = zone.step(NOW, join("n1", "run1"));
    assert!(saves(&again).is_empty());
    assert_eq!(epoch_told(&again), SessionEpoch(1));
    assert_eq!(epoch_told(&zone.step(NOW, join("n1", "run2"))), SessionEpoch(2), "a new run gets the next epoch");
}

#[test]
fn without_the_policy_an_unknown_combination_is_refused() {
    let mut zone = Zone::start(NOW, settings(false), Snapshot::default()).0;
    let effects = zone.step(NOW, join("n1", "run1"));
    assert!(matches!(&packets(&effects)[0].1, Packet::JoinDecision(decision)
        if matches!(&decision.decision, Decision::Refused { reason, .. } if reason == "unknown_combination")));
    assert_eq!(zone.overview().ignored["join.unknown_combination"], 1);
}

#[test]
fn a_live_node_cannot_stand_in_two_racks() {
    let mut zone = zone();
    for rack in ["rack-a", "rack-b"] {
        zone.step(NOW, Event::AckHeard(ack(rack, rack)));
    }
    zone.step(NOW, join("n1", "run1"));
    zone.step(NOW, arrival("rack-a", 1, "n1", "run1"));
    let change = change("rack-a", 1, 1, NodeState::Healthy);
    zone.step(NOW, change);
    let effects = zone.step(NOW, arrival("rack-b", 1, "n1", "run1"));
    assert!(saves(&effects).iter().all(|change| matches!(change, Change::Noted { .. })));
    assert_eq!(zone.overview().ignored["arrival.claimed_by_another"], 1);
    // A new run of the agent may have been moved to another rack.
    let effects = zone.step(NOW, arrival("rack-b", 1, "n1", "run2"));
    assert!(matches!(saves(&effects)[0], Change::NodePlaced { .. }));
}

#[test]
fn an_arrival_told_by_a_former_run_of_a_group_controller_is_not_answered() {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r2")));
    let effects = zone.step(NOW, arrival("rack-a", 1, "n1", "run1"));
    assert!(!packets(&effects).iter().any(|(_, packet)| matches!(packet, Packet::ArrivalDecision(_))));
    assert!(saves(&effects).is_empty());
    assert_eq!(zone.overview().ignored["arrival.stale_session"], 1);
}

fn change(group: &str, session: u32, number: u64, state: NodeState) -> Event {
    change_in(1, group, session, number, state)
}

/// A change of a node's epoch.
fn change_in(epoch: u32, group: &str, session: u32, number: u64, state: NodeState) -> Event {
    let node = subscription("n1", "run1").identifier.node;
    delivered(Packet::Alerts(Alerts {
        group: GroupId::derived_from(group),
        session,
        changes: vec![NodeChange {
            number,
            node,
            epoch: SessionEpoch(epoch),
            state,
            health: Health::unmeasured(),
            at: NOW.wall,
            cause: "test".into(),
            metrics: BTreeMap::new(),
        }],
    }))
}

#[test]
fn changes_are_taken_once_in_order_and_only_from_the_nodes_own_rack() {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    zone.step(NOW, Event::AckHeard(ack("rack-b", "r1")));
    zone.step(NOW, join("n1", "run1"));
    zone.step(NOW, arrival("rack-a", 1, "n1", "run1"));
    assert_eq!(saves(&zone.step(NOW, change("rack-a", 1, 2, NodeState::Healthy))).len(), 1);
    for (reason, event) in [
        ("alerts.repeated", change("rack-a", 1, 2, NodeState::Healthy)),
        ("alerts.repeated", change("rack-a", 1, 1, NodeState::Down)),
        ("alerts.stale_session", change("rack-a", 0, 9, NodeState::Down)),
        ("alerts.not_its_node", change("rack-b", 1, 9, NodeState::Down)),
    ] {
        assert!(saves(&zone.step(NOW, event)).is_empty());
        assert!(zone.overview().ignored[reason] >= 1, "{reason}");
    }
    zone.step(NOW, join("n1", "run2"));
    assert!(saves(&zone.step(NOW, change("rack-a", 1, 3, NodeState::Suspect))).is_empty(), "of the epoch before");
    let was_down = zone.step(NOW, change("rack-a", 1, 4, NodeState::Down));
    assert!(matches!(saves(&was_down)[..], [Change::NodeWasDown { number: 4, .. }]), "it died before it came back");
    assert!(saves(&zone.step(NOW, change("rack-a", 1, 4, NodeState::Down))).is_empty(), "told again");
    assert_eq!(zone.overview().ignored["alerts.old_epoch"], 3);
}

#[test]
fn a_rack_is_told_the_new_epoch_of_its_node() {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    zone.step(NOW, arrival("rack-a", 1, "n1", "run1"));
    let effects = zone.step(NOW, join("n1", "run1"));
    let inbox = route::group_inbox(GroupId::derived_from("rack-a"));
    assert!(
        packets(&effects).iter().any(|(key, packet)| *key == inbox && matches!(packet, Packet::ArrivalDecision(_)))
    );
}

fn table_request(service: &str, have: u64) -> Event {
    let service = name(service);
    delivered(Packet::TableRequest(TableRequest {
        checkin: CheckinId::of_service(&service),
        name: service,
        address: [10, 0, 0, 1].into(),
        ranges: vec![],
        have,
    }))
}

#[test]
fn a_check_in_service_gets_the_table_when_its_own_is_old() {
    let mut zone = zone();
    let request = |have| table_request("c", have);
    let effects = zone.step(NOW, request(0));
    let Packet::GroupTable(table) = &packets(&effects)[0].1 else { panic!("a table") };
    assert!(zone.step(NOW, request(table.version)).is_empty(), "up to date, and registered already");
}

#[test]
fn two_zones_of_one_name_are_told_and_nobody_moves() {
    let mut zone = zone();
    let other = Hello { zone: ZoneId::derived_from("other"), ..zone.hello() };
    for _ in 0..3 {
        zone.step(NOW, Event::HelloHeard(other.clone()));
    }
    assert_eq!(zone.overview().ignored["hello.same_name"], 1);
    assert_eq!(zone.overview().neighbours.len(), 1);
    let rival = Hello { generation: 9, ..zone.hello() };
    zone.step(NOW, Event::HelloHeard(rival));
    assert_eq!(zone.overview().ignored["hello.rival_controller"], 1);
}

#[test]
fn a_flood_of_strangers_writes_few_events() {
    let mut zone = zone();
    let noted: usize = (0..10_000)
        .map(|_| saves(&zone.step(NOW, Event::AckHeard(Ack { name: name("printer"), ..ack("rack-a", "r") }))).len())
        .sum();
    assert_eq!(zone.overview().ignored["ack.stranger"], 10_000);
    assert_eq!(noted, 13, "the first ten, then each tenfold");
}

#[test]
fn a_packet_that_is_none_of_the_zones_business_is_parked() {
    let mut zone = zone();
    let presence_request = Packet::PresenceRequest(rollcall_model::packet::PresenceRequest {
        group: GroupId::derived_from("g"),
        sign_of_life: false,
    });
    let effects = zone.step(NOW, delivered(presence_request));
    assert!(matches!(&effects[..], [Effect::Park(reason)] if reason.contains("presence_request")));
}
