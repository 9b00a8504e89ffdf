//! What a line of the kernel's log complains about. The texts are those of Linux 4.19 to 6.x.

/// A fault of the kernel or of a processor, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A processor reported an error that was not corrected.
    MachineCheck,
    /// The kernel did something it must not.
    Oops,
    /// A page of memory was found in a state it cannot be in.
    BadPage,
    /// A processor did not schedule for long.
    SoftLockup,
    /// A processor did not even take interrupts.
    HardLockup,
    /// A task waited in the kernel for minutes.
    HungTask,
    /// A processor held up the others' bookkeeping.
    RcuStall,
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// A fault.
    Fault(Fault),
    /// A block device failed to read or write.
    Drive(String),
    /// A file system on this block device found errors.
    FileSystem(String),
}

/// How faults begin, or what they hold.
const FAULTS: [(&str, Fault); 18] = [
    ("Machine Check Exception", Fault::MachineCheck),
    ("event severity: fatal", Fault::MachineCheck),
    ("event severity: recoverable", Fault::MachineCheck),
    ("BUG: Bad page", Fault::BadPage),
    ("BUG: Bad rss-counter", Fault::BadPage),
    ("BUG: soft lockup", Fault::SoftLockup),
    ("hard LOCKUP on cpu", Fault::HardLockup),
    ("BUG: workqueue lockup", Fault::SoftLockup),
    ("self-detected stall on CPU", Fault::RcuStall),
    ("detected stalls on CPUs/tasks", Fault::RcuStall),
    ("detected expedited stalls", Fault::RcuStall),
    ("kernel BUG at ", Fault::Oops),
    ("BUG: ", Fault::Oops),
    ("Oops: ", Fault::Oops),
    ("Internal error: ", Fault::Oops),
    ("Unable to handle kernel ", Fault::Oops),
    ("general protection fault, ", Fault::Oops),
    ("Kernel panic - not syncing", Fault::Oops),
];

/// Block devices whose failed requests say nothing about a drive: those that are made of others, and those whose
/// medium may be missing.
const NOT_A_DRIVE: [&str; 9] = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "drbd"];

/// What a message of the kernel complains about; `None` for almost all.
pub(super) fn complaint(message: &str) -> Option<Complaint> {
    let found = drive(message).map(Complaint::Drive).or_else(|| file_system(message).map(Complaint::FileSystem));
    found.or_else(|| fault(message).map(Complaint::Fault))
}

fn fault(message: &str) -> Option<Fault> {
    if message.starts_with("INFO: task ") && message.contains(" blocked for more than ") {
        return Some(Fault::HungTask);
    }
    if let Some(uncorrected) = machine_check(message) {
        return uncorrected.then_some(Fault::MachineCheck);
    }
    FAULTS.iter().find(|(words, _)| message.contains(words)).map(|(_, fault)| *fault)
}

/// Whether a record of a machine check, `… Machine Check: 0 Bank 5: be00000000800400`, tells of an error that was not
/// corrected: bit 61 of the bank's status.
fn machine_check(message: &str) -> Option<bool> {
    let after = message.split_once("Machine Check")?.1.split_once(" Bank ")?.1;
    let status = after.split_once(": ")?.1.split_whitespace().next()?;
    u64::from_str_radix(status, 16).ok().map(|status| status >> 61 & 1 == 1)
}

fn device(name: &str) -> Option<String> {
    let good = !name.is_empty()
        && name.len() <= 32
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '!'));
    good.then(|| name.to_owned())
}

/// `[blk_update_request: ]I/O error, dev sda, sector …`, `critical medium error, dev nvme0n1, …`.
fn drive(message: &str) -> Option<String> {
    let (what, after) = message.split_once(" error, dev ")?;
    let bad = what.ends_with("I/O") || what.ends_with("critical medium") || what.ends_with("critical target");
    let name = after.split(|c: char| c == ',' || c.is_whitespace()).next()?;
    device(name).filter(|name| bad && !NOT_A_DRIVE.iter().any(|prefix| name.starts_with(prefix)))
}

/// Complaints of ext4, XFS, btrfs and F2FS; each names its device in brackets.
fn file_system(message: &str) -> Option<String> {
    let (kind, after) = message.split_once('(')?;
    let (inside, said) = after.split_once(')')?;
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let bad = match kind.trim_end() {
        "EXT4-fs error" | "EXT3-fs error" | "EXT2-fs error" | "BTRFS critical" | "BTRFS: error" => true,
        "EXT4-fs" => any(&["emounting filesystem read-only", "failed to convert unwritten"]),
        "XFS" => any(&[
            "orruption detected",
            "hut down",
            "log I/O error",
            "metadata I/O error",
            "Unmount and run xfs_repair",
        ]),
        "BTRFS error" => {
            any(&["forced readonly", "error writing", "checksum", "corrupt", "IO failure", "unable to fixup"])
        }
        "F2FS-fs" => any(&["inconsistent", "orrupt", "top checkpoint", "hut down"]),
        _ => false,
    };
    let name = inside.strip_prefix("device ").unwrap_or(inside);
    let name = name.split([' ', ':']).next()?;
    device(name).filter(|_| bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_from_what_only_sounds_like_one() {
        let table = [
            ("mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 5: be00000000800400", Some(Fault::MachineCheck)),
            ("mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 7: 8c00004000010091", None),
            ("mce: [Hardware Error]: Machine check events logged", None),
            ("{1}[Hardware Error]: event severity: recoverable", Some(Fault::MachineCheck)),
            ("{1}[Hardware Error]: event severity: corrected", None),
            ("BUG: unable to handle page fault for address: ffffc90000e3bd98", Some(Fault::Oops)),
            ("BUG: kernel NULL pointer dereference, address: 0000000000000008", Some(Fault::Oops)),
            ("Oops: 0002 [#1] PREEMPT SMP NOPTI", Some(Fault::Oops)),
            ("kernel BUG at fs/inode.c:1749!", Some(Fault::Oops)),
            ("Internal error: synchronous external abort: 96000410 [#1] SMP", Some(Fault::Oops)),
            ("general protection fault, probably for non-canonical address 0xdead: 0000 [#1]", Some(Fault::Oops)),
            ("traps: nginx[881] general protection fault ip:7f sp:7f error:0 in libc.so.6", None),
            ("watchdog: BUG: soft lockup - CPU#2 stuck for 26s! [kworker/2:1:77]", Some(Fault::SoftLockup)),
            ("watchdog: Watchdog detected hard LOCKUP on cpu 5", Some(Fault::HardLockup)),
            ("BUG: Bad page state in process kswapd0  pfn:10f3d2", Some(Fault::BadPage)),
            ("INFO: task nfsd:2114 blocked for more than 120 seconds.", Some(Fault::HungTask)),
            ("rcu: INFO: rcu_sched self-detected stall on CPU", Some(Fault::RcuStall)),
            ("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", Some(Fault::RcuStall)),
            ("WARNING: CPU: 1 PID: 4 at kernel/sched/core.c:1 x+0x1/0x2", None),
            ("mlx5_core 0000:3b:00.0: firmware version: 16.35.2000", None),
        ];
        for (message, expected) in table {
            assert_eq!(complaint(message), expected.map(Complaint::Fault), "{message}");
        }
    }

    #[test]
    fn errors_of_drives_and_file_systems_name_their_device() {
        let drive = |name: &str| Some(Complaint::Drive(name.to_owned()));
        let file_system = |name: &str| Some(Complaint::FileSystem(name.to_owned()));
        let table = [
            ("I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", drive("sda")),
            ("blk_update_request: critical medium error, dev sdb, sector 771 op 0x0:(READ)", drive("sdb")),
            ("I/O error, dev loop3, sector 0 op 0x0:(READ)", None),
            ("I/O error, dev fd0, sector 0 op 0x0:(READ)", None),
            ("EXT4-fs error (device sda1): ext4_lookup:1785: inode #2: comm ls: deleted inode", file_system("sda1")),
            ("EXT4-fs (dm-0): Remounting filesystem read-only", file_system("dm-0")),
            ("EXT4-fs (sda1): mounted filesystem with ordered data mode", None),
            ("XFS (nvme0n1p2): Corruption detected. Unmount and run xfs_repair", file_system("nvme0n1p2")),
            ("XFS (sdb1): Ending clean mount", None),
            ("BTRFS error (device sdc1: state EA): parent transid verify failed, checksum", file_system("sdc1")),
            ("BTRFS info (device sdc1): using free space tree", None),
            ("EXT4-fs error (device ../../etc): x", None),
        ];
        for (message, expected) in table {
            assert_eq!(complaint(message), expected, "{message}");
        }
    }
}
