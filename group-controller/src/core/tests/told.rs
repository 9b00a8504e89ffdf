//! What the zone is told of readings and of power, and that darkness is told at all.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rollcall_model::Purpose;
use rollcall_model::indicator::Severity;
use rollcall_model::packet::{Channel, ChannelMessage, GroupAlarm, Metrics, Summary};

use super::*;

fn metrics(number: u32, epoch: u32, temperature: f64) -> Event {
    let readings = BTreeMap::from([("cpu_temperature".to_owned(), temperature), ("of_tomorrow".to_owned(), 1.0)]);
    delivered(Packet::Metrics(Metrics { node: node(number), epoch: SessionEpoch(epoch), readings }))
}

fn summary(group: &mut Group, ms: u64) -> Summary {
    group.next_summary = Tick(ms);
    let told = packets(&group.step(at(ms), Event::Tick));
    let summary = told.into_iter().find_map(|packet| if let Packet::Summary(one) = packet { Some(one) } else { None });
    summary.unwrap()
}

#[test]
fn the_latest_readings_go_with_a_change_and_only_members_have_any() {
    let mut group = group(2);
    for event in [metrics(0, 1, 40.0), metrics(0, 1, 91.5), metrics(0, 0, 20.0), metrics(77, 1, 20.0)] {
        assert!(packets(&group.step(at(1_100), event)).is_empty(), "readings alone are no change");
    }
    assert_eq!((group.refused["old_epoch"], group.refused["unknown_node"]), (1, 1));
    let told = changes(&group.step(at(1_200), Event::Status(status(0, 2, 1))));
    assert_eq!(told[0].metrics, BTreeMap::from([("cpu_temperature".to_owned(), 91.5)]));
    confirm(&mut group, 1_200);
    let told = changes(&group.step(at(1_300), Event::Status(status(1, 2, 1))));
    assert!(told[0].metrics.is_empty(), "it has told none");
    confirm(&mut group, 1_300);
    let told = changes(&group.step(at(1_400), Event::Status(NodeStatus { epoch: SessionEpoch(2), ..status(0, 1, 1) })));
    assert!(told[0].metrics.is_empty(), "those of a former session are gone");
}

#[test]
fn a_summary_holds_the_readings_since_the_last_one() {
    let mut group = group(5);
    summary(&mut group, 1_000);
    for number in 0..5 {
        group.step(at(1_100), metrics(number, 1, 40.0 + f64::from(number)));
    }
    let first = summary(&mut group, 6_000);
    let quantiles = first.metrics["cpu_temperature"];
    assert_eq!((quantiles.count, quantiles.min, quantiles.p50, quantiles.max), (5, 40.0, 42.0, 44.0));
    assert_eq!((first.metrics.len(), first.period_ms), (1, Millis(5_000)));
    assert!(summary(&mut group, 16_000).metrics.is_empty(), "nothing was read since");
}

const SUPPLY: u32 = 1 << 18;
const CAP: u32 = 1 << 19;

/// A group whose zone has a power channel.
fn powered(nodes: u32) -> Group {
    let mut group = group(nodes);
    let channel = Channel {
        purpose: Purpose::new("power").unwrap(),
        address: "b".into(),
        port: 5672,
        exchange: route::ZONE.into(),
        queue: "zone.power".into(),
        key: "power.x".into(),
    };
    group.subscription.as_mut().unwrap().channels.push(channel);
    group
}

fn power(effects: &[Effect]) -> Vec<ChannelMessage> {
    let of_channel = |packet| if let Packet::ChannelMessage(message) = packet { Some(message) } else { None };
    packets(effects).into_iter().filter_map(of_channel).collect()
}

#[test]
fn a_feed_that_fails_is_one_message_for_all_its_nodes() {
    let mut group = powered(8);
    for number in 0..7 {
        assert!(power(&group.step(at(1_500 + u64::from(number)), Event::Status(status(number, 2, SUPPLY)))).is_empty());
    }
    let told = power(&group.step(at(1_800), Event::Tick));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].what.as_str(), told[0].subject.as_str()), ("power_supply", "rack-a"));
    assert_eq!(told[0].severity, Severity::Critical);
    assert!(told[0].message.ends_with("and 2 more"), "{}", told[0].message);
    assert_eq!(told[0].detail["nodes"].as_array().unwrap().len(), 7);
    group.step(at(2_000), Event::Status(status(3, 3, CAP)));
    let told = power(&group.step(at(2_300), Event::Tick));
    let said: Vec<(&str, &str)> = told.iter().map(|one| (one.what.as_str(), one.message.as_str())).collect();
    assert_eq!(said, [("power_supply", "power_supply cleared on n3"), ("power_cap", "power_cap set on n3")]);
}

#[test]
fn power_is_told_only_where_it_changed_and_where_there_is_a_channel() {
    // (channel, bits one after the other, messages)
    for (has_channel, bits, messages) in [
        (true, &[SUPPLY][..], 1),
        (true, &[SUPPLY, SUPPLY | 1], 1),
        (true, &[SUPPLY, 0], 0),
        (true, &[1, 2], 0),
        (true, &[SUPPLY | CAP], 2),
        (false, &[SUPPLY], 0),
    ] {
        let mut group = if has_channel { powered(1) } else { group(1) };
        let mut told = 0;
        for (sequence, bits) in (2..).zip(bits) {
            told += power(&group.step(at(1_500), Event::Status(status(0, sequence, *bits)))).len();
        }
        told += power(&group.step(at(1_750), Event::Tick)).len();
        assert_eq!(told, messages, "channel {has_channel}, bits {bits:?}");
    }
}

#[test]
fn a_channel_nobody_takes_from_is_given_up_and_one_that_is_busy_is_not() {
    let unroutable = PublishError::Unroutable { exchange: "e".into(), routing_key: "k".into() };
    for (error, again) in [(unroutable, false), (PublishError::Unconfirmed(1), true)] {
        let mut group = powered(1);
        group.step(at(1_500), Event::Status(status(0, 2, SUPPLY)));
        let effects = group.step(at(1_800), Event::Tick);
        let token = effects.iter().find_map(|effect| match effect {
            Effect::Publish(token @ Token::Parcel(_), _) => Some(*token),
            _ => None,
        });
        group.step(at(1_900), Event::Published { token: token.unwrap(), result: Err(error.clone()) });
        let repeated: usize = (2_000..4_000).step_by(100).map(|ms| power(&group.step(at(ms), Event::Tick)).len()).sum();
        assert_eq!(repeated > 0, again, "{error}");
    }
}

/// Nodes of which some fall silent, each at its own moment within the window; what the zone is told.
fn fall_silent(nodes: u32, last_words: &[u64]) -> (Vec<NodeChange>, Vec<GroupAlarm>) {
    let mut group = group(nodes);
    let (mut told, mut alarms) = (Vec::new(), Vec::new());
    for ms in (1_100..7_000_u64).step_by(50) {
        for number in 0..nodes {
            // Everybody speaks every 500 ms, until its last word.
            let last = last_words.get(number as usize).copied().unwrap_or(u64::MAX);
            if ms % 500 == 0 && ms <= last {
                let sequence = u32::try_from(ms).unwrap();
                told.extend(changes(&group.step(at(ms), Event::Status(status(number, sequence, 0)))));
            }
        }
        let effects = tick(&mut group, ms);
        told.extend(changes(&effects));
        let alarm = |packet| if let Packet::GroupAlarm(alarm) = packet { Some(alarm) } else { None };
        alarms.extend(packets(&effects).into_iter().filter_map(alarm));
        while group.inflight.is_some() {
            let effects = confirm(&mut group, ms);
            told.extend(changes(&effects));
            alarms.extend(packets(&effects).into_iter().filter_map(alarm));
        }
    }
    (told, alarms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The other half of "no verdict on many at once": the alarm is raised, once, whoever they are and in whatever order.
    #[test]
    fn three_in_ten_silenced_within_the_window_raise_one_alarm_and_nobody_goes_down(
        nodes in 3..60_u32,
        more in 0.0..1.0_f64,
        words in prop::collection::vec(1_500..2_500_u64, 60),
    ) {
        let least = (nodes * 3).div_ceil(10).max(3);
        let silent = least + (f64::from(nodes - least) * more) as u32;
        let (told, alarms) = fall_silent(nodes, &words[..silent as usize]);
        prop_assert_eq!(alarms.iter().filter(|alarm| alarm.raised).count(), 1, "{} of {}", silent, nodes);
        prop_assert!(alarms.iter().all(|alarm| alarm.members == nodes));
        prop_assert!(told.iter().all(|change| change.state != NodeState::Down), "{:?}", told);
        let unknown = told.iter().filter(|change| change.state == NodeState::Unknown).count();
        prop_assert_eq!(unknown, silent as usize);
    }

    /// Also when the observer stands still for a moment, and the broker closes the connections of the silent ones meanwhile or after.
    #[test]
    fn nobody_is_down_in_the_dark_because_the_observer_stood_still(
        silent in 3..20_u32,
        (after, span) in (0..8_000_u64, 550..2_000_u64),
        closed_after in prop::collection::vec(5_500..9_000_u64, 20),
    ) {
        let mut group = group(silent + 1);
        let (halted, mut told, mut alarms) = (2_000 + after..2_000 + after + span, Vec::new(), Vec::new());
        let alarm = |packet| if let Packet::GroupAlarm(alarm) = packet { Some(alarm.raised) } else { None };
        let mut inbox: Vec<Event> = Vec::new();
        // All but the last speak until 2 s; the broker goes by its own clock.
        for ms in (1_100..60_000_u64).step_by(50) {
            for number in 0..=silent {
                let speaks = number == silent || ms <= 2_000;
                if speaks && ms % 500 == 0 {
                    inbox.push(Event::Status(status(number, u32::try_from(ms).unwrap(), 0)));
                }
                if number < silent && ms == 2_000 + closed_after[number as usize] / 50 * 50 {
                    inbox.push(Event::ConnectionClosed(node(number)));
                }
            }
            if halted.contains(&ms) {
                continue;
            }
            for event in inbox.drain(..) {
                told.extend(changes(&group.step(at(ms), event)));
            }
            let mut effects = tick(&mut group, ms);
            while !effects.is_empty() {
                told.extend(changes(&effects));
                alarms.extend(packets(&effects).into_iter().filter_map(alarm));
                effects = if group.inflight.is_some() { confirm(&mut group, ms) } else { Vec::new() };
            }
        }
        prop_assert!(told.iter().all(|change| change.state != NodeState::Down), "{:?}", told);
        let unknown: BTreeSet<_> = told.iter().filter(|it| it.state == NodeState::Unknown).map(|it| it.node).collect();
        prop_assert_eq!(unknown.len(), silent as usize);
        prop_assert_eq!(alarms.iter().filter(|raised| **raised).count(), 1, "{:?}", alarms);
    }

    /// And fewer raise none: they are down, each by itself.
    #[test]
    fn fewer_than_three_or_three_in_ten_are_down_and_raise_no_alarm(
        nodes in 8..60_u32,
        words in prop::collection::vec(1_500..2_500_u64, 60),
    ) {
        let silent = ((nodes * 3 - 1) / 10).max(2).min(nodes);
        let (told, alarms) = fall_silent(nodes, &words[..silent as usize]);
        prop_assert!(alarms.iter().all(|alarm| !alarm.raised), "{} of {}", silent, nodes);
        let down = told.iter().filter(|change| change.state == NodeState::Down).count();
        prop_assert_eq!(down, silent as usize);
    }
}

/// What goes to disk, and what is taken from it.
fn spooled(effects: &[Effect]) -> (Vec<u64>, Vec<u64>) {
    let kept = |effect: &Effect| if let Effect::Spool(number, _) = effect { Some(*number) } else { None };
    let taken = |effect: &Effect| if let Effect::Unspool(number) = effect { Some(*number) } else { None };
    (effects.iter().filter_map(kept).collect(), effects.iter().filter_map(taken).collect())
}

fn sent(effects: &[Effect]) -> Vec<(u64, Outgoing)> {
    let parcel = |effect: &Effect| match effect {
        Effect::Publish(Token::Parcel(number), message) => Some((*number, message.clone())),
        _ => None,
    };
    effects.iter().filter_map(parcel).collect()
}

#[test]
fn words_go_to_disk_while_the_broker_is_away_and_a_later_run_sends_them_first_and_once() {
    let mut group = powered(2);
    let said = |group: &mut Group, ms: u64, sequence: u32, bits: u32| {
        let mut effects = group.step(at(ms), Event::Status(status(0, sequence, bits)));
        effects.extend(group.step(at(ms + 3_000), Event::Tick));
        effects
    };
    // On its way when the link is lost, and never confirmed.
    let effects = said(&mut group, 2_000, 2, SUPPLY);
    let [(first, on_its_way)] = &sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(spooled(&effects), (vec![], vec![]), "a broker that is there is given its time");
    assert_eq!(spooled(&group.step(at(5_500), Event::LinkDown)).0, [*first]);
    assert_eq!(spooled(&group.leave_behind()), (vec![], vec![]), "it is there already");
    // The next run has it from the disk.
    let mut group = powered(2);
    group.step(at(6_000), Event::LinkDown);
    group.restore([(*first, on_its_way.clone())]);
    group.step(at(7_000), Event::LinkUp);
    let effects = group.step(at(7_100), Event::Tick);
    assert_eq!(sent(&effects), [(*first, on_its_way.clone())], "the same message, by the same id");
    let token = Token::Parcel(*first);
    assert_eq!(spooled(&group.step(at(7_200), Event::Published { token, result: Ok(()) })), (vec![], vec![*first]));
    assert!(sent(&group.step(at(9_000), Event::Tick)).is_empty());
    // Numbers go on from there: none is given twice in one file.
    let effects = said(&mut group, 9_100, 3, CAP);
    assert!(sent(&effects).iter().all(|(number, _)| number > first));
}

#[test]
fn a_broker_that_is_there_and_takes_nothing_sends_words_to_disk_too_and_many_come_back_in_steps() {
    let mut group = powered(1);
    let word = |number: u64| {
        let message = group_word(&format!("w{number}"));
        (number, message)
    };
    group.step(at(2_000), Event::LinkDown);
    group.restore((1..=600).map(word));
    group.step(at(3_000), Event::LinkUp);
    let counts: Vec<usize> =
        [3_100, 3_110, 3_200, 3_300, 3_400].map(|ms| sent(&group.step(at(ms), Event::Tick)).len()).to_vec();
    assert_eq!(counts, [256, 0, 256, 88, 0]);
    let mut group = powered(1);
    let effects = group.step(at(2_000), Event::Status(status(0, 2, SUPPLY)));
    let mut all = effects;
    for ms in [5_000, 6_100, 7_200] {
        all.extend(group.step(at(ms), Event::Tick));
    }
    assert_eq!((sent(&all).len(), spooled(&all).0.len()), (3, 1), "sent again by the same id, and kept once");
}

fn group_word(id: &str) -> Outgoing {
    let (exchange, kind, assurance) = (route::ZONE.into(), "channel_message", rollcall_bus::Assurance::Confirmed);
    let (routing_key, message_id, body) = (format!("security.{id}"), Some(id.to_owned()), vec![]);
    Outgoing { exchange, routing_key, body, kind, message_id, assurance, trace: None }
}
