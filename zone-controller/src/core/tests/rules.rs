//! Groups by rule: made, changed and dissolved while the zone runs, entered and left on the fly.

use rollcall_model::Millis;
use rollcall_model::packet::PolicyReport;
use rollcall_store::GroupKind;
use serde_json::json;

use super::asking::{ask, at, bit, fleet, id_of, report, saved, seen, set_policy};
use super::*;

fn group(named: &str, rule: &str, enter: u64, leave: u64) -> Command {
    Command::SetRuleGroup {
        name: name(named),
        kind: GroupKind::Logical,
        rule: rule.into(),
        enter_dwell: Millis(enter),
        leave_dwell: Millis(leave),
        by: "ada".into(),
    }
}

fn dissolve(group: &str) -> Command {
    Command::DissolveGroup { group: group.into(), by: "ada".into() }
}

/// Something that happens to a zone.
type Happening = fn(&mut Zone) -> Vec<Effect>;

/// Who entered (`true`) and who left, in order.
fn moves(effects: &[Effect]) -> Vec<(NodeId, bool)> {
    saves(effects)
        .into_iter()
        .filter_map(|change| match change {
            Change::NodeEntered { node, .. } => Some((*node, true)),
            Change::NodeLeft { node, .. } => Some((*node, false)),
            _ => None,
        })
        .collect()
}

/// A fleet with a group of this rule, without dwell.
fn grouped(nodes: &[&str], rule: &str) -> (Zone, GroupId) {
    let mut zone = fleet(nodes);
    let answer = ask(&mut zone, NOW, group("g", rule, 0, 0)).0.unwrap();
    let id = serde_json::from_value(answer["group_id"].clone()).unwrap();
    (zone, id)
}

fn defaults(effects: &[Effect]) -> Vec<String> {
    saves(effects)
        .into_iter()
        .filter_map(|change| match change {
            Change::RuleGroupSet { name, kind: GroupKind::Health, origin, .. } if origin == "default" => {
                Some(name.to_string())
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_new_zone_has_its_health_groups_and_a_dissolved_one_stays_dissolved() {
    let (mut zone, effects) = Zone::start(NOW, settings(true), Snapshot::default());
    assert_eq!(defaults(&effects), ["hot", "quarantine"]);
    ask(&mut zone, NOW, dissolve("hot")).0.unwrap();
    let dissolved = vec![name("hot")];
    let (zone, effects) = Zone::start(NOW, settings(true), Snapshot { dissolved, ..saved(&zone) });
    assert!(defaults(&effects).is_empty());
    assert!(zone.groups.values().any(|group| group.name == name("quarantine")));
    assert!(!zone.groups.values().any(|group| group.name == name("hot")));
}

#[test]
fn a_zone_of_an_earlier_version_gets_the_health_groups_it_never_had_with_who_belongs_there() {
    let mut zone = fleet(&["n1", "n2"]);
    zone.step(NOW, bit(10, "n1", "memory_uncorrectable", true));
    let mut old = saved(&zone);
    old.groups.retain(|group| group.kind != GroupKind::Health);
    let (zone, effects) = Zone::start(NOW, settings(true), old.clone());
    assert_eq!(defaults(&effects), ["hot", "quarantine"]);
    assert_eq!(moves(&effects), [(id_of("n1"), true)]);
    assert!(defaults(&Zone::start(NOW, settings(true), saved(&zone)).1).is_empty(), "once");
    let dissolved = vec![name("quarantine")];
    let (_, effects) = Zone::start(NOW, settings(true), Snapshot { dissolved, ..old });
    assert_eq!(
        (defaults(&effects), moves(&effects)),
        (vec!["hot".to_owned()], vec![]),
        "an administrator's word holds"
    );
}

#[test]
fn a_node_with_failing_memory_is_in_quarantine_with_the_change_that_tells_it() {
    let mut zone = fleet(&["n1", "n2"]);
    let effects = zone.step(NOW, bit(10, "n1", "memory_uncorrectable", true));
    assert_eq!(moves(&effects), [(id_of("n1"), true)]);
    let reason = saves(&effects).into_iter().find_map(|change| match change {
        Change::NodeEntered { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.as_ref().is_some_and(|reason| reason.contains("health.memory_uncorrectable = true")), "{reason:?}");
    assert!(moves(&zone.step(at(1_000), bit(11, "n1", "memory_uncorrectable", false))).is_empty(), "it dwells");
    assert_eq!(zone.rules.next_deadline(), Some(Tick(11_000)));
    assert_eq!(moves(&zone.step(at(11_000), Event::Tick)), [(id_of("n1"), false)]);
}

#[test]
fn a_group_is_saved_before_who_enters_it_and_tells_how_many_are_in() {
    let mut zone = fleet(&["n1", "n2", "m1"]);
    let (answer, effects) = ask(&mut zone, NOW, group("enns", "node.name.startsWith('n')", 0, 0));
    assert_eq!(answer.unwrap()["members"], 2);
    assert!(
        matches!(saves(&effects)[0], Change::RuleGroupSet { kind: GroupKind::Logical, origin, .. } if origin == "ada")
    );
    assert_eq!(moves(&effects).len(), 2);
    let (answer, effects) = ask(&mut zone, NOW, group("enns", "node.name.startsWith('n')", 0, 0));
    assert!(effects.is_empty() && answer.unwrap()["members"] == 2, "what is set already changes nothing");
}

#[test]
fn another_rule_of_a_group_moves_who_no_longer_belongs_and_keeps_its_id() {
    let (mut zone, id) = grouped(&["n1", "n2"], "node.name == 'n1'");
    let (answer, effects) = ask(&mut zone, at(5), group("g", "node.name == 'n2'", 0, 0));
    assert_eq!(answer.unwrap()["group_id"], json!(id));
    let moved: BTreeSet<(NodeId, bool)> = moves(&effects).into_iter().collect();
    assert_eq!(moved, BTreeSet::from([(id_of("n1"), false), (id_of("n2"), true)]));
}

#[test]
fn a_dissolved_group_is_gone_and_one_of_its_name_is_another() {
    let (mut zone, id) = grouped(&["n1"], "true");
    let (answer, effects) = ask(&mut zone, NOW, dissolve("g"));
    assert_eq!(answer.unwrap(), json!({ "group_id": id, "members": 1 }));
    assert!(matches!(saves(&effects)[..], [Change::GroupDissolved { group, .. }, Change::Trust(_)] if *group == id));
    assert_eq!(ask(&mut zone, NOW, dissolve("g")).0.unwrap_err().kind, RejectionKind::Missing);
    let answer = ask(&mut zone, NOW, group("g", "true", 0, 0)).0.unwrap();
    assert_ne!(answer["group_id"], json!(id), "its history is its own");
}

#[test]
fn what_cannot_be_a_group_is_refused_with_what_to_do_and_nothing_changes() {
    let physical = Command::SetRuleGroup {
        name: name("g"),
        kind: GroupKind::Physical,
        rule: "true".into(),
        enter_dwell: Millis(0),
        leave_dwell: Millis(0),
        by: "ada".into(),
    };
    let table = [
        (group("g", "cpu.cores >", 0, 0), RejectionKind::Invalid, "the rule"),
        (group("g", "cpu.coers > 4", 0, 0), RejectionKind::Invalid, "column 1"),
        (group("g", "cpu.cores", 0, 0), RejectionKind::Invalid, "the rule"),
        (group("g", "true", 86_400_001, 0), RejectionKind::Invalid, "enter_dwell_ms is 86400001"),
        (group("rack-a", "true", 0, 0), RejectionKind::Conflict, "the name rack-a belongs to a physical group"),
        (physical, RejectionKind::Invalid, "use logical or health"),
        (dissolve("rack-a"), RejectionKind::Conflict, "a place, not made by a rule"),
        (dissolve("nobody"), RejectionKind::Missing, "no group \"nobody\""),
        (Command::TestRule { rule: "1 + 1".into() }, RejectionKind::Invalid, "the rule"),
    ];
    let mut zone = fleet(&["n1"]);
    let groups = zone.groups.len();
    for (command, kind, part) in table {
        let (answer, effects) = ask(&mut zone, NOW, command);
        let rejection = answer.unwrap_err();
        assert_eq!(rejection.kind, kind, "{rejection}");
        assert!(rejection.message.contains(part), "{part:?} in {rejection}");
        assert!(effects.is_empty());
    }
    assert_eq!(zone.groups.len(), groups);
}

#[test]
fn a_zone_keeps_two_hundred_groups_by_rule_and_no_more() {
    let mut zone = fleet(&[]);
    for number in 0..198 {
        ask(&mut zone, NOW, group(&format!("g{number}"), "true", 0, 0)).0.unwrap();
    }
    let rejection = ask(&mut zone, NOW, group("one-too-many", "true", 0, 0)).0.unwrap_err();
    assert!(rejection.kind == RejectionKind::Conflict && rejection.message.contains("200 groups"), "{rejection}");
    ask(&mut zone, NOW, group("g7", "false", 0, 0)).0.unwrap();
}

#[test]
fn a_rehearsal_names_who_would_be_in_and_who_cannot_be_decided() {
    let mut zone = fleet(&["n2", "n1"]);
    zone.step(NOW, bit(10, "n1", "fan", true));
    let (answer, effects) = ask(&mut zone, NOW, Command::TestRule { rule: "health.fan".into() });
    assert_eq!(answer.unwrap(), json!({ "matching": ["n1"], "nodes": 2, "unknown": 0, "why_unknown": [] }));
    assert!(effects.is_empty());
    let answer = ask(&mut zone, NOW, Command::TestRule { rule: "cpu.cores > 4".into() }).0.unwrap();
    assert_eq!(answer["unknown"], 2);
    assert_eq!(answer["why_unknown"][0]["reason"], "not known: cpu.cores");
}

#[test]
fn rules_follow_state_place_policy_and_readings() {
    // What happens, and a rule that holds from then on and not before.
    let table: [(&str, Happening); 4] = [
        ("node.state == 'down'", |zone| zone.step(NOW, seen(10, "n1", NodeState::Down, &[]))),
        ("group == 'rack-b'", |zone| {
            zone.step(NOW, Event::AckHeard(ack("rack-b", "r1")));
            zone.step(NOW, arrival("rack-b", 1, "n1", "run2"))
        }),
        ("policy == 1", |zone| {
            set_policy(zone, NOW, "");
            zone.step(NOW, delivered(Packet::PolicyReport(PolicyReport { session: 1, ..report(1, &["n1"]) })))
        }),
        ("metrics.cpu_temperature > 70.0", |zone| {
            let Event::Delivered(mut envelope) = seen(10, "n1", NodeState::Healthy, &[]) else { panic!() };
            if let Packet::Alerts(alerts) = &mut envelope.packet {
                alerts.changes[0].metrics.insert("cpu_temperature".into(), 71.5);
            }
            zone.step(NOW, Event::Delivered(envelope))
        }),
    ];
    for (rule, happens) in table {
        let (mut zone, id) = grouped(&["n1", "n2"], rule);
        let effects = happens(&mut zone);
        let entered = |change: &&Change| matches!(change, Change::NodeEntered { node, group, .. } if *node == id_of("n1") && *group == id);
        assert!(saves(&effects).iter().any(entered), "{rule}: {effects:?}");
        assert_eq!(moves(&effects).len(), 1, "{rule}: only the node that changed");
    }
}

#[test]
fn memberships_are_taken_up_by_the_next_run_and_set_right() {
    let (mut zone, id) = grouped(&["n1", "n2", "n3"], "health.fan");
    zone.step(NOW, bit(10, "n1", "fan", true));
    zone.step(NOW, bit(11, "n2", "fan", true));
    let entered = vec![(id_of("n1"), id), (id_of("n3"), id), (id_of("stranger"), id)];
    let (mut zone, effects) = Zone::start(NOW, settings(true), Snapshot { entered, ..saved(&zone) });
    let moved: BTreeSet<(NodeId, bool)> = moves(&effects).into_iter().collect();
    assert_eq!(moved, BTreeSet::from([(id_of("n2"), true), (id_of("n3"), false)]), "n1 was in and stays in");
    assert!(moves(&zone.step(NOW, bit(12, "n1", "fan", true))).is_empty());
}

#[test]
fn every_change_twice_moves_everybody_once() {
    let (mut zone, _) = grouped(&["n1"], "health.fan");
    let mut moved = Vec::new();
    for (number, set) in [(10, true), (11, false), (12, true)] {
        for _ in 0..2 {
            moved.extend(moves(&zone.step(NOW, bit(number, "n1", "fan", set))));
        }
    }
    assert_eq!(moved, [(id_of("n1"), true), (id_of("n1"), false), (id_of("n1"), true)]);
}

#[test]
fn a_node_that_is_no_more_leaves_its_groups() {
    let (mut zone, _) = grouped(&["n1", "n2"], "true");
    zone.nodes.remove(&id_of("n1"));
    let mut effects = Vec::new();
    zone.facts_changed(NOW, id_of("n1"), &mut effects);
    assert_eq!(moves(&effects), [(id_of("n1"), false)]);
}
