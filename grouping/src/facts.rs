//! What a rule can see of one node.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use rollcall_model::indicator::by_name;
use rollcall_model::{Capability, HardwareTopology, Health, Name, NodeId, NodeState, SessionEpoch};

/// Who and where a node is, and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeIdentity {
    /// The node (N1).
    pub id: NodeId,
    /// Host name.
    pub name: Name,
    /// The address it is reached at.
    pub address: IpAddr,
    /// Its place, where one is known.
    pub place: Option<Name>,
    /// Its state.
    pub state: NodeState,
    /// Its session epoch; 0 before it has checked in.
    pub epoch: SessionEpoch,
}

/// Everything a rule can see of one node. [`crate::schema`] says what each is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Who and where it is.
    pub node: NodeIdentity,
    /// Its health bits and the mask of what it cannot measure (N4).
    pub health: Health,
    /// Its combination of hardware (C4), once it has checked in.
    pub capability: Option<Capability>,
    /// Name of its physical group (G1), once it was found at a place.
    pub group: Option<Name>,
    /// Version of the policy it obeys (G8); 0 for none.
    pub policy: u64,
    hardware: Arc<Hardware>,
    /// Readings by bit, ascending.
    metrics: Box<[(u8, f64)]>,
}

/// The part of a topology that rules can see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hardware {
    /// Without `cpu.flags` and without lists that no rule sees.
    topology: HardwareTopology,
    /// Apart from the rest, because machines of one kind have the same and a hundred of them.
    flags: Arc<Vec<String>>,
}

impl Facts {
    /// The facts of a node. Readings count where the dictionary knows their name and they are numbers; `capability` and
    /// `group` are `None` until they are known, `policy` is 0 until the node obeys one.
    #[must_use]
    pub fn new(
        node: NodeIdentity,
        hardware: &HardwareTopology,
        health: Health,
        metrics: &BTreeMap<String, f64>,
        capability: Option<Capability>,
        group: Option<Name>,
        policy: u64,
    ) -> Self {
        let hardware = Arc::new(Hardware::of(hardware));
        let mut facts = Self { node, health, capability, group, policy, hardware, metrics: Box::default() };
        facts.set_metrics(metrics);
        facts
    }

    /// Other hardware from now on.
    pub fn set_hardware(&mut self, hardware: &HardwareTopology) {
        self.hardware = Arc::new(Hardware::of(hardware));
    }

    /// Other readings from now on, by the indicator's name; those that are not given are unknown.
    pub fn set_metrics(&mut self, metrics: &BTreeMap<String, f64>) {
        let mut readings: Vec<(u8, f64)> = metrics
            .iter()
            .filter(|(_, value)| value.is_finite())
            .filter_map(|(name, value)| Some((u8::try_from(by_name(name)?.bit).ok()?, *value)))
            .collect();
        readings.sort_unstable_by_key(|(bit, _)| *bit);
        self.metrics = readings.into();
    }

    pub(crate) fn topology(&self) -> &HardwareTopology {
        &self.hardware.topology
    }

    pub(crate) fn flags(&self) -> &[String] {
        &self.hardware.flags
    }

    pub(crate) fn reading(&self, bit: usize) -> Option<f64> {
        self.metrics.iter().find(|(of, _)| usize::from(*of) == bit).map(|(_, value)| *value)
    }

    /// Takes what machines have in common from what was met already, and adds it if it was not.
    pub(crate) fn share(&mut self, met: &mut Met) {
        // Facts that share their hardware with others were given here before.
        let Some(hardware) = Arc::get_mut(&mut self.hardware) else { return };
        match met.flags.get(&hardware.flags) {
            Some(same) => hardware.flags = Arc::clone(same),
            None => {
                met.flags.insert(Arc::clone(&hardware.flags));
            }
        }
        match met.hardware.get(&self.hardware) {
            Some(same) => self.hardware = Arc::clone(same),
            None => {
                met.hardware.insert(Arc::clone(&self.hardware));
            }
        }
    }
}

/// Hardware that was met: machines of one make have the same.
#[derive(Debug, Default)]
pub(crate) struct Met {
    hardware: HashSet<Arc<Hardware>>,
    /// Lists of CPU flags: there are few, and a hundred texts in each.
    flags: BTreeSet<Arc<Vec<String>>>,
}

impl Met {
    /// How many topologies.
    pub(crate) fn len(&self) -> usize {
        self.hardware.len()
    }

    /// Forgets what no node has any more.
    pub(crate) fn tidy(&mut self) {
        self.hardware.retain(|hardware| Arc::strong_count(hardware) > 1);
        self.flags.retain(|flags| Arc::strong_count(flags) > 1);
    }
}

impl Hardware {
    fn of(topology: &HardwareTopology) -> Self {
        let HardwareTopology { cpu, memory, nics, storage, accelerators, virtualisation, kernel, chassis, numa: _ } =
            topology;
        let seen = HardwareTopology {
            cpu: rollcall_model::hardware::Cpu {
                vendor: cpu.vendor.clone(),
                name: cpu.name.clone(),
                flags: Vec::new(),
                caches: Vec::new(),
                ..*cpu
            },
            memory: rollcall_model::hardware::Memory {
                technology: memory.technology.clone(),
                modules: Vec::new(),
                ..*memory
            },
            numa: Vec::new(),
            nics: nics.clone(),
            storage: storage.clone(),
            accelerators: accelerators.clone(),
            virtualisation: virtualisation.clone(),
            kernel: kernel.clone(),
            chassis: chassis.clone(),
        };
        Self { topology: seen, flags: Arc::new(cpu.flags.clone()) }
    }
}
