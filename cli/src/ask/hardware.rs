//! A node's hardware in a few lines. What is not known is called unknown.

use rollcall_model::HardwareTopology;
use rollcall_model::hardware::{Cpu, Memory, Nic, NumaNode, Storage};

use super::look::{Look, clean, counted};

/// CPU, memory, NUMA, network interfaces, disks, accelerators, a line each.
#[must_use]
pub fn render(topology: &HardwareTopology, look: &Look) -> String {
    let mut lines = vec![("cpu", cpu(&topology.cpu)), ("memory", memory(&topology.memory))];
    lines.extend(several("numa", topology.numa.iter().map(numa)));
    lines.extend(several("nic", topology.nics.iter().map(nic)));
    lines.extend(alike("disk", topology.storage.iter().map(|it| (it.name.as_str(), disk(it)))));
    let accelerators = topology.accelerators.iter();
    let accelerators = accelerators.map(|it| (it.bus_address.as_str(), format!("{}, class {}", it.pci_id, it.class)));
    lines.extend(alike("accelerator", accelerators).into_iter().filter(|_| !topology.accelerators.is_empty()));
    lines.push(("virtual", topology.virtualisation.clone().unwrap_or_else(|| "unknown".into())));
    lines.push(("kernel", topology.kernel.clone().unwrap_or_else(|| "unknown".into())));
    lines.into_iter().map(|(name, text)| format!("{name:<11}  {}\n", look.wrapped(&clean(&text), 13))).collect()
}

fn several(name: &'static str, texts: impl Iterator<Item = String>) -> Vec<(&'static str, String)> {
    let lines: Vec<_> = texts.map(|text| (name, text)).collect();
    if lines.is_empty() { vec![(name, "none found".into())] } else { lines }
}

/// A line for each kind of device, however many there are of it: `8 × 3.8 TB, solid (nvme0n1 … nvme7n1)`.
fn alike<'a>(name: &'static str, devices: impl Iterator<Item = (&'a str, String)>) -> Vec<(&'static str, String)> {
    let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
    for (device, what) in devices {
        match kinds.iter_mut().find(|(kind, _)| *kind == what) {
            Some((_, names)) => names.push(device),
            None => kinds.push((what, vec![device])),
        }
    }
    let texts = kinds.into_iter().map(|(what, names)| match names.as_slice() {
        [first, .., last] => format!("{} × {what} ({first} … {last})", names.len()),
        _ => format!("{what} ({})", names.concat()),
    });
    several(name, texts)
}

/// The parts that are known, separated by commas.
fn known(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "unknown".into() } else { parts.join(", ") }
}

fn cpu(cpu: &Cpu) -> String {
    let signature = match (&cpu.vendor, cpu.family, cpu.model) {
        (Some(vendor), Some(family), Some(model)) => Some(format!("{vendor} family {family} model {model}")),
        (vendor, _, _) => vendor.clone(),
    };
    let number = |count: Option<u32>, one, many| count.map(|count| counted(i64::from(count), one, many));
    known([
        cpu.name.as_ref().map(|name| name.trim().to_owned()).or(signature),
        number(cpu.sockets, "socket", "sockets"),
        number(cpu.cores, "core", "cores"),
        number(cpu.threads, "thread", "threads"),
        cpu.max_mhz.map(|mhz| format!("up to {:.1} GHz", f64::from(mhz) / 1_000.0)),
    ])
}

fn memory(memory: &Memory) -> String {
    let ecc = memory.ecc.map(|ecc| if ecc { "corrects errors" } else { "does not correct errors" }.to_owned());
    let modules = i64::try_from(memory.modules.len()).ok().filter(|modules| *modules > 0);
    known([
        memory.total_bytes.map(binary),
        memory.technology.clone(),
        modules.map(|modules| counted(modules, "module", "modules")),
        ecc,
    ])
}

fn numa(numa: &NumaNode) -> String {
    known([Some(format!("node {}", numa.node)), Some(format!("cpus {}", numa.cpus)), numa.memory_bytes.map(binary)])
}

fn nic(nic: &Nic) -> String {
    let speed = nic.speed_mbps.map(|mbps| match mbps {
        1_000.. => format!("{} Gb/s", f64::from(mbps) / 1_000.0),
        _ => format!("{mbps} Mb/s"),
    });
    known([Some(nic.name.clone()), nic.driver.clone(), speed.or_else(|| Some("speed unknown".into())), nic.mac.clone()])
}

fn disk(disk: &Storage) -> String {
    let kind = disk.rotational.map(|rotational| if rotational { "rotating" } else { "solid" }.to_owned());
    let firmware = disk.firmware.as_ref().map(|firmware| format!("firmware {firmware}"));
    known([disk.size_bytes.map(decimal), kind, disk.model.clone(), firmware])
}

/// Bytes as memory is sold: `251.6 GiB`.
pub(crate) fn binary(bytes: u64) -> String {
    scaled(bytes, 1_024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// Bytes as disks are sold: `1.9 TB`.
fn decimal(bytes: u64) -> String {
    scaled(bytes, 1_000.0, ["B", "kB", "MB", "GB", "TB", "PB"])
}

fn scaled(bytes: u64, step: f64, units: [&str; 6]) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    // Rounded before it is compared: 1023.96 MiB is 1 GiB.
    while (value * 10.0).round() / 10.0 >= step && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let text = format!("{value:.1}");
    format!("{} {}", text.strip_suffix(".0").unwrap_or(&text), units[unit])
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    const LOOK: Look = Look { width: None, colour: false, now: Timestamp::UNIX_EPOCH };

    #[test]
    fn a_server_fits_a_few_lines() {
        let topology: HardwareTopology = serde_json::from_value(json!({
            "cpu": { "vendor": "AuthenticAMD", "family": 25, "model": 17, "stepping": 1,
                     "name": "AMD EPYC 9354 ", "flags": ["avx2"], "sockets": 2, "cores": 64, "threads": 128, "max_mhz": 3800, "caches": [] },
            "memory": { "total_bytes": 270_153_052_160_u64, "technology": "DDR5", "ecc": true, "modules": [
                { "locator": "A1", "size_bytes": null, "speed_mts": null, "technology": null }] },
            "numa": [{ "node": 0, "cpus": "0-31,64-95", "memory_bytes": 134_217_728_000_u64, "distances": [10, 20] }],
            "nics": [
                { "name": "eth0", "mac": "02:00:00:00:00:01", "driver": "mlx5_core", "bus_address": null,
                  "pci_id": null, "speed_mbps": 25000 },
                { "name": "eth1", "mac": null, "driver": "igb", "bus_address": null, "pci_id": null,
                  "speed_mbps": null }],
            "storage": [
                { "name": "sda", "size_bytes": 4_000_787_030_016_u64, "model": null, "rotational": true },
                { "name": "sdb", "size_bytes": 4_000_787_030_016_u64, "model": null, "rotational": true },
                { "name": "nvme0n1", "size_bytes": 1_920_383_410_176_u64, "model": "Model \u{1b}[2J",
                  "rotational": false, "firmware": "EDA7602Q" }],
            "accelerators": [{ "bus_address": "0000:41:00.0", "pci_id": "10de:20b5", "class": "0302" }],
            "virtualisation": "none", "kernel": "6.12.57"
        }))
        .unwrap();
        let expected = "\
cpu          AMD EPYC 9354, 2 sockets, 64 cores, 128 threads, up to 3.8 GHz
memory       251.6 GiB, DDR5, 1 module, corrects errors
numa         node 0, cpus 0-31,64-95, 125 GiB
nic          eth0, mlx5_core, 25 Gb/s, 02:00:00:00:00:01
nic          eth1, igb, speed unknown
disk         2 × 4 TB, rotating (sda … sdb)
disk         1.9 TB, solid, Model \u{fffd}[2J, firmware EDA7602Q (nvme0n1)
accelerator  10de:20b5, class 0302 (0000:41:00.0)
virtual      none
kernel       6.12.57
";
        assert_eq!(render(&topology, &LOOK), expected);
        let narrow = render(&topology, &Look { width: Some(60), ..LOOK });
        assert!(
            narrow.starts_with("cpu          AMD EPYC 9354, 2 sockets, 64 cores, 128\n             threads, up to"),
            "{narrow}"
        );
    }

    #[test]
    fn a_machine_that_tells_nothing_is_unknown() {
        let expected = "\
cpu          unknown
memory       unknown
numa         none found
nic          none found
disk         none found
virtual      unknown
kernel       unknown
";
        assert_eq!(render(&HardwareTopology::default(), &LOOK), expected);
    }

    #[test]
    fn sizes_have_the_unit_that_reads_best() {
        for (bytes, expected) in [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), ((1 << 30) - 1, "1 GiB")] {
            assert_eq!(binary(bytes), expected);
        }
        assert_eq!(decimal(u64::MAX), "18446.7 PB");
    }
}
