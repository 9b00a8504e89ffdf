//! What it looks like, at 80x24 and at 200x50, small and large.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Event, Input, press, shown, text};
use crate::ask::answer::{NodeDetail, NodeReadings};
use crate::top::state::{Screen, State};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 50);

/// A node that is looked at, with what it measures.
fn looked_at(size: (u16, u16)) -> State {
    let mut state = shown(390, size);
    press(&mut state, &[Input::Char('/')]);
    for letter in "node-7".chars() {
        press(&mut state, &[Input::Char(letter)]);
    }
    press(&mut state, &[Input::Enter, Input::Enter, Input::Enter]);
    let Screen::Node(id) = state.screen().clone() else { panic!("{:?}", state.screen()) };
    let node =
        serde_json::to_value(json!({ "node_id": id, "name": "node-7", "state": "degraded", "epoch": 1 })).unwrap();
    let event = json!({ "event_id": 1, "at": "2026-11-20T08:10:00.000Z", "kind": "node_state",
                        "message": "node node-7 healthy → degraded: disk_space set" });
    let detail: NodeDetail = serde_json::from_value(json!({ "node": node, "events": [event] })).unwrap();
    let indicators: Vec<_> = rollcall_model::indicator::INDICATORS
        .iter()
        .map(|it| match it.name {
            "fan" => json!({ "name": "fan", "value": null, "reason": "no fan sensor in /sys/class/hwmon", "set": false,
                             "limit": 0.0, "clear": 0.0, "above": true, "dwell_ms": 0 }),
            name => json!({ "name": name, "value": if name == "disk_space" { 96.12 } else { 1.5 }, "reason": null,
                            "set": name == "disk_space", "limit": it.threshold.limit, "clear": 0.0, "above": true,
                            "dwell_ms": 0 }),
        })
        .collect();
    let readings: NodeReadings =
        serde_json::from_value(json!({ "age_ms": 400, "policy_version": 4, "indicators": indicators })).unwrap();
    state.step(Event::Node(Box::new(detail), Some(Box::new(readings))));
    state
}

#[test]
fn the_racks_of_390_nodes() {
    insta::assert_snapshot!("racks_390_80x24", text(&shown(390, SMALL)));
    insta::assert_snapshot!("racks_390_200x50", text(&shown(390, LARGE)));
}

#[test]
fn the_racks_of_5000_nodes() {
    insta::assert_snapshot!("racks_5000_80x24", text(&shown(5_000, SMALL)));
    insta::assert_snapshot!("racks_5000_200x50", text(&shown(5_000, LARGE)));
}

#[test]
fn the_nodes_of_a_rack() {
    for (name, size) in [("nodes_80x24", SMALL), ("nodes_200x50", LARGE)] {
        let mut state = shown(390, size);
        press(&mut state, &[Input::Enter]);
        insta::assert_snapshot!(name, text(&state));
    }
}

#[test]
fn a_node_with_its_indicators() {
    insta::assert_snapshot!("node_80x24", text(&looked_at(SMALL)));
    insta::assert_snapshot!("node_200x50", text(&looked_at(LARGE)));
}

#[test]
fn the_alerts_and_the_help() {
    let mut state = shown(5_000, SMALL);
    press(&mut state, &[Input::Char('a')]);
    insta::assert_snapshot!("alerts_80x24", text(&state));
    press(&mut state, &[Input::Char('?')]);
    insta::assert_snapshot!("help_80x24", text(&state));
}

/// Not a measurement: only that 5,000 nodes are drawn and changed without anything that grows out of hand.
#[test]
fn a_large_zone_is_drawn_in_an_instant() {
    let mut state = shown(5_000, LARGE);
    let began = Instant::now();
    for number in 0..20 {
        state.step(Event::Happened(vec![super::changed(number, "degraded", 512)]));
        drop(text(&state));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
