//! Garbage in every file that is read: a believable number or a reason, never a panic, never a wild value.

use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::*;

const FILES: [&str; 44] = [
    "dev/kmsg",
    "proc/loadavg",
    "proc/meminfo",
    "proc/vmstat",
    "proc/net/dev",
    "proc/self/cgroup",
    "proc/self/mountinfo",
    "proc/pressure/cpu",
    "proc/pressure/memory",
    "proc/pressure/io",
    "proc/sys/kernel/tainted",
    "proc/sys/kernel/hung_task_detect_count",
    "run/chrony/chronyd.pid",
    "sys/devices/system/cpu/online",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
    "sys/devices/system/cpu/cpu0/topology/core_cpus_list",
    "sys/devices/system/cpu/cpufreq/policy0/bios_limit",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_available_frequencies",
    "sys/devices/system/edac/mc/mc0/ce_count",
    "sys/devices/system/edac/mc/mc0/ue_count",
    "sys/class/hwmon/hwmon0/name",
    "sys/class/hwmon/hwmon0/temp1_input",
    "sys/class/hwmon/hwmon0/temp1_fault",
    "sys/class/hwmon/hwmon0/in1_label",
    "sys/class/hwmon/hwmon1/temp1_input",
    "sys/class/hwmon/hwmon1/fan1_input",
    "sys/class/hwmon/hwmon1/fan1_min",
    "sys/class/hwmon/hwmon1/power1_cap",
    "sys/class/hwmon/hwmon1/power1_cap_alarm",
    "sys/class/power_supply/AC/online",
    "sys/class/power_supply/AC/health",
    "sys/class/powercap/intel-rapl:0/energy_uj",
    "sys/class/powercap/intel-rapl:0/constraint_0_name",
    "sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw",
    "sys/class/nvme/nvme0/state",
    "sys/block/sda/device/state",
    "sys/block/sda/device/pre_eol_info",
    "sys/block/md0/md/dev-sda/state",
    "sys/fs/ext4/sda1/errors_count",
    "sys/fs/btrfs/5f1a/devinfo/1/error_stats",
    "sys/class/net/eth1/carrier",
    "sys/class/net/eth1/speed",
    "sys/class/net/eth1/flags",
    "sys/fs/cgroup/memory.events",
];

/// What a unit of the dictionary can hold at most.
fn believable(unit: &str) -> RangeInclusive<f64> {
    match unit {
        "°C" => -40.0..=125.0,
        "% of link speed" => 0.0..=200.0,
        "0 or 1" => 0.0..=1.0,
        "errors and drops/s" => 0.0..=1e10,
        "errors" => 0.0..=2e12,
        "events/min" | "errors/h" | "kills/min" | "faults" => 0.0..=1e9,
        "runnable tasks per CPU" => 0.0..=5e6,
        "ms late" => 0.0..=0.0,
        unit if unit.starts_with('%') => 0.0..=100.0,
        _ => 0.0..=1_000.0,
    }
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "(-?[0-9]{1,25}[ ,:/-]{0,2}){0,20}\n?".prop_map(String::into_bytes),
        "(eth1: |oom_kill |MemTotal: |0::/|full avg10=|8:1 - ext4 /dev/a )[0-9a-z. -]{0,60}\n".prop_map(String::into_bytes),
        "([0-9]{1,12},[0-9]{1,9},1,-;(I/O error, dev |XFS \\(|BUG: |Machine Check: 0 Bank 5: )[0-9a-z,:) ]{0,40}\n){0,9}"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn garbage_in_any_file_gives_believable_numbers_or_reasons(
        rounds in prop::collection::vec(prop::collection::vec((0..FILES.len(), garbage()), 1..6), 1..4),
    ) {
        let machine = server().with("dev/kmsg", "");
        let mut set = probes(&machine);
        for (round, places) in rounds.into_iter().enumerate() {
            for (place, bytes) in places {
                machine.put(FILES[place], bytes);
            }
            let sample = sample_at(&mut set, round as u64 * 60);
            for (indicator, reading) in indicator::INDICATORS.iter().zip(sample.readings) {
                let range = believable(indicator.unit);
                prop_assert!(reading.is_none_or(|value| range.contains(&value)), "{}: {reading:?}", indicator.name);
            }
        }
    }
}
