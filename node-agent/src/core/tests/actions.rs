//! Orders: carried out once, answered as before, refused with the reason.

use rollcall_model::packet::Action;
use rollcall_model::policy;

use super::*;
use crate::core::actions::REMEMBERED;

fn owner() -> Allowed {
    Allowed { identify: true, drain: true, services: vec!["nginx.service".into()], reboot: false }
}

/// A member whose owner and policy allow most things, at 10 ms.
fn willing() -> Agent {
    let mut agent = joined(Agent::new(Settings { allowed: owner(), ..settings() }));
    let policy = signed_off(&[ActionKind::Identify, ActionKind::Drain, ActionKind::RestartService], 1);
    agent.step(at(10), policy);
    agent
}

fn signed_off(kinds: &[ActionKind], version: u64) -> Event {
    delivered(Packet::NodePolicy(NodePolicy {
        group: GroupId::derived_from("rack-a"),
        version,
        settings: policy::Settings::default(),
        allowed_actions: kinds.to_vec(),
    }))
}

fn order(agent: &Agent, id: &str, action: Action) -> ActionOrder {
    ActionOrder {
        action_id: ActionId::derived_from(id),
        group: GroupId::derived_from("rack-a"),
        node: agent.settings.identifier.node,
        action,
        automatic: false,
        deadline: UnixMillis(1_700_000_060_000),
        time_limit_ms: 1_000,
    }
}

fn ordered(agent: &mut Agent, at_ms: u64, id: &str, action: Action) -> Vec<Effect> {
    let order = order(agent, id, action);
    agent.step(at(at_ms), delivered(Packet::ActionOrder(order)))
}

fn outcome(agent: &Agent, id: &str, state: ActionState) -> ActionOutcome {
    let (action_id, node) = (ActionId::derived_from(id), agent.settings.identifier.node);
    ActionOutcome { action_id, node, state, message: format!("{id} is {state}"), at: UnixMillis(1) }
}

fn begun(agent: &[Effect]) -> Vec<ActionId> {
    let id = |effect: &Effect| if let Effect::Act(order) = effect { Some(order.action_id) } else { None };
    agent.iter().filter_map(id).collect()
}

fn recorded(effects: &[Effect]) -> Vec<ActionOutcome> {
    let outcome = |effect: &Effect| if let Effect::Record(outcome) = effect { Some(outcome.clone()) } else { None };
    effects.iter().filter_map(outcome).collect()
}

fn told(effects: &[Effect]) -> Vec<(ActionState, Receipt)> {
    let state = |(_, packet, receipt)| match (packet, receipt) {
        (Packet::ActionOutcome(outcome), Some(receipt)) => Some((outcome.state, receipt)),
        _ => None,
    };
    packets(effects, "action_outcome").into_iter().filter_map(state).collect()
}

fn end(agent: &mut Agent, at_ms: u64, id: &str, state: ActionState) -> Vec<Effect> {
    let ended = outcome(agent, id, state);
    agent.step(at(at_ms), Event::ActionEnded(ended))
}

#[test]
fn an_order_is_begun_once_and_its_outcome_is_told_until_the_broker_has_it() {
    let mut agent = willing();
    assert_eq!(begun(&ordered(&mut agent, 20, "a", Action::Drain)), [ActionId::derived_from("a")]);
    assert!(ordered(&mut agent, 30, "a", Action::Drain).is_empty(), "not in the journal yet");
    let running = outcome(&agent, "a", ActionState::Running);
    assert_eq!(told(&agent.step(at(40), Event::ActionBegun(running)))[0].0, ActionState::Running);
    let again = ordered(&mut agent, 50, "a", Action::Drain);
    assert_eq!((begun(&again).len(), told(&again)[0].0), (0, ActionState::Running));
    let (state, receipt) = told(&end(&mut agent, 60, "a", ActionState::Done))[0];
    assert_eq!(state, ActionState::Done);
    let repeated = until(&mut agent, 5_000).iter().flat_map(|(_, of)| told(from_ref(of))).count();
    assert!((2..=4).contains(&repeated), "{repeated}");
    agent.step(at(5_000), Event::Confirmed(receipt));
    assert!(until(&mut agent, 60_000).iter().all(|(_, of)| told(from_ref(of)).is_empty()));
    let again = ordered(&mut agent, 60_000, "a", Action::Drain);
    assert_eq!((begun(&again).len(), told(&again)[0].0), (0, ActionState::Done), "repeated to whoever asks again");
}

#[test]
fn what_is_not_allowed_is_refused_by_name_and_recorded_before_it_is_told() {
    let service = |name: &str| Action::RestartService { service: name.into() };
    // (action, what it says)
    let table = [
        (Action::Reboot, "owner has not switched reboot on"),
        (service("sshd.service"), "sshd.service is not on this node's list"),
        (Action::Identify { seconds: 0 }, "must be 1 to 3600 s"),
        (Action::Identify { seconds: 9 }, "policy does not allow identify"),
    ];
    for (action, expected) in table {
        let mut agent = willing();
        agent.step(at(11), signed_off(&[ActionKind::RestartService, ActionKind::Reboot], 2));
        let effects = ordered(&mut agent, 20, "a", action.clone());
        let refusal = recorded(&effects).pop().expect("a record");
        assert_eq!(refusal.state, ActionState::Refused);
        assert!(refusal.message.contains(expected), "{action:?}: {}", refusal.message);
        assert!(told(&effects).is_empty() && begun(&effects).is_empty());
        assert!(ordered(&mut agent, 21, "a", action.clone()).is_empty(), "while it is recorded");
        assert_eq!(told(&agent.step(at(22), Event::ActionEnded(refusal)))[0].0, ActionState::Refused);
        // A refused id is never acted upon, even if it would be allowed now.
        agent.step(at(23), signed_off(&ActionKind::ALL, 3));
        let again = ordered(&mut agent, 24, "a", action);
        assert_eq!((begun(&again).len(), told(&again)[0].0), (0, ActionState::Refused));
    }
}

#[test]
fn a_node_whose_owner_switched_nothing_on_refuses_everything() {
    let mut agent = member();
    agent.step(at(1), signed_off(&ActionKind::ALL, 1));
    let service = Action::RestartService { service: "nginx.service".into() };
    for (number, action) in
        [Action::Identify { seconds: 5 }, Action::Drain, service, Action::Reboot].into_iter().enumerate()
    {
        let effects = ordered(&mut agent, 20, &number.to_string(), action);
        assert!(recorded(&effects)[0].message.contains("owner has not switched"), "{effects:?}");
    }
}

#[test]
fn before_a_policy_is_known_an_allowed_order_waits_to_be_repeated() {
    let mut agent = joined(Agent::new(Settings { allowed: owner(), ..settings() }));
    assert!(ordered(&mut agent, 20, "a", Action::Drain).is_empty());
    agent.step(at(30), signed_off(&[ActionKind::Drain], 1));
    assert_eq!(begun(&ordered(&mut agent, 40, "a", Action::Drain)).len(), 1);
}

#[test]
fn one_at_a_time_in_order_and_a_bounded_number_waits() {
    let mut agent = willing();
    let ids: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let effects: Vec<Vec<Effect>> = ids.iter().map(|id| ordered(&mut agent, 20, id, Action::Drain)).collect();
    assert_eq!(begun(&effects[0]).len(), 1);
    assert!(effects[1..9].iter().all(Vec::is_empty), "eight wait");
    assert!(recorded(&effects[9])[0].message.contains("8 orders wait here already"));
    for pair in ids[..9].windows(2) {
        assert_eq!(begun(&end(&mut agent, 30, &pair[0], ActionState::Done)), [ActionId::derived_from(&pair[1])]);
    }
}

#[test]
fn a_deadline_that_passed_is_told_and_the_next_order_is_not_held_up() {
    let mut agent = willing();
    ordered(&mut agent, 20, "a", Action::Drain);
    ordered(&mut agent, 20, "late", Action::Drain);
    let patient = ActionOrder { deadline: UnixMillis(1_800_000_000_000), ..order(&agent, "patient", Action::Drain) };
    agent.step(at(20), delivered(Packet::ActionOrder(patient)));
    let effects = end(&mut agent, 61_000, "a", ActionState::Done);
    assert_eq!(recorded(&effects)[0].state, ActionState::Expired);
    assert_eq!(begun(&effects), [ActionId::derived_from("patient")]);
}

#[test]
fn a_policy_that_allows_it_no_longer_stops_what_waits() {
    let mut agent = willing();
    ordered(&mut agent, 20, "a", Action::Drain);
    ordered(&mut agent, 20, "b", Action::Drain);
    agent.step(at(30), signed_off(&[], 2));
    let effects = end(&mut agent, 40, "a", ActionState::Done);
    assert_eq!((begun(&effects).len(), recorded(&effects)[0].state), (0, ActionState::Refused));
}

#[test]
fn what_a_former_run_left_behind_is_repeated_never_done_and_told_if_nobody_was() {
    let past = [outcome(&agent(), "told", ActionState::Done), outcome(&agent(), "untold", ActionState::Failed)];
    let untold = vec![past[1].action_id];
    let settings = Settings { allowed: owner(), remembered: past.to_vec(), untold, ..settings() };
    let mut agent = Agent::new(settings);
    agent.step(at(0), Event::LinkUp);
    let (assignment, membership) = (assignment(&agent, "run", 4), membership(&agent));
    agent.step(at(0), assignment);
    let states: Vec<ActionState> = told(&agent.step(at(0), membership)).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [ActionState::Failed]);
    agent.step(at(5), signed_off(&ActionKind::ALL, 1));
    for (id, state) in [("told", ActionState::Done), ("untold", ActionState::Failed)] {
        let effects = ordered(&mut agent, 10, id, Action::Drain);
        let states: Vec<ActionState> = told(&effects).into_iter().map(|(state, _)| state).collect();
        assert!(states.contains(&state) && begun(&effects).is_empty(), "{id}: {effects:?}");
    }
}

#[test]
fn an_order_for_another_node_is_put_aside() {
    let mut agent = willing();
    let mut foreign = order(&agent, "a", Action::Drain);
    foreign.node = rollcall_model::NodeId::derived_from("another");
    let effects = agent.step(at(20), delivered(Packet::ActionOrder(foreign)));
    assert!(matches!(&effects[..], [Effect::Drop(reason)] if reason.contains("not for this one")), "{effects:?}");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut agent = willing();
    for number in 0..REMEMBERED + 5 {
        end(&mut agent, 20, &number.to_string(), ActionState::Done);
    }
    assert_eq!(begun(&ordered(&mut agent, 30, "4", Action::Drain)).len(), 1, "forgotten");
    assert!(begun(&ordered(&mut agent, 30, "5", Action::Drain)).is_empty());
}
