//! The group's decisions, as tables of events and effects.

use rollcall_model::packet::{ArrivalAccepted, ArrivalDecision, Decision, NodeChange, Presence, RosterMember};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{AvailabilityKinds, Health, HealthBits, MessageId, NodeState, SessionEpoch, UnixMillis};

use super::*;

mod asking;
mod hearing;
mod mending;
mod obeying;
mod orders;
mod sealed;
mod superseded;
mod together;
mod told;

fn at(ms: u64) -> Now {
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
        zone_name: name("z"),
        group: GroupId::derived_from("rack-a"),
        name: name("rack-a"),
        place: name("rack-a"),
        ranges: vec!["10.1.0.0/16".parse().unwrap()],
        addresses: vec![],
        instance: InstanceId::derived_from("run"),
        broker: ("b".into(), 5672),
        seals: None,
        certified: false,
    }
}

fn hello(generation: u64) -> Hello {
    Hello {
        zone: ZoneId::derived_from("z"),
        name: name("z"),
        generation,
        broker: BrokerEndpoint { host: "b".into(), port: 5672, vhost: "v".into() },
        api: "a:1".into(),
        addresses: vec![],
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    }
}

fn subscriber(session: u32, roster_parts: u32) -> Packet {
    Packet::ZoneSubscriber(ZoneSubscriber {
        zone: ZoneId::derived_from("z"),
        zone_name: name("z"),
        generation: 1,
        group: GroupId::derived_from("rack-a"),
        instance: InstanceId::derived_from("run"),
        session,
        channels: vec![],
        keep_alive: Millis(1_000),
        roster_parts,
        status_exchanges: true,
    })
}

fn node(number: u32) -> NodeId {
    NodeId::derived_from(&number.to_string())
}

fn status(number: u32, sequence: u32, bits: u32) -> NodeStatus {
    NodeStatus {
        node: node(number),
        health: Health::new(HealthBits::from_number(bits).unwrap(), HealthBits::NONE).unwrap(),
        dictionary: 1,
        epoch: SessionEpoch(1),
        sequence,
        longest_silence: Millis(3_500),
        leaving: false,
        tag: None,
        availability: AvailabilityKinds::EMPTY,
    }
}

fn packets(effects: &[Effect]) -> Vec<Packet> {
    let published = |effect: &Effect| match effect {
        Effect::Publish(_, message) => Some(Envelope::decode(&message.body).unwrap().packet),
        _ => None,
    };
    effects.iter().filter_map(published).collect()
}

/// A subscribed group with so many healthy nodes whose changes the zone has confirmed, at 1 s.
fn group(nodes: u32) -> Group {
    let mut group = Group::new(settings());
    group.step(at(0), Event::LinkUp);
    group.step(at(0), Event::HelloHeard(hello(1)));
    group.step(at(0), delivered(subscriber(1, 0)));
    for number in 0..nodes {
        arrive(&mut group, 0, number);
        group.step(at(1_000), Event::Status(status(number, 1, 0)));
    }
    while group.inflight.is_some() {
        confirm(&mut group, 1_000);
    }
    group
}

/// The zone's answer to an ACK that was repeated: a roster of one part follows.
fn answer(group: &mut Group, ms: u64) {
    group.next_ack = Some(Tick(ms));
    group.step(at(ms), delivered(subscriber(1, 1)));
}

/// The token of the report that is on its way.
fn on_its_way(group: &Group) -> Token {
    let session = group.subscription.as_ref().unwrap().session;
    Token::Changes { session, number: group.inflight.as_ref().unwrap().0.number() }
}

fn confirm(group: &mut Group, ms: u64) -> Vec<Effect> {
    let token = on_its_way(group);
    group.step(at(ms), Event::Published { token, result: Ok(()) })
}

fn arrive(group: &mut Group, ms: u64, number: u32) {
    let presence = Presence {
        node: node(number),
        instance: InstanceId::derived_from("agent"),
        name: name(&format!("n{number}")),
        address: [10, 1, 0, 1].into(),
        place: None,
        epoch: SessionEpoch(1),
    };
    let (node, instance) = (presence.node, presence.instance);
    group.step(at(ms), delivered(Packet::Presence(presence)));
    let decision = Decision::Accepted(ArrivalAccepted { epoch: SessionEpoch(1), capability_digest: None });
    let answer = ArrivalDecision { group: GroupId::derived_from("rack-a"), node, instance, decision };
    group.step(at(ms), delivered(Packet::ArrivalDecision(answer)));
}

fn changes(effects: &[Effect]) -> Vec<NodeChange> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(Token::Changes { .. }, message) => Envelope::decode(&message.body).ok(),
            _ => None,
        })
        .flat_map(|envelope| if let Packet::Alerts(alerts) = envelope.packet { alerts.changes } else { vec![] })
        .collect()
}

/// A tick on a broker that answers at once what is asked of it.
fn tick(group: &mut Group, ms: u64) -> Vec<Effect> {
    let mut effects = group.step(at(ms), Event::Tick);
    let probe = |effect: &Effect| match effect {
        Effect::Publish(token @ Token::Probe(_), _) => Some(*token),
        _ => None,
    };
    if let Some(token) = effects.iter().find_map(probe) {
        effects.extend(group.step(at(ms), Event::Published { token, result: Ok(()) }));
    }
    effects
}

/// Lets time pass in steps of the core's own deadlines, confirming what is told; gives all changes told.
fn pass(group: &mut Group, from: u64, to: u64, speaking: &[u32]) -> Vec<NodeChange> {
    let mut told = Vec::new();
    let mut sequence = 1_000 + u32::try_from(from).unwrap();
    for ms in (from..=to).step_by(100) {
        if ms % 1_000 == 0 {
            sequence += 1;
            for number in speaking {
                told.extend(changes(&group.step(at(ms), Event::Status(status(*number, sequence, 0)))));
            }
        }
        told.extend(changes(&tick(group, ms)));
        if group.inflight.is_some() {
            told.extend(changes(&confirm(group, ms)));
        }
    }
    told
}

#[test]
fn a_hello_is_answered_once_per_generation_and_never_goes_back() {
    let mut group = Group::new(settings());
    group.step(at(0), Event::LinkUp);
    let effects = group.step(at(0), Event::HelloHeard(hello(3)));
    assert!(matches!(&effects[..], [Effect::Announce(ack)] if ack.generation == 3));
    assert!(group.step(at(0), Event::HelloHeard(hello(2))).is_empty());
    assert_eq!(group.refused["old_hello"], 1);
    let other = Hello { zone: ZoneId::derived_from("other"), ..hello(9) };
    assert!(group.step(at(0), Event::HelloHeard(other)).is_empty(), "another zone of the same name moves nobody");
    assert_eq!(group.refused["namesake_zone"], 1);
}

#[test]
fn an_unanswered_ack_is_repeated_over_the_broker_until_the_whole_roster_has_come() {
    let mut group = Group::new(settings());
    group.step(at(0), Event::LinkUp);
    group.step(at(0), Event::HelloHeard(hello(1)));
    let sent = |effects: &[Effect]| {
        effects.iter().any(|effect| matches!(effect, Effect::Publish(_, message) if message.kind == "ack"))
    };
    let tick = |group: &mut Group, ms: u64| {
        let effects = group.step(at(ms), Event::Tick);
        sent(&effects)
    };
    assert!(!tick(&mut group, 400));
    assert!(tick(&mut group, 1_000));
    answer(&mut group, 1_100);
    assert!(tick(&mut group, 2_100), "the roster has not come");
    let roster =
        rollcall_model::packet::Roster { group: GroupId::derived_from("rack-a"), session: 1, part: 0, members: vec![] };
    group.step(at(2_200), delivered(Packet::Roster(roster)));
    assert!(!tick(&mut group, 9_000));
}

#[test]
fn a_node_elsewhere_is_left_to_others() {
    let mut group = group(0);
    let presence = |place: Option<&str>, address: [u8; 4]| Presence {
        node: node(1),
        instance: InstanceId::derived_from("agent"),
        name: name("n"),
        address: address.into(),
        place: place.map(name),
        epoch: SessionEpoch(0),
    };
    for (place, address, mine) in [
        (None, [10, 1, 2, 3], true),
        (None, [10, 2, 2, 3], false),
        (Some("rack-a"), [10, 2, 2, 3], true),
        (Some("rack-b"), [10, 1, 2, 3], false),
    ] {
        let effects = group.step(at(0), delivered(Packet::Presence(presence(place, address))));
        group.arrivals = Arrivals::default();
        assert_eq!(!effects.is_empty(), mine, "{place:?} {address:?}");
    }
}

#[test]
fn a_change_of_bits_is_told_once_and_again_until_it_is_confirmed() {
    let mut group = group(1);
    let effects = group.step(at(1_500), Event::Status(status(0, 2, 1 << 9)));
    let first = changes(&effects);
    assert_eq!((first[0].state, first[0].health.bits().to_number()), (NodeState::Degraded, 1 << 9));
    assert!(changes(&group.step(at(1_600), Event::Status(status(0, 3, 1 << 9)))).is_empty(), "nothing new");
    let token = on_its_way(&group);
    group.step(at(1_700), Event::Published { token, result: Err(PublishError::Unconfirmed(1)) });
    assert!(changes(&group.step(at(1_800), Event::Tick)).is_empty());
    assert_eq!(changes(&group.step(at(2_600), Event::Tick)), first, "the same change, the same number");
}

#[test]
fn a_silent_node_is_suspected_and_then_down_and_the_others_are_left_alone() {
    let mut group = group(4);
    let told = pass(&mut group, 1_100, 6_000, &[1, 2, 3]);
    let states: Vec<(NodeId, NodeState)> = told.iter().map(|change| (change.node, change.state)).collect();
    assert_eq!(states, [(node(0), NodeState::Suspect), (node(0), NodeState::Down)]);
    assert!(told[1].at.0 - 1_700_000_001_000 <= 4_000 && told[1].cause.starts_with("silent for 3."), "{told:?}");
    let back = changes(&group.step(at(6_100), Event::Status(status(0, 2, 0))));
    assert_eq!(back[0].state, NodeState::Healthy);
}

#[test]
fn a_pause_of_two_seconds_is_not_death() {
    let mut group = group(4);
    let told = pass(&mut group, 1_100, 3_900, &[1, 2, 3]);
    assert!(told.iter().all(|change| change.state != NodeState::Down), "{told:?}");
}

#[test]
fn a_closed_connection_is_down_within_a_second_unless_the_node_comes_back() {
    let mut first = group(4);
    first.step(at(1_100), Event::ConnectionClosed(node(0)));
    let told = pass(&mut first, 1_100, 1_900, &[]);
    let last = told.last().unwrap();
    assert_eq!((last.node, last.state, last.cause.as_str()), (node(0), NodeState::Down, "connection closed"));
    let mut second = group(4);
    second.step(at(1_100), Event::ConnectionClosed(node(0)));
    second.step(at(1_400), Event::Status(status(0, 2, 0)));
    assert!(pass(&mut second, 1_400, 2_000, &[]).iter().all(|change| change.state != NodeState::Down));
}

#[test]
fn a_broker_that_was_away_makes_nobody_suspect() {
    let mut group = group(4);
    group.step(at(1_200), Event::LinkDown);
    for ms in (1_300..20_000).step_by(100) {
        assert!(changes(&group.step(at(ms), Event::Tick)).is_empty());
    }
    group.step(at(20_000), Event::LinkUp);
    // The broker's late word about connections it lost when it died says nothing about the nodes.
    group.step(at(20_100), Event::ConnectionClosed(node(0)));
    assert!(pass(&mut group, 20_100, 45_000, &[1, 2, 3]).is_empty());
    let told = pass(&mut group, 45_100, 55_000, &[1, 2, 3]);
    assert_eq!(
        told.last().map(|change| (change.node, change.state)),
        Some((node(0), NodeState::Down)),
        "in the end it is"
    );
}

#[test]
fn many_silent_at_once_are_unknown_and_raise_one_alarm() {
    let mut group = group(10);
    let told = pass(&mut group, 1_100, 9_000, &[0, 1, 2, 3, 4, 5]);
    assert!(told.iter().all(|change| change.state != NodeState::Down), "{told:?}");
    assert_eq!(told.iter().filter(|change| change.state == NodeState::Unknown).count(), 4);
    assert!(group.dark.is);
    let told = pass(&mut group, 9_100, 11_000, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(told.iter().filter(|change| change.state == NodeState::Healthy).count(), 4);
    assert!(!group.dark.is);
}

#[test]
fn a_restarted_controller_starts_from_the_saved_roster_and_tells_only_differences() {
    let mut group = group(0);
    answer(&mut group, 100);
    let member = |number: u32, state| RosterMember {
        node: node(number),
        name: name("n"),
        epoch: SessionEpoch(1),
        state,
        health: Health::new(HealthBits::NONE, HealthBits::NONE).unwrap(),
        capability_digest: None,
    };
    let members = vec![member(0, NodeState::Healthy), member(1, NodeState::Healthy), member(2, NodeState::Down)];
    let roster =
        rollcall_model::packet::Roster { group: GroupId::derived_from("rack-a"), session: 1, part: 0, members };
    answer(&mut group, 100);
    group.step(at(100), delivered(Packet::Roster(roster)));
    assert!(changes(&group.step(at(200), Event::Status(status(0, 50, 0)))).is_empty(), "as saved");
    let told = changes(&group.step(at(200), Event::Status(status(2, 50, 0))));
    assert_eq!(told[0].state, NodeState::Healthy, "it was down and speaks");
    confirm(&mut group, 200);
    let told = pass(&mut group, 300, 29_000, &[0, 2]);
    assert!(told.is_empty(), "nobody is blamed while they may be coming back: {told:?}");
    let told = pass(&mut group, 29_100, 40_000, &[0, 2]);
    assert_eq!(told.last().map(|change| (change.node, change.state)), Some((node(1), NodeState::Down)));
}

#[test]
fn old_epochs_repetitions_and_strangers_change_nothing() {
    let mut group = group(1);
    let old = NodeStatus { epoch: SessionEpoch(0), ..status(0, 9, 1) };
    assert!(changes(&group.step(at(1_100), Event::Status(old))).is_empty());
    assert!(changes(&group.step(at(1_100), Event::Status(status(0, 1, 1)))).is_empty());
    let asked = group.step(at(1_100), Event::Status(status(77, 1, 1)));
    assert!(matches!(&asked[..], [Effect::Publish(_, message)] if message.kind == "presence_request"));
    assert!(group.step(at(1_200), Event::Status(status(77, 2, 1))).is_empty(), "asked at most every two seconds");
    for reason in ["old_epoch", "repeated", "unknown_node"] {
        assert!(group.refused.contains_key(reason), "{reason}: {:?}", group.refused);
    }
}

#[test]
fn a_new_epoch_is_always_told_even_if_nothing_else_changed() {
    let mut group = group(1);
    let again = NodeStatus { epoch: SessionEpoch(2), ..status(0, 1, 0) };
    let told = changes(&group.step(at(1_100), Event::Status(again)));
    assert_eq!((told[0].epoch, told[0].state), (SessionEpoch(2), NodeState::Healthy));
}

#[test]
fn a_clean_shutdown_is_not_death() {
    let mut group = group(1);
    let told = changes(&group.step(at(1_100), Event::Status(NodeStatus { leaving: true, ..status(0, 2, 0) })));
    assert_eq!(told[0].state, NodeState::Left);
    confirm(&mut group, 1_100);
    group.step(at(1_200), Event::ConnectionClosed(node(0)));
    assert!(pass(&mut group, 1_300, 9_000, &[]).is_empty());
}

#[test]
fn a_late_repetition_of_the_zones_answer_empties_no_roster() {
    let mut group = group(2);
    let effects = group.step(at(1_100), delivered(subscriber(1, 0)));
    assert!(effects.is_empty());
    assert_eq!((group.roster.len(), group.refused["repeated"]), (2, 1));
}
