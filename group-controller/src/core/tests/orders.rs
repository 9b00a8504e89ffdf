//! Orders of the zone on their way down, and what comes back: actions and check-in services.

use rollcall_model::packet::{Action, ActionOrder, ActionOutcome, ActionState, CheckinOrder, CheckinPlaced};
use rollcall_model::{ActionId, UnixMillis};

use super::*;

fn order(number: u32, automatic: bool) -> ActionOrder {
    ActionOrder {
        action_id: ActionId::derived_from(&number.to_string()),
        group: GroupId::derived_from("rack-a"),
        node: node(number),
        action: Action::Identify { seconds: 5 },
        automatic,
        deadline: UnixMillis(u64::MAX),
        time_limit_ms: 1_000,
    }
}

/// Where something was published to, and what.
fn published(effects: &[Effect]) -> Vec<(Token, String, Packet)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(token, message) => {
                let packet = Envelope::decode(&message.body).unwrap().packet;
                Some((*token, message.routing_key.clone(), packet))
            }
            _ => None,
        })
        .collect()
}

/// The outcome a group gave by itself, if it did.
fn refused(effects: &[Effect]) -> Option<String> {
    published(effects).into_iter().find_map(|(_, key, packet)| match packet {
        Packet::ActionOutcome(ActionOutcome { state: ActionState::Refused, message, .. }) if key == "zone.joins" => {
            Some(message)
        }
        _ => None,
    })
}

fn forwarded(effects: &[Effect], number: u32) -> bool {
    let inbox = route::node_inbox(node(number));
    published(effects).iter().any(|(_, key, packet)| *key == inbox && matches!(packet, Packet::ActionOrder(_)))
}

#[test]
fn an_order_reaches_its_node_or_is_refused_with_the_reason() {
    let mut bright = group(10);
    let mut dark = group(10);
    pass(&mut bright, 1_100, 6_000, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    pass(&mut dark, 1_100, 6_000, &[0, 1, 2, 3, 4, 5]);
    assert!(dark.dark.is);
    // (dark, node, automatic, part of the refusal)
    for (is_dark, number, automatic, refusal) in [
        (false, 1, false, None),
        (false, 1, true, None),
        (false, 99, false, Some("is not in this group")),
        (false, 99, true, Some("is not in this group")),
        (true, 1, false, None),
        (true, 9, false, None),
        (true, 1, true, Some("fell silent at once")),
        (true, 9, true, Some("fell silent at once")),
    ] {
        let group = if is_dark { &mut dark } else { &mut bright };
        let effects = group.step(at(6_100), delivered(Packet::ActionOrder(order(number, automatic))));
        let case = format!("dark {is_dark}, node {number}, automatic {automatic}");
        assert_eq!(forwarded(&effects, number), refusal.is_none(), "{case}");
        match (refused(&effects), refusal) {
            (Some(message), Some(part)) => assert!(message.contains(part), "{case}: {message}"),
            (message, expected) => assert_eq!(message.as_deref(), expected, "{case}"),
        }
    }
}

#[test]
fn an_order_that_comes_before_the_roster_waits_for_its_repetition() {
    let mut group = group(1);
    answer(&mut group, 1_100);
    let effects = group.step(at(1_200), delivered(Packet::ActionOrder(order(7, false))));
    assert!(published(&effects).is_empty(), "who stands here is not known yet");
    let other = ActionOrder { group: GroupId::derived_from("rack-b"), ..order(0, false) };
    group.step(at(1_200), delivered(Packet::ActionOrder(other)));
    assert_eq!((group.refused["too_early"], group.refused["for_another_run"]), (1, 1));
}

#[test]
fn a_restarted_controller_of_a_dark_rack_does_nothing_of_the_zones_own_accord_until_it_can_tell() {
    let mut group = group(0);
    answer(&mut group, 1_000);
    let member = |number: u32| RosterMember {
        node: node(number),
        name: name("n"),
        epoch: SessionEpoch(1),
        state: if number < 3 { NodeState::Unknown } else { NodeState::Healthy },
        health: Health::new(HealthBits::NONE, HealthBits::NONE).unwrap(),
        capability_digest: None,
    };
    let members = (0..10).map(member).collect();
    let group_id = GroupId::derived_from("rack-a");
    let roster = rollcall_model::packet::Roster { group: group_id, session: 1, part: 0, members };
    group.step(at(1_000), delivered(Packet::Roster(roster)));
    pass(&mut group, 1_100, 1_900, &[]);
    let effects = group.step(at(2_000), delivered(Packet::ActionOrder(order(5, true))));
    assert!(!forwarded(&effects, 5) && refused(&effects).is_none(), "the zone asks again");
    let effects = group.step(at(2_000), delivered(Packet::ActionOrder(order(5, false))));
    assert!(forwarded(&effects, 5), "a person may");
    pass(&mut group, 2_100, 2_900, &[]);
    for number in 0..10 {
        group.step(at(3_000), Event::Status(status(number, 1, 0)));
    }
    let effects = group.step(at(3_100), delivered(Packet::ActionOrder(order(5, true))));
    assert!(forwarded(&effects, 5), "everybody is heard");
}

fn outcome(state: ActionState) -> Event {
    let (action_id, node) = (ActionId::derived_from("1"), node(0));
    delivered(Packet::ActionOutcome(ActionOutcome {
        action_id,
        node,
        state,
        message: String::new(),
        at: UnixMillis(5),
    }))
}

#[test]
fn an_outcome_is_settled_only_when_the_zones_queue_has_it() {
    let mut group = group(1);
    let effects = group.step(at(1_500), outcome(ActionState::Done));
    let Effect::Keep(number) = effects[0] else { panic!("{effects:?}") };
    let sent = published(&effects);
    assert!(
        matches!(&sent[..], [(Token::Parcel(n), key, Packet::ActionOutcome(_))] if *n == number && key == "zone.joins")
    );
    let token = Token::Parcel(number);
    // Whatever else than a confirm comes: it is sent again, and not settled.
    let mut ms = 1_600;
    for error in [
        PublishError::Unconfirmed(1),
        PublishError::Disconnected,
        PublishError::Unroutable { exchange: "e".into(), routing_key: "k".into() },
        PublishError::Refused { exchange: "e".into(), routing_key: "k".into() },
    ] {
        let ended = group.step(at(ms), Event::Published { token, result: Err(error.clone()) });
        assert!(!ended.contains(&Effect::Settle(number)), "{error}");
        let repeated = group.step(at(ms + 1_000), Event::Tick);
        assert_eq!(repeated.iter().filter(|effect| effects.contains(effect)).count(), 1, "{error}: the same message");
        ms += 1_000;
    }
    let ended = group.step(at(ms), Event::Published { token, result: Ok(()) });
    assert_eq!(ended, [Effect::Settle(number)]);
    assert!(group.step(at(ms), Event::Published { token, result: Ok(()) }).is_empty(), "once");
}

#[test]
fn an_outcome_that_comes_while_the_broker_is_away_waits_for_it() {
    let mut group = group(1);
    group.step(at(1_100), Event::LinkDown);
    let effects = group.step(at(1_200), outcome(ActionState::Running));
    assert!(matches!(&effects[..], [Effect::Keep(_)]), "{effects:?}");
    for ms in (1_300..5_000).step_by(100) {
        assert!(group.step(at(ms), Event::Tick).is_empty());
        assert!(group.next_deadline() > Tick(ms), "no deadline lies in the past");
    }
    group.step(at(5_000), Event::LinkUp);
    let sent = published(&group.step(at(5_000), Event::Tick));
    assert!(sent.iter().any(|(_, _, packet)| matches!(packet, Packet::ActionOutcome(_))), "{sent:?}");
}

fn checkin(session: u32, range: &str, run: bool) -> Event {
    let (group, ranges) = (GroupId::derived_from("rack-a"), vec![range.parse().unwrap()]);
    delivered(Packet::CheckinOrder(CheckinOrder { group, session, name: name("checkin-a"), ranges, run }))
}

fn ended(why: &str) -> Event {
    Event::CheckinEnded { name: name("checkin-a"), why: why.into() }
}

/// What is done with the service, and what the zone is told of it.
fn seen(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::StartCheckin { ranges, .. } => Some(format!("start {}", ranges[0])),
            Effect::EndCheckin(_) => Some("end".into()),
            Effect::Publish(_, message) => match Envelope::decode(&message.body).unwrap().packet {
                Packet::CheckinPlaced(CheckinPlaced { running, message, .. }) => {
                    Some(format!("told {running} {}", message.unwrap_or_default()))
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// Steps, confirming what is sent.
fn confirmed_step(group: &mut Group, ms: u64, event: Event) -> Vec<String> {
    let effects = group.step(at(ms), event);
    for effect in &effects {
        if let Effect::Publish(token @ Token::Parcel(_), _) = effect {
            group.step(at(ms), Event::Published { token: *token, result: Ok(()) });
        }
    }
    seen(&effects)
}

#[test]
fn a_check_in_service_is_run_as_the_zone_orders() {
    const A: &str = "10.1.0.0/16";
    const B: &str = "10.2.0.0/16";
    let mut group = group(0);
    // (at, event, what follows)
    let table: Vec<(u64, Event, &[&str])> = vec![
        (1_000, checkin(9, A, true), &[]),
        (1_000, checkin(1, A, false), &["told false "]),
        (1_000, checkin(1, A, true), &["start 10.1.0.0/16"]),
        (1_500, checkin(1, A, true), &[]),
        (2_000, Event::Tick, &["told true "]),
        (2_500, checkin(1, A, true), &["told true "]),
        (3_000, checkin(1, B, true), &["end"]),
        (3_100, ended("as asked"), &["start 10.2.0.0/16"]),
        (4_200, Event::Tick, &[]),
        (5_000, ended("killed"), &["told false killed"]),
        (5_500, checkin(1, B, true), &["told false killed"]),
        (6_000, Event::Tick, &["start 10.2.0.0/16"]),
        (6_100, ended("killed"), &[]),
        (8_100, Event::Tick, &["start 10.2.0.0/16"]),
        (8_200, ended("out of memory"), &["told false out of memory"]),
        (12_200, Event::Tick, &["start 10.2.0.0/16"]),
        (13_200, Event::Tick, &["told true "]),
        (80_000, ended("killed"), &["told false killed"]),
        (81_000, Event::Tick, &["start 10.2.0.0/16"]),
        (81_500, checkin(1, B, false), &["end"]),
        (81_600, checkin(1, B, false), &[]),
        (81_700, ended("as asked"), &["told false "]),
        (81_800, ended("of a former life"), &[]),
    ];
    for (row, (ms, event, expected)) in table.into_iter().enumerate() {
        let case = format!("row {row}, at {ms}: {event:?}");
        assert_eq!(confirmed_step(&mut group, ms, event), expected, "{case}");
    }
    assert_eq!(group.refused["old_session"], 1);
}

#[test]
fn the_pauses_of_a_service_that_cannot_run_grow_to_a_minute() {
    let mut group = group(0);
    confirmed_step(&mut group, 1_000, checkin(1, "10.1.0.0/16", true));
    let (mut now, mut pauses) = (1_000, Vec::new());
    for _ in 0..9 {
        now += 100;
        let failed = now;
        confirmed_step(&mut group, now, ended("no such program"));
        while confirmed_step(&mut group, now, Event::Tick).iter().all(|what| !what.starts_with("start")) {
            now += 100;
        }
        pauses.push((now - failed) / 1_000);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn a_new_membership_is_told_what_runs_here() {
    let mut group = group(0);
    confirmed_step(&mut group, 1_000, checkin(1, "10.1.0.0/16", true));
    confirmed_step(&mut group, 2_000, Event::Tick);
    let effects = group.step(at(3_000), delivered(subscriber(2, 0)));
    assert_eq!(seen(&effects), ["told true "]);
}

#[test]
fn an_order_goes_on_by_the_racks_clock_and_one_that_may_have_waited_through_a_pause_not_at_all() {
    let mut group = group(2);
    pass(&mut group, 1_100, 2_900, &[0, 1]);
    let order = ActionOrder { deadline: UnixMillis(7_000_000), ..order(0, false) };
    let sent = |order: &ActionOrder| {
        let (id, packet) = (MessageId::derived_from("m"), Packet::ActionOrder(order.clone()));
        Event::Delivered(Envelope::new(id, "inbox.zone", UnixMillis(6_990_000), packet))
    };
    let on = published(&group.step(at(3_000), sent(&order)));
    let deadline = on.iter().find_map(|(_, _, packet)| match packet {
        Packet::ActionOrder(order) => Some(order.deadline),
        _ => None,
    });
    assert_eq!(deadline, Some(UnixMillis(at(3_000).wall.0 + 10_000)), "what is left of it, whatever the clocks show");
    assert!(!forwarded(&group.step(at(9_000), sent(&order)), 0), "it may have waited");
    pass(&mut group, 9_100, 10_400, &[0, 1]);
    assert!(forwarded(&group.step(at(10_500), sent(&order)), 0));
}
