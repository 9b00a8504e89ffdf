//! The dictionary of the 24 health indicators (N4): one source for code, documents, CLI and API.
//!
//! A bit keeps its meaning for ever; a new meaning is a new dictionary version. [`DICTIONARY_VERSION`]
//! travels in every status packet.

use serde::{Deserialize, Serialize};

use crate::Millis;

/// Version of the dictionary below.
pub const DICTIONARY_VERSION: u8 = 1;

/// Which side of the limit is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Bad when the reading is above the limit.
    Above,
    /// Bad when the reading is below the limit.
    Below,
}

/// How serious a set bit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Warning,
    /// Work is at risk.
    Critical,
}

impl Severity {
    /// The word used in tables and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Limits of one indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The bit is set when the reading has been beyond this for `dwell`.
    pub limit: f64,
    /// The bit is cleared when the reading has been on the good side of this for `dwell`.
    pub clear: f64,
    /// Which side is bad.
    pub side: Side,
    /// How long a reading must last before the bit follows it.
    pub dwell: Millis,
}

/// One indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indicator {
    /// Position in the health bits.
    pub bit: usize,
    /// The name used everywhere.
    pub name: &'static str,
    /// Unit of the reading.
    pub unit: &'static str,
    /// Where Linux tells it.
    pub probe: &'static str,
    /// Default limits.
    pub threshold: Threshold,
    /// How serious.
    pub severity: Severity,
    /// What a set bit means.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

const fn above(limit: f64, clear: f64, dwell_ms: u64) -> Threshold {
    Threshold { limit, clear, side: Side::Above, dwell: Millis(dwell_ms) }
}

const fn below(limit: f64, clear: f64, dwell_ms: u64) -> Threshold {
    Threshold { limit, clear, side: Side::Below, dwell: Millis(dwell_ms) }
}

macro_rules! dictionary {
    ($($bit:literal $name:literal $unit:literal $threshold:expr, $severity:ident, $probe:literal, $meaning:literal, $remedy:literal;)*) => {
        /// Every indicator, by bit.
        pub const INDICATORS: [Indicator; crate::health::INDICATORS] = [$(Indicator {
            bit: $bit, name: $name, unit: $unit, probe: $probe, threshold: $threshold,
            severity: Severity::$severity, meaning: $meaning, remedy: $remedy,
        }),*];
    };
}

dictionary! {
    0 "cpu_temperature" "°C" above(90.0, 85.0, 3_000), Critical, "hwmon of the processors (coretemp, k10temp, …), thermal zones",
        "A processor is near the temperature at which it slows down.", "Check fans, air flow and the heat sink.";
    1 "cpu_throttled" "events/min" above(0.0, 0.0, 0), Warning, "cpu*/thermal_throttle/*_throttle_count",
        "A processor slowed itself down to stay cool.", "Check cooling; lower the load of this rack.";
    2 "cpu_pressure" "% of time stalled" above(40.0, 30.0, 3_000), Warning, "/proc/pressure/cpu some avg10",
        "Tasks wait for a processor much of the time.", "Move work away or add processors.";
    3 "run_queue" "runnable tasks per CPU" above(4.0, 3.0, 5_000), Warning, "/proc/loadavg, tasks that can run",
        "More tasks want to run than processors can serve.", "Move work away; look for runaway processes.";
    4 "memory_available" "% of memory" below(5.0, 8.0, 2_000), Critical, "/proc/meminfo MemAvailable",
        "Almost no memory is left.", "Find the largest process; move work away.";
    5 "memory_pressure" "% of time stalled" above(10.0, 5.0, 3_000), Critical, "/proc/pressure/memory full avg10",
        "All tasks stall because memory is short.", "Move work away before the kernel kills something.";
    6 "memory_correctable" "errors/h" above(10.0, 5.0, 0), Warning, "EDAC mc*/ce_count",
        "Memory errors are being corrected often; a module may be failing.", "Plan to replace the module.";
    7 "memory_uncorrectable" "errors" above(0.0, 0.0, 0), Critical, "EDAC mc*/ue_count",
        "Memory returned wrong data that could not be corrected.", "Drain the node and replace the module.";
    8 "oom_kills" "kills/min" above(0.0, 0.0, 0), Critical, "/proc/vmstat oom_kill, else memory.events of the agent's cgroup",
        "The kernel killed a process for want of memory.", "Find what was killed; raise limits or move work.";
    9 "disk_space" "% used" above(90.0, 88.0, 0), Critical, "statfs of watched mounts",
        "A watched file system is almost full.", "Free space or enlarge the file system.";
    10 "disk_inodes" "% used" above(90.0, 88.0, 0), Critical, "statfs of watched mounts",
        "A watched file system has almost no inodes left.", "Remove small files.";
    11 "io_pressure" "% of time stalled" above(40.0, 30.0, 3_000), Warning, "/proc/pressure/io full avg10",
        "All tasks wait for storage much of the time.", "Find the busiest process; check the device.";
    12 "device_health" "failing devices" above(0.0, 0.0, 0), Critical, "smartctl --json, NVMe state and hwmon alarm, md members, kernel log",
        "A drive says it is failing or worn out, was given up by the kernel, or failed to read or write within the last hour.", "Copy the data away and replace the drive.";
    13 "filesystem_readonly" "file systems" above(0.0, 0.0, 0), Critical, "/proc/self/mountinfo, ext4 errors_count, btrfs error_stats, kernel log",
        "A file system keeps a record of errors, was remounted read-only, or complained in the kernel log within the last hour.", "Check the kernel log and the drive; run fsck.";
    14 "link" "links down or slow" above(0.0, 0.0, 2_000), Critical, "/sys/class/net carrier, speed; ethtool for what both ends offer",
        "A network link that was up is down, or slower than the best it had or both its ends offer.", "Check cable, transceiver and switch port.";
    15 "nic_errors" "errors and drops/s" above(1.0, 0.5, 3_000), Warning, "/proc/net/dev",
        "A network interface loses packets or sees errors.", "Check cable and switch port; check ring sizes.";
    16 "nic_saturation" "% of link speed" above(95.0, 90.0, 5_000), Warning, "/proc/net/dev, /sys/class/net speed",
        "A network interface is used to its limit.", "Move work away or add bandwidth.";
    17 "fan" "failed fans" above(0.0, 0.0, 3_000), Critical, "hwmon fan*_alarm, fan*_fault, fan*_input",
        "A fan stands still or raises its alarm.", "Replace the fan.";
    18 "power_supply" "failed supplies" above(0.0, 0.0, 0), Critical, "power_supply/*/online, status, health; hwmon input voltage of supplies",
        "A power supply lost its input or reports a fault.", "Check the feed; replace the supply.";
    19 "power_cap" "% of time capped" above(5.0, 1.0, 3_000), Warning, "intel-rapl long-term limit, cpufreq bios_limit, hwmon power*_cap_alarm",
        "The machine runs slower because a power cap is reached.", "Raise the cap or lower the load of the rack.";
    20 "inlet_temperature" "°C" above(40.0, 37.0, 5_000), Critical, "hwmon sensors labelled inlet, ambient or intake",
        "The air that enters is too warm.", "Check the room's cooling and blanking panels.";
    21 "clock_unsynchronised" "0 or 1" above(0.0, 0.0, 10_000), Warning, "adjtimex status by adjtimex, chronyc or timedatectl; systemd-timesyncd, chronyd",
        "The clock is not disciplined by any time source.", "Check chrony or ntpd and the path to its servers.";
    22 "kernel_faults" "faults" above(0.0, 0.0, 0), Critical, "/proc/sys/kernel/tainted, /dev/kmsg, hung_task_detect_count",
        "The kernel reported a fault: machine check, oops, bad page or soft lock-up (until a reboot), or hard lock-up, hung task or RCU stall (for an hour).", "Read the kernel log; plan a reboot.";
    23 "agent_quality" "ms late" above(1_000.0, 500.0, 0), Warning, "the agent's own timing and probes",
        "The agent itself runs late or a probe hangs: its other readings may be old.", "Look for overload or a stuck device.";
}

/// The indicator of a name; `None` when there is none.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Indicator> {
    INDICATORS.iter().find(|indicator| indicator.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_stands_at_its_place_with_its_own_name() {
        for (at, indicator) in INDICATORS.iter().enumerate() {
            assert_eq!(indicator.bit, at);
            assert_eq!(by_name(indicator.name).map(|found| found.bit), Some(at));
        }
    }

    #[test]
    fn clearing_is_never_harder_to_reach_than_setting() {
        for Indicator { name, threshold, .. } in &INDICATORS {
            match threshold.side {
                Side::Above => assert!(threshold.clear <= threshold.limit, "{name}"),
                Side::Below => assert!(threshold.clear >= threshold.limit, "{name}"),
            }
        }
    }
}
