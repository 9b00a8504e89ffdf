//! The service's decisions, as tables of events and effects.

mod alone;
mod epochs;

use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::{GroupTable, JoinAccepted, JoinDecision, TableEntry};
use rollcall_model::{Capability, HardwareTopology, MessageId, NodeIdentifier, UnixMillis, ZoneId};

use super::*;

pub(super) fn at(ms: u64) -> Now {
    Now { tick: Tick(ms), wall: UnixMillis(1_700_000_000_000 + ms) }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn delivered(packet: Packet) -> Event {
    Event::Delivered(Envelope::new(MessageId::derived_from("m"), "inbox.x", UnixMillis(0), packet))
}

fn settings() -> Settings {
    Settings {
        checkin: CheckinId::derived_from("c"),
        name: name("c"),
        zone_name: name("z"),
        instance: InstanceId::derived_from("run"),
        address: [10, 1, 0, 1].into(),
        ranges: vec!["10.1.0.0/16".parse().unwrap()],
        broker: BrokerEndpoint { host: "b".into(), port: 5672, vhost: "v".into() },
    }
}

fn service() -> Checkin {
    Checkin::new(settings())
}

fn table(version: u64) -> Packet {
    Packet::GroupTable(GroupTable {
        zone: ZoneId::derived_from("z"),
        version,
        attributes: vec![],
        entries: vec![],
        create_unknown: true,
        hold_unknown: false,
        controllers: vec![],
    })
}

/// The table that knows the combination of the tests' node.
fn knowing(version: u64) -> GroupTable {
    let capability = Capability::of(&HardwareTopology::default(), &[]);
    let entry = TableEntry { group: capability.group_id(), name: name("plain"), capability };
    let Packet::GroupTable(table) = table(version) else { unreachable!() };
    GroupTable { entries: vec![entry], ..table }
}

fn subscription(run: &str, address: [u8; 4]) -> NodeSubscription {
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: Some("n".into()),
        board_serial: None,
        cpu: None,
        machine_id: None,
        mac: None,
    };
    NodeSubscription {
        identifier: NodeIdentifier::from_evidence(evidence).unwrap(),
        instance: InstanceId::derived_from(run),
        name: name("n"),
        address: address.into(),
        place: None,
        hardware: HardwareTopology::default(),
        epoch: SessionEpoch::default(),
    }
}

fn ask(run: &str, address: [u8; 4]) -> Event {
    delivered(Packet::NodeSubscription(Box::new(subscription(run, address))))
}

fn accepted(run: &str, epoch: u32) -> Event {
    let subscription = subscription(run, [10, 1, 0, 9]);
    let capability = Capability::of(&subscription.hardware, &[]);
    delivered(Packet::JoinDecision(JoinDecision {
        node: subscription.identifier.node,
        instance: subscription.instance,
        decision: Decision::Accepted(JoinAccepted {
            epoch: SessionEpoch(epoch),
            group: capability.group_id(),
            group_name: capability.group_name(),
        }),
    }))
}

fn sent(effects: &[Effect]) -> Vec<(String, Packet)> {
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

#[test]
fn the_first_table_makes_the_service_known_and_older_ones_are_ignored() {
    let mut service = service();
    assert!(
        matches!(&sent(&service.step(at(0), Event::LinkUp))[..], [(_, Packet::TableRequest(request))] if request.have == 0)
    );
    let effects = service.step(at(10), delivered(table(7)));
    assert!(matches!(&effects[..], [Effect::Announce(announcement)] if announcement.zone == ZoneId::derived_from("z")));
    service.step(at(20), delivered(table(6)));
    assert!(
        matches!(&sent(&service.step(at(30), Event::ZoneHeard))[..], [(_, Packet::TableRequest(request))] if request.have == 7)
    );
}

#[test]
fn a_node_is_answered_only_after_the_zone_has_saved_the_join() {
    let mut service = service();
    service.step(at(0), delivered(table(7)));
    let planned = sent(&service.step(at(0), ask("run1", [10, 1, 0, 9])));
    assert!(matches!(&planned[..], [(key, Packet::JoinRequest(_))] if key == route::JOINS), "nothing to the node yet");
    let answered = sent(&service.step(at(5), accepted("run1", 3)));
    let [(key, Packet::Assignment(assignment))] = &answered[..] else { panic!("an assignment") };
    assert_eq!(*key, route::node_inbox(assignment.node));
    assert!(matches!(&assignment.decision, Decision::Accepted(assigned) if assigned.epoch == SessionEpoch(3)));
    assert!(service.step(at(6), accepted("run1", 3)).is_empty(), "a repetition is not answered twice");
}

#[test]
fn the_zones_answer_to_a_former_run_is_not_given_to_the_present_one() {
    let mut service = service();
    service.step(at(0), delivered(table(7)));
    service.step(at(0), ask("run2", [10, 1, 0, 9]));
    assert!(service.step(at(5), accepted("run1", 3)).is_empty());
}

#[test]
fn refusals_are_answered_counted_and_reported() {
    let mut service = service();
    let early = sent(&service.step(at(0), ask("run1", [10, 1, 0, 9])));
    assert!(matches!(&early[0].1, Packet::Assignment(assignment)
        if matches!(&assignment.decision, Decision::Refused { reason, .. } if reason == "not_ready")));
    service.step(at(0), delivered(table(7)));
    let out = sent(&service.step(at(0), ask("run1", [192, 0, 2, 9])));
    assert!(matches!(&out[0].1, Packet::Assignment(assignment)
        if matches!(&assignment.decision, Decision::Refused { reason, message } if reason == "out_of_range"
            && message.contains("192.0.2.9"))));
    let reported = sent(&service.step(at(3_000), Event::Tick));
    let report = reported
        .iter()
        .find_map(|(_, packet)| if let Packet::CheckinReport(report) = packet { Some(report) } else { None });
    let report = report.expect("a report");
    assert_eq!(report.refused, BTreeMap::from([("not_ready".into(), 1), ("out_of_range".into(), 1)]));
    assert!(report.last_refusal.as_ref().is_some_and(|text| text.contains("192.0.2.9")));
    assert!(
        sent(&service.step(at(6_000), Event::Tick))
            .iter()
            .all(|(_, packet)| !matches!(packet, Packet::CheckinReport(_)))
    );
}

/// An event of the zone's, in a generation.
fn said(generation: u64, event: Event) -> Event {
    let Event::Delivered(envelope) = event else { return event };
    let inbox = route::zone_inbox(ZoneId::derived_from("z"));
    let mut envelope = Envelope::new(envelope.id, inbox, envelope.sent, envelope.packet);
    envelope.generation = Some(generation);
    Event::Delivered(envelope)
}

#[test]
fn an_older_zone_controller_is_not_obeyed_and_a_zone_that_counts_anew_is() {
    let mut service = service();
    service.step(at(0), said(5, delivered(table(5 << 32))));
    service.step(at(0), ask("run1", [10, 1, 0, 9]));
    assert!(service.step(at(5), said(4, accepted("run1", 3))).is_empty());
    assert_eq!(service.report().refused.get("old_zone"), Some(&1));
    assert_eq!(sent(&service.step(at(6), said(5, accepted("run1", 4)))).len(), 1);
    // Its database is a new one: the table comes twice.
    service.step(at(10), said(1, delivered(table(1 << 32))));
    service.step(at(20), said(1, delivered(table(1 << 32))));
    service.step(at(30), ask("run2", [10, 1, 0, 9]));
    assert_eq!(sent(&service.step(at(35), said(1, accepted("run2", 5)))).len(), 1);
}
