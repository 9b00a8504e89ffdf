//! Commands with their answers, and a zone with nodes in it, for the tables beside this file.

use rollcall_model::HealthBits;
use rollcall_model::indicator::by_name;
use rollcall_model::packet::PolicyReport;

use super::*;

/// So long after the start.
pub(super) fn at(ms: u64) -> Now {
    Now { tick: Tick(ms), wall: UnixMillis(NOW.wall.0 + ms) }
}

/// What a command is answered, and what it caused.
pub(super) fn ask(zone: &mut Zone, now: Now, command: Command) -> (Result<Value, Rejection>, Vec<Effect>) {
    let mut effects = zone.command(now, 7, command);
    match effects.pop() {
        Some(Effect::Answer { request: 7, result }) => (result, effects),
        other => panic!("no answer but {other:?}"),
    }
}

pub(super) fn rack_a() -> GroupId {
    GroupId::derived_from("rack-a")
}

pub(super) fn id_of(node: &str) -> NodeId {
    subscription(node, "run1").identifier.node
}

/// A zone whose nodes stand in rack-a, and are healthy.
pub(super) fn fleet(nodes: &[&str]) -> Zone {
    let mut zone = zone();
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    for (number, node) in (1..).zip(nodes) {
        zone.step(NOW, join(node, "run1"));
        zone.step(NOW, arrival("rack-a", 1, node, "run1"));
        zone.step(NOW, seen(number, node, NodeState::Healthy, &[]));
    }
    zone
}

/// A change of a node of rack-a: its state from now on, and its set bits.
pub(super) fn seen(number: u64, node: &str, state: NodeState, bits: &[&str]) -> Event {
    let bits = bits.iter().fold(HealthBits::NONE, |bits, name| bits.with(by_name(name).unwrap().bit, true));
    let change = NodeChange {
        number,
        node: id_of(node),
        epoch: SessionEpoch(1),
        state,
        health: Health::new(bits, HealthBits::NONE).unwrap(),
        at: NOW.wall,
        cause: "test".into(),
        metrics: BTreeMap::new(),
    };
    delivered(Packet::Alerts(Alerts { group: rack_a(), session: 1, changes: vec![change] }))
}

/// A node of rack-a is as a set bit makes it, or well.
pub(super) fn bit(number: u64, node: &str, name: &str, set: bool) -> Event {
    if set { seen(number, node, NodeState::Degraded, &[name]) } else { seen(number, node, NodeState::Healthy, &[]) }
}

pub(super) fn report(version: u64, applied: &[&str]) -> PolicyReport {
    let applied = applied.iter().map(|node| id_of(node)).collect();
    PolicyReport { group: rack_a(), session: 1, version, applied, refused: vec![] }
}

/// Sets a policy that must be good.
pub(super) fn set_policy(zone: &mut Zone, now: Now, document: &str) -> Vec<Effect> {
    let (answer, effects) = ask(zone, now, policy(document, false));
    answer.unwrap_or_else(|rejection| panic!("{rejection}"));
    effects
}

pub(super) fn policy(document: &str, dry_run: bool) -> Command {
    Command::SetPolicy { document: document.into(), comment: "why".into(), by: "ada".into(), dry_run }
}

/// The zone, groups and nodes that the next run of a zone finds in its store.
pub(super) fn saved(zone: &Zone) -> Snapshot {
    Snapshot {
        zone: Some(rollcall_store::ZoneRecord {
            zone: ZoneId::derived_from("z"),
            name: name("z"),
            generation: zone.generation(),
        }),
        groups: zone.groups.values().cloned().collect(),
        nodes: zone.nodes.values().cloned().collect(),
        ..Snapshot::default()
    }
}
