//! The hardware topology map (N2), read from `/proc`, `/sys` and the firmware's SMBIOS tables.
//!
//! Reading never fails and never panics: what a machine does not tell is `None`. It writes nothing, scans no bus, and
//! reads a bounded amount of every file. Only the drivers of network interfaces are asked something, by `ethtool`
//! where it is installed, for two seconds at most.

mod chassis;
mod cpu;
mod devices;
mod ethtool;
#[cfg(test)]
pub(crate) mod fake;
mod fingerprint;
mod memory;
mod serial;
mod smbios;
#[cfg(test)]
mod tests;
mod tree;
mod virtualisation;

use std::path::Path;

use rollcall_model::hardware::{HardwareTopology, MAX_ENTRIES};

pub(crate) use chassis::chassis_serial;
pub(crate) use cpu::signature as cpu_signature;
pub(crate) use devices::{drives, hardware_address, network_devices};
pub(crate) use ethtool::{Ethtool, Speeds};
pub use fingerprint::Fingerprint;
pub(crate) use serial::{distinct, is_real_serial};
pub(crate) use smbios::Tables;
pub(crate) use tree::{Tree, list_first, list_length, printable};

/// Reads what the machine below `root` (`/` in production) is made of. What comes back passes
/// [`HardwareTopology::check`], whatever the files say. May block for some seconds where a driver is slow to answer.
#[must_use]
pub fn read(root: &Path) -> HardwareTopology {
    let tree = Tree::new(root);
    let tables = Tables::read(&tree);
    let cpu = cpu::read(&tree);
    let virtualisation = virtualisation::read(&tree, &cpu.flags);
    believable(HardwareTopology {
        memory: memory::read(&tree, tables.as_ref()),
        numa: memory::numa(&tree),
        nics: devices::nics(&tree),
        storage: devices::storage(&tree),
        accelerators: devices::accelerators(&tree),
        virtualisation,
        kernel: tree.line("proc/sys/kernel/osrelease"),
        chassis: chassis::read(&tree, tables.as_ref()),
        cpu,
    })
}

/// Turns what cannot be true into "unknown", so that one odd file does not keep a machine out of the fleet.
fn believable(mut topology: HardwareTopology) -> HardwareTopology {
    let cpu = &mut topology.cpu;
    for count in [&mut cpu.sockets, &mut cpu.cores, &mut cpu.threads] {
        *count = count.filter(|count| *count > 0);
    }
    if cpu.cores > cpu.threads && cpu.threads.is_some() {
        cpu.cores = None;
    }
    if cpu.sockets > cpu.cores.or(cpu.threads) {
        cpu.sockets = None;
    }
    cpu.flags.truncate(MAX_ENTRIES);
    cpu.caches.truncate(MAX_ENTRIES);
    let memory = &mut topology.memory;
    memory.total_bytes = memory.total_bytes.filter(|bytes| *bytes > 0);
    memory.modules.truncate(MAX_ENTRIES);
    topology.numa.truncate(MAX_ENTRIES);
    topology.nics.truncate(MAX_ENTRIES);
    topology.storage.truncate(MAX_ENTRIES);
    topology.accelerators.truncate(MAX_ENTRIES);
    topology
}
