//! Check-in services at places: put to work, watched, replaced, and given back.

use rollcall_model::packet::{CheckinOrder, CheckinPlaced};

use super::asking::at;
use super::*;

const SERVICE: &str = "checkin-rack-a";

/// A zone that has a service run in rack-a, at its very start.
fn started() -> Zone {
    let place =
        CheckinPlace { place: name("rack-a"), name: name(SERVICE), ranges: vec!["10.1.0.0/16".parse().unwrap()] };
    Zone::start(at(0), Settings { places: vec![place], ..settings(true) }, Snapshot::default()).0
}

fn joins(zone: &mut Zone, ms: u64, rack: &str, run: &str) -> Vec<Effect> {
    zone.step(at(ms), Event::AckHeard(ack(rack, run)))
}

/// What was ordered: to which rack, and whether to run it.
fn orders(effects: &[Effect]) -> Vec<(String, bool)> {
    let ordered = packets(effects).into_iter().filter_map(|(key, packet)| match packet {
        Packet::CheckinOrder(CheckinOrder { group, name, ranges, run, .. }) => {
            assert_eq!(key, route::group_inbox(group));
            assert!(name.as_str() == SERVICE && ranges.len() == 1);
            let rack = ["rack-a", "rack-b", "rack-c"].into_iter().find(|rack| GroupId::derived_from(rack) == group);
            Some((rack.unwrap_or("?").to_owned(), run))
        }
        _ => None,
    });
    ordered.collect()
}

fn placed(rack: &str, session: u32, running: bool) -> Event {
    delivered(Packet::CheckinPlaced(CheckinPlaced {
        group: GroupId::derived_from(rack),
        session,
        name: name(SERVICE),
        running,
        message: (!running).then(|| "cannot be started".into()),
    }))
}

fn runs(rack: &str) -> Vec<(String, bool)> {
    vec![(rack.to_owned(), true)]
}

/// Everything ordered until then; each rack in `alive` shows signs of life, as does the service while it is heard.
fn until(zone: &mut Zone, (from, to): (u64, u64), alive: &[&str], heard: bool) -> Vec<(String, bool)> {
    let mut ordered = Vec::new();
    for ms in (from..=to).step_by(1_000) {
        if ms % 5_000 == 0 {
            for rack in alive {
                let summary = super::mending::summary_of(rack, 1);
                ordered.extend(orders(&zone.step(at(ms), summary)));
            }
            if heard {
                zone.step(at(ms), table_request(SERVICE, u64::MAX));
            }
        }
        ordered.extend(orders(&zone.step(at(ms), Event::Tick)));
    }
    ordered
}

#[test]
fn a_service_is_ordered_when_its_group_joins_and_again_until_it_is_answered() {
    let mut zone = started();
    assert!(orders(&joins(&mut zone, 0, "rack-b", "r1")).is_empty(), "not its place");
    assert_eq!(orders(&joins(&mut zone, 0, "rack-a", "r1")), runs("rack-a"));
    assert!(orders(&zone.step(at(1_999), Event::Tick)).is_empty());
    assert_eq!(orders(&zone.step(at(2_000), Event::Tick)), runs("rack-a"));
    let effects = zone.step(at(2_100), placed("rack-a", 1, true));
    assert!(matches!(saves(&effects)[..], [Change::CheckinPlaced { running: true, .. }]));
    assert!(saves(&zone.step(at(2_200), placed("rack-a", 1, true))).is_empty(), "known already");
    assert!(until(&mut zone, (3_000, 60_000), &["rack-a", "rack-b"], true).is_empty());
    assert!(zone.overview().places[&name(SERVICE)].running);
}

#[test]
fn a_silent_service_is_ordered_again_and_after_half_a_minute_at_another_group() {
    let mut zone = started();
    joins(&mut zone, 0, "rack-a", "r1");
    joins(&mut zone, 0, "rack-b", "r1");
    zone.step(at(0), placed("rack-a", 1, true));
    let ordered = until(&mut zone, (1_000, 49_000), &["rack-a", "rack-b"], false);
    assert!(ordered.len() > 10 && ordered.iter().all(|order| *order == ("rack-a".to_owned(), true)), "{ordered:?}");
    assert!(!zone.overview().places[&name(SERVICE)].running);
    let ordered = orders(&zone.step(at(50_000), Event::Tick));
    assert_eq!(ordered, [("rack-a".to_owned(), false), ("rack-b".to_owned(), true)]);
    zone.step(at(50_100), placed("rack-a", 1, false));
    let effects = zone.step(at(50_200), placed("rack-b", 1, true));
    let rack_b = GroupId::derived_from("rack-b");
    assert!(matches!(saves(&effects)[..], [Change::CheckinPlaced { running: true, group, .. }] if *group == rack_b));
    assert!(until(&mut zone, (51_000, 120_000), &["rack-a", "rack-b"], true).is_empty(), "it stays there");
    let back = orders(&joins(&mut zone, 121_000, "rack-a", "r2"));
    assert_eq!(back, [("rack-b".to_owned(), false), ("rack-a".to_owned(), true)], "the rightful one is back");
}

#[test]
fn a_group_that_is_gone_is_replaced_by_one_that_lives() {
    let mut zone = started();
    for rack in ["rack-a", "rack-b", "rack-c"] {
        joins(&mut zone, 0, rack, "r1");
    }
    zone.step(at(0), placed("rack-a", 1, true));
    until(&mut zone, (1_000, 100_000), &["rack-a", "rack-c"], true);
    let inbox = route::group_inbox(GroupId::derived_from("rack-a"));
    zone.step(at(100_000), Event::Unroutable { routing_key: inbox.clone() });
    let ordered = until(&mut zone, (101_000, 131_000), &["rack-c"], false);
    assert_eq!(ordered.last(), Some(&("rack-c".to_owned(), true)), "rack-b was silent for long: {ordered:?}");
    zone.step(at(131_000), placed("rack-c", 1, true));
    zone.step(at(131_000), Event::Unroutable { routing_key: inbox });
    let back = until(&mut zone, (132_000, 140_000), &["rack-a", "rack-c"], true);
    assert_eq!(back[..2], [("rack-c".to_owned(), false), ("rack-a".to_owned(), true)], "a sign of life is enough");
}

#[test]
fn a_place_whose_group_never_joins_is_served_by_another() {
    let mut zone = started();
    joins(&mut zone, 0, "rack-b", "r1");
    assert!(until(&mut zone, (1_000, 49_000), &["rack-b"], false).is_empty());
    assert_eq!(until(&mut zone, (50_000, 50_000), &["rack-b"], false), runs("rack-b"));
}

#[test]
fn a_service_somebody_else_runs_under_the_name_is_left_alone() {
    let mut zone = started();
    joins(&mut zone, 0, "rack-b", "r1");
    assert!(until(&mut zone, (1_000, 120_000), &["rack-b"], true).is_empty());
}

#[test]
fn a_restarted_zone_remembers_the_substitute_and_ends_it_when_the_rightful_group_is_there() {
    let mut zone = started();
    zone.recall_places(vec![(name(SERVICE), GroupId::derived_from("rack-b"))]);
    assert_eq!(orders(&joins(&mut zone, 0, "rack-b", "r1")), runs("rack-b"), "asked whether it still runs");
    zone.step(at(100), placed("rack-b", 1, true));
    let back = orders(&joins(&mut zone, 200, "rack-a", "r1"));
    assert_eq!(back, [("rack-b".to_owned(), false), ("rack-a".to_owned(), true)]);
}

#[test]
fn a_service_that_is_not_configured_any_more_is_ended() {
    let mut zone = zone();
    joins(&mut zone, 0, "rack-a", "r1");
    let effects = zone.step(at(0), placed("rack-a", 1, true));
    assert!(packets(&effects).iter().any(|(_, packet)| matches!(packet, Packet::CheckinOrder(order) if !order.run)));
    let effects = zone.step(at(0), placed("rack-a", 7, true));
    assert!(matches!(packets(&effects)[..], [(_, Packet::ZoneSubscriber(_))]), "of another membership");
}
