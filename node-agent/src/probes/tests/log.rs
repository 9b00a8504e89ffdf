//! The kernel's log and what follows from it.

use std::io::Write;

use super::*;

const LOG: &str = "dev/kmsg";

/// Appends records as the kernel writes them: priority, number, µs, flags.
fn say(machine: &Fake, priority: u32, messages: &[&str]) {
    let mut log = std::fs::OpenOptions::new().append(true).create(true).open(machine.path(LOG)).unwrap();
    for message in messages {
        writeln!(log, "{priority},881,5140900,-;{message}\n SUBSYSTEM=block\n DEVICE=b8:0").unwrap();
    }
}

fn machine() -> Fake {
    let machine = server();
    machine.put("proc/sys/kernel/tainted", "0\n");
    machine.put("dev/kmsg", "");
    say(&machine, 3, &["INFO: task nfsd:2114 blocked for more than 120 seconds."]);
    machine.remove("proc/sys/kernel/hung_task_detect_count");
    machine
}

fn reading(set: &mut ProbeSet, second: u64, bit: usize) -> Option<f64> {
    sample_at(set, second).readings[bit]
}

#[test]
fn a_fault_in_the_log_counts_once_and_for_an_hour() {
    let machine = machine();
    let mut set = probes(&machine);
    assert_eq!(reading(&mut set, 0, bit::KERNEL_FAULTS), Some(0.0), "what was before the agent does not count");
    let oops = ["BUG: kernel NULL pointer dereference, address: 0", "Oops: 0002 [#1] PREEMPT SMP", "RIP: 0010:x+0x1"];
    say(&machine, 1, &oops);
    say(&machine, 3, &["rcu: INFO: rcu_sched self-detected stall on CPU"]);
    assert_eq!(reading(&mut set, 5, bit::KERNEL_FAULTS), Some(2.0));
    machine.put("proc/sys/kernel/tainted", "128\n");
    assert_eq!(reading(&mut set, 10, bit::KERNEL_FAULTS), Some(2.0), "the flag is that of the same oops");
    say(&machine, 3, &["INFO: task nfsd:2114 blocked for more than 120 seconds."]);
    assert_eq!(reading(&mut set, 15, bit::KERNEL_FAULTS), Some(3.0));
    assert_eq!(reading(&mut set, 3_700, bit::KERNEL_FAULTS), Some(1.0), "the flag stays until a reboot");
}

#[test]
fn programs_cannot_speak_for_the_kernel() {
    let machine = machine();
    let mut set = probes(&machine);
    sample_at(&mut set, 0);
    say(&machine, 12, &["Oops: 0002 [#1] PREEMPT SMP", "I/O error, dev sda, sector 1"]);
    let sample = sample_at(&mut set, 10);
    assert_eq!((sample.readings[bit::KERNEL_FAULTS], sample.readings[bit::DEVICE_HEALTH]), (Some(0.0), Some(0.0)));
}

#[test]
fn errors_in_the_log_fall_on_the_drive_and_the_file_system_they_name() {
    let machine = machine()
        .with_all("sys/devices/pci0/block/sdz", &[("removable", "1")])
        .with_all("sys/devices/pci0/block/sdb/sdb1", &[("partition", "1")])
        .with_all("sys/devices/pci0/block/sdb", &[("removable", "0")])
        .with_link("sys/block/sdb", "sys/devices/pci0/block/sdb")
        .with_link("sys/block/sdz", "sys/devices/pci0/block/sdz")
        .with_link("sys/class/block/sdb1", "sys/devices/pci0/block/sdb/sdb1");
    let mut set = probes(&machine);
    sample_at(&mut set, 0);
    say(&machine, 3, &["I/O error, dev sdb1, sector 2048 op 0x0:(READ)", "I/O error, dev sdb, sector 9 op 0x0:(READ)"]);
    say(&machine, 3, &["I/O error, dev sdz, sector 1 op 0x0:(READ)"]);
    say(&machine, 2, &["EXT4-fs error (device sdb1): ext4_lookup:1785: inode #2: comm ls: deleted inode referenced"]);
    let sample = sample_at(&mut set, 10);
    assert_eq!(sample.readings[bit::DEVICE_HEALTH], Some(1.0), "a partition is its drive, a stick is none");
    assert_eq!(sample.readings[bit::FILESYSTEM_READONLY], Some(1.0));
    assert_eq!(sample.readings[bit::KERNEL_FAULTS], Some(0.0));
    let later = sample_at(&mut set, 3_700);
    assert_eq!((later.readings[bit::DEVICE_HEALTH], later.readings[bit::FILESYSTEM_READONLY]), (Some(0.0), Some(0.0)));
}

#[test]
fn without_the_right_to_read_the_log_the_flags_still_tell() {
    let machine = machine();
    machine.remove(LOG);
    machine.put("proc/sys/kernel/tainted", "16\n");
    let mut set = probes(&machine);
    assert_eq!(reading(&mut set, 0, bit::KERNEL_FAULTS), Some(1.0));
    machine.remove("proc/sys/kernel/tainted");
    let sample = sample_at(&mut probes(&machine), 0);
    assert!(sample.reasons[bit::KERNEL_FAULTS].as_deref().unwrap().contains("tainted"), "{:?}", sample.reasons);
}

#[test]
fn btrfs_keeps_a_record_too() {
    let stats = "sys/fs/btrfs/5f1a/devinfo/1/error_stats";
    let machine = machine().with(stats, "write_errs 0\nread_errs 0\nflush_errs 0\ncorruption_errs 0\n");
    let mut set = probes(&machine);
    assert_eq!(reading(&mut set, 0, bit::FILESYSTEM_READONLY), Some(0.0));
    machine.put(stats, "write_errs 0\nread_errs 0\nflush_errs 0\ncorruption_errs 3\n");
    assert_eq!(reading(&mut set, 5, bit::FILESYSTEM_READONLY), Some(1.0));
}
