//! The hardware topology map (N2): what a node is made of. Unknown is a value: `None`, `null` in JSON.

use serde::{Deserialize, Serialize};

/// Processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cpu {
    /// Vendor as the processor names itself, e.g. `AuthenticAMD`.
    pub vendor: Option<String>,
    /// Display family (base and extended family added).
    pub family: Option<u32>,
    /// Display model.
    pub model: Option<u32>,
    /// Stepping.
    pub stepping: Option<u32>,
    /// Marketing name.
    pub name: Option<String>,
    /// Feature flags, sorted.
    pub flags: Vec<String>,
    /// Processor packages.
    pub sockets: Option<u32>,
    /// Physical cores, all packages.
    pub cores: Option<u32>,
    /// Hardware threads.
    pub threads: Option<u32>,
    /// Highest frequency, MHz.
    pub max_mhz: Option<u32>,
    /// Caches, one entry per level and kind.
    pub caches: Vec<Cache>,
}

/// A cache level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cache {
    /// 1, 2, 3 …
    pub level: u32,
    /// `data`, `instruction` or `unified`.
    pub kind: String,
    /// Bytes of one instance.
    pub size_bytes: u64,
    /// How many instances the machine has.
    pub instances: u32,
}

/// Memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Memory {
    /// Usable bytes.
    pub total_bytes: Option<u64>,
    /// Technology of the modules, e.g. `DDR5`; SMBIOS type 17.
    pub technology: Option<String>,
    /// Whether errors are corrected; SMBIOS type 16.
    pub ecc: Option<bool>,
    /// The modules, where SMBIOS lists them.
    pub modules: Vec<MemoryModule>,
}

/// A memory module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryModule {
    /// Slot name.
    pub locator: String,
    /// Bytes.
    pub size_bytes: Option<u64>,
    /// Configured speed, MT/s.
    pub speed_mts: Option<u32>,
    /// Technology.
    pub technology: Option<String>,
}

/// A NUMA node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NumaNode {
    /// Its number.
    pub node: u32,
    /// CPUs in the kernel's list form, e.g. `0-3,8`.
    pub cpus: String,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Distances to all nodes, in their order.
    pub distances: Vec<u32>,
}

/// A network interface that is a device (not loopback, bridge or tunnel).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Nic {
    /// Interface name.
    pub name: String,
    /// Address on the medium.
    pub mac: Option<String>,
    /// Kernel driver.
    pub driver: Option<String>,
    /// Bus address.
    pub bus_address: Option<String>,
    /// `vendor:device`, hexadecimal.
    pub pci_id: Option<String>,
    /// Speed now, Mb/s.
    pub speed_mbps: Option<u32>,
    /// Best speed it can run at, Mb/s.
    #[serde(default)]
    pub best_mbps: Option<u32>,
    /// Firmware version.
    #[serde(default)]
    pub firmware: Option<String>,
}

/// A block device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Storage {
    /// Kernel name.
    pub name: String,
    /// Bytes.
    pub size_bytes: Option<u64>,
    /// Model text.
    pub model: Option<String>,
    /// Spinning disk.
    pub rotational: Option<bool>,
    /// Firmware revision, as the device names it.
    #[serde(default)]
    pub firmware: Option<String>,
}

/// An accelerator: a PCI device of class display controller (03) or processing accelerator (12).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Accelerator {
    /// Bus address.
    pub bus_address: String,
    /// `vendor:device`, hexadecimal.
    pub pci_id: String,
    /// PCI class, hexadecimal.
    pub class: String,
}

/// The case a machine stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chassis {
    /// Maker of the machine.
    pub vendor: Option<String>,
    /// Its product name.
    pub product: Option<String>,
    /// Serial number of the case; blades of one chassis share it.
    pub serial: Option<String>,
}

/// What a node is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HardwareTopology {
    /// Processors.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// NUMA nodes.
    pub numa: Vec<NumaNode>,
    /// Network interfaces, by name.
    pub nics: Vec<Nic>,
    /// Block devices, by name.
    pub storage: Vec<Storage>,
    /// Accelerators, by bus address.
    pub accelerators: Vec<Accelerator>,
    /// Hypervisor that carries this machine, `none` on bare metal.
    pub virtualisation: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// The case it stands in; SMBIOS types 1 and 3.
    #[serde(default)]
    pub chassis: Chassis,
}

/// A topology no machine can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hardware topology is impossible: {0}")]
pub struct ImpossibleTopology(pub String);

/// More entries than this in one list are taken for an attack, not for a machine.
pub const MAX_ENTRIES: usize = 1_024;

impl HardwareTopology {
    /// Tells one topology from another: the first 64 bits of the SHA-256 of its JSON. Not for the wire.
    #[must_use]
    pub fn digest(&self) -> u64 {
        use sha2::{Digest, Sha256};
        // Plain data of strings and numbers: it can always be written as JSON.
        let json = serde_json::to_vec(self).unwrap_or_default();
        let digest = Sha256::digest(&json);
        u64::from_be_bytes([digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]])
    }

    /// Refuses what no machine can have (C3).
    ///
    /// # Errors
    /// When cores exceed threads, sockets exceed cores, something that exists counts zero, or a list is absurdly long.
    pub fn check(&self) -> Result<(), ImpossibleTopology> {
        let counts = [("sockets", self.cpu.sockets), ("cores", self.cpu.cores), ("threads", self.cpu.threads)];
        if let Some((what, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            return Err(ImpossibleTopology(format!("cpu.{what} is 0")));
        }
        for pair in counts.windows(2) {
            if let [(fewer, Some(a)), (more, Some(b))] = pair
                && a > b
            {
                return Err(ImpossibleTopology(format!("cpu.{fewer} is {a}, more than cpu.{more} {b}")));
            }
        }
        if self.memory.total_bytes == Some(0) {
            return Err(ImpossibleTopology("memory.total_bytes is 0".into()));
        }
        let lists = [
            ("cpu.flags", self.cpu.flags.len()),
            ("cpu.caches", self.cpu.caches.len()),
            ("memory.modules", self.memory.modules.len()),
            ("numa", self.numa.len()),
            ("nics", self.nics.len()),
            ("storage", self.storage.len()),
            ("accelerators", self.accelerators.len()),
        ];
        match lists.iter().find(|(_, length)| *length > MAX_ENTRIES) {
            Some((what, length)) => {
                Err(ImpossibleTopology(format!("{what} has {length} entries, at most {MAX_ENTRIES} are believed")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_machines_are_refused_with_the_reason() {
        let mut topology = HardwareTopology::default();
        assert!(topology.check().is_ok(), "unknown is allowed");
        topology.cpu.cores = Some(8);
        topology.cpu.threads = Some(4);
        assert_eq!(topology.check().unwrap_err().0, "cpu.cores is 8, more than cpu.threads 4");
        topology.cpu.threads = Some(0);
        assert_eq!(topology.check().unwrap_err().0, "cpu.threads is 0");
        topology.cpu = Cpu { flags: vec![String::new(); MAX_ENTRIES + 1], ..Cpu::default() };
        assert!(topology.check().unwrap_err().0.starts_with("cpu.flags has 1025"));
    }
}
