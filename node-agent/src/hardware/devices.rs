//! Network interfaces, block devices and accelerators, from sysfs.

use rollcall_model::hardware::{Accelerator, Nic, Storage};

use super::ethtool::Ethtool;
use super::tree::Tree;

const NET: &str = "sys/class/net";
const BLOCK: &str = "sys/block";
const PCI: &str = "sys/bus/pci/devices";

/// Block devices that are made of other devices, or of nothing.
const NOT_A_DRIVE: [&str; 8] = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"];

/// Where drives tell their firmware revision: NVMe, SCSI and ATA (its first four characters), eMMC.
const FIRMWARE: [&str; 3] = ["firmware_rev", "rev", "fwrev"];

/// Names of the interfaces with a device behind them; virtual functions belong to their physical one.
pub(crate) fn network_devices(tree: &Tree) -> Vec<String> {
    let mut names = tree.names(NET);
    names.retain(|name| {
        tree.exists(&format!("{NET}/{name}/device")) && !tree.exists(&format!("{NET}/{name}/device/physfn"))
    });
    names
}

/// Reads the network interfaces.
pub(super) fn nics(tree: &Tree) -> Vec<Nic> {
    let ethtool = Ethtool::find(tree);
    network_devices(tree)
        .into_iter()
        .map(|name| {
            let below = format!("{NET}/{name}");
            let device = tree.resolved(&format!("{below}/device"));
            let pci = device.as_deref().and_then(pci_ancestor);
            let told = ethtool.as_ref().and_then(|ethtool| ethtool.firmware(&name));
            Nic {
                best_mbps: ethtool.as_ref().and_then(|ethtool| ethtool.speeds(&name).supported),
                firmware: told.or_else(|| firmware(tree, &below)),
                mac: hardware_address(tree, &name),
                driver: tree.link_name(&format!("{below}/device/driver")),
                bus_address: pci.or(device.as_deref()).and_then(|path| path.rsplit('/').next()).map(str::to_owned),
                pci_id: pci.and_then(|path| pci_id(tree, path)),
                speed_mbps: speed_mbps(tree, &name),
                name,
            }
        })
        .collect()
}

/// The address of an interface: the one it was built with where it now bears that of a bond; `None` for zeros.
pub(crate) fn hardware_address(tree: &Tree, name: &str) -> Option<String> {
    let own = tree.line(&format!("{NET}/{name}/bonding_slave/perm_hwaddr"));
    let address = own.or_else(|| tree.line(&format!("{NET}/{name}/address")))?.to_lowercase();
    let digits = address.chars().filter(|c| *c != ':').all(|c| c.is_ascii_hexdigit());
    (digits && address.chars().any(|c| c != '0' && c != ':')).then_some(address)
}

/// The speed of an interface; drivers that do not know it say -1 or refuse.
fn speed_mbps(tree: &Tree, name: &str) -> Option<u32> {
    let speed: i64 = tree.number(&format!("{NET}/{name}/speed"))?;
    u32::try_from(speed).ok().filter(|speed| *speed > 0 && *speed < u32::MAX)
}

/// Version of an adapter's firmware, where its InfiniBand or RoCE side shows it.
fn firmware(tree: &Tree, below: &str) -> Option<String> {
    let adapters = format!("{below}/device/infiniband");
    tree.names(&adapters).iter().find_map(|adapter| tree.line(&format!("{adapters}/{adapter}/fw_ver")))
}

/// The nearest PCI device on the way up from a device: that of a virtio interface is its parent.
fn pci_ancestor(path: &str) -> Option<&str> {
    let mut path = path;
    loop {
        let (above, last) = path.rsplit_once('/')?;
        if is_pci_address(last) {
            return Some(path);
        }
        path = above;
    }
}

/// Whether a name has the form `dddd:bb:dd.f`.
fn is_pci_address(name: &str) -> bool {
    let parts: Vec<&str> = name.split([':', '.']).collect();
    let hexadecimal = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_hexdigit());
    parts.len() == 4 && name.matches(':').count() == 2 && parts.iter().all(hexadecimal)
}

fn pci_id(tree: &Tree, below: &str) -> Option<String> {
    let vendor = tree.hexadecimal(&format!("{below}/vendor"))?;
    let device = tree.hexadecimal(&format!("{below}/device"))?;
    Some(format!("{vendor:04x}:{device:04x}"))
}

/// Names of the block devices that are drives.
pub(crate) fn drives(tree: &Tree) -> Vec<String> {
    let mut names = tree.names(BLOCK);
    names.retain(|name| {
        !NOT_A_DRIVE.iter().any(|prefix| name.starts_with(prefix))
            && tree.number::<u8>(&format!("{BLOCK}/{name}/hidden")) != Some(1)
    });
    names
}

/// Reads the drives.
pub(super) fn storage(tree: &Tree) -> Vec<Storage> {
    drives(tree)
        .into_iter()
        .map(|name| Storage {
            // The kernel counts sectors of 512 bytes here, whatever the drive's own are.
            size_bytes: tree
                .number::<u64>(&format!("{BLOCK}/{name}/size"))
                .and_then(|sectors| sectors.checked_mul(512))
                .filter(|bytes| *bytes > 0),
            model: tree.line(&format!("{BLOCK}/{name}/device/model")),
            rotational: tree.number::<u8>(&format!("{BLOCK}/{name}/queue/rotational")).map(|flag| flag != 0),
            firmware: FIRMWARE.iter().find_map(|file| tree.line(&format!("{BLOCK}/{name}/device/{file}"))),
            name,
        })
        .collect()
}

/// Reads the accelerators: PCI base classes 03 (display) and 12 (processing accelerator).
pub(super) fn accelerators(tree: &Tree) -> Vec<Accelerator> {
    let found = |bus_address: String| {
        let below = format!("{PCI}/{bus_address}");
        let class = tree.hexadecimal(&format!("{below}/class"))? & 0xff_ffff;
        if !matches!(class >> 16, 0x03 | 0x12) {
            return None;
        }
        Some(Accelerator { pci_id: pci_id(tree, &below)?, class: format!("{class:06x}"), bus_address })
    };
    tree.names(PCI).into_iter().filter_map(found).collect()
}
