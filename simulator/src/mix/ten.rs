//! Ten generations of servers, one a line.

use super::Generation;

/// Name, share; vendor, processor, family, model; sockets, cores, threads; memory, GiB; NIC, Mb/s; drives, spinning, accelerators.
pub(super) struct Row(
    &'static str,
    u32,
    (&'static str, &'static str, u32, u32),
    [u32; 3],
    (&'static str, u32),
    (&'static str, u32),
    (u32, bool, u32),
);

const INTEL: &str = "GenuineIntel";
const AMD: &str = "AuthenticAMD";

pub(super) const ALL: [Row; 10] = [
    Row(
        "2012-sandy-bridge",
        3,
        (INTEL, "Intel(R) Xeon(R) CPU E5-2670", 6, 45),
        [2, 8, 2],
        ("DDR3", 64),
        ("igb", 1_000),
        (4, true, 0),
    ),
    Row(
        "2014-ivy-bridge",
        4,
        (INTEL, "Intel(R) Xeon(R) CPU E5-2680 v2", 6, 62),
        [2, 10, 2],
        ("DDR3", 128),
        ("ixgbe", 10_000),
        (4, true, 0),
    ),
    Row(
        "2015-haswell",
        8,
        (INTEL, "Intel(R) Xeon(R) CPU E5-2680 v3", 6, 63),
        [2, 12, 2],
        ("DDR4", 128),
        ("ixgbe", 10_000),
        (6, true, 0),
    ),
    Row(
        "2016-broadwell",
        12,
        (INTEL, "Intel(R) Xeon(R) CPU E5-2690 v4", 6, 79),
        [2, 14, 2],
        ("DDR4", 256),
        ("i40e", 10_000),
        (4, false, 0),
    ),
    Row(
        "2018-skylake",
        16,
        (INTEL, "Intel(R) Xeon(R) Gold 6148", 6, 85),
        [2, 20, 2],
        ("DDR4", 384),
        ("i40e", 25_000),
        (4, false, 0),
    ),
    Row(
        "2019-rome",
        14,
        (AMD, "AMD EPYC 7502 32-Core Processor", 23, 49),
        [2, 32, 2],
        ("DDR4", 512),
        ("mlx5_core", 25_000),
        (4, false, 0),
    ),
    Row(
        "2021-ice-lake",
        16,
        (INTEL, "Intel(R) Xeon(R) Gold 6330", 6, 106),
        [2, 28, 2],
        ("DDR4", 512),
        ("ice", 25_000),
        (4, false, 0),
    ),
    Row(
        "2022-ampere",
        5,
        ("ARM", "Neoverse-N1", 8, 0xd0c),
        [1, 128, 1],
        ("DDR4", 512),
        ("bnxt_en", 25_000),
        (2, false, 0),
    ),
    Row(
        "2023-genoa",
        16,
        (AMD, "AMD EPYC 9354 32-Core Processor", 25, 17),
        [2, 32, 2],
        ("DDR5", 768),
        ("mlx5_core", 100_000),
        (4, false, 0),
    ),
    Row(
        "2024-sapphire-gpu",
        6,
        (INTEL, "Intel(R) Xeon(R) Platinum 8480+", 6, 143),
        [2, 56, 2],
        ("DDR5", 2_048),
        ("mlx5_core", 400_000),
        (8, false, 8),
    ),
];

impl Row {
    pub(super) fn generation(&self) -> Generation {
        let Self(name, share, cpu, [sockets, cores, threads], memory, nic, (drives, spinning, accelerators)) = *self;
        Generation {
            name: name.into(),
            share,
            vendor: cpu.0.into(),
            cpu: cpu.1.into(),
            family: cpu.2,
            model: cpu.3,
            sockets,
            cores,
            threads,
            memory: memory.0.into(),
            memory_gib: memory.1,
            nic: nic.0.into(),
            nic_mbps: nic.1,
            drives,
            spinning,
            accelerators,
        }
    }
}
