use super::*;
use crate::draws::Draws;
use crate::frequency::Rates;
use crate::targets::Want;

fn node(index: usize) -> NodeId {
    NodeId::derived_from(&format!("node {index}"))
}

fn rates() -> Rates {
    Rates::new(1.0, 1.0, 0.05).expect("possible")
}

/// A receiver of `number` good nodes.
fn receiver(number: usize) -> Receiver {
    let mut receiver = Receiver::new(Tick(0), Config::new(rates(), 64)).expect("possible");
    for index in 0..number {
        receiver.insert(Tick(0), node(index)).expect("room");
        receiver.set_eligibility(Tick(0), node(index), Eligibility::GOOD).expect("known");
    }
    receiver
}

/// Nodes that speak at the frequencies of their f_RA from `from` to `until`, with ticks between.
fn speak(receiver: &mut Receiver, kind: Kind, availabilities: &[f64], from: u64, until: u64) {
    let mut draws = Draws::new(from);
    let periods: Vec<f64> = availabilities.iter().map(|f| 1000.0 / rates().of(kind, 1.0, *f)).collect();
    let mut due: Vec<f64> = periods.iter().map(|period| from as f64 + period * draws.unit()).collect();
    for now in from..until {
        for (index, at) in due.iter_mut().enumerate() {
            if *at <= now as f64 {
                receiver.heard(Tick(now), node(index), kind);
                *at += periods[index] * (0.95 + 0.1 * draws.unit());
            }
        }
        if now % 100 == 0 {
            receiver.tick(Tick(now));
        }
    }
}

#[test]
fn the_freest_node_is_the_most_likely_target_and_its_availability_is_recovered() {
    let mut receiver = receiver(3);
    speak(&mut receiver, Kind::Balance, &[0.9, 0.3, 0.1], 0, 60_000);
    let targets = receiver.targets();
    let mut times = [0; 3];
    for draw in 0..300_u64 {
        let now = 60_000 + draw;
        let picked = targets.explain(Tick(now), Kind::Balance, Want::default(), draw << 20, |_| true).target;
        let picked = picked.expect("somebody");
        times[(0..3).find(|index| node(*index) == picked.node).expect("one of them")] += 1;
    }
    assert!(times[0] > 270 && times[0] > times[1] && times[1] >= times[2], "{times:?}");
    let largest = targets.at_rank(Tick(60_300), Kind::Balance, 0.0).expect("somebody");
    assert_eq!(largest.node, node(0));
    assert!((largest.availability.expect("many messages") - 0.9).abs() < 0.05, "{largest:?}");
    assert_eq!(targets.at_rank(Tick(60_300), Kind::Balance, 0.5).expect("somebody").node, node(1));
    assert_eq!(targets.at_rank(Tick(60_300), Kind::Balance, 1.0).expect("somebody").node, node(2));
}

#[test]
fn power_wants_the_fullest_that_still_has_room() {
    let mut receiver = receiver(3);
    speak(&mut receiver, Kind::Power, &[0.05, 0.3, 0.9], 0, 120_000);
    let targets = receiver.targets();
    let want = Want { size: 0.1, choices: 4 };
    for draw in 0..50 {
        let picked = targets.explain(Tick(120_000), Kind::Power, want, draw * 7919, |_| true).target;
        assert_eq!(picked.expect("somebody").node, node(1), "0 is full, 2 is emptier");
    }
    let loudest = targets.at_rank(Tick(120_000), Kind::Power, 0.0).expect("somebody");
    assert_eq!(loudest.node, node(0), "by the patent alone the full one is the target");
}

#[test]
fn who_is_barred_is_never_returned_from_the_moment_it_is_said() {
    let bad = [
        Eligibility { state: rollcall_model::NodeState::Suspect, ..Eligibility::GOOD },
        Eligibility { state: rollcall_model::NodeState::Down, ..Eligibility::GOOD },
        Eligibility { draining: true, ..Eligibility::GOOD },
        Eligibility { quarantined: true, ..Eligibility::GOOD },
        Eligibility { measured: false, ..Eligibility::GOOD },
    ];
    for eligibility in bad {
        let mut receiver = receiver(2);
        speak(&mut receiver, Kind::Balance, &[1.0, 0.05], 0, 20_500);
        let targets = receiver.targets();
        receiver.set_eligibility(Tick(20_500), node(0), eligibility).expect("known");
        let now = Tick(20_500);
        assert_eq!(targets.newest(now, Kind::Balance), Some(node(1)), "{eligibility:?}");
        assert_eq!(targets.oldest(now, Kind::Balance), Some(node(1)));
        assert_eq!(targets.pick(now, Kind::Balance, Want::default(), 5).expect("the other").node, node(1));
        receiver.remove(node(1));
        assert_eq!(targets.newest(now, Kind::Balance), None, "nobody rather than one that is barred");
        assert_eq!(targets.at_rank(now, Kind::Balance, 0.0), None);
    }
}

#[test]
fn a_new_node_is_no_target_until_its_owner_says_so() {
    let mut receiver = receiver(0);
    receiver.insert(Tick(0), node(0)).expect("room");
    receiver.heard(Tick(10), node(0), Kind::Balance);
    assert_eq!(receiver.targets().newest(Tick(11), Kind::Balance), None);
    let reasons: Vec<Barrier> = receiver.barriers(node(0)).expect("known").iter().collect();
    assert_eq!(reasons, [Barrier::State, Barrier::Unmeasured]);
}

#[test]
fn a_removed_nodes_entries_never_name_its_successor() {
    let mut receiver = Receiver::new(Tick(0), Config::new(rates(), 1)).expect("possible");
    let targets = receiver.targets();
    for index in 0..3000 {
        receiver.insert(Tick(0), node(index)).expect("room");
        assert_eq!(receiver.insert(Tick(0), node(9999)), Err(GroupError::Full(1)));
        receiver.set_eligibility(Tick(0), node(index), Eligibility::GOOD).expect("known");
        assert_eq!(targets.newest(Tick(11), Kind::Balance), None);
        receiver.heard(Tick(10), node(index), Kind::Balance);
        assert_eq!(targets.newest(Tick(11), Kind::Balance), Some(node(index)));
        assert!(receiver.remove(node(index)) && !receiver.remove(node(index)));
        assert_eq!(targets.newest(Tick(11), Kind::Balance), None);
    }
}

#[test]
fn a_node_that_falls_silent_vanishes_within_two_and_a_half_of_its_periods() {
    let mut receiver = receiver(1);
    speak(&mut receiver, Kind::Balance, &[1.0], 0, 30_000);
    let targets = receiver.targets();
    let last = 30_000 - targets.pick(Tick(30_000), Kind::Balance, Want::default(), 1).expect("it").age;
    assert!(targets.newest(Tick(last + 2000), Kind::Balance).is_some());
    assert_eq!(targets.newest(Tick(last + 2600), Kind::Balance), None);
    assert_eq!(targets.pick(Tick(u64::MAX), Kind::Balance, Want::default(), 1), None, "nor after a clock's jump");
}

#[test]
fn silence_lowers_an_availability_before_it_ends_it() {
    let mut receiver = receiver(1);
    speak(&mut receiver, Kind::Balance, &[1.0], 0, 30_000);
    let (targets, want) = (receiver.targets(), Want::default());
    let at = |now| targets.explain(Tick(now), Kind::Balance, want, 1, |_| true).target.and_then(|it| it.availability);
    let last = 30_000 - targets.newest(Tick(30_000), Kind::Balance).map_or(0, |_| 0);
    assert!(at(last).expect("fresh") > 0.9);
    assert!(at(last + 1500).is_none_or(|f| f < 0.75), "{:?}", at(last + 1500));
}

#[test]
fn a_flood_is_capped_counted_and_reported_once_and_ends() {
    let mut receiver = receiver(2);
    speak(&mut receiver, Kind::Balance, &[0.5, 0.5], 0, 20_000);
    let mut begins = 0;
    for now in 20_000..21_000 {
        if receiver.heard(Tick(now), node(0), Kind::Balance) == (Heard::Flooding { begins: true }) {
            begins += 1;
        }
    }
    let tally = receiver.tally();
    assert_eq!(begins, 1);
    assert!(tally.flooding > 900 && tally.too_fast < 10, "{tally:?}");
    assert_eq!(receiver.targets().newest(Tick(21_000), Kind::Balance), Some(node(1)), "the liar is no target");
    assert_eq!(receiver.barriers(node(0)).expect("known").iter().collect::<Vec<_>>(), [Barrier::Capped]);
    assert_eq!(receiver.heard(Tick(90_000), node(0), Kind::Balance), Heard::Taken);
    assert_eq!(receiver.targets().newest(Tick(90_001), Kind::Balance), Some(node(0)), "it keeps within bounds again");
    assert_eq!(receiver.heard(Tick(90_000), node(77), Kind::Balance), Heard::Unknown);
}

#[test]
fn a_replayed_minute_does_not_make_a_busy_node_free() {
    let mut receiver = receiver(2);
    speak(&mut receiver, Kind::Balance, &[0.1, 0.5], 0, 60_000);
    let before = receiver.frequency(node(0), Kind::Balance).expect("heard").0;
    for now in [60_000, 60_000, 60_001, 60_001, 60_002, 60_003] {
        receiver.heard(Tick(now), node(0), Kind::Balance);
    }
    let after = receiver.frequency(node(0), Kind::Balance).expect("heard").0;
    assert!(after < before * 1.3, "{before} {after}");
}

#[test]
fn a_receiver_that_was_held_up_blames_nobody_and_measures_nothing_across_it() {
    let mut receiver = receiver(2);
    speak(&mut receiver, Kind::Balance, &[0.5, 0.5], 0, 30_000);
    receiver.tick(Tick(90_000));
    for _ in 0..30 {
        receiver.heard(Tick(90_000), node(0), Kind::Balance);
    }
    let tally = receiver.tally();
    assert_eq!((tally.pauses, tally.flooding), (1, 0), "{tally:?}");
    assert_eq!(receiver.frequency(node(0), Kind::Balance), None, "measured anew");
    assert_eq!(receiver.targets().newest(Tick(90_001), Kind::Balance), Some(node(0)), "it spoke, so it may be one");
    assert_eq!(receiver.frequency(node(1), Kind::Balance).map(|found| found.0 < 0.6), Some(true));
}

#[test]
fn a_group_has_targets_of_its_own() {
    let (mut receiver, group) = (receiver(3), GroupId::derived_from("rack 7"));
    assert!(receiver.targets_of(group).is_none());
    receiver.join(node(1), group).expect("known");
    receiver.join(node(2), group).expect("known");
    speak(&mut receiver, Kind::Balance, &[1.0, 0.2, 0.1], 0, 40_000);
    let targets = receiver.targets_of(group).expect("a group");
    for draw in 0..50 {
        let found = targets.pick(Tick(40_000), Kind::Balance, Want::default(), draw * 31).expect("a member").node;
        assert_ne!(found, node(0));
    }
    receiver.part(node(1), group).expect("known");
    assert_eq!(targets.newest(Tick(40_000), Kind::Balance), Some(node(2)), "who left is not returned");
    receiver.dissolve(group);
    assert_eq!(targets.newest(Tick(40_000), Kind::Balance), None);
    assert!(receiver.targets_of(group).is_none() && receiver.targets().newest(Tick(40_000), Kind::Balance).is_some());
}

#[test]
fn constraints_are_tried_a_bounded_number_of_times_and_explained() {
    let mut receiver = receiver(8);
    speak(&mut receiver, Kind::Balance, &[0.5; 8], 0, 30_000);
    let targets = receiver.targets();
    let asked = std::cell::Cell::new(0);
    let nobody = targets.pick_where(Tick(30_000), Kind::Balance, Want::default(), 3, |_| {
        asked.set(asked.get() + 1);
        false
    });
    assert_eq!(nobody, None);
    assert!(asked.get() <= 32, "{}", asked.get());
    let why = targets.explain(Tick(30_000), Kind::Balance, Want::default(), 3, |id| id == node(5));
    assert_eq!(why.target.expect("found").node, node(5));
    assert!(why.considered.iter().any(|it| it.outcome == crate::targets::Outcome::NotAccepted));
    let huge = Want { size: 0.9, choices: 2 };
    let why = targets.explain(Tick(30_000), Kind::Balance, huge, 3, |_| true);
    assert!(why.target.is_none() && why.considered.iter().all(|it| it.outcome == crate::targets::Outcome::NoRoom));
}

#[test]
fn what_was_placed_counts_until_the_node_has_spoken_again() {
    let mut receiver = receiver(2);
    speak(&mut receiver, Kind::Balance, &[0.6, 0.5], 0, 60_000);
    let (targets, want) = (receiver.targets(), Want { size: 0.2, choices: 8 });
    let mut times = [0; 2];
    for draw in 0..3 {
        let picked = targets.pick(Tick(60_000), Kind::Balance, want, draw * 7).expect("room").node;
        times[usize::from(picked == node(1))] += 1;
    }
    assert!(times[0] >= 1 && times[1] >= 1, "in turn, not all on the same: {times:?}");
    assert!(targets.pick(Tick(60_000), Kind::Balance, Want { size: 0.5, choices: 8 }, 1).is_none(), "both are taken");
}

#[test]
fn configurations_that_cannot_work_are_refused_with_the_reason() {
    let refused = |config| Receiver::new(Tick(0), config).map(|_| ()).expect_err("refused").to_string();
    let good = Config::new(rates(), 8);
    assert!(refused(Config { nodes: 0, ..good }).contains("between 1"));
    assert!(refused(Config { patience: 1.0, ..good }).contains("jitter alone"));
    assert!(refused(Config { rank_every: Millis(1), ..good }).contains("in this order"));
}

#[test]
fn sampling_the_ring_as_in_the_patent_ranks_too() {
    let config = Config { count_every_message: false, switch_every: Millis(20_000), ..Config::new(rates(), 8) };
    let mut receiver = Receiver::new(Tick(0), config).expect("possible");
    for index in 0..2 {
        receiver.insert(Tick(0), node(index)).expect("room");
        receiver.set_eligibility(Tick(0), node(index), Eligibility::GOOD).expect("known");
    }
    speak(&mut receiver, Kind::Balance, &[0.9, 0.2], 0, 60_000);
    assert_eq!(receiver.targets().at_rank(Tick(60_000), Kind::Balance, 0.0).expect("somebody").node, node(0));
}
