//! What plans say.

use proptest::prelude::*;

use super::*;

fn figures() -> Figures {
    let one = |what, nodes, value| Measured {
        what,
        nodes,
        connections: nodes,
        value,
        command: "rollcall sim".into(),
        setting: "load 0".into(),
    };
    Figures {
        measured: vec![
            one(What::BrokerMicrosPerMessage, 1_000.0, 50.0),
            one(What::BrokerTlsMemoryMib, 100.0, 200.0),
            one(What::BrokerTlsMemoryMib, 1_100.0, 900.0),
            one(What::RackMemoryMib, 10.0, 12.0),
            one(What::RackMemoryMib, 250.0, 14.4),
            one(What::RackMicrosPerMessage, 250.0, 10.0),
            one(What::ZoneMemoryMib, 100.0, 30.0),
            one(What::ZoneMemoryMib, 1_100.0, 60.0),
            one(What::ZoneMessagesPerRackAndMinute, 250.0, 8.0),
            one(What::TlsJoinsPerSecond, 1_000.0, 25.0),
        ],
    }
}

const WISH: Wish = Wish {
    nodes: 20_000,
    period_ms: 5_000,
    metrics_ms: 10_000,
    nodes_per_rack: 40,
    broker_cores: 8,
    broker_memory_mib: 32_768,
};

fn value(plan: &Plan, what: &str) -> Option<(f64, Basis)> {
    let line = plan.lines.iter().find(|line| line.what == what)?;
    Some((line.value?, line.basis))
}

#[test]
fn twenty_thousand_nodes_are_reckoned_by_hand_and_alike() {
    let plan = plan(&figures(), WISH).unwrap();
    for (what, expected, basis) in [
        ("messages of nodes", 6_000.0, Basis::Arithmetic),
        ("a silent node is down after", 17.5, Basis::Arithmetic),
        ("connections", 20_502.0, Basis::Arithmetic),
        ("broker: processor time", 0.3, Basis::Extrapolated),
        ("broker: memory, each node with TLS", 130.0 + 0.7 * 20_000.0, Basis::Extrapolated),
        ("brokers", 2.0, Basis::Extrapolated),
        ("group controllers", 500.0, Basis::Arithmetic),
        ("group controller: memory", 12.3, Basis::Measured),
        ("group controller: processor time", 0.012, Basis::Measured),
        ("zone controller: memory", 627.0, Basis::Extrapolated),
        ("zone controller: messages", 4_000.0, Basis::Measured),
        ("all join at once, each with a new certificate", 800.0, Basis::Extrapolated),
    ] {
        let (found, on) = value(&plan, what).unwrap_or_else(|| panic!("no {what}"));
        assert!((found - expected).abs() < 1e-6 * expected.max(1.0), "{what}: {found}");
        assert_eq!(on, basis, "{what}");
    }
    let text = plan.text();
    assert!(text.contains("calculated beyond measured") && text.contains("arithmetic"), "{text}");
    assert!(text.contains("broker_micros_per_message = 50 at 1,000 nodes\n      rollcall sim (load 0)"), "{text}");
}

#[test]
fn without_figures_it_says_what_it_does_not_know() {
    let plan = plan(&Figures::default(), WISH).unwrap();
    let (messages, basis) = value(&plan, "messages of nodes").unwrap();
    assert!((messages - 6_000.0).abs() < 1e-6 && basis == Basis::Arithmetic);
    assert_eq!(value(&plan, "brokers"), None);
    assert!(plan.text().contains("not known"));
}

#[test]
fn a_wish_that_cannot_be_planned_is_refused_with_its_bounds() {
    let said = |wish: Wish| plan(&figures(), wish).unwrap_err().to_string();
    assert_eq!(said(Wish { nodes: 0, ..WISH }), "--nodes is 0; it has to lie between 1 and 10000000");
    assert!(said(Wish { period_ms: 10, ..WISH }).starts_with("--period is 10"));
    assert!(said(Wish { nodes_per_rack: 0, ..WISH }).starts_with("--nodes-per-rack is 0"));
    assert!(said(Wish { broker_memory_mib: 1, ..WISH }).starts_with("--broker-memory is 1"));
}

proptest! {
    #[test]
    fn more_nodes_never_need_less(nodes in 1_u32..1_000_000, more in 0_u32..1_000_000) {
        let small = plan(&figures(), Wish { nodes, ..WISH }).expect("within bounds");
        let large = plan(&figures(), Wish { nodes: nodes + more, ..WISH }).expect("within bounds");
        for what in ["messages of nodes", "brokers", "connections", "group controllers", "zone controller: memory"] {
            let (few, many) = (value(&small, what).expect("told").0, value(&large, what).expect("told").0);
            prop_assert!(few <= many, "{what}: {few} {many}");
        }
    }
}
