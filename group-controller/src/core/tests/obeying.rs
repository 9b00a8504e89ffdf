//! The policy on its way down, and the word that it is obeyed on its way up.

use rollcall_model::packet::{NodeOverride, NodePolicyAck, PolicyReport, PolicyUpdate, Roster as RosterPacket};
use rollcall_model::policy::Settings as Wanted;

use super::*;

fn update(session: u32, version: u64) -> Event {
    let special = Wanted { sample_period_ms: Some(400), ..Wanted::default() };
    delivered(Packet::PolicyUpdate(PolicyUpdate {
        group: GroupId::derived_from("rack-a"),
        session,
        version,
        settings: Wanted { sample_period_ms: Some(1_000), keep_alive_ms: Some(2_000), ..Wanted::default() },
        nodes: vec![NodeOverride { node: "n1".into(), settings: special }],
        allowed_actions: vec![],
        summary_period_ms: 30_000,
    }))
}

fn ack(number: u32, version: u64, problem: Option<&str>) -> Event {
    let problem = problem.map(str::to_owned);
    delivered(Packet::NodePolicyAck(NodePolicyAck { node: node(number), epoch: SessionEpoch(1), version, problem }))
}

/// A node's inbox, the version it is told, and its sampling period.
type Told = (String, u64, Option<u64>);

/// What nodes are told, and reports sent.
fn sent(effects: &[Effect]) -> (Vec<Told>, Vec<PolicyReport>) {
    let (mut told, mut reports) = (Vec::new(), Vec::new());
    for effect in effects {
        let Effect::Publish(_, message) = effect else { continue };
        match Envelope::decode(&message.body).unwrap().packet {
            Packet::NodePolicy(policy) => {
                told.push((message.routing_key.clone(), policy.version, policy.settings.sample_period_ms));
            }
            Packet::PolicyReport(report) => reports.push(report),
            _ => {}
        }
    }
    (told, reports)
}

fn reports(effects: &[Effect]) -> Vec<(u64, usize, usize)> {
    sent(effects).1.iter().map(|report| (report.version, report.applied.len(), report.refused.len())).collect()
}

fn told(effects: &[Effect]) -> usize {
    sent(effects).0.len()
}

fn confirm_all(group: &mut Group, ms: u64, effects: &[Effect]) {
    for effect in effects {
        if let Effect::Publish(token @ Token::Parcel(_), _) = effect {
            group.step(at(ms), Event::Published { token: *token, result: Ok(()) });
        }
    }
}

/// Steps, confirming what is sent.
fn step(group: &mut Group, ms: u64, event: Event) -> Vec<Effect> {
    let effects = group.step(at(ms), event);
    confirm_all(group, ms, &effects);
    effects
}

#[test]
fn a_policy_is_told_to_every_node_by_its_name_and_the_zone_at_once_that_it_was_taken() {
    let mut group = group(3);
    let effects = step(&mut group, 1_100, update(1, 5));
    let (mut nodes, reports) = sent(&effects);
    nodes.sort();
    let mut expected: Vec<_> = [(0, 1_000), (1, 400), (2, 1_000)]
        .map(|(number, period)| (route::node_inbox(node(number)), 5, Some(period)))
        .into();
    expected.sort();
    assert_eq!(nodes, expected);
    assert!(matches!(&reports[..], [report] if report.version == 5 && report.applied.is_empty()));
}

#[test]
fn an_older_policy_and_one_of_a_former_membership_change_nothing() {
    let mut group = group(2);
    step(&mut group, 1_100, update(1, 5));
    // (session, version, reason to refuse it by)
    for (session, version, reason) in [(1, 4, "old_policy"), (0, 6, "old_session"), (2, 6, "old_session")] {
        let effects = step(&mut group, 1_200, update(session, version));
        assert!(effects.is_empty(), "{session} {version}");
        assert!(group.refused.remove(reason).is_some(), "{reason}");
    }
    assert_eq!(group.policy.version(), 5);
    let effects = step(&mut group, 1_300, update(1, 5));
    assert_eq!((told(&effects), reports(&effects)), (0, vec![(5, 0, 0)]), "repeated: the zone has not been told");
}

#[test]
fn a_node_is_told_again_until_it_answers_but_not_while_it_is_down() {
    let mut group = group(4);
    group.step(at(1_100), Event::ConnectionClosed(node(3)));
    pass(&mut group, 1_100, 1_900, &[0, 1, 2]);
    step(&mut group, 2_000, update(1, 5));
    step(&mut group, 2_100, ack(0, 5, None));
    step(&mut group, 2_100, ack(1, 4, None));
    for (ms, expected) in [(3_900, 0), (4_000, 2), (4_100, 0), (6_000, 2)] {
        let effects = step(&mut group, ms, Event::Tick);
        assert_eq!(told(&effects), expected, "at {ms}: node 0 has answered, node 3 is down");
    }
    step(&mut group, 6_050, ack(1, 5, None));
    step(&mut group, 6_050, ack(2, 5, None));
    step(&mut group, 6_100, Event::Status(status(3, 2, 0)));
    let inbox = route::node_inbox(node(3));
    let back: Vec<_> = (6_200..8_100).step_by(100).flat_map(|ms| sent(&step(&mut group, ms, Event::Tick)).0).collect();
    assert_eq!(back, [(inbox, 5, Some(1_000))], "it is back: it is told within 2 s");
}

#[test]
fn who_obeys_is_told_in_batches_and_until_it_is_confirmed() {
    let mut group = group(40);
    step(&mut group, 1_100, update(1, 5));
    let first = group.step(at(1_200), ack(0, 5, None));
    assert_eq!(reports(&first), [(5, 1, 0)]);
    for number in 1..39 {
        assert!(reports(&group.step(at(1_210), ack(number, 5, None))).is_empty(), "one report at a time");
    }
    group.step(at(1_210), ack(39, 4, Some("keep_alive_ms: 3 is out of bounds")));
    assert_eq!(reports(&group.step(at(2_200), Event::Tick)), [(5, 1, 0)], "the same again");
    confirm_all(&mut group, 2_250, &first);
    let rest = step(&mut group, 2_300, Event::Tick);
    let report = sent(&rest).1.remove(0);
    assert_eq!((report.applied.len(), report.refused.len()), (38, 1));
    assert_eq!(report.refused[0].message, "keep_alive_ms: 3 is out of bounds");
    assert!(reports(&step(&mut group, 2_500, ack(7, 5, None))).is_empty(), "an answer that is repeated is no news");
    assert_eq!(told(&step(&mut group, 9_000, Event::Tick)), 0, "everybody has answered");
}

#[test]
fn the_report_on_a_former_version_is_not_sent_again_after_a_new_one() {
    let mut group = group(1);
    group.step(at(1_100), update(1, 5));
    let effects = group.step(at(1_200), update(1, 6));
    assert_eq!(reports(&effects), [(6, 0, 0)]);
    let repeated: Vec<_> =
        (1_300..4_000).step_by(100).flat_map(|ms| reports(&group.step(at(ms), Event::Tick))).collect();
    assert!(!repeated.is_empty() && repeated.iter().all(|(version, ..)| *version == 6), "{repeated:?}");
}

#[test]
fn two_thousand_nodes_are_told_within_a_second_without_a_flood() {
    let mut group = group(0);
    answer(&mut group, 1_000);
    let member = |number: u32| RosterMember {
        node: node(number),
        name: name(&format!("m{number}")),
        epoch: SessionEpoch(1),
        state: NodeState::Healthy,
        health: Health::new(HealthBits::NONE, HealthBits::NONE).unwrap(),
        capability_digest: None,
    };
    let members = (0..2_000).map(member).collect();
    let roster = RosterPacket { group: GroupId::derived_from("rack-a"), session: 1, part: 0, members };
    group.step(at(1_000), delivered(Packet::Roster(roster)));
    let mut counts = vec![told(&step(&mut group, 1_100, update(1, 5)))];
    let mut now = 1_100;
    while group.next_deadline() <= Tick(2_050) {
        now = group.next_deadline().0.max(now);
        counts.push(told(&step(&mut group, now, Event::Tick)));
    }
    assert_eq!(counts.iter().sum::<usize>(), 2_000, "{counts:?}");
    assert!(counts.iter().all(|count| *count <= 200), "{counts:?}");
}

#[test]
fn who_comes_later_is_told_with_its_membership() {
    let mut group = group(1);
    step(&mut group, 1_100, update(1, 5));
    let presence = Presence {
        node: node(8),
        instance: InstanceId::derived_from("agent"),
        name: name("n8"),
        address: [10, 1, 0, 8].into(),
        place: None,
        epoch: SessionEpoch(1),
    };
    group.step(at(1_200), delivered(Packet::Presence(presence)));
    let (group_id, instance) = (GroupId::derived_from("rack-a"), InstanceId::derived_from("agent"));
    let decision = Decision::Accepted(ArrivalAccepted { epoch: SessionEpoch(1), capability_digest: None });
    let answer = ArrivalDecision { group: group_id, node: node(8), instance, decision };
    let effects = group.step(at(1_300), delivered(Packet::ArrivalDecision(answer)));
    assert_eq!(sent(&effects).0, [(route::node_inbox(node(8)), 5, Some(1_000))]);
}

#[test]
fn a_restarted_zone_is_told_everything_again_and_a_restarted_controller_tells_it_anew() {
    let mut before = group(2);
    step(&mut before, 1_100, update(1, 5));
    step(&mut before, 1_200, ack(0, 5, None));
    step(&mut before, 1_300, ack(1, 5, None));
    step(&mut before, 1_400, Event::Tick);
    let mut said = reports(&step(&mut before, 2_000, delivered(subscriber(2, 1))));
    said.extend(reports(&step(&mut before, 2_100, Event::Tick)));
    assert_eq!(said, [(5, 2, 0)], "with its new membership the zone may have dropped what it was told with the former");
    let mut after = group(2);
    assert_eq!(after.policy.version(), 0);
    step(&mut after, 1_100, ack(0, 5, None));
    assert!(reports(&step(&mut after, 1_200, Event::Tick)).is_empty(), "it knows no policy and says nothing of any");
    assert_eq!(told(&step(&mut after, 1_300, update(1, 5))), 2);
}

#[test]
fn summaries_come_as_often_as_the_policy_says() {
    let mut group = group(1);
    let summaries = |group: &mut Group, from: u64, to: u64| {
        let is_summary = |effect: &&Effect| matches!(effect, Effect::Publish(_, message) if message.kind == "summary");
        (from..to)
            .step_by(100)
            .map(|ms| group.step(at(ms), Event::Tick).iter().filter(is_summary).count())
            .sum::<usize>()
    };
    assert_eq!(summaries(&mut group, 1_100, 61_100), 6, "every 10 s where nothing is said");
    step(&mut group, 61_100, update(1, 5));
    assert_eq!(summaries(&mut group, 61_200, 151_200), 3);
}
