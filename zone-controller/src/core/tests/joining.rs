//! Epochs that never go back, hardware that changes, combinations that wait for somebody.

use std::sync::Arc;

use rollcall_model::hardware::Memory;
use rollcall_model::packet::{ArrivalDecision, JoinAccepted};
use rollcall_store::HeldRecord;

use super::asking::{ask, policy, set_policy};
use super::*;

fn told(node: &str, run: &str, epoch: u32) -> NodeSubscription {
    NodeSubscription { epoch: SessionEpoch(epoch), ..subscription(node, run) }
}

fn decision(effects: &[Effect]) -> Decision<JoinAccepted> {
    let found = packets(effects).into_iter().find_map(|(_, packet)| match packet {
        Packet::JoinDecision(told) => Some(told.decision),
        _ => None,
    });
    found.expect("an answer")
}

fn refused(effects: &[Effect]) -> String {
    match decision(effects) {
        Decision::Refused { reason, .. } => reason,
        Decision::Accepted(accepted) => panic!("{accepted:?}"),
    }
}

#[test]
fn an_epoch_is_never_behind_what_the_node_or_a_check_in_service_tells() {
    // (stored by joining so often, told by the node, granted by the service, given)
    for (stored, told_epoch, granted, given) in [
        (0, 0, None, 1),
        (0, 9, None, 10),
        (3, 2, None, 4),
        (3, 7, None, 8),
        (3, 3, Some(4), 4),
        (3, 0, Some(9), 9),
        (3, 0, Some(2), 4),
        (3, 9, Some(5), 10),
    ] {
        let mut zone = zone();
        for run in 0..stored {
            zone.step(NOW, join("n1", &format!("former {run}")));
        }
        let event = join_of(told("n1", "now", told_epoch), granted.map(SessionEpoch));
        let effects = zone.step(NOW, event.clone());
        assert_eq!(epoch_told(&effects), SessionEpoch(given), "{stored} {told_epoch} {granted:?}");
        let again = zone.step(NOW, event);
        assert_eq!(epoch_told(&again), SessionEpoch(given), "the same packet again");
        assert!(saves(&again).is_empty());
    }
}

#[test]
fn a_grant_the_zone_saved_a_greater_epoch_for_is_answered_with_that_one() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    // The service granted 2 while the zone was away; the node asked again before the zone heard of it.
    assert_eq!(epoch_told(&zone.step(NOW, join_of(told("n1", "run2", 2), None))), SessionEpoch(3));
    let late = zone.step(NOW, join_of(told("n1", "run2", 0), Some(SessionEpoch(2))));
    assert_eq!((epoch_told(&late), saves(&late).len()), (SessionEpoch(3), 0));
}

#[test]
fn an_epoch_far_ahead_of_the_stored_one_is_not_believed() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    let lie = join_of(told("n1", "run2", 3 + (1 << 20)), None);
    assert_eq!(epoch_told(&zone.step(NOW, lie.clone())), SessionEpoch(2));
    assert_eq!(epoch_told(&zone.step(NOW, lie)), SessionEpoch(2), "once per run");
    assert_eq!(zone.overview().ignored["join.epoch_leap"], 2);
}

/// `rollcall db restore` moves every stored epoch on, by less than a leap that is not believed.
#[test]
fn a_node_that_runs_since_before_the_database_was_restored_goes_on_with_the_epoch_that_was_moved_on() {
    const { assert!(rollcall_store::upkeep::LEAP < 1 << 20) };
    let mut first = zone();
    first.step(NOW, join("n1", "run1"));
    let mut nodes: Vec<_> = first.nodes.values().cloned().collect();
    for node in &mut nodes {
        node.epoch.0 += rollcall_store::upkeep::LEAP;
        // The zone does not keep it, the store does.
        node.hardware = Some(Arc::new(HardwareTopology::default()));
    }
    let saved = Snapshot { groups: first.groups.values().cloned().collect(), nodes, ..Snapshot::default() };
    let moved_on = 1 + rollcall_store::upkeep::LEAP;
    // Restarts since the backup gave it 1, 2, 3 …; it is the run of the backup, or a later one.
    for (run, knows, given) in [("run1", 1, moved_on), ("run1", 3, moved_on), ("run9", 9, moved_on + 1)] {
        let mut zone = Zone::start(NOW, settings(true), saved.clone()).0;
        let answered = zone.step(NOW, join_of(told("n1", run, knows), None));
        assert_eq!(epoch_told(&answered), SessionEpoch(given), "{run} {knows}");
    }
}

#[test]
fn changed_hardware_of_the_same_run_is_saved_under_a_new_epoch() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    let mut more = told("n1", "run1", 1);
    more.hardware.memory = Memory { total_bytes: Some(1 << 30), ..Memory::default() };
    let effects = zone.step(NOW, join_of(more.clone(), None));
    assert_eq!(epoch_told(&effects), SessionEpoch(2));
    assert!(saves(&effects).iter().any(|change| matches!(change, Change::NodeJoined { hardware, .. }
        if hardware.memory.total_bytes == Some(1 << 30))));
    assert!(saves(&zone.step(NOW, join_of(more, None))).is_empty());
}

#[test]
fn a_combination_waits_once_and_its_nodes_join_when_it_is_approved() {
    let mut zone = zone();
    zone.step(NOW, table_request("c", 0));
    set_policy(&mut zone, NOW, "[checkin]\nunknown_combinations = \"hold\"\n");
    let held = zone.step(NOW, join("n1", "run1"));
    assert_eq!(refused(&held), "held");
    assert!(matches!(saves(&held)[..], [Change::CombinationHeld { .. }]));
    let other = zone.step(NOW, join("n2", "run1"));
    assert_eq!((refused(&other).as_str(), saves(&other).len()), ("held", 0), "it waits already");

    let capability = Capability::of(&HardwareTopology::default(), &[]);
    let decide = |approve, chosen: Option<&str>| Command::DecideCombination {
        capability: capability.clone(),
        approve,
        name: chosen.map(name),
        by: "ada".into(),
    };
    let later = Now { tick: Tick(1_000), ..NOW };
    let (answer, effects) = ask(&mut zone, later, decide(false, None));
    assert_eq!(answer.unwrap()["approved"], false);
    assert!(matches!(saves(&effects)[..], [Change::CombinationDecided { approved: false, .. }, Change::Trust(_)]));
    assert_eq!(refused(&zone.step(later, join("n1", "run1"))), "denied");

    let later = Now { tick: Tick(2_000), ..NOW };
    let (answer, effects) = ask(&mut zone, later, decide(true, Some("plain")));
    assert_eq!(answer.unwrap()["name"], "plain");
    assert!(matches!(
        saves(&effects)[..],
        [
            Change::CombinationDecided { approved: true, .. },
            Change::GroupCreated { origin: "approval", .. },
            Change::Trust(_)
        ]
    ));
    let told = packets(&effects);
    assert!(
        told.iter().any(|(_, packet)| matches!(packet, Packet::GroupTable(table)
            if table.hold_unknown && !table.create_unknown && table.entries.len() == 1)),
        "check-in services learn it at once: {told:?}"
    );
    assert!(matches!(decision(&zone.step(later, join("n1", "run1"))), Decision::Accepted(_)));
    let (again, _) = ask(&mut zone, later, decide(true, None));
    assert_eq!(again.unwrap_err().kind, RejectionKind::Conflict);
}

#[test]
fn nobody_decides_on_what_nobody_asked_for_and_a_denial_outlives_a_restart() {
    let capability = Capability::of(&HardwareTopology::default(), &[]);
    let decide =
        Command::DecideCombination { capability: capability.clone(), approve: true, name: None, by: "a".into() };
    let (answer, effects) = ask(&mut zone(), NOW, decide);
    assert_eq!(answer.unwrap_err().kind, RejectionKind::Missing);
    assert!(effects.is_empty());
    let saved = Snapshot { held: vec![HeldRecord { capability, denied: true }], ..Snapshot::default() };
    let mut zone = Zone::start(NOW, settings(true), saved).0;
    assert_eq!(refused(&zone.step(NOW, join("n1", "run1"))), "denied", "even where unknown ones make groups");
}

#[test]
fn hardware_that_is_made_up_again_and_again_fills_no_table() {
    let mut zone = zone();
    set_policy(&mut zone, NOW, "[checkin]\nunknown_combinations = \"hold\"\n");
    let mut held = 0;
    for number in 0..1_500_u32 {
        let mut odd = subscription("n1", "run1");
        odd.hardware.cpu.family = Some(number);
        held += saves(&zone.step(NOW, join_of(odd, None))).len();
    }
    assert_eq!(held, 1_000);
}

#[test]
fn the_policys_word_on_unknown_combinations_reaches_check_in_services() {
    let mut zone = zone();
    zone.step(NOW, table_request("c", 0));
    let later = Now { tick: Tick(1_000), ..NOW };
    let (_, effects) = ask(&mut zone, later, policy("[checkin]\nunknown_combinations = \"refuse\"\n", false));
    assert!(packets(&effects).iter().any(|(_, packet)| matches!(packet, Packet::GroupTable(table)
        if !table.hold_unknown && !table.create_unknown)));
    assert_eq!(refused(&zone.step(NOW, join("n1", "run1"))), "unknown_combination");
}

#[test]
fn many_changes_of_the_table_are_told_together() {
    let mut zone = zone();
    zone.step(NOW, table_request("c", 0));
    let mut told = 0;
    for tick in 0..100 {
        let now = Now { tick: Tick(1_000 + tick), ..NOW };
        let effects = zone.step(now, Event::AckHeard(ack(&format!("rack-{tick}"), "r1")));
        told += packets(&effects).iter().filter(|(_, packet)| matches!(packet, Packet::GroupTable(_))).count();
    }
    assert_eq!(told, 1, "the first at once");
    let due = zone.next_deadline().expect("a deadline");
    let effects = zone.step(Now { tick: due.max(Tick(1_200)), ..NOW }, Event::Tick);
    let tables: Vec<_> = packets(&effects)
        .into_iter()
        .filter_map(|(_, packet)| if let Packet::GroupTable(table) = packet { Some(table) } else { None })
        .collect();
    assert!(matches!(&tables[..], [table] if table.controllers.len() == 100), "the others together");
}

#[test]
fn a_node_no_group_controller_finds_is_told_of_once() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    zone.step(NOW, join("n1", "run2"));
    zone.step(NOW, join("n2", "run1"));
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    zone.step(NOW, arrival("rack-a", 1, "n2", "run1"));
    let minute = Now { tick: Tick(60_000), ..NOW };
    let effects = zone.step(minute, Event::Tick);
    let notes = saves(&effects).into_iter().filter(|change| matches!(change, Change::Noted { kind: "unplaced", .. }));
    assert_eq!(notes.count(), 1);
    assert_eq!(zone.overview().unplaced.values().map(Name::as_str).collect::<Vec<_>>(), ["n1"]);
    zone.step(minute, arrival("rack-a", 1, "n1", "run2"));
    assert!(zone.overview().unplaced.is_empty());
}

#[test]
fn a_rack_that_says_nothing_of_a_session_is_told_of_it_again() {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    zone.step(NOW, join("n1", "run1"));
    zone.step(NOW, arrival("rack-a", 1, "n1", "run1"));
    let told = |zone: &mut Zone, tick| {
        let effects = zone.step(Now { tick: Tick(tick), ..NOW }, Event::Tick);
        let epochs = packets(&effects).into_iter().filter_map(|(_, packet)| match packet {
            Packet::ArrivalDecision(ArrivalDecision { decision: Decision::Accepted(accepted), .. }) => {
                Some(accepted.epoch.0)
            }
            _ => None,
        });
        epochs.collect::<Vec<_>>()
    };
    assert_eq!(told(&mut zone, 19_999), [] as [u32; 0]);
    assert_eq!(told(&mut zone, 20_000), [1]);
    zone.step(Now { tick: Tick(30_000), ..NOW }, change("rack-a", 1, 1, NodeState::Healthy));
    assert_eq!(told(&mut zone, 45_000), [] as [u32; 0], "it is heard");
    zone.step(Now { tick: Tick(50_000), ..NOW }, join("n1", "run2"));
    assert_eq!(told(&mut zone, 70_000), [2]);
    assert_eq!(told(&mut zone, 90_000), [2], "until it is");
}
