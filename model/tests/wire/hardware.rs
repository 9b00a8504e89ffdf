//! The hardware of the examples: every list has an entry, and unknown values stand among known ones.

use rollcall_model::HardwareTopology;
use rollcall_model::hardware::{Accelerator, Cache, Chassis, Cpu, Memory, MemoryModule, Nic, NumaNode, Storage};

pub fn hardware() -> HardwareTopology {
    HardwareTopology {
        cpu: cpu(),
        memory: memory(),
        numa: vec![NumaNode { node: 0, cpus: "0-15".into(), memory_bytes: Some(1 << 36), distances: vec![10, 21] }],
        nics: vec![Nic {
            name: "eth0".into(),
            mac: Some("02:00:00:00:00:01".into()),
            driver: Some("mlx5_core".into()),
            bus_address: Some("0000:17:00.0".into()),
            pci_id: Some("15b3:1015".into()),
            speed_mbps: None,
            best_mbps: Some(25_000),
            firmware: Some("22.39.2048".into()),
        }],
        storage: vec![Storage {
            name: "nvme0n1".into(),
            size_bytes: Some(1 << 40),
            model: None,
            rotational: Some(false),
            firmware: Some("EDA7602Q".into()),
        }],
        accelerators: vec![Accelerator {
            bus_address: "0000:65:00.0".into(),
            pci_id: "10de:20b0".into(),
            class: "030200".into(),
        }],
        virtualisation: Some("none".into()),
        kernel: Some("6.1.0-28-amd64".into()),
        chassis: Chassis { vendor: Some("Dell Inc.".into()), product: None, serial: Some("5CH4551".into()) },
    }
}

fn cpu() -> Cpu {
    Cpu {
        vendor: Some("GenuineIntel".into()),
        family: Some(6),
        model: Some(106),
        stepping: Some(6),
        name: Some("Xeon Gold 6326".into()),
        flags: vec!["avx2".into(), "sse4_2".into()],
        sockets: Some(1),
        cores: Some(16),
        threads: Some(32),
        max_mhz: None,
        caches: vec![Cache { level: 3, kind: "unified".into(), size_bytes: 25_165_824, instances: 1 }],
    }
}

fn memory() -> Memory {
    Memory {
        total_bytes: Some(1 << 37),
        technology: Some("DDR4".into()),
        ecc: Some(true),
        modules: vec![MemoryModule {
            locator: "DIMM_A1".into(),
            size_bytes: Some(1 << 35),
            speed_mts: Some(3_200),
            technology: Some("DDR4".into()),
        }],
    }
}
