//! Nodes to ask about.

use std::collections::BTreeMap;

use rollcall_grouping::{Facts, NodeIdentity, Rule};
use rollcall_model::hardware::{Accelerator, Cpu, Memory, Nic, Storage};
use rollcall_model::indicator::by_name;
use rollcall_model::{
    Capability, GroupId, HardwareTopology, Health, HealthBits, Name, NodeId, NodeState, SessionEpoch, Tick,
};

pub fn node(number: u32) -> NodeId {
    NodeId::derived_from(&format!("node {number}"))
}

pub fn group(number: u32) -> GroupId {
    GroupId::derived_from(&format!("group {number}"))
}

pub fn rule(text: &str) -> Rule {
    Rule::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub const fn at(ms: u64) -> Tick {
    Tick(ms)
}

/// A server with 64 cores, 256 GiB, two NICs of which one is a fast one, and an accelerator.
pub fn hardware() -> HardwareTopology {
    let nic = |name: &str, driver: &str, speed: Option<u32>| Nic {
        name: name.into(),
        driver: Some(driver.into()),
        speed_mbps: speed,
        best_mbps: Some(25_000),
        ..Nic::default()
    };
    HardwareTopology {
        cpu: Cpu {
            vendor: Some("AuthenticAMD".into()),
            cores: Some(64),
            threads: Some(128),
            flags: vec!["avx".into(), "avx2".into(), "sse4_2".into()],
            ..Cpu::default()
        },
        memory: Memory { total_bytes: Some(251 << 30), technology: Some("DDR5".into()), ecc: None, modules: vec![] },
        nics: vec![nic("eth0", "igb", Some(1_000)), nic("eth1", "mlx5_core", Some(25_000))],
        storage: vec![Storage { name: "nvme0n1".into(), size_bytes: Some(1 << 40), ..Storage::default() }],
        accelerators: vec![Accelerator {
            bus_address: "0000:41:00.0".into(),
            pci_id: "10de:2330".into(),
            class: "0302".into(),
        }],
        virtualisation: Some("none".into()),
        kernel: Some("6.12.0".into()),
        ..HardwareTopology::default()
    }
}

/// Health with these bits set and these masked.
pub fn health(set: &[&str], masked: &[&str]) -> Health {
    let bits = |names: &[&str]| {
        names.iter().fold(HealthBits::NONE, |bits, name| bits.with(by_name(name).expect("an indicator").bit, true))
    };
    Health::new(bits(set), bits(masked)).expect("no bit is set and masked")
}

/// A healthy server with this hardware.
pub fn facts_of(number: u32, hardware: &HardwareTopology) -> Facts {
    let identity = NodeIdentity {
        id: node(number),
        name: Name::nearest(&format!("web-{number}"), "web"),
        address: [10, 1, 0, 7].into(),
        place: Some(Name::nearest("rack-a", "rack")),
        state: NodeState::Healthy,
        epoch: SessionEpoch(3),
    };
    let metrics = BTreeMap::from([("cpu_temperature".to_owned(), 71.5), ("run_queue".to_owned(), f64::NAN)]);
    let capability = Some(Capability::of(hardware, &[]));
    let group = Some(Name::nearest("rack-a", "rack"));
    Facts::new(identity, hardware, health(&[], &["fan"]), &metrics, capability, group, 4)
}

/// A healthy server.
pub fn facts(number: u32) -> Facts {
    facts_of(number, &hardware())
}

/// The same with these bits set.
pub fn sick(number: u32, set: &[&str]) -> Facts {
    let mut facts = facts(number);
    facts.health = health(set, &["fan"]);
    facts
}
