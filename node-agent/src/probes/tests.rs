//! Probes on machines made of files, and on the real one. The sampler's threads are tested in `tests/threads.rs`.

mod asked;
mod garbage;
mod hanging;
mod log;
mod threads;

use rollcall_model::health::INDICATORS;
use rollcall_model::indicator;
use rollcall_model::threshold::Evaluator;

use super::*;
use crate::hardware::fake::Fake;

const NET_DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
";

fn net_dev(received: u64, lost: u64) -> String {
    format!(
        "{NET_DEV}    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n  eth1: {received} 10 {lost} 0 0 0 0 0 100 10 0 0 0 0 0 0\n"
    )
}

fn pressure(share: &str) -> String {
    format!("some avg10={share} avg60=0.00 avg300=0.00 total=1\nfull avg10={share} avg60=0.00 avg300=0.00 total=1\n")
}

const MOUNTS: &str = "27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro\n\
                      28 27 8:2 / /data ro,relatime - xfs /dev/sdb1 rw\n\
                      29 27 0:9 / /run rw - tmpfs tmpfs ro\n";

/// A server whose every sensor answers and that feels well.
fn server() -> Fake {
    Fake::new()
        .with("proc/loadavg", "0.50 0.40 0.30 5/812 4711\n")
        .with("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\n")
        .with("proc/vmstat", "nr_free_pages 1\noom_kill 7\n")
        .with("proc/net/dev", net_dev(1_000, 50))
        .with("proc/self/mountinfo", MOUNTS)
        .with("proc/pressure/cpu", pressure("1.50"))
        .with("proc/pressure/memory", pressure("0.25"))
        .with("proc/pressure/io", pressure("3.00"))
        .with_all("proc/sys/kernel", &[("tainted", "12289"), ("hung_task_detect_count", "3")])
        .with("sys/devices/system/cpu/online", "0-3\n")
        .with_all("sys/devices/system/cpu/cpu0/thermal_throttle", &[("core_throttle_count", "5")])
        .with_all("sys/devices/system/cpu/cpufreq/policy0", &[("bios_limit", "3100000")])
        .with_all("sys/devices/system/cpu/cpufreq/policy0", &[("scaling_available_frequencies", "3100000 800000")])
        .with_all("sys/devices/system/edac/mc/mc0", &[("ce_count", "4"), ("ue_count", "0")])
        .with_all(
            "sys/class/hwmon/hwmon0",
            &[("name", "coretemp"), ("temp1_label", "Package id 0"), ("temp1_input", "61000")],
        )
        .with_all("sys/class/hwmon/hwmon0", &[("temp2_label", "Core 0"), ("temp2_input", "64000")])
        .with_all(
            "sys/class/hwmon/hwmon1",
            &[("name", "dell_smm"), ("temp1_label", "Inlet Temp"), ("temp1_input", "23500")],
        )
        .with_all("sys/class/hwmon/hwmon1", &[("fan1_input", "5400"), ("fan2_input", "0"), ("fan1_alarm", "0")])
        .with_all("sys/class/power_supply/AC", &[("type", "Mains"), ("online", "1")])
        .with_all("sys/class/nvme/nvme0", &[("state", "live")])
        .with_all("sys/fs/ext4/sda1", &[("errors_count", "0")])
        .with_interface("eth1", "3c:ec:ef:00:00:01", true)
        .with_all("sys/class/net/eth1", &[("carrier", "1"), ("speed", "10000"), ("flags", "0x1003")])
        .with("run/systemd/timesync/synchronized", "")
}

fn probes(machine: &Fake) -> ProbeSet {
    ProbeSet::new(machine.root(), &ProbeConfig::default())
}

fn sample_at(set: &mut ProbeSet, second: u64) -> Sample {
    let now = Tick(second * 1_000);
    let sample = set.sample(now, now);
    for (index, reading) in sample.readings.iter().enumerate() {
        assert_ne!(reading.is_some(), sample.reasons[index].is_some(), "{index}: a reading or a reason, not both");
    }
    sample
}

#[test]
fn the_names_of_bits_are_those_of_the_dictionary() {
    let named = [
        (bit::CPU_TEMPERATURE, "cpu_temperature"),
        (bit::CPU_THROTTLED, "cpu_throttled"),
        (bit::CPU_PRESSURE, "cpu_pressure"),
        (bit::RUN_QUEUE, "run_queue"),
        (bit::MEMORY_AVAILABLE, "memory_available"),
        (bit::MEMORY_PRESSURE, "memory_pressure"),
        (bit::MEMORY_CORRECTABLE, "memory_correctable"),
        (bit::MEMORY_UNCORRECTABLE, "memory_uncorrectable"),
        (bit::OOM_KILLS, "oom_kills"),
        (bit::DISK_SPACE, "disk_space"),
        (bit::DISK_INODES, "disk_inodes"),
        (bit::IO_PRESSURE, "io_pressure"),
        (bit::DEVICE_HEALTH, "device_health"),
        (bit::FILESYSTEM_READONLY, "filesystem_readonly"),
        (bit::LINK, "link"),
        (bit::NIC_ERRORS, "nic_errors"),
        (bit::NIC_SATURATION, "nic_saturation"),
        (bit::FAN, "fan"),
        (bit::POWER_SUPPLY, "power_supply"),
        (bit::POWER_CAP, "power_cap"),
        (bit::INLET_TEMPERATURE, "inlet_temperature"),
        (bit::CLOCK_UNSYNCHRONISED, "clock_unsynchronised"),
        (bit::KERNEL_FAULTS, "kernel_faults"),
        (bit::AGENT_QUALITY, "agent_quality"),
    ];
    assert_eq!(named.len(), INDICATORS);
    for (bit, name) in named {
        assert_eq!(indicator::by_name(name).map(|indicator| indicator.bit), Some(bit));
    }
}

#[test]
fn every_indicator_belongs_to_exactly_one_probe() {
    let mut answered = probes(&Fake::new()).indicators();
    answered.push(bit::AGENT_QUALITY);
    answered.sort_unstable();
    assert_eq!(answered, (0..INDICATORS).collect::<Vec<_>>());
}

#[test]
fn a_well_server_is_measured_completely_and_has_no_bit_set() {
    let machine = server();
    let mut set = probes(&machine);
    sample_at(&mut set, 0);
    machine.put("proc/net/dev", net_dev(1_000 + 125_000_000 * 5, 50));
    let sample = sample_at(&mut set, 5);
    let expected = [
        (bit::CPU_TEMPERATURE, 61.0),
        (bit::CPU_THROTTLED, 0.0),
        (bit::CPU_PRESSURE, 1.5),
        (bit::RUN_QUEUE, 1.0),
        (bit::MEMORY_AVAILABLE, 60.0),
        (bit::MEMORY_PRESSURE, 0.25),
        (bit::MEMORY_CORRECTABLE, 0.0),
        (bit::MEMORY_UNCORRECTABLE, 0.0),
        (bit::OOM_KILLS, 0.0),
        (bit::IO_PRESSURE, 3.0),
        (bit::DEVICE_HEALTH, 0.0),
        (bit::FILESYSTEM_READONLY, 0.0),
        (bit::LINK, 0.0),
        (bit::NIC_ERRORS, 0.0),
        (bit::NIC_SATURATION, 10.0),
        (bit::FAN, 0.0),
        (bit::POWER_SUPPLY, 0.0),
        (bit::POWER_CAP, 0.0),
        (bit::INLET_TEMPERATURE, 23.5),
        (bit::CLOCK_UNSYNCHRONISED, 0.0),
        (bit::KERNEL_FAULTS, 0.0),
        (bit::AGENT_QUALITY, 0.0),
    ];
    for (bit, value) in expected {
        let name = indicator::INDICATORS[bit].name;
        assert_eq!(sample.readings[bit], Some(value), "{name}: {:?}", sample.reasons[bit]);
    }
    // The file system under the temporary directory is the real one.
    for bit in [bit::DISK_SPACE, bit::DISK_INODES] {
        assert!(sample.readings[bit].is_none_or(|share| (0.0..=100.0).contains(&share)));
    }
    let mut readings = sample.readings;
    (readings[bit::DISK_SPACE], readings[bit::DISK_INODES]) = (Some(50.0), Some(5.0));
    let health = Evaluator::with_defaults().evaluate(Tick(5_000), &readings);
    assert_eq!(health.bits(), rollcall_model::HealthBits::NONE);
    assert_eq!(health.mask(), rollcall_model::HealthBits::NONE);
}

#[test]
fn a_machine_that_tells_nothing_is_unmeasured_with_a_reason_for_every_bit() {
    let config = ProbeConfig { mounts: vec!["/data".into()], ..ProbeConfig::default() };
    let machine = Fake::new();
    let sample = sample_at(&mut ProbeSet::new(machine.root(), &config), 0);
    for (index, reading) in sample.readings.iter().enumerate() {
        assert_eq!(reading.is_some(), index == bit::AGENT_QUALITY, "{index}: {reading:?}");
    }
    let reason = |index: usize| sample.reasons[index].clone().unwrap_or_default();
    assert!(reason(bit::CPU_PRESSURE).contains("psi=1"), "{}", reason(bit::CPU_PRESSURE));
    assert!(reason(bit::DISK_SPACE).contains("/data"), "{}", reason(bit::DISK_SPACE));
    assert!(reason(bit::MEMORY_CORRECTABLE).contains("EDAC"));
}

/// What changes on the server, the indicator that tells, and its reading five seconds later.
#[test]
fn every_trouble_shows_in_its_own_indicator() {
    let changes: [(&str, &str, usize, f64); 20] = [
        ("sys/class/hwmon/hwmon0/temp1_input", "97000", bit::CPU_TEMPERATURE, 97.0),
        ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "9", bit::CPU_THROTTLED, 4.0),
        ("proc/loadavg", "9.0 9.0 9.0 41/812 4711", bit::RUN_QUEUE, 10.0),
        ("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 20 kB\n", bit::MEMORY_AVAILABLE, 2.0),
        ("sys/devices/system/edac/mc/mc0/ce_count", "24", bit::MEMORY_CORRECTABLE, 20.0),
        ("sys/devices/system/edac/mc/mc0/ue_count", "1", bit::MEMORY_UNCORRECTABLE, 1.0),
        ("proc/vmstat", "oom_kill 9", bit::OOM_KILLS, 2.0),
        ("sys/class/nvme/nvme0/state", "dead", bit::DEVICE_HEALTH, 1.0),
        ("sys/block/md0/md/dev-sda/state", "faulty", bit::DEVICE_HEALTH, 1.0),
        ("sys/fs/ext4/sda1/errors_count", "3", bit::FILESYSTEM_READONLY, 1.0),
        ("sys/class/net/eth1/carrier", "0", bit::LINK, 1.0),
        ("sys/class/net/eth1/speed", "1000", bit::LINK, 1.0),
        ("sys/class/net/eth1/flags", "0x1002", bit::LINK, 0.0),
        ("sys/class/hwmon/hwmon1/fan1_input", "0", bit::FAN, 1.0),
        ("sys/class/hwmon/hwmon1/fan1_alarm", "1", bit::FAN, 1.0),
        ("sys/class/power_supply/AC/online", "0", bit::POWER_SUPPLY, 1.0),
        ("sys/devices/system/cpu/cpufreq/policy0/bios_limit", "1200000", bit::POWER_CAP, 50.0),
        ("sys/class/hwmon/hwmon1/temp1_input", "44000", bit::INLET_TEMPERATURE, 44.0),
        ("proc/sys/kernel/tainted", "16528", bit::KERNEL_FAULTS, 3.0),
        ("proc/sys/kernel/hung_task_detect_count", "4", bit::KERNEL_FAULTS, 1.0),
    ];
    for (file, content, bit, expected) in changes {
        let machine = server();
        let mut set = probes(&machine);
        sample_at(&mut set, 0);
        machine.put(file, content);
        let sample = sample_at(&mut set, 10);
        assert_eq!(sample.readings[bit], Some(expected), "{file} = {content}: {:?}", sample.reasons[bit]);
    }
}

#[test]
fn a_file_system_turned_read_only_is_told_from_one_mounted_so() {
    let machine = server();
    let mut set = probes(&machine);
    assert_eq!(sample_at(&mut set, 0).readings[bit::FILESYSTEM_READONLY], Some(0.0), "a read-only mount is no fault");
    machine.put("proc/self/mountinfo", MOUNTS.replace("rw,errors", "ro,errors"));
    assert_eq!(sample_at(&mut set, 10).readings[bit::FILESYSTEM_READONLY], Some(1.0));
    machine.put("proc/self/mountinfo", MOUNTS);
    assert_eq!(sample_at(&mut set, 20).readings[bit::FILESYSTEM_READONLY], Some(0.0));
    let born = server().with("proc/self/mountinfo", MOUNTS.replace("rw,errors", "ro,errors"));
    assert_eq!(sample_at(&mut probes(&born), 0).readings[bit::FILESYSTEM_READONLY], Some(0.0), "never seen writable");
}

#[test]
fn lost_packets_are_counted_by_the_second_and_a_vanished_card_is_a_lost_link() {
    let machine = server();
    let mut set = probes(&machine);
    let first = sample_at(&mut set, 0);
    assert_eq!(first.reasons[bit::NIC_ERRORS].as_deref(), Some("rates need a second look"));
    machine.put("proc/net/dev", net_dev(1_000, 75));
    assert_eq!(sample_at(&mut set, 5).readings[bit::NIC_ERRORS], Some(5.0));
    machine.put("proc/net/dev", net_dev(0, 0));
    assert_eq!(sample_at(&mut set, 10).readings[bit::NIC_ERRORS], None, "counters that start anew give no rate");
    machine.remove("sys/class/net/eth1");
    assert_eq!(sample_at(&mut set, 15).readings[bit::LINK], Some(1.0));
}

#[test]
fn a_speed_that_nobody_knows_gives_no_saturation() {
    let machine = server().with_all("sys/class/net/eth1", &[("speed", "-1")]);
    let mut set = probes(&machine);
    sample_at(&mut set, 0);
    let sample = sample_at(&mut set, 5);
    assert_eq!(sample.readings[bit::NIC_SATURATION], None);
    assert_eq!(sample.reasons[bit::NIC_SATURATION].as_deref(), Some("no network interface here knows its speed"));
    assert_eq!(sample.readings[bit::LINK], Some(0.0));
}

#[test]
fn a_clock_is_judged_by_the_traces_of_its_service() {
    let clock = |machine: &Fake| sample_at(&mut probes(machine), 0).readings[bit::CLOCK_UNSYNCHRONISED];
    let aged = |machine: Fake, file: &str, hours: u64| {
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(hours * 3_600);
        std::fs::File::open(machine.path(file)).unwrap().set_modified(then).unwrap();
        machine
    };
    let timesyncd = || Fake::new().with("run/systemd/timesync/synchronized", "");
    assert_eq!(clock(&timesyncd()), Some(0.0));
    assert_eq!(clock(&aged(timesyncd(), "run/systemd/timesync/synchronized", 2)), Some(1.0), "long ago");
    let chronyd = |hours| aged(Fake::new().with("run/chrony/chronyd.pid", "1\n"), "run/chrony/chronyd.pid", hours);
    assert_eq!(clock(&chronyd(1)), None, "it writes its first trace after an hour");
    assert_eq!(clock(&chronyd(9)), Some(1.0), "it never had a source");
    assert_eq!(clock(&chronyd(9).with("var/lib/chrony/chrony.drift", "1 2\n")), Some(0.0));
    let before = chronyd(1).with("var/lib/chrony/drift", "1 2\n");
    assert_eq!(clock(&aged(before, "var/lib/chrony/drift", 2)), None, "written before the service started");
}

#[test]
fn the_die_counts_and_not_the_value_shifted_for_fan_control() {
    let machine = Fake::new()
        .with_all("sys/class/hwmon/hwmon0", &[("name", "k10temp"), ("temp1_label", "Tctl"), ("temp1_input", "97000")])
        .with_all("sys/class/hwmon/hwmon0", &[("temp2_label", "Tdie"), ("temp2_input", "70000")]);
    assert_eq!(sample_at(&mut probes(&machine), 0).readings[bit::CPU_TEMPERATURE], Some(70.0));
    let zones = Fake::new()
        .with_all("sys/class/thermal/thermal_zone0", &[("type", "acpitz"), ("temp", "16800")])
        .with_all("sys/class/thermal/thermal_zone1", &[("type", "x86_pkg_temp"), ("temp", "55000")]);
    assert_eq!(sample_at(&mut probes(&zones), 0).readings[bit::CPU_TEMPERATURE], Some(55.0));
}

#[test]
fn slow_probes_keep_their_reading_until_they_are_due_again() {
    let machine = server();
    let mut set = probes(&machine);
    sample_at(&mut set, 0);
    machine.put("sys/class/nvme/nvme0/state", "dead");
    machine.put("proc/vmstat", "oom_kill 8\n");
    let sample = sample_at(&mut set, 5);
    assert_eq!((sample.readings[bit::DEVICE_HEALTH], sample.readings[bit::OOM_KILLS]), (Some(0.0), Some(1.0)));
    assert_eq!(sample_at(&mut set, 10).readings[bit::DEVICE_HEALTH], Some(1.0));
}

#[test]
fn being_late_shows_in_the_quality_of_the_agent() {
    let machine = Fake::new();
    let sample = probes(&machine).sample(Tick(7_500), Tick(5_000));
    assert_eq!(sample.readings[bit::AGENT_QUALITY], Some(2_500.0));
}

#[test]
fn this_machine_is_measured_for_real() {
    let mut set = ProbeSet::new(std::path::Path::new("/"), &ProbeConfig::default());
    sample_at(&mut set, 0);
    let sample = sample_at(&mut set, 5);
    for bit in [bit::RUN_QUEUE, bit::MEMORY_AVAILABLE, bit::OOM_KILLS, bit::DISK_SPACE, bit::FILESYSTEM_READONLY] {
        assert!(sample.readings[bit].is_some(), "{}: {:?}", indicator::INDICATORS[bit].name, sample.reasons[bit]);
    }
    let percentages = [
        bit::MEMORY_AVAILABLE,
        bit::DISK_SPACE,
        bit::DISK_INODES,
        bit::CPU_PRESSURE,
        bit::MEMORY_PRESSURE,
        bit::IO_PRESSURE,
    ];
    for bit in percentages {
        assert!(sample.readings[bit].is_none_or(|share| (0.0..=100.0).contains(&share)));
    }
}
