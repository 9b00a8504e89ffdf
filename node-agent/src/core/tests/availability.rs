//! How free a node says it is: alone, riding on status packets, within its policy, and not at all.

use rollcall_model::packet::{Action, ReadingsRequest};
use rollcall_model::policy::{self, AvailabilitySettings, SchedulePoint, SentKinds};
use rollcall_model::wire::availability::{CAPACITY_KIND, CapacityMessage, KIND, RaMessage};
use rollcall_model::{AvailabilityKind, AvailabilityKinds};
use rollcall_placement::usage::{ProcessorTime, Readings, Room};

use super::*;
use crate::availability::Measured;

fn told(version: u64, availability: AvailabilitySettings) -> Event {
    let settings = policy::Settings { availability: Some(availability), ..policy::Settings::default() };
    let group = GroupId::derived_from("rack-a");
    delivered(Packet::NodePolicy(NodePolicy { group, version, settings, allowed_actions: vec![] }))
}

/// k = 1 message per second for a group of one.
fn speaking(kinds: SentKinds) -> AvailabilitySettings {
    let (messages_per_second, nodes_per_group) = (5.0, 1);
    AvailabilitySettings { kinds, messages_per_second, nodes_per_group, ..AvailabilitySettings::default() }
}

fn in_use(part: f64) -> Readings {
    let room = Room { total_bytes: 1_000, available_bytes: (1_000.0 * (1.0 - part)) as u64 };
    let processor = ProcessorTime { total: 1_000, idle: (1_000.0 * (1.0 - part)) as u64 };
    Readings { memory: Some(room), disk: Some(room), processor: Some(processor), network: None }
}

/// What was said from `begin` to `end`, measured each second, with the time.
fn said(agent: &mut Agent, begin: u64, end: u64, part: impl Fn(u64) -> Option<f64>) -> Vec<(u64, Effect)> {
    let mut effects = Vec::new();
    for second in begin / 1_000..end / 1_000 {
        let now = second * 1_000;
        if let Some(part) = part(now) {
            let measured = Measured { taken: Tick(now), readings: in_use(part) };
            effects.extend(agent.step(at(now), Event::Measured(measured)).into_iter().map(|effect| (now, effect)));
        }
        while let Some(due) = agent.next_deadline().filter(|due| due.0 < now + 1_000) {
            let when = due.0.max(now);
            effects.extend(agent.step(at(when), Event::Tick).into_iter().map(|effect| (when, effect)));
        }
    }
    effects
}

/// The RA messages among them: when, which kinds, and whether on a status packet.
fn heard(effects: &[(u64, Effect)]) -> Vec<(u64, AvailabilityKinds, bool)> {
    let ra = |(at, effect): &(u64, Effect)| match effect {
        Effect::Publish(message) if message.kind == KIND => {
            assert!(message.routing_key.contains(".availability."), "{}", message.routing_key);
            Some((*at, RaMessage::decode(&message.body).expect("an RA message").kinds, false))
        }
        Effect::Publish(message) if message.kind == status::KIND => {
            let kinds = NodeStatus::decode(&message.body).expect("a status packet").availability;
            assert_eq!(message.routing_key.contains(".audible."), !kinds.is_empty(), "{}", message.routing_key);
            (!kinds.is_empty()).then_some((*at, kinds, true))
        }
        _ => None,
    };
    effects.iter().filter_map(ra).collect()
}

#[test]
fn without_a_policy_that_has_it_speak_a_node_says_nothing_and_wants_no_readings() {
    let mut agent = member();
    assert!(!agent.wants_usage());
    assert!(heard(&said(&mut agent, 0, 20_000, |_| Some(0.1))).is_empty());
    agent.step(at(20_000), told(1, speaking(SentKinds::Off)));
    assert!(!agent.wants_usage());
    agent.step(at(20_000), told(2, speaking(SentKinds::Balance)));
    assert!(agent.wants_usage());
    agent.step(at(20_000), Event::LinkDown);
    assert!(!agent.wants_usage());
}

#[test]
fn the_freer_a_node_the_more_often_it_speaks_and_what_is_due_rides_on_status_packets() {
    let mut agent = member();
    agent.step(at(0), told(1, speaking(SentKinds::Balance)));
    let k = rollcall_placement::plan(&speaking(SentKinds::Balance)).unwrap().unwrap().sending.rates.balance(1.0);
    for (begin, part) in [(0, 0.1), (600_000, 0.6)] {
        let heard = heard(&said(&mut agent, begin, begin + 600_000, |_| Some(part)));
        let expected = 600.0 * k * (1.0 - part);
        let off = heard.len() as f64 / expected - 1.0;
        assert!(off.abs() < 0.03, "{} for {expected}", heard.len());
        let riding = heard.iter().filter(|(_, _, rides)| *rides).count();
        assert!(riding > heard.len() / 20 && riding < heard.len(), "{riding} of {} ride", heard.len());
    }
    let standing = agent.standing(at(1_200_000)).spoken;
    assert!(standing.riding[0] > 0 && standing.alone[0] > 0 && standing.alone[1] == 0, "{standing:?}");
}

#[test]
fn a_burning_processor_makes_a_node_quiet_for_balance_and_loud_for_power_at_once() {
    let mut agent = member();
    agent.step(at(0), told(1, speaking(SentKinds::Both)));
    let effects = said(&mut agent, 0, 240_000, |now| Some(if now < 120_000 { 0.2 } else { 0.95 }));
    let of = |kind, from: u64, to: u64| {
        let heard = heard(&effects);
        heard.iter().filter(|(at, kinds, _)| (from..to).contains(at) && kinds.contains(kind)).count()
    };
    let (balance, power) = (AvailabilityKind::Balance, AvailabilityKind::Power);
    assert!(of(balance, 10_000, 120_000) > 10 * of(balance, 122_000, 232_000));
    assert!(of(power, 10_000, 120_000) * 10 < of(power, 122_000, 232_000));
}

#[test]
fn a_node_that_cannot_tell_how_much_is_in_use_falls_silent_within_seconds() {
    let mut agent = member();
    agent.step(at(0), told(1, speaking(SentKinds::Both)));
    assert!(!heard(&said(&mut agent, 0, 20_000, |_| Some(0.1))).is_empty());
    let heard_of = heard(&said(&mut agent, 20_000, 60_000, |_| None));
    assert!(heard_of.iter().all(|(at, ..)| *at < 24_500), "{heard_of:?}");
    let blind = Measured { taken: Tick(60_000), readings: Readings { memory: None, ..in_use(0.1) } };
    agent.step(at(60_000), Event::Measured(blind));
    assert!(heard(&said(&mut agent, 60_000, 90_000, |_| None)).is_empty());
    assert!(!heard(&said(&mut agent, 90_000, 99_000, |_| Some(0.1))).is_empty());
}

#[test]
fn a_node_that_is_drained_asks_for_no_work_unless_the_order_came_to_nothing() {
    let mut agent =
        joined(Agent::new(Settings { allowed: Allowed { drain: true, ..Allowed::default() }, ..settings() }));
    let (group, node) = (GroupId::derived_from("rack-a"), agent.settings.identifier.node);
    let settings = policy::Settings { availability: Some(speaking(SentKinds::Balance)), ..policy::Settings::default() };
    let allowed_actions = vec![ActionKind::Drain];
    agent.step(at(0), delivered(Packet::NodePolicy(NodePolicy { group, version: 1, settings, allowed_actions })));
    let drained = |agent: &mut Agent, at_ms: u64, id: &str, ends: ActionState| {
        let action_id = ActionId::derived_from(id);
        let (automatic, deadline, time_limit_ms) = (false, UnixMillis(u64::MAX), 1_000);
        let order = ActionOrder { action_id, group, node, action: Action::Drain, automatic, deadline, time_limit_ms };
        agent.step(at(at_ms), delivered(Packet::ActionOrder(order)));
        assert!(!agent.wants_usage() && heard(&said(agent, at_ms, at_ms + 10_000, |_| Some(0.1))).is_empty());
        let outcome = ActionOutcome { action_id, node, state: ends, message: String::new(), at: UnixMillis(1) };
        agent.step(at(at_ms + 10_000), Event::ActionEnded(outcome));
        heard(&said(agent, at_ms + 10_000, at_ms + 20_000, |_| Some(0.1))).len()
    };
    assert!(!heard(&said(&mut agent, 0, 10_000, |_| Some(0.1))).is_empty());
    assert!(drained(&mut agent, 10_000, "fails", ActionState::Failed) > 0);
    assert_eq!(drained(&mut agent, 30_000, "succeeds", ActionState::Done), 0);
}

#[test]
fn how_large_a_node_is_comes_within_a_period_and_once_in_each() {
    let mut settings = settings();
    settings.hardware.cpu.threads = Some(70_000);
    settings.hardware.memory.total_bytes = Some(96 << 30);
    let mut agent = joined(Agent::new(settings));
    let slow = AvailabilitySettings { capacity_period_s: 60, ..speaking(SentKinds::Power) };
    agent.step(at(0), told(1, slow.clone()));
    let effects = said(&mut agent, 0, 300_000, |_| Some(0.5));
    let large: Vec<(u64, CapacityMessage)> = effects
        .iter()
        .filter_map(|(at, effect)| match effect {
            Effect::Publish(message) if message.kind == CAPACITY_KIND => {
                Some((*at, CapacityMessage::decode(&message.body).expect("a capacity message")))
            }
            _ => None,
        })
        .collect();
    assert!((4..=6).contains(&large.len()) && large[0].0 <= 60_000, "{large:?}");
    assert_eq!((large[0].1.threads, large[0].1.memory_mib, large[0].1.epoch), (u16::MAX, 98_304, SessionEpoch(4)));
    // The same plan in a newer policy begins nothing anew.
    agent.step(at(300_000), told(2, slow));
    let again = said(&mut agent, 300_000, 310_000, |_| Some(0.5));
    assert!(again.iter().filter(|(_, effect)| kinds(from_ref(effect)).contains(&CAPACITY_KIND)).count() <= 1);
}

#[test]
fn whoever_asks_for_readings_is_told_what_is_being_said() {
    let mut agent = member();
    let ask = |agent: &mut Agent, ms| {
        let request = delivered(Packet::ReadingsRequest(ReadingsRequest { request: 1 }));
        match packets(&agent.step(at(ms), request), "readings").pop() {
            Some((_, Packet::Readings(readings), _)) => readings.availability,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(&mut agent, 0), None);
    let of_four = AvailabilitySettings { largest_units: Some(4.0), ..speaking(SentKinds::Both) };
    agent.step(at(0), told(1, of_four));
    assert_eq!(ask(&mut agent, 0), None, "nothing is measured yet");
    agent.step(at(10), Event::Measured(Measured { taken: Tick(10), readings: in_use(0.25) }));
    let sent = ask(&mut agent, 20).expect("it speaks");
    assert_eq!((sent.storage, sent.processing, sent.communications, sent.share), (0.25, 0.25, None, 0.25));
    let by_kind: Vec<(AvailabilityKind, f64)> = sent.kinds.iter().map(|sent| (sent.kind, sent.availability)).collect();
    assert_eq!(by_kind, [(AvailabilityKind::Balance, 0.1875), (AvailabilityKind::Power, 0.75)]);
    assert!(sent.kinds[0].messages_per_second > sent.kinds[1].messages_per_second);
}

#[test]
fn a_policy_by_which_nobody_can_speak_is_refused_with_the_reason() {
    let mut agent = member();
    agent.step(at(0), told(1, speaking(SentKinds::Both)));
    let bad = AvailabilitySettings { time_zone: "Nowhere".into(), ..speaking(SentKinds::Mixed) };
    let effects = agent.step(at(10), told(2, bad));
    let Some((_, Packet::NodePolicyAck(ack), _)) = packets(&effects, "node_policy_ack").pop() else {
        panic!("{effects:?}")
    };
    assert_eq!(ack.version, 1);
    let problem = ack.problem.expect("refused");
    assert!(problem.contains("availability.schedule: the schedule has no points"), "{problem}");
    assert!(agent.wants_usage(), "what was obeyed before still holds");
}

/// From six to eight in the morning a fleet's mix goes from power to balance: a full node grows quieter, a free one louder.
#[test]
fn a_schedule_moves_a_nodes_voice_smoothly_through_the_morning() {
    let point = |at: &str, alpha| SchedulePoint { at: at.parse().unwrap(), alpha };
    let mixed = AvailabilitySettings {
        schedule: vec![point("06:00", 0.0), point("08:00", 1.0)],
        min: 0.1,
        ..speaking(SentKinds::Mixed)
    };
    // `at` begins on 2023-11-14 at 22:13:20 UTC: six o'clock is 28,000 s later.
    let six = 28_000_000;
    let hourly = |part: f64| {
        let mut agent = member();
        agent.step(at(six), told(1, mixed.clone()));
        let effects = said(&mut agent, six, six + 7_200_000, |_| Some(part));
        let mut quarters = vec![0_u32; 8];
        for (when, ..) in heard(&effects) {
            quarters[((when - six) / 900_000) as usize] += 1;
        }
        quarters
    };
    let (free, full) = (hourly(0.1), hourly(0.85));
    assert!(free[7] > 5 * free[0] && full[0] > 3 * full[7], "{free:?} {full:?}");
    let most = f64::from(*free.iter().chain(&full).max().expect("quarters"));
    for quarters in [free, full] {
        for pair in quarters.windows(2) {
            assert!((f64::from(pair[0]) - f64::from(pair[1])).abs() < most * 0.3, "without a jump: {quarters:?}");
        }
    }
}
