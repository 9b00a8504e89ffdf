use super::super::fabric::Cable;
use super::super::impairment::Impairment;
use super::super::schedule::{Fault, Target};
use super::super::truth::{Alert, Change, Confirmed, Done};
use super::*;

const BEGAN: i64 = 1_000_000;

fn truth(words: Vec<Word>, done: Vec<Done>) -> Truth {
    let confirmed = words.into_iter().map(|what| Confirmed { at: BEGAN, what }).collect();
    let rack_of = ["sim-0000", "sim-0001"].map(|node| (node.to_owned(), "rack-a".to_owned())).into();
    Truth { began: BEGAN, healed: BEGAN + 100_000, rack_of, confirmed, done, ..Truth::default() }
}

fn change(number: i64, after: i64, state: &str) -> Change {
    let (node, group, cause) = ("sim-0000".into(), "rack-a".into(), "silent".into());
    Change { number, at: BEGAN + after, node, group, state: state.into(), cause }
}

fn done(on: Target, fault: Fault, from: i64, to: i64) -> Done {
    Done { from: BEGAN + from, to: BEGAN + to, on, fault }
}

/// A store in which this node is well, with an alert for each death.
fn store(changes: Vec<Change>) -> Store {
    let deaths = changes.iter().filter(|change| change.state == "down");
    let alert = |change: &Change| Alert {
        kind: "liveness".into(),
        node: Some(change.node.clone()),
        group: "rack-a".into(),
        at: change.at,
        open: false,
    };
    let alerts = deaths.map(alert).collect();
    Store { nodes: [("sim-0000".into(), ("healthy".into(), 3))].into(), changes, alerts, ..Store::default() }
}

fn found(truth: &Truth, store: &Store) -> Vec<(Kind, String)> {
    check(truth, store).into_iter().map(|finding| (finding.kind, finding.what)).collect()
}

fn kinds(truth: &Truth, store: &Store) -> Vec<Kind> {
    check(truth, store).into_iter().map(|finding| finding.kind).collect()
}

#[test]
fn what_was_confirmed_and_is_there_is_well() {
    let change = change(4, 10, "suspect");
    let words = vec![
        Word::Token("t".into()),
        Word::Ordered("a".into()),
        Word::Begun("sim-0000".into(), "a".into()),
        Word::Ended("sim-0000".into(), "a".into(), "done".into()),
        Word::Joined("sim-0000".into(), 2),
        Word::Joined("sim-0000".into(), 3),
        Word::Event(7, "node_state".into()),
        Word::Change(change.clone()),
    ];
    let mut store = store(vec![change]);
    store.tokens.insert("t".into());
    store.actions.insert("a".into(), "done".into());
    store.events.insert(7, "node_state".into());
    assert_eq!(found(&truth(words.clone(), vec![]), &store), []);
    // The same with an empty store: each of them is missed.
    let missed = kinds(&truth(words, vec![]), &Store::default());
    assert_eq!(missed, [Kind::Lost; 6]);
}

#[test]
fn a_change_that_was_read_and_reads_otherwise_later_is_lost() {
    let read = Word::Change(change(4, 10, "suspect"));
    assert_eq!(kinds(&truth(vec![read], vec![]), &store(vec![change(4, 10, "healthy")])), [Kind::Lost]);
}

#[test]
fn effects_are_counted_and_outcomes_compared() {
    let begun = Word::Begun("sim-0000".into(), "a".into());
    let ended = Word::Ended("sim-0000".into(), "a".into(), "done".into());
    let mut store = store(vec![]);
    store.actions.insert("a".into(), "running".into());
    assert_eq!(kinds(&truth(vec![begun.clone(), begun, ended], vec![]), &store), [Kind::Stale, Kind::Doubled]);
}

#[test]
fn epochs_neither_go_back_nor_get_lost() {
    let joined = |epoch| Word::Joined("sim-0000".into(), epoch);
    assert_eq!(kinds(&truth(vec![joined(3), joined(2)], vec![]), &store(vec![])), [Kind::Reordered, Kind::Stale]);
    assert_eq!(kinds(&truth(vec![joined(4)], vec![]), &store(vec![])), [Kind::Stale]);
}

#[test]
fn history_is_in_order_and_tells_a_death_once() {
    let killed = || vec![done(Target::Agent(0), Fault::Kill, 0, 900)];
    let twice = store(vec![change(1, 5, "down"), change(2, 6, "down")]);
    assert_eq!(kinds(&truth(vec![], killed()), &twice), [Kind::Doubled]);
    let back = store(vec![change(1, 50, "healthy"), change(2, 40, "suspect")]);
    assert_eq!(kinds(&truth(vec![], vec![]), &back), [Kind::Reordered]);
}

#[test]
fn a_death_has_one_alert_and_nothing_is_left_open_at_rest() {
    let killed = || vec![done(Target::Agent(0), Fault::Kill, 0, 900)];
    let mut store = store(vec![change(1, 5, "down"), change(2, 900, "healthy")]);
    assert_eq!(kinds(&truth(vec![], killed()), &store), []);
    store.alerts.push(store.alerts[0].clone());
    assert_eq!(kinds(&truth(vec![], killed()), &store), [Kind::Doubled]);
    store.alerts.clear();
    assert_eq!(kinds(&truth(vec![], killed()), &store), [Kind::Lost]);
    store.alerts.push(Alert {
        kind: "liveness".into(),
        node: Some("sim-0000".into()),
        group: "rack-a".into(),
        at: BEGAN,
        open: true,
    });
    store.nodes.insert("sim-0000".into(), ("down".into(), 3));
    assert_eq!(kinds(&truth(vec![], killed()), &store), [Kind::Stale, Kind::Stale]);
}

#[test]
fn a_death_that_was_told_when_it_was_over_counts_as_told() {
    let killed = || vec![done(Target::Agent(0), Fault::Kill, 0, 900)];
    let mut store = store(vec![]);
    store.afterwards.push(("sim-0000".into(), BEGAN + 100));
    assert_eq!(kinds(&truth(vec![], killed()), &store), [Kind::Lost], "it has no alert");
    store.alerts.push(Alert {
        kind: "liveness".into(),
        node: Some("sim-0000".into()),
        group: "rack-a".into(),
        at: BEGAN,
        open: false,
    });
    assert_eq!(kinds(&truth(vec![], killed()), &store), []);
    assert_eq!(kinds(&truth(vec![], vec![]), &store), [Kind::FalseVerdict]);
}

#[test]
fn a_node_is_told_down_for_what_was_done_to_it_and_nothing_else() {
    let cable = |impairment| Fault::Cable(Cable::both(impairment));
    for (on, fault, lasts, is_false) in [
        (Target::Agent(0), Fault::Kill, 500, false),
        (Target::Agent(0), Fault::Pause, 2_000, true),
        (Target::Agent(0), Fault::Pause, 2_001, false),
        (Target::Agent(0), cable(Impairment::cut()), 500, false),
        (Target::Agent(0), cable(Impairment::loss(16)), 5_000, true),
        (Target::Agent(0), cable(Impairment::loss(17)), 5_000, false),
        (Target::Agent(0), Fault::Cable(Cable { up: Impairment::loss(30), down: Impairment::default() }), 5_000, true),
        (Target::Agent(0), Fault::Clock(-1), 5_000, true),
        // Others' faults blame nobody.
        (Target::Agent(1), Fault::Kill, 5_000, true),
        (Target::Rack(0), cable(Impairment::cut()), 5_000, true),
        (Target::Broker, Fault::Kill, 5_000, true),
        (Target::Zone, Fault::Pause, 5_000, true),
    ] {
        let name = format!("{on} {fault} for {lasts}");
        let truth = truth(vec![], vec![done(on, fault, 1_000, 1_000 + lasts)]);
        for (at, before) in [(1_400, false), (999, true), (40_000, true)] {
            let told = kinds(&truth, &store(vec![change(1, at, "down")]));
            assert_eq!(told.is_empty(), !(is_false || before), "{name}, told at {at}: {told:?}");
        }
    }
}

#[test]
fn a_long_death_is_told_unless_those_who_watch_had_troubles_of_their_own() {
    let death = done(Target::Agent(0), Fault::Kill, 1_000, 12_000);
    let silent = store(vec![]);
    assert_eq!(kinds(&truth(vec![], vec![death.clone()]), &silent), [Kind::Missed]);
    let told = store(vec![change(1, 2_000, "down")]);
    assert_eq!(kinds(&truth(vec![], vec![death.clone()]), &told), []);
    for (on, excuses) in [
        (Target::Rack(0), true),
        (Target::Rack(1), false),
        (Target::Broker, true),
        (Target::Zone, true),
        (Target::Database, true),
        (Target::Agent(1), false),
    ] {
        let both = vec![death.clone(), done(on, Fault::Pause, 4_000, 5_000)];
        assert_eq!(kinds(&truth(vec![], both), &silent).is_empty(), excuses, "{on}");
    }
    let short = done(Target::Agent(0), Fault::Kill, 1_000, 10_000);
    assert_eq!(kinds(&truth(vec![], vec![short]), &silent), []);
}

/// While a rack's clock is an hour off, so is what its controller tells.
#[test]
fn what_is_told_by_a_clock_that_was_moved_is_taken_at_its_true_time() {
    const HOUR: i64 = 3_600_000;
    let kill = || done(Target::Agent(0), Fault::Kill, 2_000, 3_000);
    for hours in [-1, 1] {
        let off = hours * HOUR;
        let moved = done(Target::Rack(0), Fault::Clock(hours), 1_000, 5_000);
        let told = [change(1, 500, "healthy"), change(2, 2_500 + off, "down"), change(3, 6_000, "healthy")];
        assert_eq!(kinds(&truth(vec![], vec![moved.clone(), kill()]), &store(told.to_vec())), [], "{hours}");
        assert!(kinds(&truth(vec![], vec![kill()]), &store(told.to_vec())).contains(&Kind::Reordered), "{hours}");
        let elsewhere = done(Target::Rack(1), Fault::Clock(hours), 1_000, 5_000);
        assert!(!kinds(&truth(vec![], vec![elsewhere, kill()]), &store(told.to_vec())).is_empty(), "{hours}");
    }
    // What the clock does not explain stays where it is.
    let moved = done(Target::Rack(0), Fault::Clock(1), 1_000, 5_000);
    let late = change(2, HOUR + 60_000, "down");
    assert_eq!(kinds(&truth(vec![], vec![moved, kill()]), &store(vec![late])), [Kind::FalseVerdict]);
}
