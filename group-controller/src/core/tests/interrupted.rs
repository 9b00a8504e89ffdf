//! Connections that close together: a node of the broker that is lost, drained or stopped, or what stands before it.

use super::*;

const SPEAKING: std::ops::Range<u32> = 3..20;

fn speaking() -> Vec<u32> {
    SPEAKING.collect()
}

/// Twenty nodes, the first three of which lose their connections to the same broker node.
fn interrupted(with_its_node: bool) -> (Group, Vec<NodeChange>) {
    let mut group = group(20);
    let told = pass(&mut group, 1_100, 4_000, &(0..20).collect::<Vec<_>>());
    assert!(told.is_empty(), "{told:?}");
    let events = if with_its_node {
        vec![Event::BrokerNodeLost((0..3).map(node).collect())]
    } else {
        (0..3).map(|number| Event::ConnectionClosed(node(number))).collect()
    };
    let told = events.into_iter().flat_map(|event| changes(&group.step(at(4_010), event))).collect();
    (group, told)
}

#[test]
fn nobody_is_down_whose_connection_was_closed_with_many() {
    for with_its_node in [false, true] {
        let (mut group, mut told) = interrupted(with_its_node);
        told.extend(pass(&mut group, 4_100, 33_900, &speaking()));
        // Back by another node of the broker, after longer than it may be silent.
        let all: Vec<u32> = (0..20).collect();
        told.extend(pass(&mut group, 34_000, 60_000, &all));
        assert!(told.is_empty(), "{with_its_node}: {told:?}");
    }
}

#[test]
fn who_does_not_come_back_is_down_in_the_end() {
    for with_its_node in [false, true] {
        let (mut group, _) = interrupted(with_its_node);
        let told = pass(&mut group, 4_100, 4_010 + RECONNECT_GRACE.0 + 3_400, &speaking());
        assert!(told.iter().all(|change| change.state == NodeState::Suspect), "{with_its_node}: {told:?}");
        let told = pass(&mut group, 37_500, 40_000, &speaking());
        let down: Vec<_> = told.iter().map(|change| (change.node, change.state)).collect();
        assert_eq!(down.len(), 3, "{with_its_node}: {told:?}");
        assert!((0..3).all(|number| down.contains(&(node(number), NodeState::Down))), "{with_its_node}: {told:?}");
    }
}

#[test]
fn what_was_on_its_way_of_a_connection_that_closed_ends_no_excuse() {
    for with_its_node in [false, true] {
        let (mut group, mut told) = interrupted(with_its_node);
        for number in 0..3 {
            told.extend(changes(&group.step(at(4_020), Event::Status(status(number, 9_000, 0)))));
        }
        told.extend(pass(&mut group, 4_100, 33_900, &speaking()));
        assert!(told.is_empty(), "{with_its_node}: {told:?}");
    }
}

#[test]
fn who_dies_alone_after_such_a_burst_is_missed_at_once() {
    let (mut group, _) = interrupted(false);
    pass(&mut group, 4_100, 6_000, &speaking());
    // Somebody else at first, so that these are no burst: and then one that spoke since.
    group.step(at(6_010), Event::ConnectionClosed(node(7)));
    let told = pass(&mut group, 6_100, 6_700, &[]);
    let last = told.last().unwrap();
    assert_eq!((last.node, last.state, last.cause.as_str()), (node(7), NodeState::Down, "connection closed"));
}

#[test]
fn nobody_else_is_excused_however_often_connections_close_together() {
    let mut group = group(20);
    let mut told = pass(&mut group, 1_100, 4_000, &(0..20).collect::<Vec<_>>());
    // Somebody loses its power; elsewhere in the zone three are started anew every few seconds.
    for ms in (4_100..9_000).step_by(100) {
        if ms % 1_500 == 100 {
            for other in 100..103 {
                told.extend(changes(&group.step(at(ms), Event::ConnectionClosed(node(other)))));
            }
        }
        told.extend(pass(&mut group, ms, ms, &(1..20).collect::<Vec<_>>()));
    }
    let down: Vec<_> = told.iter().filter(|change| change.state == NodeState::Down).map(|change| change.node).collect();
    assert_eq!(down, [node(0)], "{told:?}");
}

#[test]
fn a_probe_that_comes_back_during_a_burst_condemns_nobody() {
    let (mut group, mut told) = interrupted(false);
    group.step(at(4_020), Event::Status(status(3, 9_000, 0)));
    group.step(at(4_030), Event::ConnectionClosed(node(3)));
    let unroutable = PublishError::Unroutable { exchange: String::new(), routing_key: String::new() };
    told.extend(changes(
        &group.step(at(4_040), Event::Published { token: Token::Probe(node(3)), result: Err(unroutable) }),
    ));
    told.extend(pass(&mut group, 4_100, 33_900, &(4..20).collect::<Vec<_>>()));
    assert!(told.is_empty(), "{told:?}");
}
