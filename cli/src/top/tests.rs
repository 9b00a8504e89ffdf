use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};

use super::fleet::Loaded;
use super::input::Input;
use super::palette::Palette;
use super::state::{Effect, Event, State};
use super::view;
use crate::ask::answer::Alert;

mod pictures;

pub(super) fn now() -> Timestamp {
    "2026-11-20T08:15:33Z".parse().unwrap()
}

fn id(kind: &str, number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{kind}")
}

fn rack_of(node: usize, nodes: usize) -> usize {
    node / (nodes / 13).max(1)
}

/// States that are neither even nor random: mostly well, and something of everything.
fn state_of(node: usize) -> &'static str {
    match node {
        n if n % 97 == 5 => "down",
        n if n % 61 == 7 => "degraded",
        n if n % 211 == 9 => "suspect",
        n if n % 173 == 11 => "joining",
        _ => "healthy",
    }
}

fn node(number: usize, nodes: usize) -> Value {
    let state = state_of(number);
    let rack = rack_of(number, nodes);
    json!({
        "node_id": id("00000000000d", number), "name": format!("node-{number}"), "address": format!("10.1.{}.{}", number / 250, number % 250),
        "state": state, "since": "2026-11-20T08:10:00.000Z", "epoch": 1, "physical_group": format!("rack-{rack}"),
        "physical_group_id": id("00000000000a", rack), "logical_group": "amd-25-17", "policy_version": 4,
        "health_bits": if state == "degraded" { 1 << 9 | 1 << (number % 8) } else { 0 }, "unmeasurable": 1 << 17,
    })
}

/// A zone of thirteen racks.
pub(super) fn loaded(nodes: usize) -> Loaded {
    let read = |value: Value| serde_json::from_value(value).unwrap();
    let status = json!({
        "zone": { "id": "z", "name": "hall-1", "generation": 3 }, "broker": "up", "database": "up", "nodes": [], "groups": [],
        "alerts": [], "policy_version": 4, "ignored": {}, "checkins": {}, "neighbours": {},
        "summaries": { id("00000000000a", 0): { "states": {}, "statuses": 100, "refused": {} } },
    });
    let racks: Vec<Value> = (0..=rack_of(nodes - 1, nodes))
        .map(|rack| {
            json!({ "group_id": id("00000000000a", rack), "name": format!("rack-{rack}"), "kind": "physical",
                            "place": format!("hall-1/{rack}") })
        })
        .collect();
    let alerts: Vec<Value> = (0..nodes)
        .filter(|number| matches!(state_of(*number), "down" | "degraded"))
        .map(|number| {
            let down = state_of(number) == "down";
            json!({ "alert_id": number, "kind": if down { "liveness" } else { "disk_space" },
                    "severity": if down { "critical" } else { "warning" }, "state": "raised",
                    "group_name": format!("rack-{}", rack_of(number, nodes)), "node": format!("node-{number}"),
                    "raised_at": "2026-11-20T08:10:00.000Z",
                    "message": if down { "connection closed" } else { "a watched file system is full" },
                    "acknowledged_by": if number % 2 == 0 { json!("ada") } else { Value::Null } })
        })
        .collect();
    Loaded {
        status: serde_json::from_value(status).unwrap(),
        nodes: (0..nodes).map(|number| read(node(number, nodes))).collect(),
        groups: racks.into_iter().map(|rack| serde_json::from_value(rack).unwrap()).collect(),
        alerts: alerts.into_iter().map(|alert| serde_json::from_value(alert).unwrap()).collect(),
        now: now(),
    }
}

/// A state that shows a zone of so many nodes on a terminal of this size.
pub(super) fn shown(nodes: usize, (width, height): (u16, u16)) -> State {
    let mut state = State::new("");
    state.take(loaded(nodes));
    assert_eq!(state.step(Event::Size(width, height)), []);
    state
}

pub(super) fn text(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.area.width, state.area.height)).unwrap();
    terminal.draw(|frame| view::draw(state, frame, Palette::new(true))).unwrap();
    terminal.backend().to_string()
}

pub(super) fn press(state: &mut State, inputs: &[Input]) -> Vec<Effect> {
    inputs.iter().flat_map(|input| state.step(Event::Input(*input))).collect()
}

fn typed(state: &mut State, text: &str) {
    for letter in text.chars() {
        press(state, &[Input::Char(letter)]);
    }
}

fn changed(number: usize, to: &str, bits: u32) -> Value {
    json!({ "event_id": 1, "at": "2026-11-20T08:15:32.000Z", "kind": "node_state", "subject_type": "node",
            "subject_id": id("00000000000d", number), "message": "x",
            "detail": json!({ "from": "healthy", "to": to, "bits": bits, "mask": 0 }).to_string() })
}

#[test]
fn an_event_changes_the_node_at_once_and_asks_for_the_alerts() {
    let mut state = shown(390, (80, 24));
    let effects = state.step(Event::Happened(vec![changed(0, "down", 0)]));
    assert_eq!(effects, [Effect::LoadAlerts]);
    let node = state.fleet.node(&id("00000000000d", 0)).unwrap();
    assert_eq!((node.state.as_str(), node.since.as_deref()), ("down", Some("2026-11-20T08:15:32.000Z")));
    assert!((state.fleet.rates.events(now()) - 0.1).abs() < 1e-9);
    let unknown = changed(9_999, "down", 0);
    assert_eq!(state.step(Event::Happened(vec![unknown])), [Effect::LoadFleet], "a node nobody has heard of");
    let placed = json!({ "kind": "node_placed", "subject_id": "x" });
    assert_eq!(state.step(Event::Happened(vec![placed])), [Effect::LoadFleet]);
}

#[test]
fn what_happens_while_the_whole_is_loaded_is_not_undone_by_its_older_answer() {
    let mut state = shown(390, (80, 24));
    state.step(Event::Loading);
    state.step(Event::Happened(vec![changed(0, "suspect", 0), changed(0, "down", 0)]));
    state.step(Event::Loaded(Box::new(loaded(390))));
    let node = state.fleet.node(&id("00000000000d", 0)).unwrap();
    assert_eq!((node.state.as_str(), node.since.as_deref()), ("down", Some("2026-11-20T08:15:32.000Z")));
    assert_eq!(state.fleet.racks[0].counts[0], 2, "node-5 was down before");
    assert!((state.fleet.rates.events(now()) - 0.2).abs() < 1e-9, "each is counted once");
    // A later answer knows it.
    state.step(Event::Loading);
    state.step(Event::Loaded(Box::new(loaded(390))));
    assert_eq!(state.fleet.node(&id("00000000000d", 0)).unwrap().state, "healthy");
}

#[test]
fn what_is_missed_or_too_much_to_be_kept_is_loaded_as_a_whole() {
    let mut state = shown(390, (80, 24));
    assert_eq!(state.step(Event::Missed), [Effect::LoadFleet]);
    state.step(Event::Loading);
    assert_eq!(state.step(Event::Happened(vec![changed(0, "down", 0); 20_001])), [Effect::LoadFleet]);
}

#[test]
fn an_alert_is_counted_where_it_belongs_by_id_and_not_by_name() {
    let mut state = shown(390, (80, 24));
    let alert = |group: Option<String>| Alert { group_name: "rack-1".into(), group_id: group, ..Alert::default() };
    let racks = |state: &State| [1, 2].map(|at: usize| state.fleet.racks[at].alerts);
    state.step(Event::Alerts(vec![alert(Some(id("00000000000a", 2))), alert(Some("of a logical group".into()))]));
    assert_eq!(racks(&state), [0, 1]);
    state.step(Event::Alerts(vec![alert(None)]));
    assert_eq!(racks(&state), [1, 0]);
}

#[test]
fn one_goes_from_racks_to_a_node_and_back_to_where_one_was() {
    let mut state = shown(390, (80, 24));
    press(&mut state, &[Input::Char('s'), Input::Down, Input::Down, Input::Enter]);
    let before = state.places.last().unwrap().chosen.clone();
    assert_eq!(before, Some(id("00000000000d", 60)), "{}", text(&state));
    let effects = press(&mut state, &[Input::Down, Input::Enter]);
    assert_eq!(effects, [Effect::LoadNode(id("00000000000d", 61))]);
    press(&mut state, &[Input::Escape]);
    assert_eq!(state.places.last().unwrap().chosen, Some(id("00000000000d", 61)));
    press(&mut state, &[Input::Escape]);
    assert_eq!(state.places.last().unwrap().chosen, Some(id("00000000000a", 2)));
    assert_eq!(press(&mut state, &[Input::Char('q')]), [Effect::Quit]);
}

#[test]
fn what_is_chosen_stays_chosen_where_it_moves_to() {
    let mut state = shown(390, (80, 24));
    press(
        &mut state,
        &[Input::Char('s'), Input::Enter, Input::Down, Input::Char('s'), Input::Char('s'), Input::Char('s')],
    );
    assert_eq!(state.places.last().unwrap().chosen, Some(id("00000000000d", 1)));
    // It goes down, and with the worst first stands at the top then.
    state.step(Event::Happened(vec![changed(1, "down", 0)]));
    assert_eq!(state.places.last().unwrap().chosen, Some(id("00000000000d", 1)));
    assert!(state.position() <= 1);
}

#[test]
fn a_filter_takes_names_states_and_bits() {
    let mut state = shown(390, (80, 24));
    for (filter, racks) in [("rack-3", 1), ("node-123", 1), ("suspect", 2), ("disk_space", 7), ("nonsense", 0)] {
        press(&mut state, &[Input::Char('/')]);
        typed(&mut state, filter);
        press(&mut state, &[Input::Enter]);
        assert_eq!(state.racks().len(), racks, "{filter}");
        press(&mut state, &[Input::Escape]);
        assert_eq!((state.filter.as_str(), state.racks().len()), ("", 13));
    }
    press(&mut state, &[Input::Char('/'), Input::Char('q')]);
    assert_eq!(state.filter, "q", "a letter of the filter is no command");
}

#[test]
fn a_click_hits_what_is_seen() {
    let mut state = shown(390, (80, 24));
    press(&mut state, &[Input::Char('s')]);
    let rows = state.regions().rows;
    press(&mut state, &[Input::Click(5, rows.y + 3)]);
    assert_eq!(state.places.last().unwrap().chosen, Some(id("00000000000a", 3)));
    press(&mut state, &[Input::Click(5, rows.y + 3), Input::Wheel(false)]);
    assert_eq!((state.places.len(), state.position()), (2, 3));
    press(&mut state, &[Input::Escape]);
    let alerts = state.regions().alerts;
    press(&mut state, &[Input::Click(5, alerts.y + 1)]);
    assert_eq!(*state.screen(), super::state::Screen::Alerts);
    press(&mut state, &[Input::Click(500, 500), Input::Click(0, 0)]);
}

#[test]
fn a_lost_connection_is_told_and_everything_is_loaded_when_it_is_back() {
    let mut state = shown(390, (80, 24));
    state.step(Event::Lost("cannot reach the zone's API at https://x: refused".into()));
    let picture = text(&state);
    assert!(picture.contains("CONNECTION LOST") && picture.contains("what is shown is old"), "{picture}");
    assert_eq!(state.step(Event::Back), [Effect::LoadFleet]);
    assert!(!text(&state).contains("CONNECTION LOST"));
    assert_eq!(state.step(Event::Back), []);
}

#[test]
fn no_terminal_is_too_small_and_no_key_breaks_it() {
    let inputs = [
        Input::Enter,
        Input::End,
        Input::PageDown,
        Input::Char('s'),
        Input::Char('a'),
        Input::Enter,
        Input::Char('?'),
        Input::Escape,
        Input::Char('/'),
        Input::Char('x'),
        Input::Escape,
        Input::Home,
        Input::PageUp,
        Input::Tab,
        Input::Wheel(true),
        Input::Click(1, 5),
        Input::Backspace,
        Input::Up,
    ];
    for size in [(1, 1), (3, 2), (10, 5), (20, 12), (80, 24), (300, 90)] {
        let mut state = shown(30, size);
        for input in inputs.iter().cycle().take(60) {
            press(&mut state, &[*input]);
            drop(text(&state));
        }
    }
}
