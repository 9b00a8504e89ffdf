//! Every command that changes something has its line in the audit log, saved with the change.

use rollcall_model::packet::Action;
use rollcall_store::{GroupKind, TrustChange};
use serde_json::json;

use super::asking::{ask, fleet, id_of, policy, set_policy};
use super::enrolment::{trust, trusted};
use super::*;

fn ada() -> By {
    By { who: "ada".into(), origin: "10.0.0.7".into() }
}

/// Action, subject, before and after of the one line there is.
fn line(effects: &[Effect]) -> (String, String, Value, Value) {
    match trusted(effects)[..] {
        [TrustChange::Audited { at, who, origin, action, subject, before, after }] => {
            assert_eq!((*at, who.as_str(), origin.as_str()), (NOW.wall, "ada", "10.0.0.7"));
            (action.clone(), subject.clone(), before.clone(), after.clone())
        }
        _ => panic!("{effects:?}"),
    }
}

fn told(zone: &mut Zone, command: Command) -> (String, String, Value, Value) {
    let (answer, effects) = ask(zone, NOW, command);
    answer.unwrap_or_else(|rejection| panic!("{rejection}"));
    line(&effects)
}

fn hot(rule: &str) -> Command {
    Command::SetRuleGroup {
        name: name("warm"),
        kind: GroupKind::Health,
        rule: rule.into(),
        enter_dwell: Millis(1),
        leave_dwell: Millis(2),
        by: ada(),
    }
}

#[test]
fn policies_say_their_versions_and_what_differs() {
    let mut zone = fleet(&["n1"]);
    let document = "[actions]\nallowed = [\"identify\"]\n".to_owned();
    let set = Command::SetPolicy { document: document.clone(), comment: "why".into(), by: ada(), dry_run: false };
    let (action, subject, before, after) = told(&mut zone, set);
    assert_eq!((action.as_str(), subject.as_str(), before), ("policy_set", "policy", json!({ "version": 0 })));
    assert_eq!((&after["version"], &after["comment"]), (&json!(1), &json!("why")));
    assert_eq!(after["changes"][0]["key"], "actions.allowed");
    let (action, _, before, after) = told(&mut zone, Command::RollbackPolicy { version: 1, document, by: ada() });
    assert_eq!(
        (action.as_str(), before, &after["version"]),
        ("policy_rolled_back", json!({ "version": 1 }), &json!(2))
    );
}

#[test]
fn groups_alerts_actions_channels_and_combinations_say_what_was_and_what_is() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, "[actions]\nallowed = [\"identify\"]\n");
    let (action, subject, before, after) = told(&mut zone, hot("health.fan"));
    assert_eq!(
        (action.as_str(), subject.as_str(), before, &after["rule"]),
        ("group_set", "warm", Value::Null, &json!("health.fan"))
    );
    let (_, _, before, after) = told(&mut zone, hot("health.link"));
    assert_eq!((&before["rule"], &after["rule"]), (&json!("health.fan"), &json!("health.link")));
    let (action, _, before, after) = told(&mut zone, Command::DissolveGroup { group: "warm".into(), by: ada() });
    assert_eq!((action.as_str(), &before["rule"], after), ("group_dissolved", &json!("health.link"), Value::Null));
    let seen = Command::AcknowledgeAlert { alert: 7, comment: "ordered".into(), by: ada() };
    assert_eq!(told(&mut zone, seen).1, "alert 7");
    let order = Command::OrderAction {
        node: "n1".into(),
        action: Action::Identify { seconds: 5 },
        deadline: Millis(9_000),
        by: ada(),
    };
    let (action, subject, _, after) = told(&mut zone, order.clone());
    assert_eq!((action.as_str(), subject.as_str()), ("action_ordered", "n1"));
    assert!(after["action_id"].is_string() && after["action"]["kind"] == "identify", "{after}");
    assert!(trusted(&ask(&mut zone, NOW, order).1).is_empty(), "a repetition changes nothing");
    let said = Command::Send {
        channel: Purpose::new("security").unwrap(),
        what: "note".into(),
        subject: "door".into(),
        message: "open".into(),
        by: ada(),
    };
    assert_eq!(told(&mut zone, said).3, json!({ "what": "note", "subject": "door", "message": "open" }));
}

#[test]
fn what_only_asks_or_is_refused_has_no_line() {
    let mut zone = fleet(&["n1"]);
    for command in [
        policy("", true),
        policy("[settings", false),
        Command::TestRule { rule: "health.fan".into() },
        Command::DissolveGroup { group: "nothing".into(), by: ada() },
        hot("health."),
    ] {
        let effects = ask(&mut zone, NOW, command).1;
        assert!(trusted(&effects).is_empty(), "{effects:?}");
    }
    zone.command(NOW, 9, Command::Readings { node: id_of("n1").to_string() });
}

#[test]
fn others_have_lines_written_and_none_is_longer_than_it_should_be() {
    let command = Trust::Audit {
        by: ada(),
        action: "broker_refused".into(),
        subject: "s".repeat(1_000),
        before: Value::Null,
        after: json!("x".repeat(20_000)),
    };
    let (answer, effects) = trust(&mut zone(), NOW, command);
    assert_eq!(answer, Ok(json!({})));
    let (action, subject, _, after) = line(&effects);
    assert_eq!((action.as_str(), subject.len()), ("broker_refused", 200));
    assert!(after["dropped"].as_str().unwrap().contains("bytes"), "{after}");
}
