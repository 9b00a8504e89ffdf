//! What is true of the nodes, whoever knows it.

use std::collections::BTreeMap;

use rollcall_model::hardware::{Cpu, Memory, Nic};
use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::indicator::{INDICATORS, Side};
use rollcall_model::packet::ActionOutcome;
use rollcall_model::{
    ActionId, Capability, GroupId, HardwareTopology, Health, HealthBits, Name, NodeId, NodeIdentifier, SessionEpoch,
    Tick,
};
use rollcall_node_agent::probes::Sample;

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is alive, or will be again.
    No,
    /// It was killed for good.
    Killed,
    /// It said good-bye for good.
    Left,
}

/// A node as it is.
#[derive(Clone, Debug)]
pub struct NodeTruth {
    /// Its identity.
    pub identifier: NodeIdentifier,
    /// Its name.
    pub name: Name,
    /// In which rack it stands, by number.
    pub rack: usize,
    /// Whether it knows the name of its place, or is found by its address.
    pub knows_place: bool,
    /// Which of the kinds of hardware it is made of.
    pub kind: usize,
    /// Its health.
    pub health: Health,
    /// Since when each bit is as it is, milliseconds of the world.
    pub bit_since: [u64; 24],
    /// Whether its last run ever told its health.
    pub spoke: bool,
    /// How it ended.
    pub end: End,
    /// The epoch on its disk.
    pub kept: SessionEpoch,
    /// The orders on its disk, and how they ended or would if this run ended now.
    pub journal: BTreeMap<ActionId, ActionOutcome>,
    /// How often each order took effect.
    pub acted: BTreeMap<ActionId, u32>,
}

/// How many kinds of hardware there are.
pub const KINDS: usize = 3;

/// Bits the simulated nodes can measure; the rest is masked.
pub const MEASURED: usize = 18;

impl NodeTruth {
    /// A healthy node.
    #[must_use]
    pub fn new(number: usize, rack: usize, knows_place: bool, kind: usize) -> Self {
        let evidence = Evidence {
            source: EvidenceSource::Simulated,
            product_uuid: Some(format!("{number:032x}")),
            board_serial: None,
            cpu: None,
            machine_id: None,
            mac: None,
        };
        let identifier = match NodeIdentifier::from_evidence(evidence) {
            Ok(identifier) => identifier,
            Err(error) => unreachable!("evidence made here has a short UUID: {error}"),
        };
        let name = Name::nearest(&format!("node-{number}"), "node");
        Self {
            identifier,
            name,
            rack,
            knows_place,
            kind,
            health: health(HealthBits::NONE),
            bit_since: [0; 24],
            spoke: false,
            end: End::No,
            kept: SessionEpoch::default(),
            journal: BTreeMap::new(),
            acted: BTreeMap::new(),
        }
    }

    /// Its id.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.identifier.node
    }

    /// What it is made of.
    #[must_use]
    pub fn hardware(&self) -> HardwareTopology {
        hardware(self.kind)
    }

    /// The logical group it belongs to.
    #[must_use]
    pub fn logical(&self) -> GroupId {
        Capability::of(&self.hardware(), &[]).group_id()
    }

    /// The readings that its health follows from, by the dictionary's limits.
    #[must_use]
    pub fn sample(&self, now: Tick) -> Sample {
        let mut sample = Sample::empty(now);
        for indicator in &INDICATORS[..MEASURED] {
            let threshold = indicator.threshold;
            let bad = self.health.bits().get(indicator.bit);
            let reading = match (threshold.side, bad) {
                (Side::Above, true) => threshold.limit + 1.0,
                (Side::Above, false) => threshold.clear - 1.0,
                (Side::Below, true) => threshold.limit - 1.0,
                (Side::Below, false) => threshold.clear + 1.0,
            };
            sample.readings[indicator.bit] = Some(reading);
            sample.reasons[indicator.bit] = None;
        }
        sample
    }

    /// Turns one bit over.
    pub fn toggle(&mut self, bit: usize, now: u64) {
        let bits = self.health.bits();
        self.health = health(bits.with(bit, !bits.get(bit)));
        self.bit_since[bit] = now;
    }
}

/// The hardware of a kind.
#[must_use]
pub fn hardware(kind: usize) -> HardwareTopology {
    let (vendor, driver, speed) =
        [("GenuineIntel", "ixgbe", 10), ("AuthenticAMD", "mlx5_core", 25), ("ARM", "ice", 100)][kind];
    HardwareTopology {
        cpu: Cpu { vendor: Some(vendor.into()), threads: Some(64), ..Cpu::default() },
        memory: Memory { technology: Some("DDR5".into()), total_bytes: Some(256 << 30), ..Memory::default() },
        nics: vec![Nic {
            name: "eth0".into(),
            driver: Some(driver.into()),
            speed_mbps: Some(speed * 1_000),
            ..Nic::default()
        }],
        ..HardwareTopology::default()
    }
}

fn health(bits: HealthBits) -> Health {
    let mask = (MEASURED..24).fold(HealthBits::NONE, |mask, bit| mask.with(bit, true));
    match Health::new(bits, mask) {
        Ok(health) => health,
        Err(error) => unreachable!("only measured bits are turned: {error}"),
    }
}
