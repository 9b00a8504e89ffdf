//! Who enters, who leaves, and when.

use std::collections::BTreeMap;

use rollcall_grouping::{Engine, Facts, Move};
use rollcall_model::Millis;

use crate::machines::{at, facts, group, node, rule, sick};

const FULL: &str = "health.disk_space";

/// A group of full nodes: 5 s in, 30 s out.
fn engine() -> Engine {
    let mut engine = Engine::default();
    assert_eq!(engine.set_rule(at(0), group(1), rule(FULL), Millis(5_000), Millis(30_000)), []);
    engine
}

fn full() -> Facts {
    sick(1, &["disk_space"])
}

fn told(moves: &[Move]) -> Vec<(bool, &str)> {
    moves.iter().map(|moved| (moved.entered, moved.reason.as_str())).collect()
}

#[test]
fn a_node_enters_and_leaves_after_the_dwell_and_is_told_why() {
    let mut engine = engine();
    assert_eq!(engine.update(at(0), node(1), facts(1)), []);
    assert_eq!(engine.next_deadline(), None);
    assert_eq!(engine.update(at(1_000), node(1), full()), []);
    assert_eq!(engine.next_deadline(), Some(at(6_000)));
    assert_eq!(engine.tick(at(5_999)), []);
    let moves = engine.tick(at(6_000));
    assert_eq!(told(&moves), [(true, "the rule holds for 5 s: health.disk_space = true")]);
    assert_eq!((moves[0].node, moves[0].group), (node(1), group(1)));
    assert_eq!(engine.members(group(1)).collect::<Vec<_>>(), [node(1)]);
    assert_eq!(engine.groups_of(node(1)).collect::<Vec<_>>(), [group(1)]);
    assert_eq!((engine.next_deadline(), engine.tick(at(60_000))), (None, vec![]));

    assert_eq!(engine.update(at(61_000), node(1), facts(1)), []);
    assert_eq!(engine.next_deadline(), Some(at(91_000)));
    let moves = engine.tick(at(91_000));
    assert_eq!(told(&moves), [(false, "the rule holds no more for 30 s: health.disk_space = false")]);
    assert_eq!(engine.members(group(1)).count(), 0);
}

#[test]
fn flapping_within_the_dwell_moves_nobody() {
    let mut engine = engine();
    for second in 0..100 {
        let facts = if second % 4 == 3 { facts(1) } else { full() };
        assert_eq!(engine.update(at(second * 1_000), node(1), facts), []);
        assert_eq!(engine.tick(at(second * 1_000)), []);
    }
}

#[test]
fn what_says_the_same_again_does_not_begin_the_dwell_anew() {
    let mut engine = engine();
    for second in 0..5 {
        assert_eq!(engine.update(at(second * 1_000), node(1), full()), []);
    }
    // Nobody ticked; the facts come when the dwell is over.
    assert_eq!(engine.update(at(5_500), node(1), full()).len(), 1);
}

#[test]
fn what_is_over_before_anybody_looked_moves_nobody() {
    let mut engine = engine();
    engine.update(at(0), node(1), full());
    assert_eq!(engine.update(at(9_000), node(1), facts(1)), [], "the news counts, not the deadline that was missed");
    assert_eq!(engine.tick(at(9_000)), []);
}

#[test]
fn without_dwell_a_move_comes_at_once() {
    let mut engine = Engine::default();
    engine.set_rule(at(0), group(1), rule(FULL), Millis(0), Millis(0));
    assert_eq!(told(&engine.update(at(0), node(1), full())), [(true, "the rule holds: health.disk_space = true")]);
    assert!(!engine.update(at(1), node(1), facts(1))[0].entered);
}

#[test]
fn a_rule_that_cannot_be_decided_moves_nobody_and_is_told() {
    let mut engine = Engine::default();
    let hot = rule("metrics.cpu_temperature > 70.0");
    engine.set_rule(at(0), group(1), hot.clone(), Millis(1_000), Millis(1_000));
    engine.update(at(0), node(1), facts(1));
    assert_eq!(engine.tick(at(1_000)).len(), 1);

    let mut silent = facts(1);
    silent.set_metrics(&BTreeMap::new());
    engine.update(at(2_000), node(1), silent.clone());
    let mut other = silent.clone();
    other.node = facts(2).node;
    engine.update(at(2_000), node(2), other);
    assert_eq!((engine.next_deadline(), engine.tick(at(99_000))), (None, vec![]), "one stays in, one stays out");
    assert_eq!(engine.members(group(1)).collect::<Vec<_>>(), [node(1)]);
    assert_eq!(engine.undecided(group(1)), 2);
    let unknown = engine.unknown();
    assert_eq!(unknown.len(), 2);
    assert!(unknown.iter().all(|one| one.group == group(1) && one.reason == "not known: metrics.cpu_temperature"));
    let matching = engine.matching(&hot);
    assert_eq!((matching.nodes.len(), matching.unknown.len()), (0, 2));

    // Not knowing breaks a dwell.
    let mut cool = facts(1);
    cool.set_metrics(&BTreeMap::from([("cpu_temperature".to_owned(), 20.0)]));
    engine.update(at(100_000), node(1), cool.clone());
    engine.update(at(100_500), node(1), silent);
    assert_eq!(engine.next_deadline(), None);
    engine.update(at(100_700), node(1), cool);
    assert_eq!(engine.next_deadline(), Some(at(101_700)));
    assert_eq!(engine.undecided(group(1)), 1);
}

#[test]
fn a_changed_rule_moves_with_the_new_dwell() {
    let mut engine = engine();
    engine.update(at(0), node(1), full());
    engine.update(at(0), node(2), facts(2));
    engine.tick(at(5_000));
    assert_eq!(engine.set_rule(at(6_000), group(1), rule("!health.disk_space"), Millis(2_000), Millis(3_000)), []);
    let moves = engine.tick(at(8_000));
    assert_eq!((moves.len(), moves[0].node, moves[0].entered), (1, node(2), true));
    let moves = engine.tick(at(9_000));
    assert_eq!((moves.len(), moves[0].node, moves[0].entered), (1, node(1), false));
    // A new rule without dwell moves everybody there and then, in order.
    let moves = engine.set_rule(at(9_000), group(1), rule("cpu.cores == 64"), Millis(0), Millis(0));
    assert_eq!(moves.iter().map(|moved| moved.node).collect::<Vec<_>>(), [node(1)]);
}

#[test]
fn a_changed_dwell_of_the_same_rule_keeps_the_time_that_has_passed() {
    let mut engine = engine();
    engine.update(at(0), node(1), full());
    assert_eq!(engine.set_rule(at(3_000), group(1), rule(FULL), Millis(8_000), Millis(0)), []);
    assert_eq!(engine.next_deadline(), Some(at(8_000)));
    assert_eq!(engine.set_rule(at(4_000), group(1), rule(FULL), Millis(3_000), Millis(0)).len(), 1);
}

#[test]
fn restored_members_stay_until_the_rule_has_failed_for_its_dwell() {
    let mut engine = engine();
    assert!(engine.restore(at(0), node(1), group(1)));
    assert!(engine.restore(at(0), node(2), group(1)));
    assert!(!engine.restore(at(0), node(1), group(9)), "no such group");
    assert_eq!(engine.tick(at(100_000)), [], "nothing is known of them yet");
    assert_eq!(engine.update(at(100_000), node(1), full()), []);
    assert_eq!(engine.update(at(100_000), node(2), facts(2)), []);
    assert_eq!(engine.next_deadline(), Some(at(130_000)));
    assert_eq!(engine.tick(at(130_000)).len(), 1);
    // In the other order it comes out the same.
    engine.update(at(200_000), node(3), facts(3));
    assert!(engine.restore(at(200_000), node(3), group(1)));
    assert_eq!(engine.next_deadline(), Some(at(230_000)));
}

#[test]
fn who_is_forgotten_is_in_no_group_and_comes_back_as_new() {
    let mut engine = engine();
    engine.restore(at(0), node(1), group(1));
    engine.update(at(0), node(1), full());
    engine.update(at(0), node(2), full());
    assert_eq!(told(&engine.forget(node(1))), [(false, "the node is no more")]);
    assert_eq!(engine.forget(node(2)), [], "it was only on its way in");
    assert_eq!((engine.next_deadline(), engine.facts(node(1))), (None, None));
    engine.update(at(9_000), node(1), full());
    assert_eq!(engine.next_deadline(), Some(at(14_000)));
}

#[test]
fn a_removed_group_is_gone_with_all_that_was_due() {
    let mut engine = engine();
    engine.restore(at(0), node(1), group(1));
    engine.update(at(0), node(2), full());
    assert_eq!(engine.remove(group(1)), [node(1)]);
    assert_eq!((engine.next_deadline(), engine.rule(group(1))), (None, None));
    assert_eq!(engine.remove(group(1)), []);
}

#[test]
fn a_node_may_be_in_several_groups_and_moves_come_in_order() {
    let mut engine = engine();
    engine.set_rule(at(0), group(2), rule("health.disk_space || health.fan"), Millis(5_000), Millis(0));
    for number in [3, 1, 2] {
        engine.update(at(0), node(number), full());
    }
    let moves = engine.tick(at(5_000));
    let order: Vec<_> = moves.iter().map(|moved| (moved.node, moved.group)).collect();
    assert!(order.is_sorted() && order.len() == 6, "{order:?}");
}
