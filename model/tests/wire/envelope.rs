//! The envelope of version 1, around every kind of packet.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use rollcall_model::packet::Packet;
use rollcall_model::wire::v1::{DecodeError, Envelope, MAX_BYTES};
use rollcall_model::{MessageId, UnixMillis};

use crate::examples;

fn sealed(packet: Packet) -> Envelope {
    let id: MessageId = "550e8400-e29b-41d4-a716-446655440000".parse().unwrap();
    Envelope::new(id, "inbox.node.0e800de7-074c-8d19-a0eb-d5ec4cce9a3e", UnixMillis(1_700_000_000_000), packet)
}

fn bytes_of(kind: &str) -> Vec<u8> {
    let (_, packet) = examples::all().into_iter().find(|(name, _)| *name == kind).unwrap();
    sealed(packet).encode()
}

fn text_of(kind: &str) -> String {
    String::from_utf8(bytes_of(kind)).unwrap()
}

fn reason(bytes: impl AsRef<[u8]>) -> &'static str {
    Envelope::decode(bytes.as_ref()).unwrap_err().reason()
}

/// How many kinds there are. A new kind does not compile until it stands here; then it needs an example.
const fn kinds(packet: &Packet) -> usize {
    match packet {
        Packet::Ack(_)
        | Packet::ZoneSubscriber(_)
        | Packet::Roster(_)
        | Packet::NodeSubscription(_)
        | Packet::JoinRequest(_)
        | Packet::JoinDecision(_)
        | Packet::Assignment(_)
        | Packet::Presence(_)
        | Packet::Arrival(_)
        | Packet::ArrivalDecision(_)
        | Packet::Membership(_)
        | Packet::PresenceRequest(_)
        | Packet::Alerts(_)
        | Packet::GroupAlarm(_)
        | Packet::Summary(_)
        | Packet::TableRequest(_)
        | Packet::GroupTable(_)
        | Packet::CheckinReport(_)
        | Packet::IdentityClash(_)
        | Packet::HelloRequest(_)
        | Packet::Hello(_)
        | Packet::PolicyUpdate(_)
        | Packet::NodePolicy(_)
        | Packet::NodePolicyAck(_)
        | Packet::PolicyReport(_)
        | Packet::Metrics(_)
        | Packet::ReadingsRequest(_)
        | Packet::Readings(_)
        | Packet::ActionOrder(_)
        | Packet::ActionOutcome(_)
        | Packet::ChannelMessage(_)
        | Packet::CheckinOrder(_)
        | Packet::CheckinPlaced(_) => 33,
    }
}

#[test]
fn every_kind_has_an_example_and_says_its_name() {
    let all = examples::all();
    let told: BTreeSet<&str> = all.iter().map(|(_, packet)| packet.kind()).collect();
    assert_eq!(told.len(), kinds(&all[0].1));
    for (name, packet) in &all {
        assert!(name.starts_with(packet.kind()), "{name}");
        assert!(text_of(name).contains(&format!(r#""kind":"{}""#, packet.kind())));
    }
}

#[test]
fn every_kind_is_frozen() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, _) in examples::all() {
            insta::assert_snapshot!(name, text_of(name));
        }
    });
}

#[test]
fn every_kind_survives_the_way_there_and_back() {
    for (name, packet) in examples::all() {
        let sent = sealed(packet);
        match Envelope::decode(&sent.encode()) {
            Ok(taken) => assert_eq!(taken, sent, "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn fields_of_later_versions_and_any_order_are_not_minded() {
    let text = r#"{"body":{"later":[{"deep":1}],"group":"0a010200-0000-8000-8000-000000000018"},
        "kind":"presence_request","later":null,"sent":1700000000000,
        "from":"inbox.node.0e800de7-074c-8d19-a0eb-d5ec4cce9a3e","id":"550e8400-e29b-41d4-a716-446655440000","v":1}"#;
    assert_eq!(Envelope::decode(text.as_bytes()).unwrap().encode(), bytes_of("presence_request"));
}

#[test]
fn what_is_wrong_with_an_envelope_is_told_by_reason() {
    let good = text_of("presence_request");
    let spoilt = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let table = [
        ("nothing", String::new(), "not_an_envelope"),
        ("a list instead of an object", "[1]".into(), "bad_body"),
        ("no version", spoilt(r#""v":1,"#, ""), "not_an_envelope"),
        ("a version that is no number", spoilt(r#""v":1,"#, r#""v":"1","#), "not_an_envelope"),
        ("a negative version", spoilt(r#""v":1,"#, r#""v":-1,"#), "not_an_envelope"),
        ("a later version", spoilt(r#""v":1,"#, r#""v":2,"#), "future_version"),
        ("a later version without the rest", r#"{"v":3}"#.into(), "future_version"),
        ("two versions", spoilt(r#""v":1,"#, r#""v":1,"v":1,"#), "not_an_envelope"),
        ("bytes after the end", format!("{good}x"), "not_an_envelope"),
        ("an unknown kind", spoilt("presence_request", "presence_denied"), "bad_body"),
        ("no kind", spoilt(r#""kind":"presence_request","#, ""), "bad_body"),
        ("a kind that is no text", spoilt(r#""presence_request""#, "7"), "not_an_envelope"),
        (
            "no body",
            r#"{"v":1,"id":"550e8400-e29b-41d4-a716-446655440000","from":"x","sent":1,"kind":"ack"}"#.into(),
            "bad_body",
        ),
        ("an empty body", spoilt(r#""group":"0a010200-0000-8000-8000-000000000018""#, ""), "bad_body"),
        ("an id that is none", spoilt("550e8400-e29b", "550e8400_e29b"), "bad_body"),
        ("no id", spoilt(r#""id":"550e8400-e29b-41d4-a716-446655440000","#, ""), "bad_body"),
        ("no sender", spoilt(r#""from":"inbox.node.0e800de7-074c-8d19-a0eb-d5ec4cce9a3e","#, ""), "bad_body"),
        ("no time", spoilt(r#""sent":1700000000000,"#, ""), "bad_body"),
    ];
    for (what, text, expected) in table {
        assert_eq!(reason(&text), expected, "{what}: {text}");
    }
}

#[test]
fn what_is_wrong_with_a_body_names_its_kind() {
    let table = [
        ("alerts", r#""bits":513"#, r#""bits":16777216"#),
        ("alerts", r#""bits":513"#, r#""bits":8388609"#),
        ("alerts", r#""state":"down""#, r#""state":"asleep""#),
        ("ack", r#""name":"rack-7""#, r#""name":"rack 7""#),
        ("assignment", r#""outcome":"accepted""#, r#""outcome":"perhaps""#),
        ("group_table", r#""v1;cpu="#, r#""v2;cpu="#),
        ("table_request", r#""10.1.0.0/16""#, r#""10.1.0.0/33""#),
    ];
    for (name, from, to) in table {
        let good = text_of(name);
        assert!(good.contains(from), "{name} has no {from}: {good}");
        match Envelope::decode(good.replace(from, to).as_bytes()) {
            Err(DecodeError::BadBody { kind, .. }) => assert_eq!(kind, name),
            other => panic!("{name} with {to}: {other:?}"),
        }
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    assert_eq!(reason(vec![b' '; MAX_BYTES + 1]), "oversized");
    let mut longest = bytes_of("presence_request");
    longest.resize(MAX_BYTES, b' ');
    assert!(Envelope::decode(&longest).is_ok());
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [200, 100_000] {
            let nest = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(reason(format!(r#"{{"v":1,"kind":"ack","body":{nest}}}"#)), "bad_body");
            assert_eq!(reason(open.repeat(depth)), "not_an_envelope");
        }
    }
}

#[test]
fn every_packet_cut_anywhere_is_refused() {
    for (name, packet) in examples::all() {
        let bytes = sealed(packet).encode();
        for end in 0..bytes.len() {
            assert!(Envelope::decode(&bytes[..end]).is_err(), "{name} cut after {end} bytes");
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(Envelope::decode(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_and_never_panics(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let all = examples::all();
        let mut bytes = sealed(which.get(&all).1.clone()).encode();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(taken) = Envelope::decode(&bytes) {
            prop_assert_eq!(Envelope::decode(&taken.encode()).unwrap(), taken);
        }
    }
}
