//! What the machines of a fleet are made of: generations bought over the years.

mod ten;

use rollcall_model::hardware::{
    Accelerator, Cache, Chassis, Cpu, HardwareTopology, Memory, MemoryModule, Nic, NumaNode, Storage,
};
use serde::{Deserialize, Serialize};

use crate::Dice;

const GIB: u64 = 1 << 30;
/// What every x86 processor here can do, of what matters to software.
const X86_FLAGS: &str = "aes avx avx2 bmi2 fma fpu lm nx rdrand sse4_2";
const ARM_FLAGS: &str = "aes asimd asimddp atomics crc32 fp pmull sha2";

/// A generation of servers: what was bought in one year, and how much of it still stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// What it is called, e.g. `2019-skylake`.
    pub name: String,
    /// How much of the fleet it is, in parts of the sum of all shares.
    #[serde(default = "one")]
    pub share: u32,
    /// Vendor as the processor names itself: `GenuineIntel`, `AuthenticAMD` or `ARM`.
    pub vendor: String,
    /// The processor's name.
    pub cpu: String,
    /// Its family and model; with the vendor they are its part of the capability.
    pub family: u32,
    /// Its model.
    pub model: u32,
    /// Processor packages.
    #[serde(default = "one")]
    pub sockets: u32,
    /// Cores of each.
    pub cores: u32,
    /// Threads of each core.
    #[serde(default = "one")]
    pub threads: u32,
    /// Technology of the memory, e.g. `DDR4`.
    pub memory: String,
    /// How much of it, GiB.
    pub memory_gib: u32,
    /// Driver of the network interfaces.
    pub nic: String,
    /// Speed of each, Mb/s.
    pub nic_mbps: u32,
    /// Drives.
    #[serde(default = "one")]
    pub drives: u32,
    /// Whether they spin.
    #[serde(default)]
    pub spinning: bool,
    /// Accelerators.
    #[serde(default)]
    pub accelerators: u32,
}

const fn one() -> u32 {
    1
}

impl Generation {
    /// Ten generations, 2012 to 2024, as a grown data centre has them.
    #[must_use]
    pub fn ten() -> Vec<Self> {
        ten::ALL.iter().map(ten::Row::generation).collect()
    }

    /// What the machine of this number is made of.
    #[must_use]
    pub fn hardware(&self, index: u32) -> HardwareTopology {
        let arm = self.vendor == "ARM";
        HardwareTopology {
            cpu: self.cpu(),
            memory: self.memory(),
            numa: self.numa(),
            nics: (0..2).map(|port| self.nic(index, port)).collect(),
            storage: (0..self.drives).map(|number| self.drive(number)).collect(),
            accelerators: (0..self.accelerators).map(accelerator).collect(),
            virtualisation: Some("none".into()),
            kernel: Some(format!("6.12.57+deb13-{}", if arm { "arm64" } else { "amd64" })),
            chassis: Chassis {
                vendor: Some("Rollcall simulated".into()),
                product: Some(self.name.clone()),
                // Blades stand four to a case.
                serial: Some(format!("SIM{:05}", index / 4)),
            },
        }
    }

    fn cpu(&self) -> Cpu {
        let cores = self.sockets * self.cores;
        let cache =
            |level, kind: &str, size_bytes, instances| Cache { level, kind: kind.into(), size_bytes, instances };
        let flags = if self.vendor == "ARM" { ARM_FLAGS } else { X86_FLAGS };
        Cpu {
            vendor: Some(self.vendor.clone()),
            family: Some(self.family),
            model: Some(self.model),
            stepping: Some(1),
            name: Some(self.cpu.clone()),
            flags: flags.split(' ').map(str::to_owned).collect(),
            sockets: Some(self.sockets),
            cores: Some(cores),
            threads: Some(cores * self.threads),
            max_mhz: Some(3_200),
            caches: vec![
                cache(1, "data", 32 << 10, cores),
                cache(1, "instruction", 32 << 10, cores),
                cache(2, "unified", 1 << 20, cores),
                cache(3, "unified", 32 << 20, self.sockets),
            ],
        }
    }

    /// Modules of equal size, at most 64 GiB each.
    fn memory(&self) -> Memory {
        let installed = u64::from(self.memory_gib) * GIB;
        let modules = self.memory_gib.div_ceil(64).max(1);
        let module = |number: u32| MemoryModule {
            locator: format!("DIMM_{}{}", char::from(b'A' + (number % 26) as u8), 1 + number / 26),
            size_bytes: Some(installed / u64::from(modules)),
            speed_mts: None,
            technology: Some(self.memory.clone()),
        };
        Memory {
            // The kernel keeps about one part in seventy for itself.
            total_bytes: Some(installed - installed / 70),
            technology: Some(self.memory.clone()),
            ecc: Some(true),
            modules: (0..modules).map(module).collect(),
        }
    }

    fn numa(&self) -> Vec<NumaNode> {
        let node = |node: u32| NumaNode {
            node,
            cpus: format!("{}-{}", node * self.cores, (node + 1) * self.cores - 1),
            memory_bytes: Some(u64::from(self.memory_gib / self.sockets) * GIB),
            distances: (0..self.sockets).map(|other| if other == node { 10 } else { 21 }).collect(),
        };
        (0..self.sockets).map(node).collect()
    }

    fn nic(&self, index: u32, port: u32) -> Nic {
        let [_, high, middle, low] = (index << 1 | port).to_be_bytes();
        Nic {
            name: format!("enp1s0f{port}"),
            mac: Some(format!("02:5e:00:{high:02x}:{middle:02x}:{low:02x}")),
            driver: Some(self.nic.clone()),
            bus_address: Some(format!("0000:01:00.{port}")),
            pci_id: None,
            speed_mbps: Some(self.nic_mbps),
            best_mbps: Some(self.nic_mbps),
            firmware: Some(format!("sim {}", self.nic)),
        }
    }

    fn drive(&self, number: u32) -> Storage {
        let name = if self.spinning {
            format!("sd{}", char::from(b'a' + (number % 26) as u8))
        } else {
            format!("nvme{number}n1")
        };
        Storage {
            name,
            size_bytes: Some(3_840_755_982_336),
            model: Some("simulated".into()),
            rotational: Some(self.spinning),
            firmware: Some("sim 1".into()),
        }
    }
}

fn accelerator(number: u32) -> Accelerator {
    Accelerator {
        bus_address: format!("0000:{:02x}:00.0", 0x1b + number * 0x10),
        pci_id: "10de:2330".into(),
        class: "030200".into(),
    }
}

/// Which generation each of so many machines is of, by chance and in the proportion of the shares.
#[must_use]
pub fn draw(generations: &[Generation], nodes: u32, dice: &mut Dice) -> Vec<usize> {
    let all: u64 = generations.iter().map(|one| u64::from(one.share)).sum();
    let pick = |mut roll: u64| {
        let fits = |one: &Generation| {
            let share = u64::from(one.share);
            let is_it = roll < share;
            roll = roll.saturating_sub(share);
            is_it
        };
        generations.iter().position(fits).unwrap_or(0)
    };
    (0..nodes).map(|_| dice.below(all)).map(pick).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rollcall_model::Capability;

    use super::*;

    #[test]
    fn ten_generations_are_ten_capabilities_that_can_exist() {
        let ten = Generation::ten();
        let kinds: BTreeSet<_> = ten.iter().map(|one| Capability::of(&one.hardware(1), &[])).collect();
        assert_eq!((ten.len(), kinds.len()), (10, 10), "{kinds:?}");
        for one in &ten {
            one.hardware(7).check().unwrap();
        }
    }

    #[test]
    fn no_two_machines_have_an_address_in_common() {
        let ten = Generation::ten();
        let all: BTreeSet<_> = (0..70_000)
            .step_by(7)
            .flat_map(|index| ten[index as usize % 10].hardware(index).nics)
            .map(|nic| nic.mac)
            .collect();
        assert_eq!(all.len(), 20_000);
    }

    proptest! {
        #[test]
        fn the_shares_are_kept_and_nothing_without_a_share_is_drawn(seed: u64) {
            let mut generations = Generation::ten();
            generations.truncate(3);
            for (one, share) in generations.iter_mut().zip([0, 3, 1]) {
                one.share = share;
            }
            let drawn = draw(&generations, 4_000, &mut Dice::of(&[seed]));
            let count = |which| drawn.iter().filter(|one| **one == which).count();
            prop_assert_eq!(count(0), 0);
            prop_assert!((2_800..3_200).contains(&count(1)), "{}", count(1));
        }
    }
}
