//! What was lost, doubled or overtaken on its way is set right. Each of these was found by the simulation.

use rollcall_model::packet::{ArrivalAccepted, ArrivalDecision, Summary};

use super::*;

fn node() -> rollcall_model::NodeId {
    subscription("n1", "run1").identifier.node
}

/// A zone with two racks and a node in the first.
fn peopled() -> Zone {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    zone.step(NOW, Event::AckHeard(ack("rack-b", "r1")));
    zone.step(NOW, join("n1", "run1"));
    zone.step(NOW, arrival("rack-a", 1, "n1", "run1"));
    zone
}

fn told_to(effects: &[Effect], rack: &str) -> Vec<Packet> {
    let inbox = route::group_inbox(GroupId::derived_from(rack));
    packets(effects).into_iter().filter(|(key, _)| *key == inbox).map(|(_, packet)| packet).collect()
}

fn decision(effects: &[Effect], rack: &str) -> Decision<ArrivalAccepted> {
    match &told_to(effects, rack)[..] {
        [Packet::ArrivalDecision(ArrivalDecision { node: about, decision, .. })] if *about == node() => {
            decision.clone()
        }
        other => panic!("{other:?}"),
    }
}

fn summary(session: u32, nodes: u32) -> Event {
    summary_in("rack-a", session, nodes)
}

/// A rack without nodes shows that it lives.
pub(super) fn summary_of(rack: &str, session: u32) -> Event {
    summary_in(rack, session, 0)
}

fn summary_in(rack: &str, session: u32, nodes: u32) -> Event {
    let states = if nodes > 0 { BTreeMap::from([(NodeState::Healthy, nodes)]) } else { BTreeMap::new() };
    delivered(Packet::Summary(Summary {
        group: GroupId::derived_from(rack),
        session,
        states,
        bits: BTreeMap::new(),
        statuses: 0,
        refused: BTreeMap::new(),
        metrics: BTreeMap::new(),
        period_ms: Millis(10_000),
    }))
}

#[test]
fn a_rack_whose_membership_a_late_ack_took_learns_whose_it_is() {
    let mut zone = peopled();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "a former run")));
    for event in [summary(1, 1), change("rack-a", 1, 1, NodeState::Healthy), arrival("rack-a", 1, "n2", "run1")] {
        let effects = zone.step(NOW, event);
        assert!(saves(&effects).is_empty());
        let told = told_to(&effects, "rack-a");
        let [Packet::ZoneSubscriber(told)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((told.session, told.roster_parts), (2, 1));
    }
}

#[test]
fn a_change_of_an_old_epoch_is_answered_with_the_present_one() {
    let mut zone = peopled();
    zone.step(NOW, join("n1", "run2"));
    let effects = zone.step(NOW, change("rack-a", 1, 1, NodeState::Down));
    let Decision::Accepted(told) = decision(&effects, "rack-a") else { panic!("refused") };
    assert_eq!(told.epoch, SessionEpoch(2));
    assert!(told.capability_digest.is_some(), "what its sealed tag has to say");
}

#[test]
fn the_rack_a_node_has_left_learns_it_at_once_and_whenever_it_speaks_of_the_node() {
    let mut zone = peopled();
    let moved = zone.step(NOW, arrival("rack-b", 1, "n1", "run2"));
    let again = zone.step(NOW, change("rack-a", 1, 1, NodeState::Down));
    for effects in [moved, again] {
        let told = told_to(&effects, "rack-a");
        assert!(
            matches!(&told[..], [Packet::ArrivalDecision(it)] if matches!(&it.decision, Decision::Refused { reason, .. } if reason == "moved")),
            "{told:?}"
        );
    }
}

#[test]
fn each_rack_numbers_its_own_changes_also_for_a_node_that_comes_back() {
    let mut zone = peopled();
    assert_eq!(saves(&zone.step(NOW, change("rack-a", 1, 9, NodeState::Healthy))).len(), 1);
    zone.step(NOW, arrival("rack-b", 1, "n1", "run2"));
    assert_eq!(saves(&zone.step(NOW, change("rack-b", 1, 1, NodeState::Degraded))).len(), 1, "rack-b begins with 1");
    zone.step(NOW, arrival("rack-a", 1, "n1", "run3"));
    assert!(saves(&zone.step(NOW, change("rack-a", 1, 9, NodeState::Down))).is_empty(), "taken before");
    assert_eq!(saves(&zone.step(NOW, change("rack-a", 1, 10, NodeState::Healthy))).len(), 1);
}

#[test]
fn a_roster_that_stays_another_is_sent_again() {
    let mut zone = peopled();
    assert!(packets(&zone.step(NOW, summary(1, 1))).is_empty());
    assert!(packets(&zone.step(NOW, summary(1, 2))).is_empty(), "it may be growing");
    let told = told_to(&zone.step(NOW, summary(1, 2)), "rack-a");
    assert!(
        matches!(&told[..], [Packet::ZoneSubscriber(_), Packet::Roster(roster)] if roster.members.len() == 1),
        "{told:?}"
    );
}

#[test]
fn what_a_rack_says_again_in_another_membership_is_no_second_death() {
    let mut zone = peopled();
    zone.step(NOW, change("rack-a", 1, 1, NodeState::Healthy));
    assert_eq!(saves(&zone.step(NOW, change("rack-a", 1, 2, NodeState::Down))).len(), 1);
    // It answers the zone's hello twice, and was told an older view each time.
    for session in [2, 3] {
        zone.step(NOW, Event::AckHeard(ack("rack-a", &format!("r{session}"))));
        assert!(
            saves(&zone.step(NOW, change("rack-a", session, 1, NodeState::Down))).is_empty(),
            "membership {session}"
        );
    }
    assert_eq!(zone.overview().ignored["alerts.known"], 2);
    assert_eq!(saves(&zone.step(NOW, change("rack-a", 3, 2, NodeState::Healthy))).len(), 1);
    assert_eq!(saves(&zone.step(NOW, change("rack-a", 3, 3, NodeState::Down))).len(), 1, "this is one");
}

#[test]
fn a_death_that_is_told_again_when_the_node_is_back_is_no_second_one() {
    let mut zone = peopled();
    // Heard again in the epoch in which it was down, it can be down in it once more.
    for (number, state) in [(1, NodeState::Down), (2, NodeState::Healthy), (3, NodeState::Down)] {
        assert_eq!(saves(&zone.step(NOW, change("rack-a", 1, number, state))).len(), 1, "{number}");
    }
    // Nothing of its second life was heard before its third began.
    zone.step(NOW, join("n1", "run2"));
    zone.step(NOW, join("n1", "run3"));
    let mut told_in = |session: u32| {
        zone.step(NOW, Event::AckHeard(ack("rack-a", &format!("r{session}"))));
        let death = |epoch| change_in(epoch, "rack-a", session, epoch.into(), NodeState::Down);
        [1, 2].map(|epoch| saves(&zone.step(NOW, death(epoch))).len())
    };
    assert_eq!(told_in(2), [0, 1], "the first was saved before it came back");
    assert_eq!(told_in(3), [0, 0], "and now so is the second");
    assert_eq!(zone.overview().ignored["alerts.known"], 3);
}

/// The zone's database was away, and the joins had their turn before the alerts.
#[test]
fn a_second_death_of_an_epoch_is_told_also_when_all_of_it_is_heard_late() {
    let mut zone = peopled();
    assert_eq!(saves(&zone.step(NOW, change("rack-a", 1, 1, NodeState::Down))).len(), 1);
    zone.step(NOW, join("n1", "run2"));
    assert!(saves(&zone.step(NOW, change("rack-a", 1, 2, NodeState::Healthy))).is_empty());
    let was_down = zone.step(NOW, change("rack-a", 1, 3, NodeState::Down));
    assert!(matches!(saves(&was_down)[..], [Change::NodeWasDown { number: 3, .. }]), "{was_down:?}");
}
