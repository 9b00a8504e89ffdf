//! The kinds of server that simulated machines are drawn from.

use rollcall_model::hardware::{
    Accelerator, Cache, Chassis, Cpu, HardwareTopology, Memory, MemoryModule, Nic, NumaNode, Storage,
};

use super::dice::Dice;

const GIB: u64 = 1 << 30;
/// What every simulated x86 processor can do, of what matters to software.
const X86_FLAGS: &str = "aes avx avx2 avx512f bmi2 fma fpu lm nx rdrand sha_ni sse4_2";
const ARM_FLAGS: &str = "aes asimd asimddp atomics bf16 crc32 fp i8mm pmull sha2 sve sve2";

/// A kind of server.
struct Kind {
    /// Of every twenty machines, how many are of this kind.
    weight: u32,
    vendor: &'static str,
    cpu: &'static str,
    family: u32,
    model: u32,
    stepping: u32,
    flags: &'static str,
    sockets: u32,
    cores_per_socket: u32,
    threads_per_core: u32,
    max_mhz: u32,
    l3_mib: u64,
    memory: &'static str,
    module_gib: u64,
    modules: u32,
    mts: u32,
    nic_driver: &'static str,
    nic_pci: &'static str,
    nic_mbps: u32,
    /// Vendor part of the interfaces' addresses.
    nic_oui: &'static str,
    drive: &'static str,
    drives: u32,
    accelerators: u32,
}

const KINDS: [Kind; 5] = [
    Kind {
        weight: 6,
        vendor: "GenuineIntel",
        cpu: "Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz",
        family: 6,
        model: 106,
        stepping: 6,
        flags: X86_FLAGS,
        sockets: 2,
        cores_per_socket: 28,
        threads_per_core: 2,
        max_mhz: 3_100,
        l3_mib: 42,
        memory: "DDR4",
        module_gib: 32,
        modules: 16,
        mts: 2_933,
        nic_driver: "ixgbe",
        nic_pci: "8086:10fb",
        nic_mbps: 10_000,
        nic_oui: "3c:fd:fe",
        drive: "SAMSUNG MZ7L33T8HBLT-00A07",
        drives: 4,
        accelerators: 0,
    },
    Kind {
        weight: 6,
        vendor: "AuthenticAMD",
        cpu: "AMD EPYC 9354 32-Core Processor",
        family: 25,
        model: 17,
        stepping: 1,
        flags: X86_FLAGS,
        sockets: 2,
        cores_per_socket: 32,
        threads_per_core: 2,
        max_mhz: 3_800,
        l3_mib: 256,
        memory: "DDR5",
        module_gib: 32,
        modules: 24,
        mts: 4_800,
        nic_driver: "mlx5_core",
        nic_pci: "15b3:1015",
        nic_mbps: 25_000,
        nic_oui: "b8:ce:f6",
        drive: "KIOXIA KCD81RUG3T84",
        drives: 4,
        accelerators: 0,
    },
    Kind {
        weight: 3,
        vendor: "GenuineIntel",
        cpu: "Intel(R) Xeon(R) Platinum 8480+",
        family: 6,
        model: 143,
        stepping: 8,
        flags: X86_FLAGS,
        sockets: 2,
        cores_per_socket: 56,
        threads_per_core: 2,
        max_mhz: 3_800,
        l3_mib: 105,
        memory: "DDR5",
        module_gib: 64,
        modules: 16,
        mts: 4_800,
        nic_driver: "ice",
        nic_pci: "8086:1592",
        nic_mbps: 100_000,
        nic_oui: "b4:96:91",
        drive: "INTEL SSDPF2KX038TZ",
        drives: 6,
        accelerators: 0,
    },
    Kind {
        weight: 3,
        vendor: "ARM",
        cpu: "Neoverse-V2",
        family: 8,
        model: 0xd4f,
        stepping: 1,
        flags: ARM_FLAGS,
        sockets: 1,
        cores_per_socket: 96,
        threads_per_core: 1,
        max_mhz: 2_800,
        l3_mib: 36,
        memory: "DDR5",
        module_gib: 32,
        modules: 12,
        mts: 5_600,
        nic_driver: "bnxt_en",
        nic_pci: "14e4:16d7",
        nic_mbps: 25_000,
        nic_oui: "bc:97:e1",
        drive: "Micron_7450_MTFDKCC3T8TFR",
        drives: 2,
        accelerators: 0,
    },
    Kind {
        weight: 2,
        vendor: "AuthenticAMD",
        cpu: "AMD EPYC 9654 96-Core Processor",
        family: 25,
        model: 17,
        stepping: 1,
        flags: X86_FLAGS,
        sockets: 2,
        cores_per_socket: 96,
        threads_per_core: 2,
        max_mhz: 3_700,
        l3_mib: 384,
        memory: "DDR5",
        module_gib: 64,
        modules: 24,
        mts: 4_800,
        nic_driver: "mlx5_core",
        nic_pci: "15b3:1021",
        nic_mbps: 400_000,
        nic_oui: "a0:88:c2",
        drive: "KIOXIA KCD81PUG7T68",
        drives: 8,
        accelerators: 8,
    },
];

/// Draws a machine.
pub(super) fn draw(dice: &mut Dice, index: u32) -> HardwareTopology {
    let weighted: Vec<&Kind> = KINDS.iter().flat_map(|kind| (0..kind.weight).map(move |_| kind)).collect();
    let kind = dice.pick(&weighted).copied().unwrap_or(&KINDS[0]);
    HardwareTopology {
        cpu: cpu(kind),
        memory: memory(kind),
        numa: numa(kind),
        nics: nics(kind, index, dice.roll()),
        storage: (0..kind.drives)
            .map(|number| Storage {
                name: if kind.drive.starts_with("SAMSUNG MZ7") {
                    format!("sd{}", char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)))
                } else {
                    format!("nvme{number}n1")
                },
                size_bytes: Some(3_840_755_982_336),
                model: Some(kind.drive.into()),
                rotational: Some(false),
                firmware: Some("sim 1".into()),
            })
            .collect(),
        accelerators: (0..kind.accelerators)
            .map(|number| Accelerator {
                bus_address: format!("0000:{:02x}:00.0", 0x1b + number * 0x10),
                pci_id: "10de:2330".into(),
                class: "030200".into(),
            })
            .collect(),
        virtualisation: Some("none".into()),
        kernel: Some(format!("6.12.57+deb13-{}", if kind.vendor == "ARM" { "arm64" } else { "amd64" })),
        chassis: Chassis {
            vendor: Some("Rollcall simulated".into()),
            product: Some(format!("{}-socket server", kind.sockets)),
            // Blades stand four to a case.
            serial: Some(format!("SIM{:05}", index / 4)),
        },
    }
}

/// The signature that stands in the evidence.
pub(super) fn signature(cpu: &Cpu) -> String {
    let number = |part: Option<u32>| part.unwrap_or_default();
    let vendor = cpu.vendor.as_deref().unwrap_or("simulated");
    format!("{vendor}-{}-{}-{}", number(cpu.family), number(cpu.model), number(cpu.stepping))
}

fn cpu(kind: &Kind) -> Cpu {
    let cores = kind.sockets * kind.cores_per_socket;
    let cache = |level, text: &str, size_bytes, instances| Cache { level, kind: text.into(), size_bytes, instances };
    Cpu {
        vendor: Some(kind.vendor.into()),
        family: Some(kind.family),
        model: Some(kind.model),
        stepping: Some(kind.stepping),
        name: Some(kind.cpu.into()),
        flags: kind.flags.split(' ').map(str::to_owned).collect(),
        sockets: Some(kind.sockets),
        cores: Some(cores),
        threads: Some(cores * kind.threads_per_core),
        max_mhz: Some(kind.max_mhz),
        caches: vec![
            cache(1, "data", 32 << 10, cores),
            cache(1, "instruction", 32 << 10, cores),
            cache(2, "unified", 1 << 20, cores),
            cache(3, "unified", kind.l3_mib << 20, kind.sockets),
        ],
    }
}

fn memory(kind: &Kind) -> Memory {
    let installed = u64::from(kind.modules) * kind.module_gib * GIB;
    let module = |number| MemoryModule {
        locator: format!("DIMM_{}{}", char::from(b'A' + u8::try_from(number % 26).unwrap_or(0)), 1 + number / 26),
        size_bytes: Some(kind.module_gib * GIB),
        speed_mts: Some(kind.mts),
        technology: Some(kind.memory.into()),
    };
    Memory {
        // The kernel keeps about one part in seventy for itself.
        total_bytes: Some(installed - installed / 70),
        technology: Some(kind.memory.into()),
        ecc: Some(true),
        modules: (0..kind.modules).map(module).collect(),
    }
}

fn numa(kind: &Kind) -> Vec<NumaNode> {
    let (cores, all) = (kind.cores_per_socket, kind.sockets * kind.cores_per_socket);
    let node = |node: u32| {
        let (first, last) = (node * cores, (node + 1) * cores - 1);
        let siblings = format!("{first}-{last},{}-{}", all + first, all + last);
        NumaNode {
            node,
            cpus: if kind.threads_per_core == 2 { siblings } else { format!("{first}-{last}") },
            memory_bytes: Some(u64::from(kind.modules / kind.sockets) * kind.module_gib * GIB),
            distances: (0..kind.sockets).map(|other| if other == node { 10 } else { 21 }).collect(),
        }
    };
    (0..kind.sockets).map(node).collect()
}

fn nics(kind: &Kind, index: u32, roll: u64) -> Vec<Nic> {
    let nic = |port: u32| Nic {
        name: format!("enp1s0f{port}"),
        mac: Some(format!(
            "{}:{:02x}:{:02x}:{:02x}",
            kind.nic_oui,
            index >> 7 & 0xff,
            (index << 1 & 0xfe) | port,
            roll & 0xff
        )),
        driver: Some(kind.nic_driver.into()),
        bus_address: Some(format!("0000:01:00.{port}")),
        pci_id: Some(kind.nic_pci.into()),
        speed_mbps: Some(kind.nic_mbps),
        best_mbps: Some(kind.nic_mbps),
        firmware: Some(format!("sim {}", kind.nic_driver)),
    };
    (0..2).map(nic).collect()
}
