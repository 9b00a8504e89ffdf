//! A cheap look at whether the hardware changed: names and sizes instead of everything.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

use super::devices::{drives, network_devices};
use super::memory::total_bytes;
use super::tree::Tree;

/// Memory is compared in steps of this size: some hypervisors take and give back pages all the time.
const MEMORY_STEP: u64 = 1 << 30;

/// Tells whether hardware came or went: network interfaces, drives and their sizes, PCI devices, processors online and
/// memory. Equal fingerprints mean that reading everything again is not worth it. Holds for one run of the
/// agent; a link that goes up and down does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Takes the fingerprint of the machine below `root` (`/` in production). Reads a few directories and one small
    /// file per drive; never fails: what cannot be read counts as absent.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let tree = Tree::new(root);
        let mut hasher = DefaultHasher::new();
        network_devices(&tree).hash(&mut hasher);
        for name in drives(&tree) {
            tree.text(&format!("sys/block/{name}/size")).hash(&mut hasher);
            name.hash(&mut hasher);
        }
        tree.names("sys/bus/pci/devices").hash(&mut hasher);
        tree.text("sys/devices/system/cpu/online").hash(&mut hasher);
        total_bytes(&tree).map(|bytes| bytes / MEMORY_STEP).hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::fake::Fake;

    fn server() -> Fake {
        Fake::new()
            .with_interface("eth1", "3c:ec:ef:00:00:01", true)
            .with_all("sys/class/net/eth1", &[("speed", "10000")])
            .with_all("sys/block/sda", &[("size", "1000")])
            .with("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200\n")
            .with("sys/devices/system/cpu/online", "0-3\n")
            .with("proc/meminfo", "MemTotal:  16000000 kB\n")
    }

    #[test]
    fn what_comes_or_goes_changes_the_fingerprint_and_nothing_else_does() {
        let machine = server();
        let before = Fingerprint::read(machine.root());
        assert_eq!(Fingerprint::read(server().root()), before);
        for (file, content) in [
            ("sys/class/net/eth1/speed", "1000"),
            ("sys/block/loop7/size", "5"),
            ("sys/class/net/veth9/address", "0a:00:00:00:00:01"),
            ("proc/meminfo", "MemTotal:  15990000 kB\n"),
        ] {
            machine.put(file, content);
            assert_eq!(Fingerprint::read(machine.root()), before, "{file}");
        }
        for (file, content) in [
            ("sys/block/sdb/size", "1000"),
            ("sys/block/sda/size", "2000"),
            ("sys/bus/pci/devices/0000:5e:00.0/class", "0x030200\n"),
            ("sys/devices/system/cpu/online", "0-1"),
            ("proc/meminfo", "MemTotal:  32000000 kB\n"),
        ] {
            let machine = server().with(file, content);
            assert_ne!(Fingerprint::read(machine.root()), before, "{file}");
        }
        let another = server().with_interface("eth2", "3c:ec:ef:00:00:02", true);
        assert_ne!(Fingerprint::read(another.root()), before);
        assert_eq!(Fingerprint::read(Path::new("/nonexistent")), Fingerprint::read(Path::new("/nonexistent")));
    }
}
