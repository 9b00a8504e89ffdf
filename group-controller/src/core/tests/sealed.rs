//! What the sealed tags of status packets say, and what follows from it.

use rollcall_identity::seal;
use rollcall_model::packet::{Channel, ChannelMessage};
use rollcall_model::policy::SentKinds;
use rollcall_model::{AvailabilityKind, CapabilityDigest, Purpose, SealKey};

use super::*;

const HARDWARE: CapabilityDigest = CapabilityDigest([1; 12]);

/// A subscribed group that asks for tags, in a zone with a security channel; with one node, and the key it was given.
fn sealed_group() -> (Group, SealKey) {
    let mut group = begun(SealSecret::from_bytes([7; 32]));
    let key = called(&mut group, 0, "agent", Some(HARDWARE));
    (group, key)
}

fn begun(secret: SealSecret) -> Group {
    let mut group = Group::new(Settings { seals: Some(secret), ..settings() });
    group.step(at(0), Event::LinkUp);
    group.step(at(0), Event::HelloHeard(hello(1)));
    let Packet::ZoneSubscriber(mut subscriber) = subscriber(1, 0) else { unreachable!("a subscriber") };
    subscriber.channels = vec![Channel {
        purpose: Purpose::new("security").unwrap(),
        address: "b".into(),
        port: 5672,
        exchange: route::ZONE.into(),
        queue: "zone.security".into(),
        key: "security.x".into(),
    }];
    group.step(at(0), delivered(Packet::ZoneSubscriber(subscriber)));
    group
}

/// The node calls, the zone decides, the group answers: the key in its answer.
fn called(group: &mut Group, ms: u64, run: &str, capability_digest: Option<CapabilityDigest>) -> SealKey {
    let presence = Presence {
        node: node(0),
        instance: InstanceId::derived_from(run),
        name: name("n0"),
        address: [10, 1, 0, 1].into(),
        place: None,
        epoch: SessionEpoch(1),
    };
    let instance = presence.instance;
    let mut effects = group.step(at(ms), delivered(Packet::Presence(presence)));
    let decision = Decision::Accepted(ArrivalAccepted { epoch: SessionEpoch(1), capability_digest });
    let answer = ArrivalDecision { group: GroupId::derived_from("rack-a"), node: node(0), instance, decision };
    effects.extend(group.step(at(ms), delivered(Packet::ArrivalDecision(answer))));
    let key = packets(&effects)
        .into_iter()
        .find_map(|packet| if let Packet::Membership(it) = packet { it.seal } else { None });
    key.expect("a key")
}

fn tagged(sequence: u32, bits: u32, key: &SealKey, digest: CapabilityDigest) -> NodeStatus {
    let status = status(0, sequence, bits);
    NodeStatus { tag: Some(seal::seal(key, &status, digest).unwrap()), ..status }
}

fn told(effects: &[Effect]) -> Vec<ChannelMessage> {
    packets(effects)
        .into_iter()
        .filter_map(|it| if let Packet::ChannelMessage(message) = it { Some(message) } else { None })
        .collect()
}

fn is_asked(effects: &[Effect]) -> bool {
    packets(effects).iter().any(|packet| matches!(packet, Packet::PresenceRequest(_)))
}

fn bits(group: &Group) -> u32 {
    group.roster().get(node(0)).unwrap().health.bits().to_number()
}

#[test]
fn what_is_sealed_rightly_is_taken() {
    let (mut group, key) = sealed_group();
    let effects = group.step(at(100), Event::Status(tagged(1, 5, &key, HARDWARE)));
    assert_eq!((bits(&group), told(&effects).len()), (5, 0));
    assert!(group.refused.is_empty(), "{:?}", group.refused);
}

#[test]
fn once_the_node_knows_its_key_nothing_else_is_taken() {
    let (mut group, key) = sealed_group();
    group.step(at(100), Event::Status(tagged(1, 5, &key, HARDWARE)));
    let other = SealKey::from_bytes([9; 32]);
    let changed = NodeStatus { health: Health::unmeasured(), ..tagged(2, 1, &key, HARDWARE) };
    for (ms, reason, lie) in [
        (200, "no_tag", status(0, 2, 1)),
        (300, "bad_tag", tagged(2, 1, &other, HARDWARE)),
        (400, "bad_tag", changed),
        (500, "bad_tag", NodeStatus { sequence: 3, ..tagged(2, 1, &key, HARDWARE) }),
    ] {
        let effects = group.step(at(ms), Event::Status(lie));
        assert_eq!(bits(&group), 5, "{reason} changed the roster");
        let heard = group.roster().get(node(0)).unwrap().voice.heard;
        assert_eq!(heard, Some(Tick(100)), "{reason} counted as a sign of life");
        let words: Vec<String> = told(&effects).into_iter().map(|message| message.what).collect();
        assert_eq!(words, if ms < 400 { vec![reason] } else { vec![] }, "at {ms}");
    }
    assert_eq!((group.refused["no_tag"], group.refused["bad_tag"]), (1, 3));
    let effects = group.step(at(61_000), Event::Status(tagged(2, 1, &other, HARDWARE)));
    assert_eq!(told(&effects)[0].detail["count"], 3, "those that were not told are told with the next");
    assert!(is_asked(&effects), "the key may be a former run's");
    group.step(at(61_100), Event::Status(tagged(2, 3, &key, HARDWARE)));
    assert_eq!(bits(&group), 3, "its own word still counts");
}

#[test]
fn other_hardware_lives_and_no_more_until_the_zone_tells_of_it() {
    let (mut group, key) = sealed_group();
    group.step(at(100), Event::Status(tagged(1, 5, &key, HARDWARE)));
    let other = CapabilityDigest([2; 12]);
    let effects = group.step(at(200), Event::Status(tagged(2, 1, &key, other)));
    assert_eq!(bits(&group), 5);
    assert_eq!(told(&effects)[0].what, "other_hardware");
    assert!(is_asked(&effects), "an honest node checks in again");
    assert_eq!(group.roster().get(node(0)).unwrap().voice.heard, Some(Tick(200)));
    // It did: under its new epoch it may be heard before the zone has told of that.
    let next = NodeStatus { epoch: SessionEpoch(2), tag: None, ..status(0, 1, 1) };
    let next = NodeStatus { tag: Some(seal::seal(&key, &next, other).unwrap()), ..next };
    group.step(at(300), Event::Status(next));
    assert_eq!(bits(&group), 1);
    let decision = Decision::Accepted(ArrivalAccepted { epoch: SessionEpoch(2), capability_digest: Some(other) });
    let (group_id, instance) = (GroupId::derived_from("rack-a"), InstanceId::derived_from("agent"));
    let answer = ArrivalDecision { group: group_id, node: node(0), instance, decision };
    group.step(at(400), delivered(Packet::ArrivalDecision(answer)));
    let liar = NodeStatus { epoch: SessionEpoch(2), sequence: 2, ..status(0, 2, 7) };
    let liar = NodeStatus { tag: Some(seal::seal(&key, &liar, HARDWARE).unwrap()), ..liar };
    group.step(at(500), Event::Status(liar));
    assert_eq!((bits(&group), group.refused["other_hardware"]), (1, 2));
}

#[test]
fn a_controller_that_started_anew_blames_nobody_and_gives_a_new_key() {
    let (_, old) = sealed_group();
    let mut group = begun(SealSecret::from_bytes([8; 32]));
    answer(&mut group, 0);
    let member = RosterMember {
        node: node(0),
        name: name("n0"),
        epoch: SessionEpoch(1),
        state: NodeState::Degraded,
        health: status(0, 1, 5).health,
        capability_digest: Some(HARDWARE),
    };
    let roster = rollcall_model::packet::Roster {
        group: GroupId::derived_from("rack-a"),
        session: 1,
        part: 0,
        members: vec![member],
    };
    group.step(at(0), delivered(Packet::Roster(roster)));
    let effects = group.step(at(1_000), Event::Status(tagged(9, 1, &old, HARDWARE)));
    assert!(is_asked(&effects) && told(&effects).is_empty());
    assert_eq!(bits(&group), 5, "what cannot be opened changes nothing");
    assert_eq!(group.roster().get(node(0)).unwrap().voice.heard, Some(Tick(1_000)), "and blames nobody");
    let key = called(&mut group, 1_100, "agent", Some(HARDWARE));
    assert_ne!(key, old);
    // What was under way when the answer went out, and an answer that was lost.
    let effects = group.step(at(1_200), Event::Status(tagged(10, 1, &old, HARDWARE)));
    assert!(told(&effects).is_empty());
    assert_eq!(called(&mut group, 1_300, "agent", Some(HARDWARE)), key, "the same run is given the same key");
    group.step(at(1_400), Event::Status(tagged(11, 1, &key, HARDWARE)));
    assert_eq!(bits(&group), 1);
    group.step(at(1_500), Event::Status(tagged(12, 2, &old, HARDWARE)));
    assert_eq!((bits(&group), group.refused["bad_tag"]), (1, 1));
}

#[test]
fn a_node_that_never_learns_its_key_is_told_of_after_a_while() {
    let (mut group, _) = sealed_group();
    let effects = group.step(at(1_000), Event::Status(status(0, 1, 5)));
    assert!(told(&effects).is_empty() && is_asked(&effects));
    let effects = group.step(at(31_000), Event::Status(status(0, 2, 5)));
    assert_eq!(told(&effects)[0].what, "no_tag");
    assert_eq!(bits(&group), 0, "nothing of it was taken");
}

#[test]
fn another_run_has_another_key_and_a_key_is_not_shown() {
    let (mut group, key) = sealed_group();
    let next = called(&mut group, 5_000, "next run", Some(HARDWARE));
    assert_ne!(next, key);
    assert!(!format!("{group:?}").contains(&String::from(next)));
}

#[test]
fn a_node_whose_packets_are_doubted_is_no_target() {
    let (mut group, key) = sealed_group();
    group.step(at(1_000), super::hearing::update(1, super::hearing::availability(SentKinds::Balance, 4)));
    let speaks = |group: &mut Group, ms| group.step(at(ms), super::hearing::speaks(0, 1, AvailabilityKind::Balance));
    group.step(at(1_000), Event::Status(tagged(1, 0, &key, HARDWARE)));
    speaks(&mut group, 1_100);
    assert_eq!(super::hearing::targets(&group, 1_150), [node(0)].into());
    group.step(at(2_000), Event::Status(tagged(2, 0, &key, CapabilityDigest([2; 12]))));
    speaks(&mut group, 2_100);
    assert!(super::hearing::targets(&group, 2_150).is_empty(), "it is made of something else than it checked in with");
    // A minute after the last doubt it is believed again.
    for ms in (3_000..64_000).step_by(1_000) {
        group.step(at(ms), Event::Status(tagged(u32::try_from(ms).unwrap(), 0, &key, HARDWARE)));
        group.step(at(ms), Event::Tick);
    }
    speaks(&mut group, 64_000);
    assert_eq!(super::hearing::targets(&group, 64_050), [node(0)].into());
}
