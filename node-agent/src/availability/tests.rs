//! A made-up tree is read; this machine is read for real.

use std::fs;

use rollcall_placement::usage::{ProcessorTime, Room, Usage};
use tempfile::TempDir;

use super::*;

struct Fake(TempDir);

impl Fake {
    fn new() -> Self {
        let fake = Self(tempfile::tempdir().expect("a directory"));
        fake.put("proc/meminfo", "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:    400 kB\n");
        fake.stat(100, 900);
        fake.nic("eth0", "1000", 0, 0);
        fake
    }

    fn put(&self, below: &str, text: &str) {
        let path = self.0.path().join(below);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Guest time counts as user time already.
    fn stat(&self, busy: u64, idle: u64) {
        self.put("proc/stat", &format!("cpu  {busy} 0 0 {idle} 0 0 0 0 77 77\ncpu0 1 1 1 1 1 1 1 1 1 1\n"));
    }

    fn nic(&self, name: &str, speed: &str, received: u64, sent: u64) {
        let of = |what: &str| format!("sys/class/net/{name}/{what}");
        fs::create_dir_all(self.0.path().join(of("device"))).expect("made");
        self.put(&of("speed"), &format!("{speed}\n"));
        self.put(&of("statistics/rx_bytes"), &format!("{received}\n"));
        self.put(&of("statistics/tx_bytes"), &format!("{sent}\n"));
    }

    fn reader(&self) -> Reader {
        Reader::new(&Tree::new(self.0.path()), &[PathBuf::from("/")], &[])
    }
}

#[test]
fn what_is_in_use_is_read_from_the_second_look_on() {
    let fake = Fake::new();
    let mut reader = fake.reader();
    let first = reader.read(Tick(0));
    assert_eq!(first.memory, Some(Room { total_bytes: 1_024_000, available_bytes: 409_600 }));
    assert!(first.disk.is_some_and(|disk| disk.total_bytes >= disk.available_bytes));
    assert_eq!((first.processor, first.network), (None, None));
    fake.stat(175, 1_025);
    fake.nic("eth0", "1000", 12_500_000, 62_500_000);
    let second = reader.read(Tick(1_000));
    assert_eq!(second.processor, Some(ProcessorTime { total: 200, idle: 125 }));
    let network = second.network.expect("measured");
    assert_eq!((network.received, network.sent, network.speed), (1e8, 5e8, 1e9));
    let usage = Usage::of(&second).expect("measured");
    assert!((usage.processing() - 0.375).abs() < 1e-9 && usage.storage() >= 0.6);
}

#[test]
fn counters_that_begin_anew_are_no_reading() {
    let fake = Fake::new();
    fake.nic("eth0", "1000", 5_000, 5_000);
    let mut reader = fake.reader();
    reader.read(Tick(0));
    fake.stat(1, 9);
    fake.nic("eth0", "1000", 0, 0);
    let after = reader.read(Tick(1_000));
    assert_eq!((after.processor, after.network), (None, None));
    fake.stat(2, 18);
    let later = reader.read(Tick(2_000));
    assert_eq!(later.processor, Some(ProcessorTime { total: 10, idle: 9 }));
    assert!(later.network.is_some_and(|network| network.sent == 0.0));
}

#[test]
fn an_interface_without_a_speed_is_left_out_and_the_busiest_of_the_others_counts() {
    let fake = Fake::new();
    fake.nic("eth1", "10000", 0, 0);
    fake.nic("virt0", "-1", 0, 0);
    let mut reader = fake.reader();
    reader.read(Tick(0));
    fake.nic("eth0", "1000", 12_500_000, 0);
    fake.nic("eth1", "10000", 0, 250_000_000);
    fake.nic("virt0", "-1", 0, 900_000_000);
    let network = reader.read(Tick(1_000)).network.expect("measured");
    assert_eq!((network.sent, network.speed), (2e9, 1e10), "20 % of 10 Gbit/s is more than 10 % of 1 Gbit/s");
}

#[test]
fn a_machine_that_tells_nothing_has_no_usage() {
    let empty = tempfile::tempdir().expect("a directory");
    let mut reader = Reader::new(&Tree::new(empty.path()), &[], &[]);
    reader.read(Tick(0));
    let readings = reader.read(Tick(1_000));
    assert_eq!(readings, Readings::default());
    assert!(Usage::of(&readings).is_err());
    for nonsense in ["", "cpu", "cpu  a b c d e", "cpu  1 2 3", "cpu  18446744073709551615 1 0 0 0 0 0 0"] {
        let fake = Fake::new();
        fake.put("proc/stat", nonsense);
        fake.put("proc/meminfo", "MemTotal: 1 kB\nMemAvailable: 2 kB\n");
        let mut reader = fake.reader();
        reader.read(Tick(0));
        let readings = reader.read(Tick(1_000));
        assert_eq!((readings.processor, readings.memory), (None, None), "{nonsense:?}");
    }
}

#[tokio::test]
async fn this_very_machine_tells_how_much_of_it_is_in_use() {
    let mut measuring = Measuring::new(Meter::of_this_machine(Path::new("/"), &ProbeConfig::default()));
    assert_eq!(measuring.ask(Tick(0), false), None, "nobody wants to know");
    assert_eq!(measuring.ask(Tick(0), true), Some(Tick(1_000)));
    let first = measuring.next().await;
    assert!(first.readings.memory.is_some() && first.readings.disk.is_some(), "{first:?}");
    let mut now = 1_000;
    // The kernel counts in hundredths of a second: the second look may come before the first of them.
    let usage = loop {
        assert!(now < 1_000_000, "no processor time passes on this machine");
        measuring.ask(Tick(now), true);
        now += 1_000;
        let second = measuring.next().await;
        if let Ok(usage) = Usage::of(&second.readings) {
            break usage;
        }
    };
    assert!(usage.storage() > 0.0, "{usage:?}");
}
