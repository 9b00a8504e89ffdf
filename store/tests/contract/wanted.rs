//! What people, rules and remedies want of the small world, and what it tells: changes by number and name.

use std::collections::BTreeMap;

use rollcall_model::indicator::Severity;
use rollcall_model::packet::{Action, ActionState, ChannelMessage, Quantiles, Summary};
use rollcall_model::{ActionId, GroupId, Millis, NodeId, NodeState, Purpose};
use rollcall_store::{Change, GroupKind, GroupRule};
use serde_json::json;

use crate::world::{at, bits, capability, changed, name, node, rack};

pub fn policy_set(version: u64, seconds: u64) -> Change {
    Change::PolicySet {
        version,
        document: format!("# version {version}\n"),
        by: "ada".into(),
        comment: "warmer summer".into(),
        at: at(seconds),
    }
}

pub fn policy_applied(nodes: &[u32], version: u64, seconds: u64) -> Change {
    Change::PolicyApplied { nodes: nodes.iter().map(|number| node(*number)).collect(), version, at: at(seconds) }
}

pub fn policy_refused(number: u32, version: u64, seconds: u64) -> Change {
    let message = "period too short".into();
    Change::PolicyRefused { node: node(number), version, message, at: at(seconds) }
}

pub fn rule_group(group_name: &str) -> GroupId {
    GroupId::derived_from(&format!("rule {group_name}"))
}

pub fn rule(text: &str) -> GroupRule {
    GroupRule { rule: text.into(), enter_dwell: Millis(5_000), leave_dwell: Millis(30_000) }
}

pub fn rule_set(group_name: &str, text: &str, seconds: u64) -> Change {
    Change::RuleGroupSet {
        group: rule_group(group_name),
        kind: GroupKind::Health,
        name: name(group_name),
        rule: rule(text),
        origin: "default".into(),
        at: at(seconds),
    }
}

pub fn dissolved(group_name: &str, seconds: u64) -> Change {
    Change::GroupDissolved { group: rule_group(group_name), by: "ada".into(), at: at(seconds) }
}

pub fn entered(number: u32, group_name: &str, seconds: u64) -> Change {
    let reason = "cpu_temperature is set".into();
    Change::NodeEntered { node: node(number), group: rule_group(group_name), reason, at: at(seconds) }
}

pub fn left(number: u32, group_name: &str, seconds: u64) -> Change {
    let reason = "cool again".into();
    Change::NodeLeft { node: node(number), group: rule_group(group_name), reason, at: at(seconds) }
}

pub fn acknowledged(alert: i64, seconds: u64) -> Change {
    Change::AlertAcknowledged { alert, by: "ada".into(), comment: "fan is ordered".into(), at: at(seconds) }
}

pub fn order(number: u32) -> ActionId {
    ActionId::derived_from(&format!("order {number}"))
}

pub fn ordered(number: u32, node: NodeId, seconds: u64) -> Change {
    Change::ActionOrdered {
        action_id: order(number),
        node,
        action: Action::RestartService { service: "nginx.service".into() },
        by: "ada".into(),
        automatic: false,
        deadline: at(seconds + 60),
        time_limit_ms: 90_000,
        at: at(seconds),
    }
}

pub fn moved(number: u32, state: ActionState, message: &str, seconds: u64) -> Change {
    Change::ActionMoved { action_id: order(number), state, message: message.into(), at: at(seconds) }
}

pub fn said(channel: &str, text: &str, milliseconds: u64) -> Change {
    let message = ChannelMessage {
        channel: Purpose::new(channel).unwrap(),
        what: "join_refused".into(),
        subject: "node-9".into(),
        severity: Severity::Warning,
        message: text.into(),
        detail: json!({ "address": "10.0.0.9" }),
        at: rollcall_model::UnixMillis(at(0).0 + milliseconds),
    };
    Change::ChannelMessage { message, from: "zone.inbox".into() }
}

pub fn analytics(rack_number: u32, seconds: u64) -> Change {
    let quantiles = Quantiles { count: 12, min: 41.0, p50: 55.123_456, p90: 70.5, p99: 88.0, max: 91.25 };
    let summary = Summary {
        group: rack(rack_number),
        session: 1,
        states: [(NodeState::Healthy, 10), (NodeState::Degraded, 2)].into(),
        bits: [("fan".to_owned(), 2)].into(),
        statuses: 4_711,
        refused: [("old_epoch".to_owned(), 3)].into(),
        metrics: BTreeMap::from([("cpu_temperature".to_owned(), quantiles)]),
        period_ms: Millis(10_000),
    };
    Change::Analytics { summary: Box::new(summary), at: at(seconds) }
}

pub fn held(kind: u32, number: u32, seconds: u64) -> Change {
    let name = name(&format!("node-{number}"));
    Change::CombinationHeld { capability: capability(kind), node: node(number), name, at: at(seconds) }
}

pub fn decided(kind: u32, approved: bool, seconds: u64) -> Change {
    Change::CombinationDecided { capability: capability(kind), approved, by: "ada".into(), at: at(seconds) }
}

pub fn checkin_placed(service: &str, rack_number: u32, running: bool, message: &str, seconds: u64) -> Change {
    let (name, group, message) = (name(service), rack(rack_number), message.to_owned());
    Change::CheckinPlaced { name, group, running, message, at: at(seconds) }
}

/// Something of everything, for nodes 1 to 3 in rack 1. None of its numbers is guarded, so it may be committed again.
pub fn everything_wanted() -> Vec<Change> {
    vec![
        policy_set(1, 20),
        policy_set(2, 30),
        policy_applied(&[1, 2], 2, 31),
        policy_refused(3, 2, 32),
        rule_set("hot", "health.cpu_temperature", 40),
        rule_set("old", "health.fan", 41),
        entered(1, "hot", 45),
        entered(2, "hot", 46),
        entered(1, "old", 47),
        left(2, "hot", 80),
        dissolved("old", 90),
        changed(1, 900, NodeState::Degraded, bits(&["fan", "cpu_pressure"]), "status"),
        ordered(1, node(1), 1_010),
        moved(1, ActionState::Running, "begun", 1_011),
        moved(1, ActionState::Done, "restarted in 2 s", 1_013),
        ordered(2, node(2), 1_020),
        said("security", "combination unknown", 1_030_000),
        said("security", "token expired", 1_031_000),
        analytics(1, 1_040),
        analytics(1, 1_050),
        analytics(2, 1_050),
        held(3, 8, 1_060),
        held(4, 9, 1_061),
        decided(4, false, 1_062),
        checkin_placed("checkin-1", 1, true, "started", 1_070),
        checkin_placed("checkin-row-2", 2, false, "ordered", 1_071),
    ]
    .into_iter()
    .chain(crate::trusted::everything_trusted())
    .collect()
}
