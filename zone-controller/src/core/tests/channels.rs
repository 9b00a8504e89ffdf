//! Channels beyond the standard three, readings on demand, alarms and analytics.

use rollcall_model::indicator::Severity;
use rollcall_model::packet::{ChannelMessage, CheckinReport, GroupAlarm, Quantiles, Readings, Summary};
use serde_json::json;

use super::asking::{ask, at};
use super::*;

fn send(channel: &str, message: &str) -> Command {
    Command::Send {
        channel: Purpose::new(channel).unwrap(),
        what: "note".into(),
        subject: String::new(),
        message: message.into(),
        by: "ada".into(),
    }
}

fn said(effects: &[Effect]) -> Vec<ChannelMessage> {
    let messages = all_packets(effects).into_iter().filter_map(|(key, packet)| match packet {
        Packet::ChannelMessage(message) => {
            assert_eq!(key, format!("{}.{}", message.channel.as_str(), ZoneId::derived_from("z")));
            Some(message)
        }
        _ => None,
    });
    messages.collect()
}

#[test]
fn people_speak_on_configured_channels_only() {
    // (channel, text, refusal)
    let long = "x".repeat(2_001);
    for (channel, text, expected) in [
        ("security", "the door stands open", None),
        ("security", " ", Some(RejectionKind::Invalid)),
        ("security", &long, Some(RejectionKind::Invalid)),
        ("alerts", "all is well", Some(RejectionKind::Invalid)),
        ("nowhere", "hello", Some(RejectionKind::Missing)),
    ] {
        let (answer, effects) = ask(&mut zone(), NOW, send(channel, text));
        assert_eq!(answer.err().map(|rejection| rejection.kind), expected, "{channel}");
        assert_eq!(said(&effects).len(), usize::from(expected.is_none()));
    }
}

#[test]
fn what_arrives_on_a_channel_is_kept_within_bounds() {
    let message = ChannelMessage {
        channel: Purpose::new("security").unwrap(),
        what: "w".repeat(500),
        subject: "s".repeat(500),
        severity: Severity::Warning,
        message: "m".repeat(5_000),
        detail: json!("d".repeat(20_000)),
        at: NOW.wall,
    };
    let effects = zone().step(NOW, delivered(Packet::ChannelMessage(message.clone())));
    let [Change::ChannelMessage { message: kept, from }] = saves(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((kept.what.len(), kept.subject.len(), kept.message.len()), (64, 64, 2_000));
    assert!(kept.detail["dropped"].as_str().unwrap().contains("bytes"));
    assert_eq!(from, "inbox.x");
    let stray = ChannelMessage { channel: Purpose::new("nowhere").unwrap(), ..message };
    assert!(matches!(zone().step(NOW, delivered(Packet::ChannelMessage(stray)))[..], [Effect::Park(_)]));
}

#[test]
fn refusals_and_clashes_are_told_on_the_security_channel_but_a_flood_is_not() {
    let mut zone = zone();
    let stranger = || Event::AckHeard(Ack { name: name("printer"), ..ack("rack-a", "r") });
    let told: Vec<ChannelMessage> = (0..1_000).flat_map(|_| said(&zone.step(NOW, stranger()))).collect();
    assert_eq!(told.len(), 12, "the first ten, then each tenfold");
    assert_eq!((told[0].what.as_str(), told[0].subject.as_str()), ("ack_refused", "printer"));
    let namesake = Hello { zone: ZoneId::derived_from("other"), ..zone.hello() };
    assert_eq!(said(&zone.step(NOW, Event::HelloHeard(namesake)))[0].what, "namesake_zone");
}

#[test]
fn a_zone_without_a_security_channel_says_nothing_there() {
    let quiet = Settings { channels: Purpose::standard().to_vec(), ..settings(true) };
    let mut zone = Zone::start(NOW, quiet, Snapshot::default()).0;
    let effects = zone.step(NOW, Event::AckHeard(Ack { name: name("printer"), ..ack("rack-a", "r") }));
    assert!(all_packets(&effects).is_empty());
}

#[test]
fn a_check_in_services_new_refusals_are_told_now_and_then() {
    let mut zone = zone();
    let report = |refusal: Option<&str>| {
        delivered(Packet::CheckinReport(CheckinReport {
            checkin: CheckinId::derived_from("c"),
            assigned: 0,
            refused: BTreeMap::new(),
            last_refusal: refusal.map(str::to_owned),
        }))
    };
    assert!(said(&zone.step(at(0), report(None))).is_empty());
    assert_eq!(said(&zone.step(at(1), report(Some("n1 is out of range"))))[0].what, "checkin_refused");
    assert!(said(&zone.step(at(2_000), report(Some("n2 is out of range")))).is_empty(), "a moment ago");
    assert!(said(&zone.step(at(30_000), report(Some("n2 is out of range")))).is_empty(), "nothing new");
    assert_eq!(said(&zone.step(at(30_001), report(Some("n3 is out of range")))).len(), 1);
}

fn readings(zone: &mut Zone, now: Now, node: &str) -> Vec<Effect> {
    zone.command(now, 7, Command::Readings { node: node.into() })
}

fn answers(effects: &[Effect]) -> Vec<&Result<Value, Rejection>> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Answer { request: 7, result } => Some(result),
        _ => None,
    });
    answers.collect()
}

#[test]
fn a_node_that_is_asked_answers_the_request_and_only_once() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    let effects = readings(&mut zone, NOW, "n1");
    assert!(answers(&effects).is_empty(), "it waits for the node");
    let (key, Packet::ReadingsRequest(question)) = packets(&effects).remove(0) else { panic!("{effects:?}") };
    let node = rollcall_model::route::node_of_inbox(&key).expect("a node's inbox");
    let answer = |node| {
        let readings = Readings {
            request: question.request,
            node,
            age_ms: Millis(5),
            policy: 3,
            indicators: Vec::new(),
            availability: None,
        };
        delivered(Packet::Readings(readings))
    };
    assert!(answers(&zone.step(NOW, answer(NodeId::derived_from("another")))).is_empty());
    let effects = zone.step(NOW, answer(node));
    assert!(matches!(answers(&effects)[..], [Ok(answer)] if answer["name"] == "n1" && answer["policy_version"] == 3));
    assert!(zone.step(NOW, answer(node)).is_empty());
}

#[test]
fn a_node_that_is_silent_or_gone_is_said_to_be_so() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    readings(&mut zone, NOW, "n1");
    assert!(answers(&zone.step(at(1_999), Event::Tick)).is_empty());
    let effects = zone.step(at(2_000), Event::Tick);
    assert!(matches!(answers(&effects)[..], [Err(rejection)] if rejection.kind == RejectionKind::Silent));
    let asked = readings(&mut zone, at(3_000), "n1");
    let routing_key = packets(&asked).remove(0).0;
    let effects = zone.step(at(3_001), Event::Unroutable { routing_key });
    assert!(matches!(answers(&effects)[..], [Err(rejection)] if rejection.message.contains("not connected")));
    let nobody = readings(&mut zone, NOW, "nobody");
    assert!(matches!(answers(&nobody)[..], [Err(rejection)] if rejection.kind == RejectionKind::Missing));
}

#[test]
fn a_summary_is_kept_with_the_names_of_the_dictionary_only() {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    let quantiles = Quantiles { count: 1, min: 1.0, p50: 1.0, p90: 1.0, p99: 1.0, max: 1.0 };
    let effects = zone.step(
        NOW,
        delivered(Packet::Summary(Summary {
            group: GroupId::derived_from("rack-a"),
            session: 1,
            states: BTreeMap::new(),
            bits: BTreeMap::from([("made_up".into(), 1), ("disk_space".into(), 2)]),
            statuses: 0,
            refused: BTreeMap::new(),
            metrics: BTreeMap::from([("made_up".into(), quantiles), ("disk_space".into(), quantiles)]),
            period_ms: Millis(10_000),
        })),
    );
    let [Change::Analytics { summary, .. }] = saves(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((summary.bits.len(), summary.metrics.len()), (1, 1));
}

#[test]
fn an_alarm_that_is_told_again_is_saved_once() {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    let alarm = |number, raised| {
        let group = GroupId::derived_from("rack-a");
        delivered(Packet::GroupAlarm(GroupAlarm {
            group,
            session: 1,
            number,
            raised,
            silent: 3,
            members: 5,
            at: NOW.wall,
        }))
    };
    for (event, saved) in [(alarm(4, true), 1), (alarm(4, true), 0), (alarm(9, false), 1), (alarm(4, true), 0)] {
        assert_eq!(saves(&zone.step(NOW, event)).len(), saved);
    }
}
