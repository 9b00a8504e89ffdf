use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::Capability;
use rollcall_model::indicator;
use rollcall_model::threshold::Evaluator;

use super::*;
use crate::probes::bit;

fn fleet(seed: u64) -> Vec<Machine> {
    (0..200).map(|index| Machine::generate(seed, index)).collect()
}

#[test]
fn a_seed_gives_the_same_machine_for_ever() {
    let machine = Machine::generate(7, 3);
    assert_eq!(machine.name.as_str(), "sim-0003");
    assert_eq!(machine.identifier, Machine::generate(7, 3).identifier);
    assert_eq!(machine.hardware, Machine::generate(7, 3).hardware);
    assert_eq!(machine.identifier.evidence.product_uuid.as_deref(), Some("131c5377-53c0-8f4c-ab45-b91581ff5077"));
}

#[test]
fn machines_are_possible_and_differ_from_each_other() {
    let fleet = fleet(1);
    for machine in &fleet {
        machine.hardware.check().unwrap();
        machine.identifier.verify().unwrap();
        assert_eq!(machine.identifier.evidence.source, EvidenceSource::Simulated);
    }
    let nodes: BTreeSet<_> = fleet.iter().map(|machine| machine.identifier.node).collect();
    let names: BTreeSet<_> = fleet.iter().map(|machine| &machine.name).collect();
    let addresses: BTreeSet<_> = fleet.iter().flat_map(|m| m.hardware.nics.iter().map(|nic| &nic.mac)).collect();
    assert_eq!((nodes.len(), names.len(), addresses.len()), (200, 200, 400));
    assert_ne!(Machine::generate(1, 0).identifier.node, Machine::generate(2, 0).identifier.node);
}

#[test]
fn capabilities_group_a_fleet_into_five_kinds() {
    let mut kinds: BTreeMap<Capability, usize> = BTreeMap::new();
    for machine in fleet(1) {
        *kinds.entry(Capability::of(&machine.hardware, &[])).or_default() += 1;
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert!(kinds.values().all(|count| *count >= 5), "{kinds:?}");
}

#[test]
fn a_machine_without_faults_stays_well_for_a_day() {
    let machine = Machine::generate(5, 1).with_faults_per_minute(0.0);
    let mut evaluator = Evaluator::with_defaults();
    for second in (0..86_400).step_by(30) {
        let now = Tick(second * 1_000);
        let health = evaluator.evaluate(now, &machine.sample(now, now).readings);
        assert_eq!(health.bits(), rollcall_model::HealthBits::NONE, "at {second} s");
        assert!(!health.mask().get(bit::RUN_QUEUE));
        assert!(health.mask().get(bit::POWER_CAP), "not everything can be measured");
    }
}

#[test]
fn faults_come_about_as_often_as_they_should_and_go_again() {
    let machine = Machine::generate(9, 2).with_faults_per_minute(0.02);
    let (mut begun, mut before) = (0, 0);
    for second in (0..86_400 * 5).step_by(10) {
        let present = machine.faults(Tick(second * 1_000)).len();
        begun += usize::from(present > before);
        before = present;
    }
    // 7200 minutes at 2 % are 144.
    assert!((90..200).contains(&begun), "{begun}");
}

#[test]
fn a_staged_fault_sets_its_bit_while_it_lasts() {
    for fault in Fault::ALL {
        let mut machine = Machine::generate(3, 4).with_faults_per_minute(0.0);
        machine.stage(fault, Tick(60_000), Millis(60_000));
        let mut evaluator = Evaluator::with_defaults();
        let mut bits_at = |second: u64| {
            let now = Tick(second * 1_000);
            evaluator.evaluate(now, &machine.sample(now, now).readings).bits()
        };
        let set: Vec<u64> = (0..180).filter(|second| bits_at(*second) != rollcall_model::HealthBits::NONE).collect();
        let (first, last) = (set.first().copied().unwrap_or(0), set.last().copied().unwrap_or(0));
        assert!((60..=75).contains(&first), "{fault:?} began at {first} s");
        assert!((119..=135).contains(&last), "{fault:?} ended at {last} s");
    }
}

#[test]
fn a_sample_says_why_a_reading_is_missing() {
    let sample = Machine::generate(1, 1).sample(Tick(5_000), Tick(4_000));
    for (index, reading) in sample.readings.iter().enumerate() {
        assert_ne!(reading.is_some(), sample.reasons[index].is_some(), "{}", indicator::INDICATORS[index].name);
    }
    assert_eq!(sample.readings[bit::AGENT_QUALITY], Some(1_000.0));
}

#[test]
fn a_machine_made_of_something_else_is_still_one_that_can_be_verified() {
    let (one, other) = (Machine::generate(1, 1), Machine::generate(1, 2));
    let made = one.clone().made_of(other.hardware.clone());
    made.identifier.verify().unwrap();
    assert_eq!((&made.hardware, &made.name), (&other.hardware, &one.name));
    assert_eq!(made.identifier.evidence.product_uuid, one.identifier.evidence.product_uuid);
}
