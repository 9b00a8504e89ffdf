//! Serving without the zone: who is served, with which epoch, in which order, and what the zone makes of it.

use super::*;

/// A service with a memory, linked, with a table of the zone that knows the node's combination.
fn serving() -> Checkin {
    let mut service = Checkin::resumed(settings(), Memory::default());
    service.step(at(0), Event::LinkUp);
    service.step(at(0), delivered(Packet::GroupTable(knowing(7))));
    service
}

fn again(service: &Checkin, records: &[Record]) -> Checkin {
    let mut memory = Memory::default();
    records.iter().cloned().for_each(|record| memory.take(record));
    Checkin::resumed(service.settings.clone(), memory)
}

/// Lets time pass in steps, as the driver does; gives the effects.
fn pass(service: &mut Checkin, from: u64, until: u64) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut now = from;
    while service.next_deadline().0.max(now) <= until {
        now = service.next_deadline().0.max(now);
        effects.extend(service.step(at(now), Event::Tick));
        now += 1;
    }
    effects
}

fn saved(effects: &[Effect]) -> Vec<Record> {
    effects.iter().filter_map(|e| if let Effect::Save(record) = e { Some(record.clone()) } else { None }).collect()
}

/// Epochs the node was answered with.
fn epochs(effects: &[Effect]) -> Vec<u32> {
    let assigned = |packet| match packet {
        Packet::Assignment(Assignment { decision: Decision::Accepted(assigned), .. }) => Some(assigned.epoch.0),
        _ => None,
    };
    sent(effects).into_iter().filter_map(|(_, packet)| assigned(packet)).collect()
}

/// Reasons the node was refused with.
fn refusals(effects: &[Effect]) -> Vec<String> {
    let refused = |packet| match packet {
        Packet::Assignment(Assignment { decision: Decision::Refused { reason, .. }, .. }) => Some(reason),
        _ => None,
    };
    sent(effects).into_iter().filter_map(|(_, packet)| refused(packet)).collect()
}

/// Epochs the zone was told were granted; `None` for a plan it is to decide.
fn told(effects: &[Effect]) -> Vec<Option<u32>> {
    let request = |packet| match packet {
        Packet::JoinRequest(request) => Some(request.granted.map(|epoch| epoch.0)),
        _ => None,
    };
    sent(effects).into_iter().filter_map(|(_, packet)| request(packet)).collect()
}

fn ask_with(run: &str, epoch: u32) -> Event {
    let subscription = NodeSubscription { epoch: SessionEpoch(epoch), ..subscription(run, [10, 1, 0, 9]) };
    delivered(Packet::NodeSubscription(Box::new(subscription)))
}

#[test]
fn a_known_combination_is_served_after_the_zones_silence_saved_before_it_is_told() {
    let mut service = serving();
    assert_eq!(told(&service.step(at(10), ask_with("run1", 3))), [None]);
    assert!(epochs(&pass(&mut service, 10, 1_509)).is_empty(), "the zone has 1.5 s");
    let effects = pass(&mut service, 1_510, 1_510);
    assert_eq!((epochs(&effects), told(&effects)), (vec![4], vec![Some(4)]));
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let save = place(|effect| matches!(effect, Effect::Save(Record::Granted(_))));
    assert!(save < place(|effect| matches!(effect, Effect::Publish(m) if m.kind == "assignment")));
    // From now on nobody waits.
    assert_eq!(epochs(&service.step(at(1_600), ask_with("run1", 3))), [4], "the same run, the same epoch");
    assert_eq!(epochs(&service.step(at(1_700), ask_with("run2", 0))), [5], "a new run, a new one");
}

#[test]
fn an_unknown_combination_is_told_that_the_zone_is_away_and_gets_its_late_answer() {
    let mut service = Checkin::resumed(settings(), Memory::default());
    service.step(at(0), Event::LinkUp);
    service.step(at(0), delivered(table(7)));
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    let effects = pass(&mut service, 10, 3_000);
    assert_eq!((epochs(&effects), refusals(&effects)), (vec![], vec!["zone_away".to_owned()]));
    let repeated = service.step(at(3_100), ask("run1", [10, 1, 0, 9]));
    assert_eq!(refusals(&repeated), ["zone_away"]);
    assert!(told(&repeated).is_empty(), "the zone's queue has the question already");
    assert_eq!(epochs(&service.step(at(5_000), accepted("run1", 3))), [3]);
}

#[test]
fn without_a_state_directory_nothing_is_granted() {
    let mut service = service();
    service.step(at(0), Event::LinkUp);
    service.step(at(0), delivered(Packet::GroupTable(knowing(7))));
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    let effects = pass(&mut service, 10, 3_000);
    assert_eq!((epochs(&effects), refusals(&effects)), (vec![], vec!["zone_away".to_owned()]));
    assert!(saved(&effects).is_empty());
}

#[test]
fn a_zone_whose_queue_takes_nothing_is_away_at_once() {
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    let effects = service.step(at(20), Event::Unroutable { routing_key: route::JOINS.into() });
    assert_eq!(epochs(&effects), [1]);
    let other = serving().step(at(20), Event::Unroutable { routing_key: "inbox.node.x".into() });
    assert!(other.is_empty(), "a node that is gone says nothing about the zone");
}

#[test]
fn a_service_that_was_cut_off_or_held_up_blames_nobody() {
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    service.step(at(20), Event::LinkDown);
    assert!(epochs(&pass(&mut service, 20, 60_000)).is_empty(), "cut off");
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    assert!(epochs(&service.step(at(9_000), Event::Tick)).is_empty(), "held up");
    assert_eq!(epochs(&pass(&mut service, 9_001, 11_000)), [1], "and then the zone is silent");
}

#[test]
fn a_busy_zone_that_answers_others_is_not_away() {
    let mut service = serving();
    service.step(at(0), ask("run1", [10, 1, 0, 9]));
    for ms in [1_000, 2_000, 3_000] {
        let decision = Decision::Refused { reason: "x".into(), message: "x".into() };
        let node = NodeId::derived_from("somebody else");
        let other = JoinDecision { node, instance: InstanceId::derived_from("x"), decision };
        service.step(at(ms), delivered(Packet::JoinDecision(other)));
        assert!(epochs(&pass(&mut service, ms, ms + 999)).is_empty(), "{ms}");
    }
}

#[test]
fn the_zone_is_told_until_it_answers_with_growing_pauses() {
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    pass(&mut service, 10, 1_510);
    // (until, times told since)
    for (until, times) in [(33_000, 0), (33_600, 1), (65_000, 0), (65_600, 1), (129_000, 0), (129_600, 1)] {
        let from = service.next_deadline().0;
        assert_eq!(told(&pass(&mut service, from.min(until), until)), vec![Some(1); times], "{until}");
    }
    let effects = service.step(at(130_000), accepted("run1", 1));
    assert!(epochs(&effects).is_empty(), "the node knows");
    assert_eq!(saved(&effects).len(), 1);
    assert!(told(&pass(&mut service, 130_001, 900_000)).is_empty());
}

#[test]
fn the_zones_greater_epoch_is_told_the_node_and_a_smaller_one_is_waited_over() {
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    assert_eq!(epochs(&pass(&mut service, 10, 1_510)), [1]);
    assert_eq!(epochs(&service.step(at(2_000), accepted("run1", 0))), Vec::<u32>::new());
    assert_eq!(epochs(&service.step(at(2_000), accepted("run1", 58))), [58]);
    assert!(epochs(&service.step(at(2_100), accepted("run1", 58))).is_empty());
    service.step(at(3_000), ask("run2", [10, 1, 0, 9]));
    assert_eq!(epochs(&pass(&mut service, 3_000, 4_500)), [59], "it counts on from there");
}

#[test]
fn the_zone_is_not_told_of_a_former_runs_grant_once_a_new_run_asks() {
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    pass(&mut service, 10, 1_510);
    // The zone answers somebody else: it is back.
    service.step(at(1_600), delivered(Packet::GroupTable(knowing(8))));
    let effects = service.step(at(1_700), ask("run2", [10, 1, 0, 9]));
    assert_eq!(told(&effects), [None]);
    let epoch = sent(&effects).into_iter().find_map(|(_, packet)| match packet {
        Packet::JoinRequest(request) => Some(request.subscription.epoch),
        _ => None,
    });
    assert_eq!(epoch, Some(SessionEpoch(1)), "it hears of the epoch that is taken");
    service.step(at(1_800), accepted("run2", 2));
    assert!(told(&pass(&mut service, 1_800, 900_000)).is_empty());
}

#[test]
fn a_zone_that_was_set_back_is_told_a_greater_epoch() {
    let mut service = serving();
    service.step(at(0), ask("run1", [10, 1, 0, 9]));
    service.step(at(5), accepted("run1", 9));
    service.step(at(10), ask("run2", [10, 1, 0, 9]));
    let effects = service.step(at(20), accepted("run2", 5));
    assert_eq!((epochs(&effects), told(&effects)), (vec![10], vec![Some(10)]));
}

#[test]
fn a_grant_the_zone_refuses_is_withdrawn_in_its_words_and_its_epoch_is_never_given_again() {
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    pass(&mut service, 10, 1_510);
    let node = subscription("run1", [10, 1, 0, 9]).identifier.node;
    let decision = Decision::Refused { reason: "held".into(), message: "it waits for approval".into() };
    let refused = JoinDecision { node, instance: InstanceId::derived_from("run1"), decision };
    let effects = service.step(at(2_000), delivered(Packet::JoinDecision(refused)));
    assert_eq!((refusals(&effects), saved(&effects)), (vec!["held".to_owned()], vec![Record::Withdrawn { node }]));
    service.step(at(3_000), ask("run2", [10, 1, 0, 9]));
    assert_eq!(epochs(&pass(&mut service, 3_000, 4_500)), [2]);
}

#[test]
fn a_held_combination_is_planned_to_the_zone_and_its_word_reaches_the_node() {
    let mut service = Checkin::resumed(settings(), Memory::default());
    service.step(at(0), Event::LinkUp);
    let Packet::GroupTable(open) = table(7) else { unreachable!() };
    let hold = GroupTable { create_unknown: false, hold_unknown: true, ..open };
    service.step(at(0), delivered(Packet::GroupTable(hold)));
    assert_eq!(told(&service.step(at(10), ask("run1", [10, 1, 0, 9]))), [None]);
    let node = subscription("run1", [10, 1, 0, 9]).identifier.node;
    let message = "cpu=? waits for approval: `rollcall combinations approve`".to_owned();
    let decision = Decision::Refused { reason: "held".into(), message };
    let held = JoinDecision { node, instance: InstanceId::derived_from("run1"), decision };
    assert_eq!(refusals(&service.step(at(20), delivered(Packet::JoinDecision(held)))), ["held"]);
}

#[test]
fn after_a_restart_the_service_is_announced_from_what_it_remembers() {
    let first = serving();
    let mut service = again(&first, &[Record::Table(Box::new(knowing(7)))]);
    let effects = service.step(at(0), Event::LinkUp);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Announce(_))), "without the zone's word");
    assert!(!service.is_confirmed());
    let asked = |effects: &[Effect]| match &sent(effects)[..] {
        [(_, Packet::TableRequest(request)), ..] => request.have,
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&effects), 0, "asked for as if it had none: the answer shows that the zone is there");
    let same = service.step(at(10), delivered(Packet::GroupTable(knowing(7))));
    assert!(same.is_empty() && service.is_confirmed(), "neither saved nor announced again");
    let anew = GroupTable { zone: ZoneId::derived_from("new"), ..knowing(1) };
    let mut service = again(&first, &[Record::Table(Box::new(knowing(7)))]);
    service.step(at(0), Event::LinkUp);
    let effects = service.step(at(10), delivered(Packet::GroupTable(anew)));
    assert!(matches!(&effects[..], [Effect::Save(Record::Table(_)), Effect::Announce(_)]), "a zone set up anew");
}

#[test]
fn the_table_is_asked_for_every_five_seconds_as_a_sign_of_life() {
    let mut service = serving();
    let asked = sent(&pass(&mut service, 1, 60_000));
    assert_eq!(asked.iter().filter(|(_, packet)| matches!(packet, Packet::TableRequest(_))).count(), 12);
}

#[test]
fn a_crash_between_save_and_publish_leads_to_the_same_answer() {
    let mut service = serving();
    service.step(at(10), ask("run1", [10, 1, 0, 9]));
    let effects = pass(&mut service, 10, 1_510);
    let mut records = vec![Record::Table(Box::new(knowing(7)))];
    records.extend(saved(&effects));
    // Nothing was published; the next run tells the zone, and the node asks again.
    let mut service = again(&service, &records);
    service.step(at(0), Event::LinkUp);
    assert_eq!(told(&pass(&mut service, 0, 100)), [Some(1)]);
    assert_eq!(epochs(&service.step(at(200), ask("run1", [10, 1, 0, 9]))), [1]);
    // A crash before the save: nobody had heard of it.
    let mut service = again(&service, &records[..1]);
    service.step(at(0), Event::LinkUp);
    service.step(at(200), ask("run2", [10, 1, 0, 9]));
    assert_eq!(epochs(&pass(&mut service, 200, 2_000)), [1]);
}
