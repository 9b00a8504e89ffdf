//! What was lost, doubled or overtaken on its way is set right. Each of these was found by the simulation.

use proptest::prelude::*;
use rollcall_model::packet::Roster as RosterPacket;

use super::*;

fn saved(number: u32, epoch: u32, state: NodeState, bits: u32) -> RosterMember {
    RosterMember {
        node: node(number),
        name: name("n"),
        epoch: SessionEpoch(epoch),
        state,
        health: Health::new(HealthBits::from_number(bits).unwrap(), HealthBits::NONE).unwrap(),
        capability_digest: None,
    }
}

fn roster(session: u32, members: Vec<RosterMember>) -> Event {
    delivered(Packet::Roster(RosterPacket { group: GroupId::derived_from("rack-a"), session, part: 0, members }))
}

fn of_another_run(session: u32) -> Event {
    match subscriber(session, 0) {
        Packet::ZoneSubscriber(subscriber) => delivered(Packet::ZoneSubscriber(ZoneSubscriber {
            instance: InstanceId::derived_from("former"),
            ..subscriber
        })),
        other => panic!("{other:?}"),
    }
}

fn kinds(effects: &[Effect]) -> Vec<&'static str> {
    let published = |effect: &Effect| if let Effect::Publish(_, message) = effect { Some(message.kind) } else { None };
    effects.iter().filter_map(published).collect()
}

fn decided(number: u32, decision: Decision<ArrivalAccepted>) -> Event {
    let (group, node) = (GroupId::derived_from("rack-a"), node(number));
    delivered(Packet::ArrivalDecision(ArrivalDecision {
        group,
        node,
        instance: InstanceId::derived_from("x"),
        decision,
    }))
}

#[test]
fn without_a_link_no_deadline_lies_in_the_past() {
    let mut group = group(1);
    group.step(at(1_500), Event::Status(status(0, 2, 1)));
    assert!(group.inflight.is_some());
    group.step(at(1_600), Event::LinkDown);
    for ms in (1_700..10_000).step_by(100) {
        group.step(at(ms), Event::Tick);
        assert!(group.next_deadline() > Tick(ms), "at {ms}");
    }
}

#[test]
fn the_late_confirm_of_a_former_report_confirms_nothing_else() {
    let mut group = group(1);
    group.step(at(1_500), Event::Status(status(0, 2, 1)));
    let first = on_its_way(&group);
    confirm(&mut group, 1_600);
    let second = changes(&group.step(at(1_700), Event::Status(status(0, 3, 2))));
    group.step(at(1_800), Event::Published { token: first, result: Ok(()) });
    assert_eq!(changes(&group.step(at(2_800), Event::Tick)), second, "it is still to be confirmed");
    // Numbers begin again with a membership: a report of the former one is not mistaken for one of this.
    let token = on_its_way(&group);
    group.step(at(2_900), delivered(subscriber(2, 1)));
    group.step(at(2_900), roster(2, vec![saved(0, 1, NodeState::Healthy, 0)]));
    for sequence in 4..6 {
        group.step(at(2_900), Event::Status(status(0, sequence, sequence)));
    }
    group.step(at(2_900), Event::Published { token, result: Ok(()) });
    assert!(group.inflight.is_some());
}

#[test]
fn what_was_heard_before_the_zone_knew_the_epoch_is_told_again() {
    let mut group = group(1);
    group.step(at(1_500), Event::Status(status(0, 2, 1)));
    let first = changes(&confirm(&mut group, 1_600));
    assert!(first.is_empty());
    // A check-in service gave the epoch by itself; the zone takes it up only now, and saved the node as joining.
    let accepted = Decision::Accepted(ArrivalAccepted { epoch: SessionEpoch(1), capability_digest: None });
    let told = changes(&group.step(at(2_000), decided(0, accepted)));
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].node, told[0].epoch, told[0].state), (node(0), SessionEpoch(1), NodeState::Degraded));
}

#[test]
fn an_alarm_is_told_again_until_it_is_confirmed_and_its_end_too() {
    let mut group = group(10);
    let speaking = [0, 1, 2, 3, 4, 5];
    pass(&mut group, 1_100, 4_000, &speaking);
    let mut alarms = 0;
    for ms in (4_100..7_400).step_by(100) {
        alarms += kinds(&tick(&mut group, ms)).iter().filter(|kind| **kind == "group_alarm").count();
        if matches!(group.inflight, Some((Report::Changes(_), _))) {
            confirm(&mut group, ms);
        }
    }
    assert!(alarms >= 2, "told {alarms} times");
    confirm(&mut group, 7_400);
    assert_eq!(group.dark.told, Some(true));
}

#[test]
fn a_new_membership_is_told_in_the_end_that_the_rack_is_not_dark() {
    let mut group = group(1);
    assert_eq!(group.dark.told, None);
    pass(&mut group, 1_100, RECONNECT_GRACE.0 + 1_000, &[0]);
    assert_eq!(group.dark.told, Some(false), "an alarm a former run raised ends");
}

#[test]
fn a_membership_a_former_run_took_is_asked_for_again() {
    let mut group = group(1);
    assert_eq!(group.next_ack, None);
    group.step(at(1_100), of_another_run(1));
    assert_eq!(group.next_ack, None, "an older answer, late");
    group.step(at(1_200), of_another_run(2));
    assert!(kinds(&group.step(at(1_200), Event::Tick)).contains(&"ack"));
    group.step(at(1_300), delivered(subscriber(3, 0)));
    group.step(at(1_300), delivered(subscriber(1, 0)));
    assert_eq!(group.subscription.as_ref().unwrap().session, 3, "memberships never go back");
}

#[test]
fn who_comes_back_after_another_controller_served_goes_on_from_what_is_saved() {
    // The membership was another's in between: that one's inbox was ours only if we saw the word of it.
    for (saw, expected) in [(true, NodeState::Down), (false, NodeState::Healthy)] {
        let mut group = group(1);
        let told = pass(&mut group, 1_100, 9_000, &[]);
        assert_eq!(told.last().map(|change| change.state), Some(NodeState::Down));
        if saw {
            group.step(at(9_100), of_another_run(2));
        }
        group.step(at(9_200), Event::LinkDown);
        group.step(at(60_000), Event::LinkUp);
        group.step(at(60_100), delivered(subscriber(3, 1)));
        group.step(at(60_100), roster(3, vec![saved(0, 1, NodeState::Healthy, 0)]));
        assert_eq!(group.roster().get(node(0)).unwrap().state, expected, "saw the word: {saw}");
    }
}

#[test]
fn a_roster_older_than_what_was_told_takes_nothing_back() {
    let mut group = group(1);
    group.step(at(1_200), Event::Status(status(0, 2, 1)));
    confirm(&mut group, 1_200);
    answer(&mut group, 1_300);
    // The zone had not read what it was told when it wrote this.
    let told = changes(&group.step(at(1_300), roster(1, vec![saved(0, 1, NodeState::Healthy, 0)])));
    assert_eq!(told[0].state, NodeState::Degraded, "told again");
    // Nor may it make a change forgotten that waits to be told.
    group.step(at(1_400), Event::Status(status(0, 3, 0)));
    answer(&mut group, 1_400);
    group.step(at(1_400), roster(1, vec![saved(0, 1, NodeState::Healthy, 0)]));
    assert_eq!(changes(&confirm(&mut group, 1_500))[0].state, NodeState::Healthy);
}

#[test]
fn a_new_epoch_in_the_roster_begins_a_session() {
    let mut group = group(1);
    group.step(at(1_100), Event::Status(status(0, 50, 0)));
    answer(&mut group, 1_200);
    group.step(at(1_200), roster(1, vec![saved(0, 2, NodeState::Joining, 0)]));
    assert_eq!(group.roster().get(node(0)).unwrap().state, NodeState::Joining);
    let first = NodeStatus { epoch: SessionEpoch(2), ..status(0, 1, 0) };
    assert_eq!(
        changes(&group.step(at(1_300), Event::Status(first)))[0].state,
        NodeState::Healthy,
        "its numbers begin again"
    );
}

#[test]
fn who_is_not_in_the_whole_roster_stands_elsewhere() {
    let mut group = group(2);
    answer(&mut group, 1_200);
    assert_eq!(group.roster().len(), 2, "the roster is still to come");
    arrive(&mut group, 1_250, 7);
    group.step(at(1_300), roster(1, vec![saved(0, 1, NodeState::Healthy, 0)]));
    let mut kept: Vec<NodeId> = group.roster().iter().map(|(node, _)| node).collect();
    kept.sort_unstable();
    let mut wanted = vec![node(0), node(7)];
    wanted.sort_unstable();
    assert_eq!(kept, wanted, "and who was placed meanwhile");
}

#[test]
fn a_roster_the_zone_sends_unasked_is_asked_for() {
    let mut group = group(2);
    group.step(at(1_200), delivered(subscriber(1, 1)));
    group.step(at(1_200), roster(1, vec![saved(0, 1, NodeState::Healthy, 0)]));
    assert_eq!(group.roster().len(), 2, "it may be a late repetition");
    assert!(kinds(&group.step(at(1_200 + ACK_RETRY.0), Event::Tick)).contains(&"ack"));
    group.step(at(2_300), delivered(subscriber(1, 1)));
    group.step(at(2_300), roster(1, vec![saved(0, 1, NodeState::Healthy, 0)]));
    assert_eq!((group.roster().len(), group.next_ack), (1, None), "the answer is of now");
}

#[test]
fn an_old_roster_that_comes_late_brings_nobody_back_who_moved() {
    let mut group = group(2);
    group.step(at(1_100), Event::Status(NodeStatus { epoch: SessionEpoch(2), ..status(0, 1, 0) }));
    group.step(at(1_200), decided(0, Decision::Refused { reason: "moved".into(), message: "elsewhere".into() }));
    answer(&mut group, 1_300);
    group.step(at(1_300), roster(1, vec![saved(0, 1, NodeState::Healthy, 0), saved(1, 1, NodeState::Healthy, 0)]));
    assert!(group.roster().get(node(0)).is_none() && group.roster().get(node(1)).is_some());
    // In the epoch in which it went, or a later one, it may be back.
    answer(&mut group, 1_400);
    group.step(at(1_400), roster(1, vec![saved(0, 2, NodeState::Healthy, 0)]));
    assert!(group.roster().get(node(0)).is_some());
}

#[test]
fn a_node_that_moved_is_forgotten() {
    let mut group = group(2);
    group.step(at(1_100), decided(0, Decision::Refused { reason: "moved".into(), message: "elsewhere".into() }));
    assert_eq!(group.roster().len(), 1);
    assert!(pass(&mut group, 1_200, 9_000, &[1]).is_empty(), "nor blamed");
}

#[test]
fn a_connection_that_closed_before_this_controller_was_away_blames_nobody() {
    let mut group = group(1);
    group.step(at(1_100), Event::ConnectionClosed(node(0)));
    group.step(at(1_150), Event::LinkDown);
    group.step(at(5_000), Event::LinkUp);
    assert!(pass(&mut group, 5_000, 9_000, &[]).iter().all(|change| change.state != NodeState::Down));
}

#[test]
fn a_late_word_of_a_former_connection_condemns_no_node_whose_inbox_is_there() {
    for (is_there, is_down) in [(true, false), (false, true)] {
        let mut group = group(2);
        // It came back and spoke before the word of its former connection came.
        group.step(at(1_050), Event::Status(status(0, 2, 0)));
        let asked = group.step(at(1_100), Event::ConnectionClosed(node(0)));
        let token = Token::Return(node(0));
        assert!(
            matches!(&asked[..], [Effect::Publish(of, message)] if *of == token && message.kind == "presence_request")
        );
        assert!(group.step(at(1_100), Event::ConnectionClosed(node(0))).is_empty(), "asked once");
        let unroutable = PublishError::Unroutable { exchange: String::new(), routing_key: String::new() };
        group.step(at(1_150), Event::Published { token, result: if is_there { Ok(()) } else { Err(unroutable) } });
        // Its next keep-alive is not due yet.
        let told = pass(&mut group, 1_150, 1_900, &[1]);
        assert_eq!(told.iter().any(|change| change.state == NodeState::Down), is_down, "{told:?}");
    }
}

#[test]
fn a_zone_that_takes_its_time_is_not_told_of_the_same_arrival_again() {
    let mut group = group(0);
    let told = |group: &mut Group, ms, run: &str| {
        let (node, instance) = (node(1), InstanceId::derived_from(run));
        let presence = Presence {
            node,
            instance,
            name: name("n1"),
            address: [10, 1, 0, 1].into(),
            place: None,
            epoch: SessionEpoch(1),
        };
        kinds(&group.step(at(ms), delivered(Packet::Presence(presence)))).contains(&"arrival")
    };
    assert!(told(&mut group, 2_000, "x") && !told(&mut group, 4_900, "x") && told(&mut group, 5_000, "x"));
    group.step(
        at(9_000),
        decided(1, Decision::Accepted(ArrivalAccepted { epoch: SessionEpoch(1), capability_digest: None })),
    );
    // Its answers take 7 s now.
    assert!(told(&mut group, 10_000, "next") && !told(&mut group, 26_900, "next") && told(&mut group, 27_000, "next"));
    group.step(at(27_100), Event::LinkDown);
    group.step(at(27_200), Event::LinkUp);
    assert!(told(&mut group, 27_300, "next"), "the broker was away");
}

#[test]
fn a_dark_rack_whose_connections_the_broker_closes_stays_unknown_and_its_last_node_has_time_to_come_back() {
    let mut group = group(10);
    let (bright, mut told) = ([0, 1, 2, 3, 4, 5], pass(&mut group, 1_100, 9_000, &[0, 1, 2, 3, 4, 5]));
    for number in 6..10 {
        group.step(at(9_000), Event::ConnectionClosed(node(number)));
    }
    told.extend(pass(&mut group, 9_100, 60_000, &bright));
    let of_it = |told: &[NodeChange], state| told.iter().filter(|change| change.state == state).count();
    assert_eq!((of_it(&told, NodeState::Unknown), of_it(&told, NodeState::Down)), (4, 0), "{told:?}");
    assert!(group.dark.is);
    // All but one are back: the darkness is over, and the last has as long as anybody to reconnect.
    let told = pass(&mut group, 60_100, 60_000 + RECONNECT_GRACE.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((of_it(&told, NodeState::Healthy), of_it(&told, NodeState::Down)), (3, 0), "{told:?}");
    assert!(!group.dark.is);
    let told = pass(&mut group, 60_100 + RECONNECT_GRACE.0, 100_000, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let down: Vec<_> = told.iter().filter(|change| change.state == NodeState::Down).map(|change| change.node).collect();
    assert_eq!(down, [node(9)], "in the end it is");
}

#[test]
fn a_crowd_that_is_late_is_given_time_and_who_is_dead_in_it_is_found() {
    let mut group = group(400);
    let slow: Vec<_> = (80..400).collect();
    assert!(pass(&mut group, 1_100, 2_000, &(0..400).collect::<Vec<_>>()).is_empty());
    // A fifth of them is late by up to 5 s, longer than their span.
    let told = pass(&mut group, 2_100, 6_900, &slow);
    assert!(told.is_empty(), "what they share is slow: {:?}", told.first());
    assert_eq!(group.standing().patience_percent, 228);
    // All but one are heard again.
    let told = pass(&mut group, 7_000, 30_000, &(1..400).collect::<Vec<_>>());
    let states: Vec<_> = told.iter().map(|change| (change.node, change.state)).collect();
    assert_eq!(states.last(), Some(&(node(0), NodeState::Down)), "{states:?}");
    assert!(states.iter().all(|(of, _)| *of == node(0)), "{states:?}");
    assert_eq!(group.standing().patience_percent, 100);
    assert!(!group.dark.is);
}

#[test]
fn nobody_is_blamed_for_a_broker_that_stands_still() {
    let mut group = group(2);
    let told = pass(&mut group, 1_100, 5_000, &[0, 1]);
    assert!(told.is_empty(), "{told:?}");
    let mut asked = 0;
    for ms in (5_100..25_000).step_by(100) {
        let effects = group.step(at(ms), Event::Tick);
        assert!(changes(&effects).is_empty(), "at {ms}");
        asked += effects.iter().filter(|effect| matches!(effect, Effect::Publish(Token::Probe(_), _))).count();
    }
    assert!((10..=40).contains(&asked), "asked {asked} times whether the way works");
    assert!(group.roster().iter().all(|(_, member)| member.state == NodeState::Healthy));
    // It goes on, and one of them does not.
    let told = pass(&mut group, 25_000, 36_000, &[0]);
    let states: Vec<_> = told.iter().map(|change| (change.node, change.state)).collect();
    assert_eq!(states, [(node(1), NodeState::Suspect), (node(1), NodeState::Down)]);
}

proptest! {
    /// However long the broker stands still, and in whichever order it then hands on what waited.
    #[test]
    fn nobody_is_blamed_while_a_broker_that_stood_still_catches_up(
        pause in 0..6_000_u64,
        begins in 5_000..6_000_u64,
        late in prop::collection::vec(0..240_u64, 3),
    ) {
        let mut group = group(3);
        let resumes = begins + pause;
        // When each word of each node gets here: sent once a second, and not handed on by a broker that stands still.
        let arrives = |node: u64, sent: u64| if (begins..resumes).contains(&sent) { resumes + late[node as usize] } else { sent };
        let words = (0..3_u64).flat_map(|node| (1..20_u64).map(move |word| (node, word, word * 1_000 + node * 330)));
        let mut words: Vec<_> = words.map(|(node, word, sent)| (arrives(node, sent), node, word)).collect();
        words.sort_unstable();
        let mut words = words.into_iter().peekable();
        let mut waiting: Option<Token> = None;
        for ms in (1_000..19_000).step_by(10) {
            let mut told = Vec::new();
            while let Some((_, node, word)) = words.next_if(|(at, ..)| *at <= ms) {
                told.extend(group.step(at(ms), Event::Status(status(node as u32, 100 + word as u32, 0))));
            }
            if !(begins..resumes).contains(&ms) && let Some(token) = waiting.take() {
                told.extend(group.step(at(ms), Event::Published { token, result: Ok(()) }));
            }
            told.extend(group.step(at(ms), Event::Tick));
            prop_assert!(changes(&told).is_empty(), "at {ms}: {:?}", changes(&told));
            waiting = waiting.or_else(|| told.into_iter().find_map(|effect| match effect {
                Effect::Publish(token @ Token::Probe(_), _) => Some(token),
                _ => None,
            }));
        }
    }
}

#[test]
fn an_inbox_that_takes_no_question_is_a_closed_connection() {
    let mut group = group(4);
    let result = Err(PublishError::Unroutable { exchange: "e".into(), routing_key: "k".into() });
    group.step(at(1_100), Event::Published { token: Token::Probe(node(0)), result });
    assert!(pass(&mut group, 1_100, 1_900, &[]).iter().any(|change| change.state == NodeState::Down));
}

#[test]
fn a_paused_controller_blames_nobody() {
    let mut group = group(4);
    // Stopped for 20 s: the first thing it sees is its own clock.
    let told = pass(&mut group, 21_000, 22_000, &[]);
    assert!(told.is_empty(), "{told:?}");
}
