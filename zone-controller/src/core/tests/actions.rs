//! Orders: given once, sent until answered; remedies on the edge, within their budget, never in the dark.

use rollcall_model::packet::{Action, ActionOrder, ActionOutcome, ActionState, GroupAlarm};
use rollcall_model::{ActionId, Millis};
use rollcall_store::ActionRecord;

use super::asking::{ask, at, bit, fleet, id_of, rack_a, saved, seen, set_policy};
use super::*;

const ALLOWED: &str = "[actions]\nallowed = [\"drain\", \"identify\", \"reboot\", \"restart_service\"]\n";

fn order(node: &str, action: Action) -> Command {
    Command::OrderAction { node: node.into(), action, deadline: Millis(10_000), by: "ada".into() }
}

fn orders(effects: &[Effect]) -> Vec<ActionOrder> {
    packets(effects)
        .into_iter()
        .filter_map(|(_, packet)| if let Packet::ActionOrder(order) = packet { Some(order) } else { None })
        .collect()
}

fn ordered(effects: &[Effect]) -> Vec<(NodeId, String, bool)> {
    saves(effects)
        .into_iter()
        .filter_map(|change| match change {
            Change::ActionOrdered { node, by, automatic, .. } => Some((*node, by.clone(), *automatic)),
            _ => None,
        })
        .collect()
}

/// What people are told of nodes that fulfil a remedy already.
fn left_alone(effects: &[Effect]) -> Vec<&str> {
    saves(effects)
        .into_iter()
        .filter_map(|change| match change {
            Change::Noted { kind: "remedy_left_alone", message, .. } => Some(message.as_str()),
            _ => None,
        })
        .collect()
}

fn outcome(action_id: ActionId, node: &str, state: ActionState) -> Event {
    let (node, message) = (id_of(node), "so it was".into());
    delivered(Packet::ActionOutcome(ActionOutcome { action_id, node, state, message, at: NOW.wall }))
}

fn moves(effects: &[Effect]) -> Vec<ActionState> {
    saves(effects)
        .into_iter()
        .filter_map(|change| if let Change::ActionMoved { state, .. } = change { Some(*state) } else { None })
        .collect()
}

/// A fleet whose policy allows everything, with a drain ordered on n1.
fn draining() -> (Zone, ActionId) {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, ALLOWED);
    let (answer, effects) = ask(&mut zone, NOW, order("n1", Action::Drain));
    let id = orders(&effects)[0].action_id;
    assert_eq!(answer.unwrap()["action_id"], serde_json::json!(id));
    (zone, id)
}

fn alarm(raised: bool) -> Event {
    let number = if raised { 900 } else { 901 };
    let (group, session, at) = (rack_a(), 1, NOW.wall);
    delivered(Packet::GroupAlarm(GroupAlarm { group, session, number, raised, silent: 3, members: 4, at }))
}

fn remedy(budget: u32, when: &str) -> String {
    format!(
        "[actions]\nallowed = [\"drain\"]\nbudget_per_rack = {budget}\n[[actions.remedies]]\nname = \"save-it\"\n\
         when = \"{when}\"\naction = {{ kind = \"drain\" }}\n"
    )
}

#[test]
fn an_order_is_saved_before_it_is_sent_to_the_rack_of_its_node() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, ALLOWED);
    let (_, effects) = ask(&mut zone, NOW, order("n1", Action::Identify { seconds: 30 }));
    let [
        Effect::Save(Change::ActionOrdered {
            action_id, by, automatic: false, deadline, time_limit_ms: 40_000, ..
        }),
        Effect::Save(Change::Trust(_)),
        Effect::Publish(_),
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!((by.as_str(), deadline.0), ("ada", NOW.wall.0 + 10_000));
    let (key, packet) = packets(&effects).remove(0);
    assert_eq!(key, route::group_inbox(rack_a()));
    assert!(matches!(packet, Packet::ActionOrder(order) if order.action_id == *action_id && order.node == id_of("n1")));
}

#[test]
fn what_cannot_be_ordered_is_refused_with_what_to_do_and_nothing_is_saved() {
    let table = [
        ("", "n1", Action::Drain, RejectionKind::Invalid, "the zone's policy does not allow drain; it allows none"),
        (ALLOWED, "n9", Action::Drain, RejectionKind::Missing, "no node \"n9\""),
        (ALLOWED, "n2", Action::Drain, RejectionKind::Conflict, "node n2 is gone (down for 5 s)"),
        (ALLOWED, "n3", Action::Drain, RejectionKind::Conflict, "stands in no physical group yet"),
        (ALLOWED, "twin", Action::Drain, RejectionKind::Conflict, "\"twin\" means 2 nodes"),
        (ALLOWED, "n1", Action::Identify { seconds: 0 }, RejectionKind::Invalid, "1 to 3600 seconds"),
        (
            ALLOWED,
            "n1",
            Action::RestartService { service: "../x".into() },
            RejectionKind::Invalid,
            "\"../x\" is no name of a service",
        ),
    ];
    for (policy, node, action, kind, part) in table {
        let mut zone = fleet(&["n1", "n2", "a", "b"]);
        zone.step(NOW, join("n3", "run1"));
        for twin in ["a", "b"] {
            zone.nodes.get_mut(&id_of(twin)).unwrap().name = name("twin");
        }
        zone.step(NOW, seen(10, "n2", NodeState::Down, &[]));
        set_policy(&mut zone, NOW, policy);
        let (answer, effects) = ask(&mut zone, at(5_000), order(node, action));
        let rejection = answer.unwrap_err();
        assert_eq!(rejection.kind, kind, "{rejection}");
        assert!(rejection.message.contains(part), "{part:?} in {rejection}");
        assert!(effects.is_empty());
    }
}

#[test]
fn deadlines_nobody_can_mean_are_refused() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, ALLOWED);
    for ms in [0, 999, 86_400_001, u64::MAX] {
        let command =
            Command::OrderAction { node: "n1".into(), action: Action::Drain, deadline: Millis(ms), by: "ada".into() };
        let rejection = ask(&mut zone, NOW, command).0.unwrap_err();
        assert!(rejection.message.contains("between 1 second and 24 hours"), "{rejection}");
    }
}

#[test]
fn the_same_order_given_twice_is_one_order() {
    let (mut zone, id) = draining();
    let (answer, effects) = ask(&mut zone, at(100), order(&id_of("n1").to_string(), Action::Drain));
    assert_eq!(answer.unwrap(), serde_json::json!({ "action_id": id, "repeated": true }));
    assert!(effects.is_empty());
    let (_, effects) = ask(&mut zone, at(100), order("n1", Action::Reboot));
    assert_ne!(orders(&effects)[0].action_id, id, "another action is another order");
}

#[test]
fn an_order_is_sent_again_until_its_deadline_and_then_expires() {
    let (mut zone, id) = draining();
    let mut sent = Vec::new();
    let mut ended = None;
    for ms in (500..1_000_000).step_by(500) {
        let effects = zone.step(at(ms), Event::Tick);
        sent.extend(orders(&effects).iter().map(|order| (order.action_id == id, ms)));
        if let [state] = moves(&effects)[..] {
            ended = Some((state, ms));
        }
    }
    assert_eq!(sent, [(true, 2_000), (true, 4_000), (true, 6_000), (true, 8_000), (true, 10_000)]);
    assert_eq!(ended, Some((ActionState::Expired, 10_000 + 900_000 + 5_000)), "deadline, limit, and its way back");
    assert_eq!(zone.orders.next_deadline(), None);
}

#[test]
fn each_outcome_is_saved_once_and_what_is_final_stays() {
    use ActionState::{Done, Expired, Failed, Ordered, Refused, Running};
    // What the node tells, one after the other; what is saved of it.
    let table: [(&[ActionState], &[ActionState]); 8] = [
        (&[Running, Running, Done, Done], &[Running, Done]),
        (&[Done, Failed], &[Done]),
        (&[Refused, Running, Done, Refused], &[Refused, Done]),
        (&[Running, Refused, Expired, Failed], &[Running, Failed]),
        (&[Running, Ordered, Done], &[Running, Done]),
        (&[Expired, Running, Done, Failed], &[Expired, Done]),
        (&[Expired, Refused], &[Expired]),
        (&[Ordered], &[]),
    ];
    for (told, kept) in table {
        let (mut zone, id) = draining();
        let saved: Vec<ActionState> =
            told.iter().flat_map(|state| moves(&zone.step(NOW, outcome(id, "n1", *state)))).collect();
        assert_eq!(saved, kept, "{told:?}");
    }
}

#[test]
fn an_outcome_of_another_node_or_of_no_order_is_counted_and_nothing_else() {
    let (mut zone, id) = draining();
    for (event, reason) in [
        (outcome(id, "n2", ActionState::Done), "actions.not_its_node"),
        (outcome(ActionId::derived_from("x"), "n1", ActionState::Done), "actions.final_already"),
    ] {
        assert!(saves(&zone.step(NOW, event)).is_empty());
        assert_eq!(zone.overview().ignored[reason], 1);
    }
}

#[test]
fn one_that_began_is_asked_seldom_and_not_before_it_can_be_lost() {
    let (mut zone, id) = draining();
    zone.step(at(100), outcome(id, "n1", ActionState::Running));
    assert!(orders(&zone.step(at(10_000), Event::Tick)).is_empty());
    assert_eq!(orders(&zone.step(at(10_100), Event::Tick)).len(), 1, "after its deadline too: the outcome may be lost");
}

/// The run after this one, which finds this order saved in a state.
fn next_run(now: Now, zone: &Zone, id: ActionId, state: ActionState) -> (Zone, Vec<Effect>) {
    let record = ActionRecord {
        action_id: id,
        node: id_of("n1"),
        action: Action::Drain,
        automatic: false,
        deadline: UnixMillis(NOW.wall.0 + 10_000),
        time_limit_ms: 1_000,
        state,
    };
    let run = Settings { instance: InstanceId::derived_from("next run"), ..settings(true) };
    Zone::start(now, run, Snapshot { actions: vec![record], ..saved(zone) })
}

#[test]
fn orders_that_were_not_final_are_sent_again_by_the_next_run_under_their_ids() {
    let (zone, id) = draining();
    // The next run starts four seconds later, with a monotonic clock of its own.
    let later = Now { tick: Tick(0), wall: UnixMillis(NOW.wall.0 + 4_000) };
    let (mut zone, _) = next_run(later, &zone, id, ActionState::Ordered);
    assert_eq!(orders(&zone.step(later, Event::Tick))[0].action_id, id);
    set_policy(&mut zone, later, ALLOWED);
    let (_, effects) = ask(&mut zone, later, order("n1", Action::Reboot));
    assert_ne!(orders(&effects)[0].action_id, id, "ids of two runs differ");
    let ticks = (1..20_000).step_by(100).map(|ms| Now { tick: Tick(ms), ..later });
    let ended: Vec<ActionState> = ticks.flat_map(|now| moves(&zone.step(now, Event::Tick))).collect();
    assert_eq!(ended, [ActionState::Expired], "six seconds, a second, and its way back");
}

#[test]
fn the_end_of_an_order_that_expired_is_still_taken_by_the_next_run_and_once() {
    let (zone, id) = draining();
    let (mut zone, first) = next_run(NOW, &zone, id, ActionState::Expired);
    assert!(orders(&first).is_empty() && orders(&zone.step(NOW, Event::Tick)).is_empty(), "it is not sent again");
    let mut told = |node, state| moves(&zone.step(NOW, outcome(id, node, state)));
    assert_eq!(told("n2", ActionState::Done), [], "another node's word");
    assert_eq!(told("n1", ActionState::Failed), [ActionState::Failed]);
    assert_eq!(told("n1", ActionState::Failed), [], "told again");
}

#[test]
fn a_remedy_is_ordered_once_each_time_a_node_comes_to_fulfil_it() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, &remedy(1, "health.fan"));
    let effects = zone.step(NOW, bit(10, "n1", "fan", true));
    assert_eq!(ordered(&effects), [(id_of("n1"), "save-it".to_owned(), true)]);
    let id = orders(&effects)[0].action_id;
    zone.step(NOW, outcome(id, "n1", ActionState::Done));
    assert!(ordered(&zone.step(NOW, seen(11, "n1", NodeState::Degraded, &["fan", "link"]))).is_empty(), "no new edge");
    // A machine that is away for a moment does not come to fulfil it anew.
    zone.step(NOW, seen(12, "n1", NodeState::Down, &[]));
    zone.step(NOW, seen(13, "n1", NodeState::Joining, &[]));
    assert!(ordered(&zone.step(NOW, bit(14, "n1", "fan", true))).is_empty());
    zone.step(NOW, bit(15, "n1", "fan", false));
    assert_eq!(ordered(&zone.step(NOW, bit(16, "n1", "fan", true))).len(), 1);
}

#[test]
fn one_rack_gives_no_more_automatic_orders_at_a_time_than_its_budget() {
    let mut zone = fleet(&["n1", "n2", "n3", "n4"]);
    set_policy(&mut zone, NOW, &remedy(2, "health.fan"));
    let mut given = Vec::new();
    for (number, node) in (10..).zip(["n1", "n2", "n3", "n4"]) {
        given.extend(orders(&zone.step(NOW, bit(number, node, "fan", true))));
    }
    assert_eq!(given.len(), 2);
    zone.step(NOW, outcome(given[0].action_id, "n1", ActionState::Running));
    assert!(ordered(&zone.step(NOW, bit(20, "n3", "fan", false))).is_empty(), "it waits no longer");
    let next = zone.step(NOW, outcome(given[0].action_id, "n1", ActionState::Failed));
    assert_eq!(ordered(&next), [(id_of("n4"), "save-it".to_owned(), true)]);
}

#[test]
fn nothing_is_done_of_its_own_accord_in_a_dark_rack_and_all_of_it_afterwards() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, &remedy(1, "health.fan"));
    zone.step(NOW, alarm(true));
    assert!(ordered(&zone.step(NOW, bit(10, "n1", "fan", true))).is_empty());
    assert_eq!(ordered(&zone.step(NOW, alarm(false))).len(), 1);
}

#[test]
fn who_fulfils_a_remedy_already_when_it_is_set_is_left_alone_until_it_does_so_anew() {
    let mut zone = fleet(&["n1"]);
    zone.step(NOW, bit(10, "n1", "fan", true));
    let effects = set_policy(&mut zone, NOW, &remedy(1, "health.fan"));
    assert!(ordered(&effects).is_empty());
    let [told] = &left_alone(&effects)[..] else { panic!("{effects:?}") };
    assert!(told.starts_with("1 node fulfils remedy save-it already (n1): drain is not ordered"), "{told}");
    assert!(ordered(&zone.step(NOW, seen(11, "n1", NodeState::Degraded, &["fan", "link"]))).is_empty());
    zone.step(NOW, bit(12, "n1", "fan", false));
    assert_eq!(ordered(&zone.step(NOW, bit(13, "n1", "fan", true))).len(), 1);
    // Another policy with the same remedy does not begin anew.
    let same = format!("{}[settings]\nkeep_alive_ms = 2000\n", remedy(1, "health.fan"));
    let effects = set_policy(&mut zone, NOW, &same);
    assert!(ordered(&effects).is_empty() && left_alone(&effects).is_empty());
    assert!(ordered(&zone.step(NOW, seen(14, "n1", NodeState::Degraded, &["fan", "link"]))).is_empty());
}

#[test]
fn what_waited_when_the_zone_ended_is_told_and_what_came_to_be_meanwhile_is_ordered() {
    let nodes = ["n1", "n2", "n3"];
    let mut zone = fleet(&nodes);
    set_policy(&mut zone, NOW, &remedy(1, "health.fan"));
    assert_eq!(ordered(&zone.step(NOW, bit(10, "n1", "fan", true))).len(), 1);
    assert!(ordered(&zone.step(NOW, bit(11, "n2", "fan", true))).is_empty(), "it waits for the budget");
    let policy = Some(rollcall_store::PolicyRecord { version: 1, document: remedy(1, "health.fan") });
    let (mut zone, effects) = Zone::start(NOW, settings(true), Snapshot { policy, ..saved(&zone) });
    let [told] = &left_alone(&effects)[..] else { panic!("{effects:?}") };
    assert!(told.starts_with("2 nodes fulfil remedy save-it already (n1, n2): drain"), "{told}");
    assert_eq!(ordered(&zone.step(NOW, bit(12, "n3", "fan", true))), [(id_of("n3"), "save-it".to_owned(), true)]);
}

#[test]
fn after_a_restart_a_remedy_whose_condition_still_holds_is_not_ordered_again() {
    // What a rule asks for may be unknown to the new run at first: then the first word on it decides.
    for when in ["health.fan", "health.fan && metrics.fan > 0.0"] {
        let mut zone = fleet(&["n1"]);
        set_policy(&mut zone, NOW, &remedy(1, when));
        zone.step(NOW, reading(10, true));
        let document = remedy(1, when);
        let policy = Some(rollcall_store::PolicyRecord { version: 1, document });
        let (mut zone, effects) = Zone::start(NOW, settings(true), Snapshot { policy, ..saved(&zone) });
        assert!(ordered(&effects).is_empty());
        assert!(ordered(&zone.step(NOW, reading(11, true))).is_empty(), "{when}");
        zone.step(NOW, reading(12, false));
        assert_eq!(ordered(&zone.step(NOW, reading(13, true))).len(), 1, "{when}");
    }
}

/// A change of n1 with its fan's bit and reading.
fn reading(number: u64, set: bool) -> Event {
    let Event::Delivered(mut envelope) = bit(number, "n1", "fan", set) else { panic!("a delivery") };
    if let Packet::Alerts(alerts) = &mut envelope.packet {
        alerts.changes[0].metrics.insert("fan".into(), f64::from(u8::from(set)));
    }
    Event::Delivered(envelope)
}

#[test]
fn a_rack_that_was_dark_when_the_zone_ended_is_dark_for_the_next_run() {
    let nodes = ["n1", "n2", "n3", "n4"];
    let mut zone = fleet(&nodes);
    for (number, node) in (10..).zip(&nodes[..3]) {
        zone.step(NOW, seen(number, node, NodeState::Unknown, &[]));
    }
    let policy = Some(rollcall_store::PolicyRecord { version: 1, document: remedy(1, "health.fan") });
    let (mut zone, _) = Zone::start(NOW, settings(true), Snapshot { policy, ..saved(&zone) });
    assert!(ordered(&zone.step(NOW, bit(20, "n4", "fan", true))).is_empty());
    assert_eq!(ordered(&zone.step(NOW, alarm(false))).len(), 1);
}

#[test]
fn every_event_twice_gives_every_order_and_every_outcome_once() {
    let mut zone = fleet(&["n1", "n2"]);
    set_policy(&mut zone, NOW, &remedy(5, "health.fan"));
    let (mut given, mut ended, mut ids) = (0, 0, Vec::new());
    let mut twice = |zone: &mut Zone, event: Event| {
        for _ in 0..2 {
            let effects = zone.step(NOW, event.clone());
            given += ordered(&effects).len();
            ended += moves(&effects).len();
            ids.extend(orders(&effects).into_iter().map(|order| (order.action_id, order.node)));
        }
        ids.clone()
    };
    twice(&mut zone, bit(10, "n1", "fan", true));
    let ids = twice(&mut zone, bit(11, "n2", "fan", true));
    for (id, node) in ids {
        let node = if node == id_of("n1") { "n1" } else { "n2" };
        twice(&mut zone, outcome(id, node, ActionState::Running));
        twice(&mut zone, outcome(id, node, ActionState::Done));
    }
    assert_eq!((given, ended), (2, 4));
}
