//! Candidates for a target, judged by what the zone knows of them.

use super::asking::{ask, bit, fleet, id_of};
use super::*;
use crate::core::makes::Make;

fn judge(zone: &mut Zone, demands: Demands) -> Result<Value, Rejection> {
    let nodes = vec![id_of("n1"), id_of("n2"), NodeId::derived_from("stranger")];
    let (answer, effects) = ask(zone, NOW, Command::JudgeCandidates { nodes, demands });
    assert!(effects.is_empty(), "it only asks");
    answer
}

fn why(answer: &Value, node: &str) -> String {
    answer[id_of(node).to_string()].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_rule_is_judged_of_the_candidates_alone_and_says_what_it_saw() {
    let mut zone = fleet(&["n1", "n2", "n3"]);
    zone.step(NOW, bit(10, "n1", "fan", true));
    let answer = judge(&mut zone, Demands { rule: Some("!health.fan".into()), ..Demands::default() }).unwrap();
    assert_eq!(answer.as_object().unwrap().len(), 3, "n3 was not asked about");
    assert_eq!(why(&answer, "n1"), "does not fulfil the rule: health.fan = true");
    assert_eq!(answer[id_of("n2").to_string()], Value::Null);
    let stranger = NodeId::derived_from("stranger").to_string();
    assert_eq!(answer[stranger], "is no node of this zone any more");
    let unknown = judge(&mut zone, Demands { rule: Some("cpu.cores > 4".into()), ..Demands::default() }).unwrap();
    assert_eq!(why(&unknown, "n2"), "the rule cannot be decided: not known: cpu.cores");
    let wrong = judge(&mut zone, Demands { rule: Some("cpu.coers > 4".into()), ..Demands::default() }).unwrap_err();
    assert_eq!((wrong.kind, wrong.field.as_deref()), (RejectionKind::Invalid, Some("rule")), "{wrong}");
}

#[test]
fn combination_and_size_are_judged_and_what_is_not_known_is_no_candidate() {
    let mut zone = fleet(&["n1", "n2"]);
    let own = zone.nodes[&id_of("n1")].capability.clone().unwrap().to_string();
    let mut hardware = HardwareTopology::default();
    (hardware.cpu.threads, hardware.memory.total_bytes) = (Some(16), Some(64 << 30));
    zone.makes.insert(id_of("n1"), Make::of(&hardware));
    let demands = |min_units, capability: &str| Demands {
        min_units: Some(min_units),
        capability: Some(capability.to_owned()),
        rule: None,
    };
    let answer = judge(&mut zone, demands(16.0, &own)).unwrap();
    assert_eq!(answer[id_of("n1").to_string()], Value::Null);
    assert_eq!(why(&answer, "n2"), "how large it is is not known");
    assert_eq!(why(&judge(&mut zone, demands(16.1, &own)).unwrap(), "n1"), "has 16.0 units");
    let other = judge(&mut zone, demands(1.0, "v1;cpu=x")).unwrap();
    assert_eq!(why(&other, "n1"), format!("is {own}"));
}
