//! Connections that close together: of a node of the broker that is drained, and of agents that are killed.

use super::*;

const UNROUTABLE: fn() -> Result<(), PublishError> =
    || Err(PublishError::Unroutable { exchange: String::new(), routing_key: String::new() });

/// Whom these effects ask for a sign of life since its connection closed.
fn asked(effects: &[Effect]) -> Vec<NodeId> {
    let of = |effect: &Effect| match effect {
        Effect::Publish(Token::Return(node), _) => Some(*node),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// Ten nodes, of which these lose their connections at 1,100 ms, and have no inbox then.
fn closing(numbers: &[u32]) -> Group {
    let mut group = group(10);
    // The first half minute of a controller is another matter.
    pass(&mut group, 1_100, 41_000, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for number in numbers {
        let effects = group.step(at(41_100), Event::ConnectionClosed(node(*number)));
        assert_eq!(asked(&effects), [node(*number)]);
        group.step(at(41_110), Event::Published { token: Token::Return(node(*number)), result: UNROUTABLE() });
    }
    group
}

fn down(told: &[NodeChange]) -> Vec<NodeId> {
    told.iter().filter(|change| change.state == NodeState::Down).map(|change| change.node).collect()
}

/// Lets time pass; the inboxes of these are there whenever they are asked for.
fn answering(group: &mut Group, from: u64, to: u64, there: &[u32]) -> Vec<NodeChange> {
    let mut told = Vec::new();
    for ms in (from..=to).step_by(100) {
        let effects = tick(group, ms);
        for token in asked(&effects).into_iter().map(Token::Return) {
            let is_there = there.iter().any(|number| token == Token::Return(node(*number)));
            group.step(at(ms + 10), Event::Published { token, result: if is_there { Ok(()) } else { UNROUTABLE() } });
        }
        told.extend(changes(&effects));
        if group.inflight.is_some() {
            told.extend(changes(&confirm(group, ms)));
        }
    }
    told
}

#[test]
fn of_many_that_closed_together_those_who_are_late_have_time_once_one_is_back() {
    let mut group = closing(&[0, 1, 2, 3, 4]);
    assert!(down(&answering(&mut group, 41_200, 41_900, &[3])).is_empty());
    // One of the others is heard again, and three are not; one dies after all.
    let speaking = [1, 3, 5, 6, 7, 8, 9];
    assert!(down(&pass(&mut group, 42_000, 60_000, &speaking)).is_empty());
    group.step(at(60_000), Event::ConnectionClosed(node(1)));
    let speaking = &speaking[1..];
    assert_eq!(down(&pass(&mut group, 60_100, 61_000, speaking)), [node(1)], "who is back is judged as ever");
    assert!(down(&pass(&mut group, 61_100, 71_000, speaking)).is_empty());
    let mut late = down(&pass(&mut group, 71_100, 73_000, speaking));
    late.sort_unstable();
    let mut expected = [0, 2, 4].map(node);
    expected.sort_unstable();
    assert_eq!(late, expected, "who never comes is down in the end, and not unknown");
    assert!(!group.dark.is);
}

#[test]
fn who_closes_a_moment_later_has_time_as_well() {
    let mut group = closing(&[0, 1, 2]);
    answering(&mut group, 41_200, 41_700, &[0]);
    group.step(at(41_800), Event::ConnectionClosed(node(5)));
    let speaking = [0, 1, 2, 3, 4, 6, 7, 8, 9];
    assert!(down(&pass(&mut group, 41_800, 71_000, &speaking)).is_empty());
    assert_eq!(down(&pass(&mut group, 71_100, 73_000, &speaking)), [node(5)]);
}

#[test]
fn who_dies_before_it_is_back_for_good_is_down_when_its_time_is_over() {
    let mut group = closing(&[0, 1, 2]);
    answering(&mut group, 41_200, 41_500, &[0]);
    group.step(at(41_600), Event::Status(status(1, 2, 0)));
    group.step(at(41_700), Event::ConnectionClosed(node(1)));
    let speaking = [0, 2, 3, 4, 5, 6, 7, 8, 9];
    assert!(down(&pass(&mut group, 41_800, 71_000, &speaking)).is_empty());
    assert_eq!(down(&pass(&mut group, 71_100, 73_000, &speaking)), [node(1)]);
}

#[test]
fn who_is_down_already_is_not_excused() {
    let mut group = closing(&[0, 1, 2, 3]);
    assert_eq!(down(&answering(&mut group, 41_200, 42_000, &[])).len(), 4);
    group.step(at(42_010), Event::Published { token: Token::Return(node(3)), result: Ok(()) });
    answering(&mut group, 42_050, 42_500, &[]);
    assert_eq!(group.roster().get(node(0)).unwrap().voice.excused_until, Tick(41_900));
}

#[test]
fn of_many_that_are_killed_together_nobody_is_back_and_all_are_down_at_once() {
    let mut group = closing(&[0, 1, 2, 3]);
    assert!(down(&answering(&mut group, 41_200, 41_800, &[])).is_empty());
    let told = answering(&mut group, 41_900, 42_000, &[]);
    assert_eq!(down(&told).len(), 4, "within a second: {told:?}");
}

#[test]
fn of_two_each_is_its_own_matter() {
    let mut group = closing(&[0, 1]);
    let back = Event::Published { token: Token::Return(node(1)), result: Ok(()) };
    group.step(at(41_300), back);
    assert_eq!(down(&answering(&mut group, 41_300, 41_700, &[])), [node(0)]);
}

#[test]
fn those_the_broker_closed_for_their_silence_excuse_nobody() {
    let mut group = group(10);
    pass(&mut group, 1_100, 41_000, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    pass(&mut group, 41_100, 44_000, &[3, 4, 5, 6, 7, 8, 9]);
    for number in 0..4 {
        group.step(at(44_000), Event::ConnectionClosed(node(number)));
    }
    let back = Event::Published { token: Token::Return(node(1)), result: Ok(()) };
    group.step(at(44_100), back);
    let told = pass(&mut group, 44_100, 44_600, &[4, 5, 6, 7, 8, 9]);
    assert!(down(&told).contains(&node(3)), "{told:?}");
}
