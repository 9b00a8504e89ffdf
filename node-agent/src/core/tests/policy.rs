//! Policies: obeyed at once, refused with the reason, acknowledged either way.

use rollcall_model::packet::NodePolicyAck;
use rollcall_model::policy;

use super::*;

fn policy(version: u64, settings: policy::Settings) -> Event {
    delivered(Packet::NodePolicy(NodePolicy {
        group: GroupId::derived_from("rack-a"),
        version,
        settings,
        allowed_actions: vec![ActionKind::Drain],
    }))
}

fn indicator(name: &str, setting: IndicatorSetting) -> policy::Settings {
    policy::Settings { indicators: [(name.to_owned(), setting)].into(), ..policy::Settings::default() }
}

fn keep_alive(ms: u64) -> policy::Settings {
    policy::Settings { keep_alive_ms: Some(ms), ..policy::Settings::default() }
}

fn acks(effects: &[Effect]) -> Vec<(NodePolicyAck, Receipt)> {
    let ack = |(_, packet, receipt)| match (packet, receipt) {
        (Packet::NodePolicyAck(ack), Some(receipt)) => Some((ack, receipt)),
        _ => None,
    };
    packets(effects, "node_policy_ack").into_iter().filter_map(ack).collect()
}

#[test]
fn a_policy_is_obeyed_at_once_and_acknowledged_until_the_broker_has_it() {
    let mut agent = member();
    let wanted = policy::Settings { sample_period_ms: Some(250), ..keep_alive(2_000) };
    let effects = agent.step(at(10), policy(8, wanted));
    let (ack, receipt) = acks(&effects).remove(0);
    assert_eq!((ack.version, ack.epoch, ack.problem), (8, SessionEpoch(4), None));
    assert_eq!(packets(&effects, "node_policy_ack")[0].0, {
        let node = agent.settings.identifier.node;
        route::group_key(GroupId::derived_from("rack-a"), "alerts", node)
    });
    assert_eq!((agent.policy(), agent.sample_period()), (8, Millis(250)));
    let repeated: Vec<u64> = until(&mut agent, 5_000)
        .into_iter()
        .filter(|(_, of)| !acks(from_ref(of)).is_empty())
        .map(|(at, _)| at)
        .collect();
    assert!((2..=4).contains(&repeated.len()) && repeated[0] > 500, "{repeated:?}");
    agent.step(at(5_000), Event::Confirmed(receipt));
    assert!(until(&mut agent, 60_000).iter().all(|(_, effect)| acks(from_ref(effect)).is_empty()));
}

#[test]
fn what_was_owed_when_the_link_was_lost_is_paid_when_it_is_back() {
    let mut agent = member();
    agent.step(at(10), policy(1, keep_alive(2_000)));
    agent.step(at(11), Event::LinkDown);
    assert_eq!(acks(&agent.step(at(90_000), Event::LinkUp)).len(), 1);
}

#[test]
fn an_older_version_is_ignored_and_answered_with_the_one_obeyed() {
    let mut agent = member();
    agent.step(at(10), policy(8, keep_alive(2_000)));
    let (ack, _) = acks(&agent.step(at(20), policy(7, keep_alive(500)))).remove(0);
    assert_eq!((ack.version, ack.problem), (8, None));
    assert_eq!(agent.keep_alive(), Millis(2_000));
}

#[test]
fn a_policy_nobody_can_obey_is_refused_with_the_reason_and_the_old_state_stays() {
    let contradiction = IndicatorSetting { limit: Some(50.0), clear: Some(60.0), ..IndicatorSetting::default() };
    let table = [
        (indicator("disk_space", contradiction), "indicators.disk_space.clear"),
        (indicator("disk_spice", IndicatorSetting::default()), "did you mean disk_space?"),
        (keep_alive(1), "keep_alive_ms"),
    ];
    for (bad, expected) in table {
        let mut agent = member();
        agent.step(at(10), policy(8, keep_alive(2_000)));
        let before = agent.judge.obeyed().clone();
        let bad = policy::Settings { sample_period_ms: Some(300), ..bad };
        for _ in 0..2 {
            let (ack, _) = acks(&agent.step(at(20), policy(9, bad.clone()))).remove(0);
            let problem = ack.problem.expect("a problem");
            assert!(problem.contains(expected) && problem.contains("policy 9"), "{problem}");
            assert_eq!(ack.version, 8);
        }
        assert_eq!((&before, agent.policy()), (agent.judge.obeyed(), 8));
        assert_eq!(agent.obedience.allowed, [ActionKind::Drain]);
    }
}

#[test]
fn an_indicator_that_is_switched_off_is_masked_in_a_status_at_once_and_a_bit_that_stays_on_stays_set() {
    let mut agent = member();
    agent.step(at(5), sampled(0b1001));
    let off = IndicatorSetting { enabled: Some(false), ..IndicatorSetting::default() };
    let effects = agent.step(at(10), policy(1, indicator("run_queue", off)));
    let told = statuses(&effects)[0].health;
    assert_eq!((told.bits().to_number(), told.mask().get(3)), (1, true));
    // The same again says nothing new.
    assert!(statuses(&agent.step(at(20), policy(1, indicator("run_queue", off)))).is_empty());
    let effects = agent.step(at(30), policy(2, policy::Settings::default()));
    assert!(!statuses(&effects)[0].health.mask().get(3), "judged again by the latest readings");
}

#[test]
fn a_limit_that_is_switched_judges_the_latest_readings_at_once() {
    let mut agent = member();
    let strict = IndicatorSetting { limit: Some(1.0), clear: Some(1.0), dwell_ms: Some(0), enabled: None };
    // Every reading lies at the dictionary's clear.
    let effects = agent.step(at(10), policy(1, indicator("cpu_temperature", strict)));
    assert_eq!(statuses(&effects)[0].health.bits().to_number(), 1);
}

#[test]
fn the_longer_silence_is_told_before_the_slower_pace_begins() {
    let mut agent = member();
    agent.step(at(1), policy(1, keep_alive(1_000)));
    until(&mut agent, 3_000);
    let mut last = agent.voice.next().0 - 1_000;
    let effects = agent.step(at(3_100), policy(2, keep_alive(30_000)));
    let mut said: Vec<(u64, NodeStatus)> = statuses(&effects).into_iter().map(|status| (3_100, status)).collect();
    said.extend(until(&mut agent, 90_000).iter().filter_map(|(at, of)| Some((*at, statuses(from_ref(of)).pop()?))));
    let mut announced = Millis(3_500);
    for (number, (at, status)) in said.iter().enumerate() {
        assert!(at - last <= announced.0, "packet {number} came after {} ms", at - last);
        assert_eq!(status.longest_silence, Millis(105_000));
        // Any two packets in a row may be lost.
        announced = if number >= 2 { status.longest_silence } else { announced };
        last = *at;
    }
    assert_eq!(said.last().map(|(at, _)| *at), Some(said[said.len() - 2].0 + 30_000), "then the slower pace is kept");
}

#[test]
fn the_policys_pace_wins_over_the_memberships_until_a_policy_names_none() {
    let mut agent = member();
    assert_eq!(agent.keep_alive(), Millis(2_000), "the membership's");
    agent.step(at(10), policy(1, keep_alive(700)));
    let again = membership(&agent);
    agent.step(at(20), again);
    assert_eq!(agent.keep_alive(), Millis(700));
    agent.step(at(30), policy(2, policy::Settings::default()));
    assert_eq!(agent.keep_alive(), Millis(2_000));
}

#[test]
fn a_rack_the_node_does_not_stand_in_has_nothing_to_say() {
    let mut agent = member();
    let foreign = Packet::NodePolicy(NodePolicy {
        group: GroupId::derived_from("rack-b"),
        version: 9,
        settings: keep_alive(300),
        allowed_actions: vec![],
    });
    assert!(agent.step(at(10), delivered(foreign.clone())).is_empty());
    assert_eq!(agent.policy(), 0);
    let mut fresh = super::agent();
    assert!(fresh.step(at(10), delivered(foreign)).is_empty(), "nor has any before there is a membership");
}
