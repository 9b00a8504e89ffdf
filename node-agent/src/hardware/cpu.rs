//! Processors: identity from `/proc/cpuinfo`, counts and caches from `/sys/devices/system/cpu`.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::hardware::{Cache, Cpu};

use super::tree::{Tree, hexadecimal, printable};

const CPUINFO_LIMIT: u64 = 4 * 1024 * 1024;
const CPUS: &str = "sys/devices/system/cpu";

/// Who implements an ARM processor, by the code in its main identification register.
const ARM_IMPLEMENTERS: [(u32, &str); 12] = [
    (0x41, "ARM"),
    (0x42, "Broadcom"),
    (0x43, "Cavium"),
    (0x46, "Fujitsu"),
    (0x48, "HiSilicon"),
    (0x4e, "NVIDIA"),
    (0x50, "APM"),
    (0x51, "Qualcomm"),
    (0x61, "Apple"),
    (0x69, "Intel"),
    (0x6d, "Microsoft"),
    (0xc0, "Ampere"),
];

/// Names of server processors whose implementer is ARM itself, by part number.
const ARM_PARTS: [(u32, &str); 9] = [
    (0xd07, "Cortex-A57"),
    (0xd08, "Cortex-A72"),
    (0xd0c, "Neoverse-N1"),
    (0xd40, "Neoverse-V1"),
    (0xd49, "Neoverse-N2"),
    (0xd4a, "Neoverse-E1"),
    (0xd4f, "Neoverse-V2"),
    (0xd84, "Neoverse-V3"),
    (0xd8e, "Neoverse-N3"),
];

/// Reads the processors.
pub(super) fn read(tree: &Tree) -> Cpu {
    let info = CpuInfo::read(tree);
    let cpus = online(tree);
    let counts = if cpus.is_empty() { info.counts } else { counts(tree, &cpus) };
    let max_khz = tree
        .numbered(CPUS, "cpu")
        .iter()
        .filter_map(|(_, cpu)| tree.number::<u64>(&format!("{cpu}/cpufreq/cpuinfo_max_freq")))
        .max();
    Cpu {
        sockets: counts.sockets,
        cores: counts.cores,
        threads: counts.threads,
        max_mhz: max_khz.and_then(|khz| u32::try_from(khz / 1_000).ok()).filter(|mhz| *mhz > 0),
        caches: caches(tree, &cpus),
        ..info.identity
    }
}

/// The processor's signature as evidence of the machine's identity, e.g. `AuthenticAMD-25-17-1`.
pub(crate) fn signature(tree: &Tree) -> Option<String> {
    let cpu = CpuInfo::read(tree).identity;
    let number = |part: Option<u32>| part.map_or_else(|| "x".into(), |part| part.to_string());
    cpu.vendor.map(|vendor| format!("{vendor}-{}-{}-{}", number(cpu.family), number(cpu.model), number(cpu.stepping)))
}

#[derive(Clone, Copy, Default)]
struct Counts {
    sockets: Option<u32>,
    cores: Option<u32>,
    threads: Option<u32>,
}

/// What `/proc/cpuinfo` tells.
struct CpuInfo {
    identity: Cpu,
    counts: Counts,
}

impl CpuInfo {
    fn read(tree: &Tree) -> Self {
        let bytes = tree.bytes("proc/cpuinfo", CPUINFO_LIMIT).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let first = first_values(&text);
        let identity = if first.contains_key("CPU implementer") { arm(&first) } else { x86(&first) };
        Self { identity, counts: listed(&text) }
    }
}

fn pair(line: &str) -> Option<(&str, &str)> {
    line.split_once(':').map(|(key, value)| (key.trim(), value.trim()))
}

/// The first value of every key: that of the first processor, and of the machine as a whole.
fn first_values(text: &str) -> BTreeMap<&str, &str> {
    let mut first = BTreeMap::new();
    for (key, value) in text.lines().filter_map(pair) {
        first.entry(key).or_insert(value);
    }
    first
}

fn sorted_flags(list: Option<&&str>) -> Vec<String> {
    let flags: BTreeSet<String> = list.map_or("", |list| list).split_whitespace().filter_map(printable).collect();
    flags.into_iter().collect()
}

fn x86(first: &BTreeMap<&str, &str>) -> Cpu {
    let number = |key: &str| first.get(key).and_then(|value| value.parse().ok());
    let text = |key: &str| first.get(key).and_then(|value| printable(value));
    Cpu {
        vendor: text("vendor_id"),
        family: number("cpu family"),
        model: number("model"),
        stepping: number("stepping"),
        name: text("model name").or_else(|| text("cpu")).or_else(|| text("uarch")),
        flags: sorted_flags(first.get("flags").or_else(|| first.get("isa"))),
        ..Cpu::default()
    }
}

/// ARM has no family and model: the architecture's version stands for the family, the part number for the
/// model, variant and revision (`r3p1`) together for the stepping.
fn arm(first: &BTreeMap<&str, &str>) -> Cpu {
    let number = |key: &str| first.get(key).and_then(|value| hexadecimal(value));
    let implementer = number("CPU implementer");
    let part = number("CPU part");
    let known = |table: &[(u32, &str)], code: u32| {
        table.iter().find(|(candidate, _)| *candidate == code).map(|(_, name)| (*name).to_owned())
    };
    let stepping = number("CPU variant").zip(number("CPU revision"));
    Cpu {
        vendor: implementer
            .map(|code| known(&ARM_IMPLEMENTERS, code).unwrap_or_else(|| format!("implementer-{code:#04x}"))),
        family: first.get("CPU architecture").and_then(|version| version.parse().ok()),
        model: part,
        stepping: stepping.map(|(variant, revision)| ((variant & 0xf) << 4) | (revision & 0xf)),
        name: first
            .get("model name")
            .and_then(|name| printable(name))
            .or_else(|| part.filter(|_| implementer == Some(0x41)).and_then(|part| known(&ARM_PARTS, part))),
        flags: sorted_flags(first.get("Features")),
        ..Cpu::default()
    }
}

/// Counts as `/proc/cpuinfo` lists them, where sysfs has no topology.
fn listed(text: &str) -> Counts {
    let (mut threads, mut package) = (0_u32, None);
    let (mut packages, mut cores) = (BTreeSet::new(), BTreeSet::new());
    for (key, value) in text.lines().filter_map(pair) {
        match key {
            "processor" if value.parse::<u32>().is_ok() => threads += 1,
            "physical id" => {
                package = Some(value);
                packages.insert(value);
            }
            "core id" => {
                cores.insert((package, value));
            }
            _ => {}
        }
    }
    Counts { sockets: count(packages.len()), cores: count(cores.len()), threads: count(threads as usize) }
}

fn count(length: usize) -> Option<u32> {
    u32::try_from(length).ok().filter(|count| *count > 0)
}

/// Directories of the processors that are online: only they have a topology.
fn online(tree: &Tree) -> Vec<String> {
    let mut cpus: Vec<String> = tree.numbered(CPUS, "cpu").into_iter().map(|(_, cpu)| cpu).collect();
    cpus.retain(|cpu| tree.exists(&format!("{cpu}/topology")));
    cpus
}

/// Siblings name each other in the same list, so distinct lists are distinct cores. Core ids would not do:
/// they repeat from die to die.
fn counts(tree: &Tree, cpus: &[String]) -> Counts {
    let distinct = |newer: &str, older: &str| {
        let lists: BTreeSet<String> = cpus
            .iter()
            .filter_map(|cpu| {
                tree.text(&format!("{cpu}/topology/{newer}")).or_else(|| tree.text(&format!("{cpu}/topology/{older}")))
            })
            .collect();
        count(lists.len())
    };
    let packages: BTreeSet<u32> =
        cpus.iter().filter_map(|cpu| tree.number(&format!("{cpu}/topology/physical_package_id"))).collect();
    Counts {
        sockets: count(packages.len()).or_else(|| distinct("package_cpus_list", "core_siblings_list")),
        cores: distinct("core_cpus_list", "thread_siblings_list"),
        threads: count(cpus.len()),
    }
}

/// Bytes of a size such as `512K` or `32M`.
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let unit = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn caches(tree: &Tree, cpus: &[String]) -> Vec<Cache> {
    let mut seen = BTreeSet::new();
    let mut instances: BTreeMap<(u32, String, u64), u32> = BTreeMap::new();
    for cpu in cpus {
        for (index, cache) in tree.numbered(&format!("{cpu}/cache"), "index") {
            let shared = tree.text(&format!("{cache}/shared_cpu_list"));
            if shared.is_some() && !seen.insert((index, shared)) {
                continue;
            }
            let level = tree.number(&format!("{cache}/level"));
            let kind = tree.line(&format!("{cache}/type"));
            let bytes = tree.text(&format!("{cache}/size")).as_deref().and_then(size);
            if let (Some(level), Some(kind), Some(bytes)) = (level, kind, bytes) {
                *instances.entry((level, kind.to_lowercase(), bytes)).or_default() += 1;
            }
        }
    }
    let cache = |((level, kind, size_bytes), instances)| Cache { level, kind, size_bytes, instances };
    instances.into_iter().map(cache).collect()
}
